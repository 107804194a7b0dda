//! Decision state and identity to bytes and back; a lead without any takes two bytes.

use std::sync::LazyLock;

use serde_json::Value;

use super::primitives::Base;
use super::reader::Reader;
use super::schema::CURRENT;
use super::writer::Writer;
use crate::scoring::decision::{Basis, DecisionId};
use crate::scoring::episode::{Acted, CoolingCause, Episode, Erased, Identity, Published, Ready, Sequence, State};
use crate::scoring::fit::Grade;
use crate::scoring::identity::ALIASES_MAX;
use crate::scoring::lanes::Lane;
use crate::scoring::message::Ids;
use crate::scoring::model::Channel;
use crate::scoring::rare::Rare;
use crate::scoring::stage::Stage;

/// The lanes by their numbers in the schema, which must outlive any order of strength.
static LANES: LazyLock<Vec<Lane>> = LazyLock::new(|| {
    let schema = serde_json::from_str(CURRENT).expect("the embedded schema is tested");
    let symbols = symbols_of(&schema, "Lane").expect("the embedded schema names the lanes");
    symbols.iter().filter_map(|symbol| symbol.as_str().and_then(Lane::parse)).collect()
});
/// More episodes than any lead can have.
const NUMBER_MAX: u64 = 1 << 52;
const BASES: [Basis; 3] = [Basis::Reply, Basis::OptIn, Basis::OptOut];

/// Symbols of the enum of that name, wherever in the schema it is defined.
fn symbols_of<'s>(schema: &'s Value, name: &str) -> Option<&'s Vec<Value>> {
    match schema {
        Value::Array(parts) => parts.iter().find_map(|part| symbols_of(part, name)),
        Value::Object(parts) if parts.get("name").is_some_and(|found| found == name) => {
            parts.get("symbols")?.as_array()
        }
        Value::Object(parts) => parts.values().find_map(|part| symbols_of(part, name)),
        _ => None,
    }
}

pub(super) fn put_episode(out: &mut Writer, base: Base, episode: &Episode) {
    let known = Some(episode).filter(|episode| **episode != Episode::default());
    out.optional(known, |out, episode| {
        out.long(episode.number.cast_signed());
        put_state(out, base, episode.state);
        out.optional(episode.ready.as_deref(), |out, ready| put_ready(out, base, ready));
        out.boolean(episode.disarmed);
        out.optional(episode.acted.known(), |out, acted| put_acted(out, base, acted));
        out.optional(episode.sequence.as_ref(), |out, sequence| put_sequence(out, base, sequence));
        out.optional(episode.published.as_ref(), put_published);
    });
}

pub(super) fn read_episode(reader: &mut Reader<'_>, base: Base) -> Episode {
    let episode = reader.optional(|reader| Episode {
        number: read_number(reader),
        state: read_state(reader, base),
        ready: reader.optional(|reader| Box::new(read_ready(reader, base))),
        disarmed: reader.boolean(),
        acted: reader.optional(|reader| read_acted(reader, base)).into(),
        sequence: reader.optional(|reader| read_sequence(reader, base)),
        published: reader.optional(read_published).flatten(),
    });
    episode.unwrap_or_default()
}

/// Counted up with every episode: so high that it could overflow, it was never counted.
fn read_number(reader: &mut Reader<'_>) -> u64 {
    let number = u64::try_from(reader.long()).ok().filter(|number| *number <= NUMBER_MAX);
    reader.sound(number, "an episode's number is out of range")
}

fn put_state(out: &mut Writer, base: Base, state: State) {
    let (number, until_ms, cause) = match state {
        State::Idle => (0, None, None),
        State::Open => (1, None, None),
        State::Contacted { until_ms } => (2, Some(until_ms), None),
        State::Cooling { until_ms, cause: CoolingCause::Lane(lane) } => (3, Some(until_ms), Some(lane)),
        State::Cooling { until_ms, cause: CoolingCause::Verdict } => (3, Some(until_ms), None),
    };
    out.long(number);
    base.put_optional_age(out, until_ms);
    out.optional(cause, put_lane);
}

