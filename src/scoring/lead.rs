//! One lead: its Facts, its episode, its identity, and how events, messages and time move them.
//!
//! The middle cannot fail: everything comes in as a value, and everything that must happen goes out as one.

use crate::scoring::before::Before;
use crate::scoring::check;
use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::decision::{ContactCount, Contribution, Decision, DecisionId, Score, Snapshot};
use crate::scoring::episode::{Episode, Identity};
use crate::scoring::evaluation::{self, evaluate};
use crate::scoring::event::{Body, Event, ProfileKind};
use crate::scoring::facts::Facts;
use crate::scoring::identity::REDIRECTS_MAX;
use crate::scoring::lanes::Lane;
use crate::scoring::meaning::Meaning;
use crate::scoring::message::Message;
use crate::scoring::model::Model;
use crate::scoring::moment::Moment;
use crate::scoring::outlook::{Outlook, Remembered};
use crate::scoring::rare::Rare;
use crate::scoring::ready::{self, Trigger};
use crate::scoring::seen::{SeenEvents, Sight};
use crate::scoring::terms::Reading;
use crate::scoring::transitions::Step;

/// What the worst lead takes as state at most, bytes.
pub const STATE_BYTES_MAX: usize = 32 * 1024;
/// So many seen events are remembered whatever else there is to keep.
const SEEN_ALWAYS: usize = 64;
/// What one takes as state, bytes: a hash and an age of up to 48 h.
const SEEN_BYTES: usize = 13;

/// Everything kept of one lead id. The default is a lead that was never seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lead {
    pub facts: Facts,
    pub seen: SeenEvents,
    pub episode: Episode,
    pub identity: Rare<Identity>,
    /// The next moment at which something could change by time alone, ms since the epoch.
    pub timer_ms: Option<i64>,
    /// What the last reading proves about the next ones.
    pub outlook: Remembered,
}

/// Where and when a record is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The partition's clock, ms since the epoch: what decisions are made at.
    pub clock_ms: i64,
    /// The record's timestamp, ms since the epoch.
    pub appended_at_ms: i64,
    /// Redirects that the record passed so far.
    pub hops: u8,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    Changed,
    /// Seen within the last 48 hours.
    Duplicate,
    /// A machine's doing: only remembered.
    Machine,
    /// It occurred before the lead was erased, or concerns one that was.
    Erased,
    /// This id became another: the record goes to that one's home, one hop further. A redirect keeps Facts of its own,
    /// so the lead changed as well.
    Forward {
        to: Box<str>,
    },
    Dead(DeadLetter),
}

impl Applied {
    /// Whether the lead may have changed and must be kept.
    pub fn changed(&self) -> bool {
        matches!(self, Applied::Changed | Applied::Machine | Applied::Forward { .. })
    }
}

/// What must happen because of a record or a timer, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    pub decisions: Vec<Decision>,
    pub snapshots: Vec<Snapshot>,
    /// To the homes of these leads, through the intake topic.
    pub messages: Vec<(Box<str>, Message)>,
    /// Leads whose public snapshot must go: erased, or another lead by now.
    pub forgotten: Vec<Box<str>>,
    /// Event ids that left a lead's window for repeated events early, because it was full.
    pub seen_dropped_count: usize,
}

impl Effects {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.decisions.clear();
        self.snapshots.clear();
        self.messages.clear();
        self.forgotten.clear();
        self.seen_dropped_count = 0;
    }
}

/// What `inspect`, `score` and HTTP print of a lead.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub lead_id: Box<str>,
    pub as_of_ms: i64,
    pub score: Score,
    pub contributions: Vec<Contribution>,
    pub contacts: Vec<ContactCount>,
    pub episode: EpisodeView,
}

/// An episode as it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpisodeView {
    pub number: u64,
    /// `idle`, `open`, `contacted` or `cooling`.
    pub state: &'static str,
    /// Of the newest READY, if there was one.
    pub lane: Option<Lane>,
    pub decision_id: Option<DecisionId>,
}

impl Lead {
    /// What the next event of it needs, and what is not inline, is needed soon.
    pub fn soon(&self) {
        self.facts.soon();
        self.seen.soon();
    }

    /// Applies an event whose timers before `at.clock_ms` have fired. `lead_id` is the id whose state this is; the
    /// event may name another that became it.
    pub fn apply(&mut self, model: &Model, lead_id: &str, event: &Event<'_>, at: At, out: &mut Effects) -> Applied {
        self.drop_old_marker(at.clock_ms);
        let applied = self.apply_event(model, lead_id, event, at, out);
        self.keep_small(out);
        applied
    }

