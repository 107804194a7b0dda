//! The whole way of an event, on good input and on bad.

use kit::broker::shared;
use kit::log::New;
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::wire::decode::Format;

use super::{Setup, pipeline};

#[test]
fn fifty_thousand_events_come_out_as_one_thread_makes_them() {
    let pipeline = pipeline(shared(), "fifty", 4, &Setup::default());
    pipeline.append_traffic(25_000);
    let mut instance = pipeline.start("a");
    pipeline.append_traffic(25_000);
    let (is_right, printed) = pipeline.audited(&[], &["--running"]);
    assert!(is_right, "while it runs: {printed}");
    pipeline.wait_processed(&mut [&mut instance]);
    instance.stop();
    let audit = pipeline.audit(&["a"]);
    println!("{audit:?}");
    assert!(audit.decision_count > 100, "traffic that decides nothing shows nothing: {audit:?}");
    assert_eq!(audit.disk_state_count, audit.lead_count, "a process that has ended in peace has all on its disk");

    // Somebody repeats a decision: consumers would act twice.
    let ready = pipeline.names().ready;
    let decisions = pipeline.read(&ready);
    let again = &decisions[decisions.len() / 2];
    let (key, value) = (again.key.as_deref(), again.value.as_deref());
    pipeline.writer().send(&ready, New { partition: Some(again.partition), key, value, ..New::default() });
    pipeline.writer().flush();
    let (is_right, printed) = pipeline.audited(&["a"], &[]);
    let lead_id = String::from_utf8_lossy(key.expect("a lead id"));
    let words = ["\"violations\":1", "a second time", "the first is at offset", &*lead_id];
    assert!(!is_right && words.iter().all(|word| printed.contains(word)), "{printed}");
}

#[test]
fn records_find_their_lead_from_any_partition_and_topic() {
    let setup = Setup { other_counts: &[("engagement.mail", 3), ("lead.profile", 7)], ..Setup::default() };
    let pipeline = pipeline(shared(), "misplaced", 4, &setup);
    for (n, record) in pipeline.traffic(4_000).into_iter().enumerate() {
        let count = pipeline.count_of(&pipeline.topic_of(record.kind)) as usize;
        let anywhere = (n % count) as i32;
        match n % 4 {
            0 => pipeline.append(&record, Some((anywhere, None))),
            1 => pipeline.append(&record, Some((anywhere, Some(b"of somebody else")))),
            2 => pipeline.append(&record, Some((anywhere, Some(record.key.as_bytes())))),
            _ => pipeline.append(&record, None),
        }
    }
    pipeline.writer().flush();
    let mut instance = pipeline.start("a");
    pipeline.wait_processed(&mut [&mut instance]);
    assert!(instance.metric("tsuikyaku_forwards_total", &[]) > 1_000.0);
    instance.stop();
    let audit = pipeline.audit(&["a"]);
    assert!(audit.forward_count > 1_000 && audit.decision_count > 10, "{audit:?}");
}

/// Values that no decoder may take, for whatever format.
const POISON: [Option<&[u8]>; 9] = [
    None,
    Some(b""),
    Some(b"\x00"),
    Some(b"\x00\x00\x00\x00\x63rest"),
    Some(b"\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00"),
    Some(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    Some(b"{\"event_id\":\"1\",\"lead_id\":\"l\",\"occurred_at\":NaN,\"kind\":\"page_view\"}"),
    Some(b"{\"event_id\":\"2\",\"lead_id\":\"l\",\"occurred_at\":-9223372036854775808}"),
    Some(b"{}"),
];

#[test]
fn poison_becomes_dead_letters_in_every_format() {
    let setup = Setup {
        other_counts: &[("engagement.mail", 3)],
        formats: &[
            ("engagement.sns", Format::Json),
            ("engagement.mail", Format::Json),
            ("engagement.contact", Format::AvroConfluent),
        ],
        ..Setup::default()
    };
    let pipeline = pipeline(shared(), "poison", 2, &setup);
    pipeline.append_traffic(1_000);
    let kinds = [InputKind::Web, InputKind::Sns, InputKind::Mail, InputKind::Contact, InputKind::Profile];
    for kind in kinds {
        for value in POISON {
            let headers: [(&str, &[u8]); 2] = [("tsuikyaku.topic", b"a lie"), ("own", b"\xff")];
            let new = New { partition: Some(0), key: Some(b"poison"), value, headers: &headers, ..New::default() };
            pipeline.writer().send(&pipeline.topic_of(kind), new);
        }
        let huge = vec![b'x'; 300 << 10];
        let new = New { partition: Some(0), value: Some(&huge), ..New::default() };
        pipeline.writer().send(&pipeline.topic_of(kind), new);
    }
    let forged = New { partition: Some(0), key: Some(b"k"), value: Some(b"forged"), ..New::default() };
    pipeline.writer().send(&pipeline.topic("intake"), forged);
    pipeline.append_traffic(1_000);
    pipeline.writer().flush();
    let mut instance = pipeline.start("a");
    pipeline.wait_processed(&mut [&mut instance]);
    let counted = instance.metric("tsuikyaku_dead_letters_total", &[]);
    instance.stop();
    let audit = pipeline.audit(&[]);
    let expected = (kinds.len() * (POISON.len() + 1) + 1) as u64;
    assert!(audit.dead_letter_count >= expected, "{expected}: {audit:?}");
    assert_eq!(counted, audit.dead_letter_count as f64);
    assert!(audit.lead_count > 100, "events of all formats count: {audit:?}");
    let dead = pipeline.read(&pipeline.names().dead_letter);
    for value in POISON {
        let same = dead.iter().filter(|record| record.value.as_deref() == value).count();
        assert!(same >= kinds.len(), "{same} with the original bytes of {value:?}");
    }
}
