//! Laws of decisions over random streams of several leads: every kind of event, late and repeated ones, links, their
//! undoing and erasures. A counterexample is printed as a story, to be kept under `tests/scripts`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proptest::prelude::*;
use tsuikyaku::runtime::single::{Output, SingleRun};
use tsuikyaku::scoring::decision::{Decision, DecisionType};
use tsuikyaku::scoring::lead::Lead;
use tsuikyaku::scoring::model::Channel;
use tsuikyaku::wire::state;

use super::laws::{ACTS, MODEL};

const START_MS: i64 = 1_775_005_200_000;
const MINUTE_MS: i64 = 60_000;
const LEADS: [&str; 3] = ["L1", "L2", "L3"];
/// What else may happen where leads are several.
const LINKS: [&str; 4] =
    ["profile.identity_linked to=L1", "profile.identity_linked to=L2", "profile.identity_unlinked", "profile.erased"];

/// One line of a story.
#[derive(Clone)]
struct Line {
    minutes: i64,
    lead: &'static str,
    act: &'static str,
    /// How long before its append time it occurred, hours.
    late_hours: i64,
    /// The number of an earlier line whose event this one repeats by its id.
    repeats: Option<usize>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lead={}", self.act, self.lead)?;
        if self.late_hours > 0 && !self.act.contains("occurred") {
            write!(f, " occurred=-{}h", self.late_hours)?;
        }
        self.repeats.map_or(Ok(()), |number| write!(f, " id=e{number}"))
    }
}

#[derive(Clone)]
struct Stream(Vec<Line>);

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nmodel b2b-saas\nstart 2026-04-01 10:00 +09:00")?;
        self.0.iter().try_for_each(|line| writeln!(f, "+{}m {line}", line.minutes))
    }
}

fn stream() -> impl Strategy<Value = Stream> {
    let minutes = prop_oneof![4 => 1..60_i64, 4 => 60..1440_i64, 3 => 1440..7200_i64, 1 => 7200..57_600_i64];
    let act = prop_oneof![6 => prop::sample::select(&ACTS[..]), 1 => prop::sample::select(&LINKS[..])];
    let late_hours = prop_oneof![6 => Just(0), 1 => 1..200_i64];
    let repeats = prop_oneof![12 => Just(None), 1 => (1..40_usize).prop_map(Some)];
    let line = (minutes, prop::sample::select(&LEADS[..]), act, late_hours, repeats);
    prop::collection::vec(line, 1..60).prop_map(|lines| {
        let lines = lines.into_iter().enumerate().map(|(number, (minutes, lead, act, late_hours, repeats))| Line {
            minutes,
            lead,
            act,
            late_hours,
            repeats: repeats.filter(|earlier| *earlier <= number),
        });
        Stream(lines.collect())
    })
}

/// One moment: the leads as they stood before it, and what it made happen.
struct Turn<'a> {
    before: &'a BTreeMap<String, Lead>,
    after: &'a BTreeMap<String, Lead>,
    decisions: &'a [Decision],
}

/// Plays a stream, with a restart before every line where that is asked for, and shows every moment to `law`.
fn play(
    stream: &Stream,
    restarts: bool,
    mut law: impl FnMut(&Turn<'_>) -> Result<(), TestCaseError>,
) -> Result<Vec<Decision>, TestCaseError> {
    let (mut run, mut now_ms, mut all) = (SingleRun::new(&MODEL), START_MS, Vec::new());
    let mut last_ready: BTreeMap<String, String> = LEADS.map(|lead| (lead.into(), "none".into())).into();
    let quiet = Line { minutes: 90 * 1440, lead: "L1", act: "mail.opened", late_hours: 0, repeats: None };
    let mut before = BTreeMap::new();
    for (number, line) in stream.0.iter().chain([&quiet]).enumerate() {
        if restarts {
            run = restarted(&run);
        }
        now_ms += line.minutes * MINUTE_MS;
        let mut out = Vec::new();
        run.advance(now_ms, &mut out);
        for step in 0..2 {
            if step == 1 {
                let event = super::story::event::parse(&line.to_string(), now_ms, number as u32 + 1, &last_ready);
                run.apply(&event, now_ms, &mut out);
            }
            let told = out.drain(..).filter_map(|output| match output {
                Output::Decision(decision) => Some(*decision),
                Output::Dead(_) | Output::Snapshot(_) => None,
            });
            let decisions: Vec<Decision> = told.collect();
            let readies = decisions.iter().filter(|decision| decision.decision_type == DecisionType::Ready);
            last_ready.extend(readies.map(|ready| (ready.lead_id.to_string(), ready.decision_id.to_string())));
            let after = run.leads().map(|(lead_id, lead)| (lead_id.to_owned(), lead.clone())).collect();
            law(&Turn { before: &before, after: &after, decisions: &decisions })?;
            before = after;
            all.extend(decisions);
        }
    }
    Ok(all)
}

/// All that goes on is what the state bytes say.
fn restarted(run: &SingleRun<'_>) -> SingleRun<'static> {
    let kept = run.leads().map(|(lead_id, lead)| {
        let mut bytes = Vec::new();
        state::encode(lead, &mut bytes);
        (Box::from(lead_id), state::decode(&bytes).expect("our own bytes"))
    });
    SingleRun::resumed(&MODEL, run.clock_ms(), kept.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_speaks_to_who_is_gone_or_refused(stream in stream()) {
        play(&stream, false, |turn| {
            for ready in turn.decisions.iter().filter(|decision| decision.decision_type == DecisionType::Ready) {
                let lead = turn.after.get(&*ready.lead_id).expect("a lead that is spoken to is kept");
                let refuses = lead.facts.is_refused() && turn.before.get(&*ready.lead_id).is_some_and(|lead| lead.facts.is_refused());
                prop_assert!(!refuses || ready.recommended_channel != Channel::Person, "called who refused");
            }
            for (lead_id, lead) in turn.after {
                let open = lead.episode.open().filter(|ready| ready.channel == Channel::Person);
                prop_assert!(open.is_none() || !lead.facts.is_refused(), "{} refuses what is open", lead_id);
                let gone = lead.identity.redirect.is_some() || (lead.identity.erased.is_some() && lead.facts.is_empty());
                prop_assert!(!gone || lead.episode.open().is_none(), "{} is gone and has a READY open", lead_id);
            }
            Ok(())
        })?;
    }

    #[test]
    fn every_decision_is_new_and_every_end_had_a_beginning(stream in stream()) {
        let (mut all, mut open) = (BTreeSet::new(), BTreeMap::new());
        play(&stream, false, |turn| {
            for decision in turn.decisions {
                let (lead_id, id) = (decision.lead_id.clone(), decision.decision_id);
                match decision.decision_type {
                    DecisionType::Ready => {
                        prop_assert!(all.insert(id), "{} twice", id);
                        open.insert(lead_id, id);
                    }
                    DecisionType::Withdrawn => prop_assert_eq!(open.remove(&lead_id), Some(id)),
                    DecisionType::Escalated => prop_assert_eq!(open.get(&lead_id), Some(&id)),
                }
            }
            for (lead_id, lead) in turn.after {
                if let Some(ready) = lead.episode.open() {
                    prop_assert_eq!(open.get(&**lead_id), Some(&ready.id), "{} has one open that nobody saw", lead_id);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn timers_fire_once_over_any_restart(stream in stream()) {
        let whole = play(&stream, false, |_| Ok(()))?;
        let restarted = play(&stream, true, |_| Ok(()))?;
        prop_assert_eq!(whole, restarted);
    }
}
