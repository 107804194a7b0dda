//! Very many timers due at one moment: a step takes only so many, and each fires once.

use serde_json::json;
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::wire::decode::Format;

use crate::PATIENCE;
use crate::rig::{Rig, Run, STEP_TIMERS_MAX};

/// A Wednesday, 10:00 in Tokyo, ms since the epoch.
const AT_MS: i64 = 1_775_005_200_000;
const HOUR_MS: i64 = 3_600_000;
const LEADS: u64 = 300;

fn inquire(rig: &Rig, lead_id: &str, at_ms: i64) {
    let value = json!({"event_id": format!("{lead_id}-{at_ms}"), "lead_id": lead_id, "occurred_at": at_ms,
        "kind": "form_submit", "form_purpose": "inquiry"});
    rig.reach(at_ms);
    let (input, value) = (rig.input(InputKind::Web), value.to_string());
    rig.append_record(input, Partition(0), Some(lead_id.as_bytes()), Some(value.as_bytes()), &[], at_ms);
}

#[test]
fn a_step_fires_as_many_timers_as_it_may_and_each_once() {
    let rig = Rig::with_formats(1, 64 << 20, |_| Format::Json);
    (0..LEADS).for_each(|lead| inquire(&rig, &format!("lead-{lead}"), AT_MS));
    Run::start(&rig, 1).finish(PATIENCE);
    let fired = |rig: &Rig| -> Vec<u64> {
        let manifests = rig.manifests(Partition(0)).into_iter();
        manifests
            .flat_map(|(_, manifest)| {
                let last = manifest.timer_count;
                manifest.steps.into_iter().map(|step| step.timer_count).chain([last]).collect::<Vec<_>>()
            })
            .collect()
    };
    assert_eq!(fired(&rig).iter().sum::<u64>(), 0, "nothing is due yet");

    // Nobody reacted: an hour later all of them are told again, before the record that passes their timers.
    inquire(&rig, "another", AT_MS + HOUR_MS);
    Run::start(&rig, 1).finish(PATIENCE);
    let counts = fired(&rig);
    assert_eq!(counts.iter().sum::<u64>(), LEADS);
    let most = counts.into_iter().max();
    assert_eq!(most, Some(STEP_TIMERS_MAX as u64), "of so many due at once the steps are full, and not fuller");
    rig.audit();
}
