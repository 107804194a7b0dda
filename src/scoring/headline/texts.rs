//! The words of headlines, English and Japanese side by side: whoever changes one sees the other.

use super::{Who, Why};
use crate::scoring::decision::Reason;
use crate::scoring::hours::MonthDay;
use crate::scoring::lanes::Lane;
use crate::scoring::model::Channel;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// English and Japanese lines of a READY.
pub(super) fn ready(who: &Who, why: &Why, channel: Channel) -> [String; 2] {
    let (en, ja) = (who.en(), who.ja());
    let (act, by) = (act_en(channel), by_ja(channel));
    match *why {
        Why::Asked { on, is_closed } => {
            let [when_en, when_ja] = if is_closed {
                ["as soon as contact hours begin", "ご連絡できる時間になり次第"]
            } else {
                ["now", "すぐに"]
            };
            [
                format!("{en} got in touch {}: {act} {when_en} and ask first what it is about.", on_en(on)),
                format!(
                    "{ja}から{}ご連絡がありました。{when_ja}{}、まずご用件を伺ってください。",
                    on_ja(on),
                    do_ja(channel)
                ),
            ]
        }
        Why::Complained { purchase_days } => [
            format!(
                "{en}, a loyal customer (bought on {}), complained: {act}, apologise and listen before anything else.",
                days_en(purchase_days as i64)
            ),
            format!(
                "ご愛顧いただいている{ja}（これまで{purchase_days}日にわたりご購入）から苦情をいただきました。{by}、まずお詫びのうえ、お話を伺ってください。"
            ),
        ],
        Why::Silent { days } => [
            format!(
                "There has been no contact with {en}, a loyal customer, for {}: {act} to say thanks and ask how things are.",
                days_en(days)
            ),
            format!(
                "ご愛顧いただいている{ja}と{days}日間接点がありません。{by}日頃のお礼をお伝えし、ご近況を伺ってください。"
            ),
        ],
        Why::Warm { points, contact_days } => {
            let unit = if contact_days == 1 { "contact day" } else { "contact days" };
            [
                format!(
                    "{en} is at {points} of 100 points, with {contact_days} recent {unit}: {act} with a proposal and ask what matters most."
                ),
                format!(
                    "{ja}はご関心が高い状態です（100点中{points}点、直近の接点{contact_days}日）。{by}、まずご検討状況を伺い、ご提案ください。"
                ),
            ]
        }
        Why::Returned => [
            format!("{en} had gone quiet and is active again: {act} with what is new and ask what brought them back."),
            format!(
                "しばらく動きのなかった{ja}に、再び動きがありました。{by}新しい情報をご案内し、ご関心のある点を伺ってください。"
            ),
        ],
        Why::Dates { decides_on, bought_twice_days, left_cart } => {
            let [what_en, what_ja] = dates(decides_on, bought_twice_days, left_cart);
            [
                format!("{en} {what_en}: {act} and ask how you can help."),
                format!("{ja}へご連絡の時期です（{what_ja}）。{by}、お困りの点がないか伺ってください。"),
            ]
        }
        Why::Step { number } => [
            format!(
                "{en} showed interest, and mail {number} of the series is due: open with something useful, not with a sales pitch."
            ),
            format!(
                "関心を示された{ja}へ、ご案内メール{number}通目をお送りする時期です。まずお役に立つ情報をお届けください。"
            ),
        ],
        Why::LastTry { mails } => [
            format!(
                "{en} has not answered {mails} {}: {act} as a last try and ask whether there is still interest.",
                if mails == 1 { "mail" } else { "mails" }
            ),
            format!("{ja}からメール{mails}通へのお返事がありません。最後に一度{by}、ご関心の有無を伺ってください。"),
        ],
        Why::Unanswered => [
            format!("{en} got in touch, and no answer is on record: {act}, apologise for the wait first, then help."),
            format!(
                "{ja}からのご連絡に、対応した記録がありません。{by}、まずお待たせしたことをお詫びし、ご用件を伺ってください。"
            ),
        ],
        Why::Alone { days } => [
            format!("There has been no contact with {en} for {}: {act} and ask first how things are.", days_en(days)),
            format!("{ja}と{days}日間接点がありません。{by}、まずご近況を伺ってください。"),
        ],
        Why::Month { birth, customer_years } => {
            let [what_en, what_ja] = month(birth, customer_years);
            [
                format!("{en} {what_en}: {act} with thanks and a small perk."),
                format!("今月は{ja}の{what_ja}です。{by}、お礼と特典をお届けください。"),
            ]
        }
    }
}

/// English and Japanese lines of what becomes of a READY. An erased lead is not named.
pub(super) fn about(who: &Who, lane: Lane, reason: Reason) -> [String; 2] {
    let (en, ja) = (who.en(), who.ja());
    match reason {
        Reason::Breach | Reason::Abandoned => [
            format!("{en} got in touch, and nobody has answered in time: somebody must answer now."),
            format!("{ja}からのご連絡に期限内の対応がありません。至急ご対応ください。"),
        ],
        Reason::Erased => [
            "A lead was erased: do not contact it, and delete what you noted.".into(),
            "リードの情報が削除されました。ご連絡はせず、お手元の記録も破棄してください。".into(),
        ],
        _ => {
            let ([lane_en, lane_ja], [why_en, why_ja]) = (lane_name(lane), void(reason));
            [
                format!("{en}: {lane_en} is called off, {why_en}."),
                format!("{ja}への{lane_ja}は見合わせてください。{why_ja}。"),
            ]
        }
    }
}

