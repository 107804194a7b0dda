//! Decision state and identity to bytes and back; a lead without any takes two bytes.

use std::sync::LazyLock;

use serde_json::Value;

use super::primitives::{Base, put_int, put_list, put_optional, read_int, read_list, read_optional, read_symbol};
use super::schema::CURRENT;
use crate::scoring::decision::{Basis, DecisionId};
use crate::scoring::episode::{Acted, CoolingCause, Episode, Erased, Identity, Published, Ready, Sequence, State};
use crate::scoring::fit::Grade;
use crate::scoring::identity::ALIASES_MAX;
use crate::scoring::lanes::Lane;
use crate::scoring::model::Channel;
use crate::scoring::stage::Stage;
use crate::wire::avro::{Cursor, Malformed, put_boolean, put_long, put_optional_long, put_optional_text, put_text};

/// The lanes by their numbers in the schema, which must outlive any order of strength.
static LANES: LazyLock<Vec<Lane>> = LazyLock::new(|| {
    let schema = serde_json::from_str(CURRENT).expect("the embedded schema is tested");
    let symbols = symbols_of(&schema, "Lane").expect("the embedded schema names the lanes");
    symbols.iter().filter_map(|symbol| symbol.as_str().and_then(Lane::parse)).collect()
});
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

pub(super) fn put_episode(out: &mut Vec<u8>, base: Base, episode: &Episode) {
    let known = Some(episode).filter(|episode| **episode != Episode::default());
    put_optional(out, known, |out, episode| {
        put_long(out, episode.number.cast_signed());
        put_state(out, base, episode.state);
        put_optional(out, episode.ready.as_ref(), |out, ready| put_ready(out, base, ready));
        put_boolean(out, episode.disarmed);
        let acted = Some(&episode.acted).filter(|acted| **acted != Acted::default());
        put_optional(out, acted, |out, acted| put_acted(out, base, acted));
        put_optional(out, episode.sequence.as_ref(), |out, sequence| put_sequence(out, base, sequence));
        put_optional(out, episode.published.as_ref(), put_published);
    });
}

pub(super) fn read_episode(cursor: &mut Cursor<'_>, base: Base) -> Result<Episode, Malformed> {
    let episode = read_optional(cursor, |cursor| {
        Ok(Episode {
            number: cursor.long()?.cast_unsigned(),
            state: read_state(cursor, base)?,
            ready: read_optional(cursor, |cursor| read_ready(cursor, base))?,
            disarmed: cursor.boolean()?,
            acted: read_optional(cursor, |cursor| read_acted(cursor, base))?.unwrap_or_default(),
            sequence: read_optional(cursor, |cursor| read_sequence(cursor, base))?,
            published: read_optional(cursor, read_published)?,
        })
    })?;
    Ok(episode.unwrap_or_default())
}

fn put_state(out: &mut Vec<u8>, base: Base, state: State) {
    let (number, until_ms, cause) = match state {
        State::Idle => (0, None, None),
        State::Open => (1, None, None),
        State::Contacted { until_ms } => (2, Some(until_ms), None),
        State::Cooling { until_ms, cause: CoolingCause::Lane(lane) } => (3, Some(until_ms), Some(lane)),
        State::Cooling { until_ms, cause: CoolingCause::Verdict } => (3, Some(until_ms), None),
    };
    put_long(out, number);
    base.put_optional_age(out, until_ms);
    put_optional(out, cause, put_lane);
}

fn read_state(cursor: &mut Cursor<'_>, base: Base) -> Result<State, Malformed> {
    let number = cursor.long()?;
    let until_ms = base.read_optional_age(cursor)?;
    let lane = read_optional(cursor, read_lane)?;
    match (number, until_ms, lane) {
        (0, None, None) => Ok(State::Idle),
        (1, None, None) => Ok(State::Open),
        (2, Some(until_ms), None) => Ok(State::Contacted { until_ms }),
        (3, Some(until_ms), lane) => {
            Ok(State::Cooling { until_ms, cause: lane.map_or(CoolingCause::Verdict, CoolingCause::Lane) })
        }
        _ => Err(Malformed("a state has what it cannot have")),
    }
}

fn put_ready(out: &mut Vec<u8>, base: Base, ready: &Ready) {
    out.extend_from_slice(&ready.id.0);
    put_lane(out, ready.lane);
    base.put_age(out, ready.as_of_ms);
    let after = |at_ms: i64| at_ms.wrapping_sub(ready.as_of_ms);
    put_long(out, after(ready.due_ms));
    put_long(out, after(ready.expires_ms));
    put_long(out, ready.channel as i64);
    put_long(out, BASES.iter().position(|basis| *basis == ready.basis).unwrap_or(0) as i64);
    put_boolean(out, ready.accepted);
    put_boolean(out, ready.last_try);
    put_optional_long(out, ready.breach_ms.map(after));
    put_optional_long(out, ready.abandoned_ms.map(after));
}

fn read_ready(cursor: &mut Cursor<'_>, base: Base) -> Result<Ready, Malformed> {
    let (id, lane, as_of_ms) = (DecisionId(cursor.take_array()?), read_lane(cursor)?, base.read_age(cursor)?);
    let after = |cursor: &mut Cursor<'_>| Ok(as_of_ms.wrapping_add(cursor.long()?));
    Ok(Ready {
        id,
        lane,
        as_of_ms,
        due_ms: after(cursor)?,
        expires_ms: after(cursor)?,
        channel: read_symbol(cursor, Channel::from_number)?,
        basis: read_symbol(cursor, |number| BASES.get(usize::from(number)).copied())?,
        accepted: cursor.boolean()?,
        last_try: cursor.boolean()?,
        breach_ms: read_optional(cursor, after)?,
        abandoned_ms: read_optional(cursor, after)?,
    })
}

