//! A decision as a sales person wants to see it: who, why now, what to do until when, and what the score is made of.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::paint::Paint;
use super::ready::{Contacts, Contribution, Ready};
use super::texts::Lang;

/// So many parts of the score are named; the rest is summed up.
const PARTS_MAX: usize = 4;

/// How cards look.
#[derive(Debug, Clone)]
pub struct Cards {
    pub lang: Lang,
    pub paint: Paint,
    pub time_zone: TimeZone,
}

impl Cards {
    /// The lines of one decision, each ended by a line feed.
    pub fn render(&self, ready: &Ready) -> String {
        match ready.decision_type.as_str() {
            "ready" => self.contact(ready),
            "escalated" => self.line(ready, &self.paint.red(self.lang.word("escalated"))),
            other => self.line(ready, &self.paint.yellow(self.lang.word(other))),
        }
    }

    fn contact(&self, ready: &Ready) -> String {
        let mut out = String::new();
        let head = self.paint.green(&format!("● {}", self.lang.word("ready")));
        let who = self.paint.bold(&ready.lead_id);
        let _ = writeln!(out, "{head}  {who}  {}  {}", self.kind(ready), self.paint.dim(&self.moment(ready.as_of)));
        let headline = ready.headline.get(self.lang.tag()).map(String::as_str).unwrap_or_default();
        if !headline.is_empty() {
            let _ = writeln!(out, "  {headline}");
        }
        self.row(&mut out, ("Why now", "なぜ今"), self.lang.word(&ready.lane));
        self.row(&mut out, ("Do", "行動"), &self.action(ready));
        self.row(&mut out, ("Score", "スコア"), &self.score(ready));
        self.row(&mut out, ("So far", "これまで"), &self.contacts(&ready.contacts));
        out
    }

    /// WITHDRAWN and ESCALATED: one line.
    fn line(&self, ready: &Ready, what: &str) -> String {
        let reason = self.lang.word(ready.reason.as_deref().unwrap_or("unknown"));
        let when = self.paint.dim(&self.moment(ready.as_of));
        format!("○ {what}  {}  {reason} ({})  {when}\n", ready.lead_id, self.lang.word(&ready.lane))
    }

    fn row(&self, out: &mut String, (en, ja): (&str, &str), text: &str) {
        if !text.is_empty() {
            let name = self.lang.pick(en, ja);
            let padding = " ".repeat(9_usize.saturating_sub(width(name)));
            let _ = writeln!(out, "  {}{padding}{text}", self.paint.dim(name));
        }
    }

    fn kind(&self, ready: &Ready) -> String {
        let mut kind = format!("{} {}", ready.score.grade, self.lang.word(&ready.score.stage));
        for more in [&ready.account_id, &ready.score.top_topic].into_iter().flatten() {
            let _ = write!(kind, " · {more}");
        }
        kind
    }

    fn action(&self, ready: &Ready) -> String {
        let mut parts = Vec::new();
        let channel = self.lang.word(ready.recommended_channel.as_deref().unwrap_or("unknown"));
        parts.push(match (ready.window_start, ready.window_end) {
            (Some(start), Some(end)) => format!("{} {}", self.paint.bold(channel), self.window(start, end)),
            _ => self.paint.bold(channel),
        });
        if let Some(due_at) = ready.due_at {
            let due = self.moment(due_at);
            parts.push(self.lang.pick("by {}", "{}まで").replace("{}", &due));
        }
        if let Some(content) = &ready.content_kind {
            let content = self.lang.word(content);
            parts.push(self.lang.pick("with {}", "内容: {}").replace("{}", content));
        }
        if let Some((basis, _)) = ready.consent.split_once(':') {
            let basis = self.lang.word(basis);
            parts.push(self.lang.pick("allowed: {}", "許可: {}").replace("{}", basis));
        }
        if let Some(owner) = &ready.owner_id {
            parts.push(self.lang.pick("for {}", "担当: {}").replace("{}", owner));
        }
        parts.join(" · ")
    }

