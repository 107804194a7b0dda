//! Files in, lines out.

use serde_json::{Value, json};

use super::*;

const MODEL: &str = include_str!("../../../deploy/models/b2b-saas.toml");
const START_MS: i64 = 1_775_005_200_000;

struct Done {
    lines: Vec<Value>,
    report: Report,
}

#[track_caller]
fn score(name: &str, text: &str, at: Option<i64>) -> Result<Done, ScoreError> {
    let model = Model::parse(MODEL, "b2b-saas.toml").expect("the default model");
    let args = Args { file: name.into(), model: PathBuf::new(), at, format: None };
    let mut out = Vec::new();
    let report = Report::new(Path::new(name), false);
    let mut run = Run { decoder: Decoder::default(), single: SingleRun::new(&model), out: &mut out, report };
    run.all(Box::new(io::Cursor::new(text.as_bytes().to_vec())), &args)?;
    let report = run.report;
    let lines = out.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Ok(Done { lines: lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect(), report })
}

fn inquiry(event_id: &str, lead_id: &str, at_ms: i64) -> String {
    let value = json!({"event_id": event_id, "lead_id": lead_id, "occurred_at": at_ms, "kind": "form_submit",
        "form_purpose": "inquiry"});
    json!({"topic": "engagement.web", "appended_at": at_ms, "value": value}).to_string() + "\n"
}

#[test]
fn decisions_come_in_order_and_leads_behind_them() {
    let text = inquiry("e-1", "lead-2", START_MS) + "\n" + &inquiry("e-2", "lead-1", START_MS + 1000);
    let without = score("f.json", &text, None).expect("it runs");
    let told: Vec<_> = without.lines.iter().map(|line| (&line["type"], &line["lead_id"])).collect();
    assert_eq!(told, [(&json!("ready"), &json!("lead-2")), (&json!("ready"), &json!("lead-1"))]);
    assert_eq!((&without.lines[0]["lane"], &without.lines[0]["as_of"]), (&json!("instant"), &json!(START_MS)));

    let at_ms = START_MS + 2 * 3_600_000;
    let with = score("f.json", &text, Some(at_ms)).expect("it runs");
    let kinds: Vec<_> = with.lines[2..].iter().map(|line| (&line["type"], &line["lead_id"])).collect();
    let (escalated, none) = (json!("escalated"), Value::Null);
    let leads = [json!("lead-1"), json!("lead-2")];
    let expected = [(&escalated, &leads[1]), (&escalated, &leads[0]), (&none, &leads[0]), (&none, &leads[1])];
    assert_eq!(kinds, expected, "the clock moves on with its timers, then leads by their ids");
    assert_eq!((&with.lines[4]["as_of"], &with.lines[4]["episode"]["state"]), (&json!(at_ms), &json!("open")));
}

#[test]
fn csv_says_the_same() {
    let csv = format!(
        "topic,appended_at,event_id,lead_id,occurred_at,kind,form_purpose,machine,attributes.company,note\n\
         engagement.web,{START_MS},e-1,lead-1,{START_MS},form_submit,inquiry,false,,x\n\
         lead.profile,{START_MS},e-2,lead-1,{START_MS},attributes_changed,,,\"青空, 株式会社\",\n"
    );
    let at = Some(START_MS);
    let from_csv = score("f.csv", &csv, at).expect("it runs");
    let value = json!({"event_id": "e-2", "lead_id": "lead-1", "occurred_at": START_MS, "kind": "attributes_changed",
        "attributes": {"company": "青空, 株式会社"}});
    let profile = json!({"topic": "lead.profile", "appended_at": START_MS, "value": value}).to_string();
    let from_json = score("f.json", &(inquiry("e-1", "lead-1", START_MS) + &profile), at).expect("it runs");
    assert_eq!(from_csv.lines, from_json.lines);
    assert_eq!(from_csv.lines.len(), 2);
}

#[test]
fn bad_lines_are_counted_and_the_rest_is_scored() {
    let long = "x".repeat(300 * 1024);
    let bad = [
        "{".to_owned(),
        "[]".to_owned(),
        "\u{0}".to_owned(),
        json!({"topic": "engagement.web", "appended_at": START_MS}).to_string(),
        json!({"topic": "other", "appended_at": START_MS, "value": {}}).to_string(),
        json!({"topic": "engagement.web", "appended_at": -1, "value": {}}).to_string(),
        json!({"topic": "engagement.web", "appended_at": START_MS, "value": null}).to_string(),
        json!({"topic": "engagement.web", "appended_at": START_MS, "value": {}}).to_string(),
    ];
    let text =
        bad.join("\n") + "\n" + &long + "\n" + &inquiry("e-1", "", START_MS) + &inquiry("e-2", "lead-1", START_MS);
    let done = score("f.json", &text, None).expect("it runs");
    assert_eq!(done.lines.len(), 1);
    let counts = ["undecodable", "record_too_long", "lead_id_missing"].map(|cause| done.report.count(cause));
    assert_eq!(counts, [8, 1, 1]);

    let done = score("f.csv", "topic,appended_at,occurred_at\nengagement.web,x,y\n\n,,\n", None).expect("it runs");
    assert_eq!((done.lines.len(), done.report.count("undecodable")), (0, 2));
}

#[test]
fn a_csv_file_without_columns_is_refused() {
    for (text, missing) in [("", "topic"), ("topic,lead_id\n", "appended_at")] {
        assert!(matches!(score("f.csv", text, None), Err(ScoreError::Columns(name)) if name == missing), "{text:?}");
    }
}