fn put_acted(out: &mut Vec<u8>, base: Base, acted: &Acted) {
    base.put_optional_age(out, acted.hand_raise_ms);
    base.put_optional_age(out, acted.hand_raise_before_ms);
    put_optional(out, acted.instant, |out, (at_ms, channel)| {
        base.put_age(out, at_ms);
        put_long(out, channel as i64);
    });
    base.put_optional_age(out, acted.unanswered_since_ms);
    base.put_optional_age(out, acted.complaint_ms);
    base.put_optional_age(out, acted.silence_ms);
    base.put_optional_age(out, acted.score_ready_ms);
    base.put_optional_age(out, acted.return_ms);
    base.put_optional_age(out, acted.reengage_ready_ms);
    put_optional(out, acted.bant_day, put_int);
    put_optional(out, acted.hurdle_day, put_int);
    base.put_optional_age(out, acted.cart_ms);
    base.put_optional_age(out, acted.sequence_mark_ms);
    base.put_optional_age(out, acted.neglect_ready_ms);
    put_optional(out, acted.birth_year.map(i32::from), put_int);
    put_optional(out, acted.first_purchase_year.map(i32::from), put_int);
}

fn read_acted(cursor: &mut Cursor<'_>, base: Base) -> Result<Acted, Malformed> {
    let age = |cursor: &mut Cursor<'_>| base.read_optional_age(cursor);
    Ok(Acted {
        hand_raise_ms: age(cursor)?,
        hand_raise_before_ms: age(cursor)?,
        instant: read_optional(cursor, |cursor| {
            Ok((base.read_age(cursor)?, read_symbol(cursor, Channel::from_number)?))
        })?,
        unanswered_since_ms: age(cursor)?,
        complaint_ms: age(cursor)?,
        silence_ms: age(cursor)?,
        score_ready_ms: age(cursor)?,
        return_ms: age(cursor)?,
        reengage_ready_ms: age(cursor)?,
        bant_day: read_optional(cursor, read_int)?,
        hurdle_day: read_optional(cursor, read_int)?,
        cart_ms: age(cursor)?,
        sequence_mark_ms: age(cursor)?,
        neglect_ready_ms: age(cursor)?,
        birth_year: read_optional(cursor, read_year)?,
        first_purchase_year: read_optional(cursor, read_year)?,
    })
}

fn put_sequence(out: &mut Vec<u8>, base: Base, sequence: &Sequence) {
    base.put_age(out, sequence.start_ms);
    for count in [sequence.mails, sequence.step, sequence.offers] {
        put_int(out, i32::from(count));
    }
}

fn read_sequence(cursor: &mut Cursor<'_>, base: Base) -> Result<Sequence, Malformed> {
    let start_ms = base.read_age(cursor)?;
    let mut count = || u8::try_from(cursor.long()?).map_err(|_| Malformed("a count is out of range"));
    Ok(Sequence { start_ms, mails: count()?, step: count()?, offers: count()? })
}

fn put_published(out: &mut Vec<u8>, published: &Published) {
    out.extend_from_slice(&published.grade.as_bytes());
    put_long(out, published.stage as i64);
    put_optional(out, published.open, |out, id| out.extend_from_slice(&id.0));
}

fn read_published(cursor: &mut Cursor<'_>) -> Result<Published, Malformed> {
    let grade = std::str::from_utf8(cursor.take(2)?).ok().and_then(Grade::parse);
    Ok(Published {
        grade: grade.ok_or(Malformed("a grade is none"))?,
        stage: read_symbol(cursor, |number| Stage::ALL.get(usize::from(number)).copied())?,
        open: read_optional(cursor, |cursor| Ok(DecisionId(cursor.take_array()?)))?,
    })
}

pub(super) fn put_identity(out: &mut Vec<u8>, identity: &Identity) {
    let known = Some(identity).filter(|identity| **identity != Identity::default());
    put_optional(out, known, |out, identity| {
        put_optional_text(out, identity.redirect.as_deref());
        put_list(out, identity.aliases.iter(), |out, alias| put_text(out, alias));
        put_optional(out, identity.erased, |out, erased| {
            put_long(out, erased.at_ms);
            put_long(out, erased.until_ms);
        });
    });
}

pub(super) fn read_identity(cursor: &mut Cursor<'_>) -> Result<Identity, Malformed> {
    let identity = read_optional(cursor, |cursor| {
        Ok(Identity {
            redirect: read_optional(cursor, |cursor| cursor.text().map(Box::from))?,
            aliases: read_list(cursor, ALIASES_MAX, |cursor| cursor.text().map(Box::from))?.into(),
            erased: read_optional(cursor, |cursor| Ok(Erased { at_ms: cursor.long()?, until_ms: cursor.long()? }))?,
        })
    })?;
    Ok(identity.unwrap_or_default())
}

fn put_lane(out: &mut Vec<u8>, lane: Lane) {
    let number = LANES.iter().position(|known| *known == lane);
    put_long(out, number.expect("the schema names every lane: tested") as i64);
}

fn read_lane(cursor: &mut Cursor<'_>) -> Result<Lane, Malformed> {
    read_symbol(cursor, |number| LANES.get(usize::from(number)).copied())
}

fn read_year(cursor: &mut Cursor<'_>) -> Result<i16, Malformed> {
    i16::try_from(cursor.long()?).map_err(|_| Malformed("a year is out of range"))
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