    fn score(&self, ready: &Ready) -> String {
        let readiness = self.paint.bold(&format!("{:.1}", ready.score.readiness));
        let before = format!("{:.1}", ready.readiness_before);
        let of = self.lang.pick("of 100 (was {})", "/100 (直前 {})").replace("{}", &before);
        format!("{readiness} {of} = {}", self.parts(&ready.contributions))
    }

    /// Greatest first; all of them sum to the score.
    fn parts(&self, contributions: &[Contribution]) -> String {
        let (named, rest) = contributions.split_at(contributions.len().min(PARTS_MAX));
        let rest: f64 = rest.iter().map(|part| part.points).sum();
        let others = self.lang.pick("others", "その他");
        let named = named.iter().map(|part| (self.lang.word(&part.label), part.points));
        let mut out = String::new();
        for (label, points) in named.chain([(others, rest)]).filter(|(_, points)| points.abs() >= 0.05) {
            let sign = match (out.is_empty(), points < 0.0) {
                (true, false) => "",
                (true, true) => "−",
                (false, false) => " + ",
                (false, true) => " − ",
            };
            let _ = write!(out, "{sign}{:.1} {label}", points.abs());
        }
        out
    }

    fn contacts(&self, contacts: &[Contacts]) -> String {
        let met = contacts.iter().filter(|count| count.contact_days_90 > 0).map(|count| {
            let days = count.contact_days_90.to_string();
            let channel = self.met_on(&count.channel);
            self.lang
                .pick("{channel} on {days} d", "{channel} {days}日")
                .replace("{channel}", channel)
                .replace("{days}", &days)
        });
        let met: Vec<String> = met.collect();
        let sent: u32 = contacts.iter().map(|count| count.outbound_30).sum();
        let mut out = String::new();
        if !met.is_empty() {
            let met = met.join(self.lang.pick(", ", "、"));
            let _ = write!(out, "{}", self.lang.pick("{} of the last 90 d", "90日で {}").replace("{}", &met));
        }
        if sent > 0 {
            let separator = if out.is_empty() { "" } else { " · " };
            let sent = sent.to_string();
            let _ = write!(
                out,
                "{separator}{}",
                self.lang.pick("we contacted {} × in 30 d", "当社から30日で {}回").replace("{}", &sent)
            );
        }
        out
    }

    fn met_on<'a>(&self, channel: &'a str) -> &'a str {
        match channel {
            "person" => self.lang.pick("in person", "対人"),
            "web" => self.lang.pick("web", "Web"),
            "sns" => self.lang.pick("social media", "SNS"),
            "purchase" => self.lang.pick("purchase", "購入"),
            "mail" => self.lang.word("mail"),
            other => other,
        }
    }

    fn moment(&self, at_ms: i64) -> String {
        self.format(at_ms, self.lang.pick("%a %-d %b %H:%M", "%-m/%-d %H:%M"))
    }

    /// A window, the day named once.
    fn window(&self, start_ms: i64, end_ms: i64) -> String {
        let end = self.format(end_ms, "%H:%M");
        format!("{}–{end}", self.moment(start_ms))
    }

    fn format(&self, at_ms: i64, pattern: &str) -> String {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
        at.to_zoned(self.time_zone.clone()).strftime(pattern).to_string()
    }
}

