//! However much comes of one lead, its state stays small, and what is too much is refused by name.

use std::collections::BTreeMap;

use tsuikyaku::runtime::single::{Output, SingleRun};
use tsuikyaku::scoring::event::{
    Body, Commerce, CommerceKind, Event, Mail, MailKind, Profile, ProfileKind, Web, WebKind,
};
use tsuikyaku::wire::state;

use crate::MODEL;
use crate::streams::{DAY_MS, START_MS};

fn event(number: usize, lead_id: &str, at_ms: i64, body: Body<'static>) -> Event<'static> {
    Event {
        event_id: format!("e{number}").into(),
        lead_id: lead_id.to_string().into(),
        occurred_at_ms: at_ms,
        account_id: None,
        topic: None,
        machine: false,
        body,
    }
}

fn state_bytes(run: &SingleRun<'_>, lead_id: &str) -> usize {
    let mut bytes = Vec::new();
    run.leads().filter(|(id, _)| *id == lead_id).for_each(|(_, lead)| state::encode(lead, &mut bytes));
    bytes.len()
}

fn link(number: usize, from: &str, to: &str) -> Event<'static> {
    let linked_lead_id = Some(to.to_string().into());
    let profile = Profile { kind: ProfileKind::IdentityLinked, linked_lead_id, ..Profile::default() };
    event(number, from, START_MS, Body::Profile(profile))
}

#[test]
fn a_storm_of_one_lead_in_one_second_grows_nothing() {
    let mut run = SingleRun::new(&MODEL);
    let mut out = Vec::new();
    let view = || Body::Web(Web { kind: WebKind::PageView, ..Web::default() });
    let mut sizes = Vec::new();
    for number in 0..6_000 {
        run.apply(&event(number, "L1", START_MS + number as i64 / 6, view()), START_MS + number as i64 / 6, &mut out);
        if number % 2_000 == 1_999 {
            sizes.push(state_bytes(&run, "L1"));
        }
    }
    // Ids of the newest 1,024 are all that grows with the count; sums grow by a digit at most.
    assert!(sizes[0] < 16_000 && sizes.windows(2).all(|pair| pair[1] <= pair[0] + 16), "{sizes:?}");
    let snapshots = out.iter().filter(|output| matches!(output, Output::Snapshot(_))).count();
    assert!(snapshots < 10, "{snapshots} snapshots");
}

#[test]
fn ten_thousand_ids_of_one_person_are_thirty_two() {
    let mut run = SingleRun::new(&MODEL);
    let mut causes = BTreeMap::new();
    for number in 0..10_000 {
        let mut out = Vec::new();
        run.apply(&link(number, &format!("anon:{number}"), "L1"), START_MS, &mut out);
        for output in &out {
            if let Output::Dead(dead) = output {
                *causes.entry(dead.cause.as_str()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(causes, BTreeMap::from([("aliases_max", 10_000 - 32)]));
    assert!(state_bytes(&run, "L1") < 1_000);
}

/// The greatest lead that we could think of: every list at its limit, every text as long as it may be.
#[test]
fn the_worst_lead_is_bounded() {
    const STATE_BYTES_MAX: usize = 48 * 1024;
    let (mut run, mut out, mut number) = (SingleRun::new(&MODEL), Vec::new(), 0);
    let mut apply = |at_ms: i64, body: Body<'static>| {
        number += 1;
        run.apply(&event(number, "L1", at_ms, body), at_ms, &mut out);
    };
    for week in 0..90 {
        for kind in WebKind::ALL {
            apply(START_MS + week * 7 * DAY_MS, Body::Web(Web { kind: *kind, ..Web::default() }));
        }
        for kind in MailKind::ALL {
            let message_id = format!("{week}").into();
            apply(START_MS + week * 7 * DAY_MS, Body::Mail(Mail { kind: *kind, message_id, ..Mail::default() }));
        }
    }
    let end_ms = START_MS + 640 * DAY_MS;
    for order in 0..130 {
        for kind in [CommerceKind::Purchase, CommerceKind::Refund] {
            let order_id = Some(format!("{order}").into());
            apply(end_ms, Body::Commerce(Commerce { kind, order_id, ..Commerce::default() }));
        }
    }
    let long = |count: usize| Some("x".repeat(count).into());
    for name in 0..40 {
        let attributes = BTreeMap::from([(format!("{name:02}{}", "n".repeat(2_000)).into(), long(2_048))]);
        let kind = ProfileKind::AttributesChanged;
        apply(end_ms, Body::Profile(Profile { kind, attributes, ..Profile::default() }));
    }
    let kind = ProfileKind::BantUpdated;
    let bant = Profile { kind, bant_budget: long(2_048), bant_authority: long(2_048), ..Profile::default() };
    apply(end_ms, Body::Profile(Profile { bant_need: long(2_048), ..bant }));
    let kind = ProfileKind::OwnerAssigned;
    apply(
        end_ms,
        Body::Profile(Profile { kind, owner_id: long(2_048), owner_role: long(2_048), ..Profile::default() }),
    );
    for view in 0..1_100 {
        apply(end_ms + view, Body::Web(Web { kind: WebKind::PageView, ..Web::default() }));
    }
    for alias in 0..33 {
        let from = format!("{alias:02}{}", "a".repeat(254));
        run.apply(&Event { occurred_at_ms: end_ms, ..link(100_000 + alias, &from, "L1") }, end_ms + 2_000, &mut out);
    }
    let bytes = state_bytes(&run, "L1");
    assert!((30_000..STATE_BYTES_MAX).contains(&bytes), "{bytes} bytes");
}