fn read_state(reader: &mut Reader<'_>, base: Base) -> State {
    let number = reader.long();
    let until_ms = base.read_optional_age(reader);
    let lane = reader.optional(read_lane);
    match (number, until_ms, lane) {
        (0, None, None) => State::Idle,
        (1, None, None) => State::Open,
        (2, Some(until_ms), None) => State::Contacted { until_ms },
        (3, Some(until_ms), lane) => {
            State::Cooling { until_ms, cause: lane.map_or(CoolingCause::Verdict, CoolingCause::Lane) }
        }
        _ => reader.sound(None, "a state has what it cannot have"),
    }
}

fn put_ready(out: &mut Writer, base: Base, ready: &Ready) {
    out.fixed(&ready.id.0);
    put_lane(out, ready.lane);
    base.put_age(out, ready.as_of_ms);
    let after = |at_ms: i64| at_ms - ready.as_of_ms;
    out.long(after(ready.due_ms));
    out.long(after(ready.expires_ms));
    out.long(ready.channel as i64);
    out.long(BASES.iter().position(|basis| *basis == ready.basis).unwrap_or(0) as i64);
    out.boolean(ready.accepted);
    out.boolean(ready.last_try);
    out.optional_long(ready.breach_ms.map(after));
    out.optional_long(ready.abandoned_ms.map(after));
}

fn read_ready(reader: &mut Reader<'_>, base: Base) -> Ready {
    let (id, lane, as_of_ms) = (DecisionId(reader.fixed()), read_lane(reader), base.read_age(reader));
    let after = |reader: &mut Reader<'_>| {
        let after_ms = reader.long();
        reader.sound_moment(as_of_ms.checked_add(after_ms))
    };
    Ready {
        id,
        lane,
        as_of_ms,
        due_ms: after(reader),
        expires_ms: after(reader),
        channel: reader.symbol(Channel::Web, Channel::from_number),
        basis: reader.symbol(Basis::Reply, |number| BASES.get(usize::from(number)).copied()),
        accepted: reader.boolean(),
        last_try: reader.boolean(),
        breach_ms: reader.optional(after),
        abandoned_ms: reader.optional(after),
    }
}

fn put_acted(out: &mut Writer, base: Base, acted: &Acted) {
    base.put_optional_age(out, acted.hand_raise_ms);
    base.put_optional_age(out, acted.hand_raise_before_ms);
    out.optional(acted.instant, |out, (at_ms, channel)| {
        base.put_age(out, at_ms);
        out.long(channel as i64);
    });
    base.put_optional_age(out, acted.unanswered_since_ms);
    base.put_optional_age(out, acted.complaint_ms);
    base.put_optional_age(out, acted.silence_ms);
    base.put_optional_age(out, acted.score_ready_ms);
    base.put_optional_age(out, acted.return_ms);
    base.put_optional_age(out, acted.reengage_ready_ms);
    out.optional(acted.bant_day, Writer::int);
    out.optional(acted.hurdle_day, Writer::int);
    base.put_optional_age(out, acted.cart_ms);
    base.put_optional_age(out, acted.sequence_mark_ms);
    base.put_optional_age(out, acted.neglect_ready_ms);
    out.optional(acted.birth_year.map(i32::from), Writer::int);
    out.optional(acted.first_purchase_year.map(i32::from), Writer::int);
}

