//! Attributes, consent, BANT and owner to bytes and back.

use super::primitives::{
    Base, put_int, put_list, put_optional, read_int, read_list, read_optional, read_symbol, rising,
};
use crate::scoring::event::Purpose;
use crate::scoring::facts::{ATTRIBUTES_MAX, Attributes, Bant, Consent, ConsentEntry, Profile, Register};
use crate::scoring::model::Channel;
use crate::wire::avro::{Cursor, Malformed, put_boolean, put_optional_long, put_optional_text, put_text};

/// The purposes of consents, by their numbers in the schema.
const PURPOSES: [Purpose; 3] = [Purpose::Marketing, Purpose::Transactional, Purpose::Reply];
const CONSENTS_MAX: usize = Channel::ALL.len() * PURPOSES.len();

pub(super) fn put_profile(out: &mut Vec<u8>, base: Base, profile: &Profile) {
    put_list(out, profile.attributes.registers().iter(), |out, (name, register)| {
        put_text(out, name);
        base.put_age(out, register.at_ms);
        put_optional_text(out, register.value.as_deref());
    });
    put_text_register(out, base, &profile.account);
    put_register(out, base, &profile.owner, |out, (id, role)| {
        put_optional_text(out, id.as_deref());
        put_optional_text(out, role.as_deref());
    });
    put_text_register(out, base, &profile.bant.budget);
    put_text_register(out, base, &profile.bant.authority);
    put_text_register(out, base, &profile.bant.need);
    put_register(out, base, &profile.bant.timeline, |out, day| put_int(out, *day));
    put_list(out, profile.consents.iter(), |out, entry| put_consent(out, base, entry));
    put_register(out, base, &profile.refused, |out, value| put_boolean(out, *value));
    put_register(out, base, &profile.undeliverable, |out, value| put_boolean(out, *value));
}

pub(super) fn read_profile(cursor: &mut Cursor<'_>, base: Base) -> Result<Profile, Malformed> {
    let attributes = read_list(cursor, ATTRIBUTES_MAX, |cursor| {
        let (name, at_ms) = (cursor.text()?.into(), base.read_age(cursor)?);
        Ok((name, Register { at_ms, value: read_optional_text(cursor)? }))
    })?;
    let attributes = Attributes::from_registers(attributes).ok_or(Malformed("attributes are out of order"))?;
    let account = read_text_register(cursor, base)?;
    let owner = read_register(cursor, base, |cursor| Ok((read_optional_text(cursor)?, read_optional_text(cursor)?)))?;
    let bant = Bant {
        budget: read_text_register(cursor, base)?,
        authority: read_text_register(cursor, base)?,
        need: read_text_register(cursor, base)?,
        timeline: read_register(cursor, base, read_int)?,
    };
    let consents = read_list(cursor, CONSENTS_MAX, |cursor| read_consent(cursor, base))?;
    Ok(Profile {
        attributes,
        account,
        owner,
        bant,
        consents: rising(consents, |entry| (entry.channel, entry.purpose))?,
        refused: read_register(cursor, base, Cursor::boolean)?,
        undeliverable: read_register(cursor, base, Cursor::boolean)?,
    })
}

fn put_consent(out: &mut Vec<u8>, base: Base, entry: &ConsentEntry) {
    out.push((entry.channel as u8) << 1);
    let purpose = PURPOSES.iter().position(|purpose| *purpose == entry.purpose).unwrap_or(0);
    out.push((purpose as u8) << 1);
    base.put_age(out, entry.consent.at_ms);
    put_boolean(out, entry.consent.value == Consent::Revoked);
    put_optional_long(
        out,
        match entry.consent.value {
            Consent::Granted { until_ms } => until_ms,
            Consent::Revoked => None,
        },
    );
}

fn read_consent(cursor: &mut Cursor<'_>, base: Base) -> Result<ConsentEntry, Malformed> {
    let channel = read_symbol(cursor, Channel::from_number)?;
    let purpose = read_symbol(cursor, |number| PURPOSES.get(usize::from(number)).copied())?;
    let at_ms = base.read_age(cursor)?;
    let is_revoked = cursor.boolean()?;
    let value = match (is_revoked, read_optional(cursor, Cursor::long)?) {
        (false, until_ms) => Consent::Granted { until_ms },
        (true, None) => Consent::Revoked,
        (true, Some(_)) => return Err(Malformed("a revoked consent has an end")),
    };
    Ok(ConsentEntry { channel, purpose, consent: Register { at_ms, value } })
}

fn put_register<T>(out: &mut Vec<u8>, base: Base, register: &Option<Register<T>>, put: impl FnOnce(&mut Vec<u8>, &T)) {
    put_optional(out, register.as_ref(), |out, register| {
        base.put_age(out, register.at_ms);
        put(out, &register.value);
    });
}

fn read_register<'a, T>(
    cursor: &mut Cursor<'a>,
    base: Base,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Malformed>,
) -> Result<Option<Register<T>>, Malformed> {
    read_optional(cursor, |cursor| Ok(Register { at_ms: base.read_age(cursor)?, value: read(cursor)? }))
}

fn put_text_register(out: &mut Vec<u8>, base: Base, register: &Option<Register<Box<str>>>) {
    put_register(out, base, register, |out, text| put_text(out, text));
}

fn read_text_register(cursor: &mut Cursor<'_>, base: Base) -> Result<Option<Register<Box<str>>>, Malformed> {
    read_register(cursor, base, |cursor| cursor.text().map(Box::from))
}

fn read_optional_text(cursor: &mut Cursor<'_>) -> Result<Option<Box<str>>, Malformed> {
    read_optional(cursor, |cursor| cursor.text().map(Box::from))
}
