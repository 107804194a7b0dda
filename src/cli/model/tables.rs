//! A model's numbers as tables: channels, permission, stages, lanes.

use std::fmt::Write;

use super::text::wrapped;
use crate::scoring::lanes::{Lane, Row};
use crate::scoring::model::{Cap, Channel, ConsentDefault, Hours, Model, length, number};
use crate::scoring::stage::Stage;

/// All tables, with an empty line between them.
pub fn draw(model: &Model) -> String {
    [channels(model), contact(model), stages(model), lanes(model)].join("\n")
}

/// Of the columns `due` and `expires`, with the spaces around them.
const LANE_COLUMNS_WIDTH: usize = 2 + 5 + 2 + 7 + 2;

/// Rows with columns as wide as their widest cell, two spaces apart.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let cell_width = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| cell_width(row, column)).max().unwrap_or_default()).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn channels(model: &Model) -> String {
    let head = ["channel", "cap", "half-life", "contact day", "weight", "pressure", "answer", "prior"];
    let mut rows = vec![row(&head)];
    for (channel, rules) in model.channels.iter() {
        // The half-life is kept as what is left after a day; it is whole minutes.
        let exposure_days = -1.0 / libm::log2(rules.exposure_decay.after(1.0));
        let outreach = rules.outreach.as_ref();
        let cell = |text: Option<String>| text.unwrap_or_default();
        rows.push(vec![
            channel.as_str().to_owned(),
            number(rules.cap),
            length(rules.half_life_ms),
            length((exposure_days * 1_440.0).round() as i64 * 60_000),
            number(rules.exposure_weight),
            number(rules.pressure),
            cell(outreach.map(|outreach| length(outreach.answer_window_ms))),
            cell(outreach.map(|outreach| number(outreach.answer_prior))),
        ]);
    }
    let formula = format!(
        "Readiness R = {} x engagement + {} x affinity; half-lives of points and of contact days; answer: window and \
         share of touches answered\n",
        number(model.readiness.engagement_weight),
        number(model.readiness.affinity_points)
    );
    wrapped(&formula, 0) + &table(&rows)
}

fn contact(model: &Model) -> String {
    let mut rows = vec![row(&["may we", "consent", "at most", "gap", "hours"])];
    for channel in Channel::OUTREACH {
        let outreach = model.channels[channel].outreach.as_ref();
        rows.push(vec![
            channel.as_str().to_owned(),
            outreach.map_or("", |outreach| consent(outreach.consent)).to_owned(),
            caps(model.contact.caps.get(channel).map(Vec::as_slice).unwrap_or_default()),
            model.contact.gaps_ms.get(channel).map(|gap| length(*gap)).unwrap_or_default(),
            outreach.and_then(|outreach| outreach.hours).map_or_else(|| "always".to_owned(), hours),
        ]);
    }
    rows.push(vec!["all".into(), String::new(), caps(&model.contact.caps_all), length(model.contact.gap_any_ms)]);
    let contact = &model.contact;
    let more = format!(
        "replies for {} after a hand-raise; selling stops {} after a complaint, {} after a support issue; no mail for {} \
         after a comparison sheet",
        length(contact.reply_right_ms),
        length(contact.complaint_stop_ms),
        length(contact.issue_stop_ms),
        length(contact.comparison_pause_ms)
    );
    table(&rows) + &wrapped(&more, 0)
}

fn consent(default: ConsentDefault) -> &'static str {
    match default {
        ConsentDefault::OptIn => "opt_in",
        ConsentDefault::OptOut => "opt_out",
    }
}

fn caps(caps: &[Cap]) -> String {
    let caps = caps.iter().map(|cap| format!("{} in {}d", cap.touches_max, cap.days));
    let caps = caps.collect::<Vec<_>>().join(", ");
    if caps.is_empty() { "no limit".to_owned() } else { caps }
}

fn hours(hours: Hours) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let days: Vec<usize> = (0..7).filter(|day| hours.on_weekday(*day as u8)).collect();
    let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let times = format!("{}-{}", time(hours.begin_minute), time(hours.end_minute));
    match days[..] {
        [first, .., last] if days.len() < 7 => format!("{}-{} {times}", NAMES[first], NAMES[last]),
        [only] => format!("{} {times}", NAMES[only]),
        _ => times,
    }
}

fn stages(model: &Model) -> String {
    let stages = &model.stages;
    let line = |name: &str, value: &dyn Fn(Stage) -> String| {
        std::iter::once(name.to_owned()).chain(Stage::ALL.map(value)).collect::<Vec<_>>()
    };
    let rows = [
        line("stage", &|stage| stage.as_str().to_owned()),
        line("READY from R", &|stage| number(stages.on(stage))),
        line("withdrawn below", &|stage| number(stages.off(stage))),
    ];
    let [a, b, c] = model.fit.letters_from.map(number);
    let [one, two, three] = model.grade.digits_from.map(number);
    let more = format!(
        "repeat from {} purchase days, fan from {}, dormant after {} of silence; grade A B C from fit {a} {b} {c}, 1 2 3 \
         from R {one} {two} {three}",
        stages.repeat_purchases,
        stages.fan_purchases,
        length(stages.dormant_silence_ms)
    );
    table(&rows) + &wrapped(&more, 0)
}

fn lanes(model: &Model) -> String {
    let lanes = &model.lanes;
    let mut rows = vec![row(&["lane", "due", "expires", "its numbers"])];
    let name_width = Lane::ALL.iter().map(|lane| lane.as_str().len()).max().unwrap_or_default();
    for lane in Lane::ALL {
        let Row { due, expires, more } = lane.row(lanes);
        let before = name_width + LANE_COLUMNS_WIDTH;
        let mut lines = wrapped(&more, before).lines().map(|line| line.trim_start().to_owned()).collect::<Vec<_>>();
        let rest = lines.split_off(1.min(lines.len()));
        rows.push(vec![lane.as_str().to_owned(), due, expires, lines.concat()]);
        rows.extend(rest.into_iter().map(|line| vec![String::new(), String::new(), String::new(), line]));
    }
    let mut out = table(&rows);
    let _ = writeln!(
        out,
        "cool-down {}, after a rejection {}, after a loss {}",
        length(lanes.cooldown_ms),
        length(lanes.rejected_cooldown_ms),
        length(lanes.lost_cooldown_ms)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_say_what_the_file_says_within_eighty_columns() {
        for model in super::super::tests::deployed() {
            let drawn = draw(&model);
            let wide: Vec<&str> = drawn.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{}: {wide:#?}", model.name);
            assert!(Lane::ALL.iter().all(|lane| drawn.contains(lane.as_str())), "{drawn}");
        }
        let b2b = draw(&super::super::tests::deployed()[0]);
        for line in [
            "web       35   14d        30d          0.8     0",
            "person    20   30d        90d          2       3         1d      0.3",
            "person  opt_out  1 in 7d, 3 in 30d   7d   Mon-Fri 09:00-20:00",
            "sns     opt_in   2 in 7d, 7 in 30d   2d   always",
            "withdrawn below  28",
            "instant      5m   3d       fresh 1d, escalated at 1h and 1d",
        ] {
            assert!(b2b.contains(line), "{line}\n{b2b}");
        }
    }
}