fn read_acted(reader: &mut Reader<'_>, base: Base) -> Acted {
    let age = |reader: &mut Reader<'_>| base.read_optional_age(reader);
    Acted {
        hand_raise_ms: age(reader),
        hand_raise_before_ms: age(reader),
        instant: reader.optional(|reader| (base.read_age(reader), reader.symbol(Channel::Web, Channel::from_number))),
        unanswered_since_ms: age(reader),
        complaint_ms: age(reader),
        silence_ms: age(reader),
        score_ready_ms: age(reader),
        return_ms: age(reader),
        reengage_ready_ms: age(reader),
        bant_day: reader.optional(Reader::int),
        hurdle_day: reader.optional(Reader::int),
        cart_ms: age(reader),
        sequence_mark_ms: age(reader),
        neglect_ready_ms: age(reader),
        birth_year: reader.optional(read_year),
        first_purchase_year: reader.optional(read_year),
    }
}

fn put_sequence(out: &mut Writer, base: Base, sequence: &Sequence) {
    base.put_age(out, sequence.start_ms);
    for count in [sequence.mails, sequence.step, sequence.offers] {
        out.int(i32::from(count));
    }
}

fn read_sequence(reader: &mut Reader<'_>, base: Base) -> Sequence {
    let start_ms = base.read_age(reader);
    let mut count = || {
        let count = u8::try_from(reader.long()).ok();
        reader.sound(count, "a count is out of range")
    };
    Sequence { start_ms, mails: count(), step: count(), offers: count() }
}

fn put_published(out: &mut Writer, published: &Published) {
    out.fixed(&published.grade.as_bytes());
    out.long(published.stage as i64);
    out.optional(published.open, |out, id| out.fixed(&id.0));
}

fn read_published(reader: &mut Reader<'_>) -> Option<Published> {
    let grade = Grade::from_bytes(reader.fixed());
    let grade = reader.sound(grade.map(Some), "a grade is none")?;
    let stage = reader.symbol(Stage::Prospect, |number| Stage::ALL.get(usize::from(number)).copied());
    let open = reader.optional(|reader| DecisionId(reader.fixed()));
    Some(Published { grade, stage, open })
}

pub(super) fn put_identity(out: &mut Writer, identity: &Rare<Identity>) {
    out.optional(identity.known(), |out, identity| {
        out.optional_text(identity.redirect.as_deref());
        out.list(identity.aliases.iter(), |out, alias| out.text(alias));
        out.optional(identity.erased, |out, erased| {
            out.long(erased.at_ms);
            out.long(erased.until_ms);
        });
    });
}

pub(super) fn read_identity(reader: &mut Reader<'_>) -> Rare<Identity> {
    let identity = reader.optional(|reader| Identity {
        redirect: reader.optional(|reader| reader.text().into()),
        aliases: read_aliases(reader),
        erased: reader.optional(|reader| Erased { at_ms: reader.moment(), until_ms: reader.moment() }),
    });
    identity.into()
}

fn read_aliases(reader: &mut Reader<'_>) -> Ids {
    let aliases: Vec<Box<str>> = reader.list(ALIASES_MAX, |reader| reader.text().into());
    let rises = aliases.is_sorted_by(|alias, next| alias < next);
    reader.sound(rises.then_some(aliases), "a list is out of order")
}

fn put_lane(out: &mut Writer, lane: Lane) {
    let number = LANES.iter().position(|known| *known == lane);
    out.long(number.expect("the schema names every lane: tested") as i64);
}

fn read_lane(reader: &mut Reader<'_>) -> Lane {
    reader.symbol(Lane::Instant, |number| LANES.get(usize::from(number)).copied())
}

fn read_year(reader: &mut Reader<'_>) -> i16 {
    let year = i16::try_from(reader.long()).ok();
    reader.sound(year, "a year is out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_lane_once() {
        let schema = serde_json::from_str(CURRENT).expect("the schema is JSON");
        assert_eq!(symbols_of(&schema, "Lane").map(Vec::len), Some(LANES.len()), "a symbol is no lane");
        assert!(Lane::ALL.iter().all(|lane| LANES.contains(lane)));
        assert_eq!(LANES.len(), Lane::ALL.len());
    }
}