    fn apply_event(&mut self, model: &Model, lead_id: &str, event: &Event<'_>, at: At, out: &mut Effects) -> Applied {
        if self.identity.erased.is_some_and(|erased| event.occurred_at_ms <= erased.at_ms) {
            return Applied::Erased;
        }
        let was_judged = at.hops > 0 && is_about_identity(event);
        if let Some(dead) = self.refuse(lead_id, event, at) {
            let is_repeated = !was_judged && self.seen.contains(&event.event_id, at.appended_at_ms);
            return if is_repeated { Applied::Duplicate } else { Applied::Dead(dead) };
        }
        match self.seen.see(&event.event_id, at.appended_at_ms) {
            Sight::Repeated if was_judged => {}
            Sight::Repeated => return Applied::Duplicate,
            Sight::First { dropped } => out.seen_dropped_count += dropped,
        }
        if event.machine {
            return Applied::Machine;
        }
        match &event.body {
            Body::Profile(profile) if is_about_identity(event) => {
                self.apply_identity(model, lead_id, (event, profile), at, out)
            }
            _ => self.apply_facts(model, lead_id, event, at, out),
        }
    }

    /// Takes in what another lead's home sent.
    pub fn receive(&mut self, model: &Model, lead_id: &str, message: &Message, at: At, out: &mut Effects) -> Applied {
        self.drop_old_marker(at.clock_ms);
        let applied = self.receive_message(model, lead_id, message, at, out);
        self.keep_small(out);
        applied
    }

    /// A lead of which very much is kept remembers fewer seen events, the only part that is no function of a set.
    fn keep_small(&mut self, out: &mut Effects) {
        if self.seen.len() > SEEN_ALWAYS && !self.is_surely_small() {
            let kept_bytes = self.facts.weight_bytes() + self.identity.weight_bytes();
            let room = STATE_BYTES_MAX.saturating_sub(kept_bytes) / SEEN_BYTES;
            out.seen_dropped_count += self.seen.keep_newest(room.max(SEEN_ALWAYS));
        }
    }

    fn is_surely_small(&self) -> bool {
        let kept_bytes_max = self.facts.weight_bytes_max() + self.identity.weight_bytes();
        kept_bytes_max + self.seen.len() * SEEN_BYTES <= STATE_BYTES_MAX
    }

    /// Evaluates at the timer's own time, if it is due by `due_ms`; else nothing happens.
    pub fn fire(&mut self, model: &Model, lead_id: &str, due_ms: i64, out: &mut Effects) {
        let Some(now_ms) = self.timer_ms.filter(|timer_ms| *timer_ms <= due_ms) else { return };
        self.drop_old_marker(now_ms);
        if self.identity.redirect.is_some() || self.facts.is_empty() {
            self.timer_ms = self.identity.marker_end();
            return;
        }
        self.arm_and_evaluate(model, lead_id, now_ms, out);
    }

    /// The next moment at which `fire` does something, ms since the epoch.
    pub fn timer_ms(&self) -> Option<i64> {
        self.timer_ms
    }

    /// What the last reading proves about the next ones. Whoever keeps the lead as bytes may keep it beside them, for
    /// as long as they are the same.
    pub fn outlook(&self) -> Option<Outlook> {
        self.outlook.get()
    }

    /// The lead as it was when `outlook` gave that.
    pub fn recall(&mut self, outlook: Option<Outlook>) {
        self.outlook = outlook.into();
    }

    /// Nothing is to be kept: the state may be deleted.
    pub fn is_empty(&self) -> bool {
        *self == Lead::default()
    }

    /// The public state at a moment.
    pub fn snapshot(&self, model: &Model, lead_id: &str, as_of_ms: i64) -> Snapshot {
        let reading = Reading::at(&self.facts, as_of_ms);
        evaluation::snapshot(&Moment::new(model, lead_id, &self.facts, as_of_ms, &reading), &self.episode)
    }

    /// All there is to show at a moment.
    pub fn view(&self, model: &Model, lead_id: &str, as_of_ms: i64) -> View {
        let reading = Reading::at(&self.facts, as_of_ms);
        let moment = Moment::new(model, lead_id, &self.facts, as_of_ms, &reading);
        let newest = self.episode.ready.as_deref();
        View {
            lead_id: lead_id.into(),
            as_of_ms,
            score: ready::score(&moment),
            contributions: ready::contributions(&moment),
            contacts: ready::contacts(&moment),
            episode: EpisodeView {
                number: self.episode.number,
                state: self.episode.state.as_str(),
                lane: newest.map(|ready| ready.lane),
                decision_id: newest.map(|ready| ready.id),
            },
        }
    }