/// Columns that a terminal needs: CJK letters take two.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if letter >= '\u{1100}' { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Ready {
        serde_json::from_value(serde_json::json!({
            "type": "ready", "lead_id": "lead-000042", "account_id": "acme", "lane": "instant", "reason": null,
            "as_of": 1_775_525_520_000_i64, "due_at": 1_775_525_820_000_i64,
            "score": {"readiness": 46.24, "grade": "B2", "stage": "prospect", "top_topic": null},
            "readiness_before": 18.4,
            "contributions": [
                {"label": "web.inquiry", "points": 21.0}, {"label": "familiarity", "points": 12.0},
                {"label": "web.key_page", "points": 9.0}, {"label": "mail.click", "points": 3.0},
                {"label": "sns.like", "points": 2.0}, {"label": "pressure", "points": -0.76},
            ],
            "contacts": [
                {"channel": "web", "contact_days_90": 4, "outbound_7": 0, "outbound_30": 0},
                {"channel": "mail", "contact_days_90": 0, "outbound_7": 1, "outbound_30": 2},
            ],
            "recommended_channel": "person", "window_start": 1_775_525_520_000_i64,
            "window_end": 1_775_529_120_000_i64, "content_kind": "answer", "consent": "reply:person",
            "owner_id": "owner-7", "headline": {"en": "They asked for a quote.", "ja": "見積もり依頼です。"}
        }))
        .unwrap()
    }

    fn cards(lang: Lang) -> Cards {
        let time_zone = TimeZone::get("Asia/Tokyo").unwrap();
        Cards { lang, paint: Paint::Plain, time_zone }
    }

    #[test]
    fn a_ready_says_who_why_how_and_what_the_score_is_made_of() {
        assert_eq!(
            cards(Lang::En).render(&ready()),
            "● CONTACT NOW  lead-000042  B2 prospect · acme  Tue 7 Apr 10:32\n\
             \u{20} They asked for a quote.\n\
             \u{20} Why now  raised a hand: answer at once\n\
             \u{20} Do       call Tue 7 Apr 10:32–11:32 · by Tue 7 Apr 10:37 · with the answer to the question · \
             allowed: they asked us · for owner-7\n\
             \u{20} Score    46.2 of 100 (was 18.4) = 21.0 inquiry + 12.0 knows us + 9.0 pricing and case pages + \
             3.0 clicked in a mail + 1.2 others\n\
             \u{20} So far   web on 4 d of the last 90 d · we contacted 2 × in 30 d\n"
        );
        let japanese = cards(Lang::Ja).render(&ready());
        for text in
            ["今、連絡", "見積もり依頼です。", "電話 4/7 10:32–11:32", "21.0 問い合わせ + 12.0 親しみ", "Web 4日"]
        {
            assert!(japanese.contains(text), "{text} in\n{japanese}");
        }
    }

    #[test]
    fn what_is_missing_leaves_no_gap() {
        let bare = Ready {
            account_id: None,
            window_start: None,
            due_at: None,
            content_kind: None,
            consent: String::new(),
            owner_id: None,
            contributions: vec![Contribution { label: "pressure".into(), points: -1.0 }],
            contacts: vec![],
            headline: Default::default(),
            ..ready()
        };
        assert_eq!(
            cards(Lang::En).render(&bare),
            "● CONTACT NOW  lead-000042  B2 prospect  Tue 7 Apr 10:32\n\
             \u{20} Why now  raised a hand: answer at once\n\
             \u{20} Do       call\n\
             \u{20} Score    46.2 of 100 (was 18.4) = −1.0 contacted a lot\n"
        );
    }

    #[test]
    fn other_types_take_one_line() {
        for (decision_type, reason, expected) in [
            ("withdrawn", "expired", "○ WITHDRAWN  lead-000042  nobody acted in time"),
            ("escalated", "breach", "○ OVERDUE  lead-000042  not answered within an hour"),
        ] {
            let line = Ready { decision_type: decision_type.into(), reason: Some(reason.into()), ..ready() };
            let line = cards(Lang::En).render(&line);
            assert!(line.starts_with(expected) && line.ends_with("10:32\n"), "{line}");
        }
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = Cards { paint: Paint::Coloured, ..cards(Lang::En) }.render(&ready());
        let mut plain = String::new();
        for (at, piece) in coloured.split('\x1b').enumerate() {
            plain.push_str(if at == 0 { piece } else { piece.split_once('m').unwrap().1 });
        }
        assert!(coloured.len() > plain.len());
        assert_eq!(plain, cards(Lang::En).render(&ready()));
    }
}