fn void(reason: Reason) -> [&'static str; 2] {
    match reason {
        Reason::ConsentLost => {
            ["as this channel may no longer be used", "この手段でのご連絡が許可されていないためです"]
        }
        Reason::Complaint => ["as a complaint or support issue comes first", "苦情・サポート対応を優先するためです"],
        Reason::Purchased => ["as there was a purchase or the deal was won", "ご購入・ご成約のためです"],
        Reason::ScoreFell => ["as the score has fallen", "スコアが下がったためです"],
        Reason::Superseded => ["as something more urgent came up", "より優先すべき用件ができたためです"],
        Reason::Merged => ["as this lead is the same as another one", "別のリードと同一とわかったためです"],
        Reason::Expired | Reason::Breach | Reason::Abandoned | Reason::Erased => {
            ["as its time is over or the deal was lost", "期限が過ぎたか、見送りとなったためです"]
        }
    }
}

fn lane_name(lane: Lane) -> [&'static str; 2] {
    match lane {
        Lane::Instant => ["the reply", "ご返答"],
        Lane::FanAtRisk => ["the contact with a loyal customer", "お礼・お詫びのご連絡"],
        Lane::Score => ["the proposal", "ご提案"],
        Lane::Reengage => ["the welcome back", "再アプローチ"],
        Lane::Timeline => ["the reminder", "期日のご連絡"],
        Lane::Sequence => ["the next step of the series", "次のご案内"],
        Lane::Neglect => ["the check-in", "ご様子伺い"],
        Lane::Anniversary => ["the anniversary greeting", "記念月のご連絡"],
    }
}

impl Who {
    fn en(&self) -> String {
        match (&self.name, &self.company) {
            (Some(name), Some(company)) => format!("{name} ({company})"),
            (Some(known), None) | (None, Some(known)) => known.clone(),
            (None, None) => format!("Lead {}", self.lead_id),
        }
    }

    fn ja(&self) -> String {
        match (&self.name, &self.company) {
            (Some(name), Some(company)) => format!("{company} {name}様"),
            (Some(known), None) | (None, Some(known)) => format!("{known}様"),
            (None, None) => format!("リード{}", self.lead_id),
        }
    }
}

fn dates(decides_on: Option<MonthDay>, bought_twice_days: Option<i64>, left_cart: bool) -> [String; 2] {
    let decides = decides_on.map(|on| {
        let name = MONTHS.get(usize::from(on.month) - 1).copied().unwrap_or_default();
        [format!("plans to decide by {} {name}", on.day), format!("{}月{}日までにご決定予定", on.month, on.day)]
    });
    let bought = bought_twice_days
        .map(|days| [format!("bought a second time {} ago", days_en(days)), format!("2回目のご購入から{days}日経過")]);
    let cart = left_cart.then(|| ["left a cart behind".to_string(), "カートに商品が残ったまま".to_string()]);
    let [en, ja]: [Vec<String>; 2] = [0, 1]
        .map(|language| [&decides, &bought, &cart].into_iter().flatten().map(|text| text[language].clone()).collect());
    [listed(&en), ja.join("、")]
}

fn month(birth: bool, customer_years: Option<i16>) -> [String; 2] {
    let birthday = birth.then(|| ["has a birthday this month".to_string(), "お誕生月".to_string()]);
    let customer = customer_years.map(|years| {
        let unit = if years == 1 { "year" } else { "years" };
        [format!("first bought {years} {unit} ago this month"), format!("初回ご購入から{years}年の節目")]
    });
    let [en, ja]: [Vec<String>; 2] = [0, 1]
        .map(|language| [&birthday, &customer].into_iter().flatten().map(|text| text[language].clone()).collect());
    [listed(&en), ja.join("、")]
}

/// As in `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => items.concat(),
    }
}

fn days_en(days: i64) -> String {
    if days == 1 { "1 day".into() } else { format!("{days} days") }
}

fn act_en(channel: Channel) -> &'static str {
    match channel {
        Channel::Mail => "write",
        Channel::Sns => "send a message",
        Channel::Person | Channel::Web | Channel::Purchase => "call",
    }
}

fn by_ja(channel: Channel) -> &'static str {
    match channel {
        Channel::Mail => "メールで",
        Channel::Sns => "SNSで",
        Channel::Person | Channel::Web | Channel::Purchase => "お電話で",
    }
}

fn do_ja(channel: Channel) -> &'static str {
    match channel {
        Channel::Mail => "メールを差し上げ",
        Channel::Sns => "SNSでお返事し",
        Channel::Person | Channel::Web | Channel::Purchase => "お電話し",
    }
}

fn on_en(channel: Channel) -> &'static str {
    match channel {
        Channel::Web => "on the website",
        Channel::Mail => "by mail",
        Channel::Sns => "on social media",
        Channel::Person | Channel::Purchase => "directly",
    }
}

fn on_ja(channel: Channel) -> &'static str {
    match channel {
        Channel::Web => "Webサイトで",
        Channel::Mail => "メールで",
        Channel::Sns => "SNSで",
        Channel::Person | Channel::Purchase => "直接",
    }
}