    /// Why the event cannot be taken, if it cannot.
    fn refuse(&self, lead_id: &str, event: &Event<'_>, at: At) -> Option<DeadLetter> {
        let passes_on = || self.identity.redirect.is_some() && at.hops >= REDIRECTS_MAX;
        check::event(event, at.appended_at_ms).or_else(|| match &event.body {
            _ if passes_on() => Some(DeadLetter::new(DeadCause::LinkCycle, "passed more redirects than allowed")),
            Body::Profile(profile) if profile.kind == ProfileKind::IdentityLinked => {
                let to = profile.linked_lead_id.as_deref()?;
                let is_done = to == lead_id && *event.lead_id != *lead_id;
                let is_judged_there = self.identity.redirect.is_some() && *event.lead_id != *to;
                if is_done || is_judged_there { None } else { check::link(&self.identity, lead_id, to) }
            }
            _ => None,
        })
    }

    /// Any event but one of identity: R before it, Facts, what it does by itself, evaluation.
    fn apply_facts(&mut self, model: &Model, lead_id: &str, event: &Event<'_>, at: At, out: &mut Effects) -> Applied {
        let meaning = Meaning::of(model, event);
        if let Some(to) = &self.identity.redirect {
            self.facts.apply(model, event, &meaning);
            self.outlook = None.into();
            return Applied::Forward { to: to.clone() };
        }
        let (clock_ms, outlook) = (at.clock_ms, self.outlook.get());
        let mut reading = Reading::at(&self.facts, clock_ms);
        let moment = Moment::new(model, lead_id, &self.facts, clock_ms, &reading).with(outlook);
        arm(&moment, &mut self.episode);
        let (before, stage_before) = (Before::of(&moment, &meaning), moment.stage());
        let sums_before = cfg!(debug_assertions).then(|| self.facts.sums(model, clock_ms));
        let as_of_ms = reading.as_of_ms.max(event.occurred_at_ms);
        let outlook = outlook.and_then(|outlook| outlook.after(model, &self.facts, (event, &meaning), as_of_ms));
        self.facts.apply(model, event, &meaning);

        reading.renew(model, &self.facts, (event, &meaning));
        let moment = Moment::new(model, lead_id, &self.facts, clock_ms, &reading).with(outlook);
        debug_assert!(sums_before.is_none_or(|sums| before.sums(&moment) == sums), "an event changes what was kept");
        let trigger = Trigger { event_id: Some(&event.event_id), event: Some(event), before: &before };
        let step = Step { event, meaning, stage_before, trigger };
        step.apply(&moment, &mut self.episode, out);
        let next_ms = evaluate(&moment, &mut self.episode, trigger, out);
        self.outlook = moment.outlook().into();
        self.set_timer(next_ms);
        Applied::Changed
    }

    /// An evaluation that no event of this lead's caused: a timer's.
    fn arm_and_evaluate(&mut self, model: &Model, lead_id: &str, now_ms: i64, out: &mut Effects) {
        let reading = Reading::at(&self.facts, now_ms);
        let moment = Moment::new(model, lead_id, &self.facts, now_ms, &reading).with(self.outlook.get());
        arm(&moment, &mut self.episode);
        let trigger = Trigger { event_id: None, event: None, before: &Before::Same };
        let next_ms = evaluate(&moment, &mut self.episode, trigger, out);
        self.outlook = moment.outlook().into();
        self.set_timer(next_ms);
    }

    /// The next date of the episode, or of a lead without any the end of the erasure marker. The marker of one that
    /// began anew goes when it is next looked at: its end decides nothing, so nothing is evaluated at it.
    pub(crate) fn set_timer(&mut self, next_ms: Option<i64>) {
        let is_marker_alone = self.identity.redirect.is_some() || self.facts.is_empty();
        self.timer_ms = next_ms.or_else(|| self.identity.marker_end().filter(|_| is_marker_alone));
    }
}

/// Readiness below off arms the score lane again.
pub(crate) fn arm(moment: &Moment<'_>, episode: &mut Episode) {
    if episode.disarmed && !moment.reaches(moment.model.stages.off(moment.stage())) {
        episode.disarmed = false;
    }
}

/// A link, its undoing or an erasure takes effect where redirects end. Whether it is repeated is judged where it
/// entered alone: while two links cross each other, it may pass a lead before it takes effect there.
fn is_about_identity(event: &Event<'_>) -> bool {
    matches!(&event.body, Body::Profile(profile) if is_identity(profile.kind))
}

fn is_identity(kind: ProfileKind) -> bool {
    matches!(kind, ProfileKind::IdentityLinked | ProfileKind::IdentityUnlinked | ProfileKind::Erased)
}
