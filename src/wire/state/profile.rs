//! Attributes, consent, BANT and owner to bytes and back.

use super::primitives::Base;
use super::reader::Reader;
use super::writer::Writer;
use crate::scoring::event::Purpose;
use crate::scoring::facts::{ATTRIBUTES_MAX, Attributes, Bant, Consent, ConsentEntry, Profile, Register};
use crate::scoring::model::Channel;

/// The purposes of consents, by their numbers in the schema.
const PURPOSES: [Purpose; 3] = [Purpose::Marketing, Purpose::Transactional, Purpose::Reply];
const CONSENTS_MAX: usize = Channel::ALL.len() * PURPOSES.len();

pub(super) fn put_profile(out: &mut Writer, base: Base, profile: &Profile) {
    out.list(profile.attributes.registers().iter(), |out, (name, register)| {
        out.text(name);
        base.put_age(out, register.at_ms);
        out.optional_text(register.value.as_deref());
    });
    put_text_register(out, base, &profile.account);
    put_register(out, base, &profile.owner, |out, (id, role)| {
        out.optional_text(id.as_deref());
        out.optional_text(role.as_deref());
    });
    put_text_register(out, base, &profile.bant.budget);
    put_text_register(out, base, &profile.bant.authority);
    put_text_register(out, base, &profile.bant.need);
    put_register(out, base, &profile.bant.timeline, |out, day| out.int(*day));
    out.list(profile.consents.iter(), |out, entry| put_consent(out, base, entry));
    put_register(out, base, &profile.refused, |out, value| out.boolean(*value));
    put_register(out, base, &profile.undeliverable, |out, value| out.boolean(*value));
}

pub(super) fn read_profile(reader: &mut Reader<'_>, base: Base) -> Profile {
    let attributes = reader.list(ATTRIBUTES_MAX, |reader| {
        let (name, at_ms) = (reader.text().into(), base.read_age(reader));
        (name, Register { at_ms, value: read_optional_text(reader) })
    });
    let attributes = reader.sound(Attributes::from_registers(attributes), "attributes are out of order");
    let account = read_text_register(reader, base);
    let owner = read_register(reader, base, |reader| (read_optional_text(reader), read_optional_text(reader)));
    let bant = Bant {
        budget: read_text_register(reader, base),
        authority: read_text_register(reader, base),
        need: read_text_register(reader, base),
        timeline: read_register(reader, base, Reader::int),
    };
    let consents = reader.list(CONSENTS_MAX, |reader| read_consent(reader, base));
    Profile {
        attributes,
        account,
        owner,
        bant,
        consents: reader.rising(consents, |entry| (entry.channel, entry.purpose)),
        refused: read_register(reader, base, Reader::boolean),
        undeliverable: read_register(reader, base, Reader::boolean),
    }
}

fn put_consent(out: &mut Writer, base: Base, entry: &ConsentEntry) {
    out.symbol(entry.channel as u8);
    let purpose = PURPOSES.iter().position(|purpose| *purpose == entry.purpose).unwrap_or(0);
    out.symbol(purpose as u8);
    base.put_age(out, entry.consent.at_ms);
    out.boolean(entry.consent.value == Consent::Revoked);
    out.optional_long(match entry.consent.value {
        Consent::Granted { until_ms } => until_ms,
        Consent::Revoked => None,
    });
}

fn read_consent(reader: &mut Reader<'_>, base: Base) -> ConsentEntry {
    let channel = reader.symbol(Channel::Web, Channel::from_number);
    let purpose = reader.symbol(Purpose::Marketing, |number| PURPOSES.get(usize::from(number)).copied());
    let at_ms = base.read_age(reader);
    let is_revoked = reader.boolean();
    let value = match (is_revoked, reader.optional(Reader::long)) {
        (false, until_ms) => Consent::Granted { until_ms },
        (true, None) => Consent::Revoked,
        (true, Some(_)) => {
            reader.note("a revoked consent has an end");
            Consent::Revoked
        }
    };
    ConsentEntry { channel, purpose, consent: Register { at_ms, value } }
}

fn put_register<T>(out: &mut Writer, base: Base, register: &Option<Register<T>>, put: impl FnOnce(&mut Writer, &T)) {
    out.optional(register.as_ref(), |out, register| {
        base.put_age(out, register.at_ms);
        put(out, &register.value);
    });
}

fn read_register<'a, T>(
    reader: &mut Reader<'a>,
    base: Base,
    read: impl FnOnce(&mut Reader<'a>) -> T,
) -> Option<Register<T>> {
    reader.optional(|reader| Register { at_ms: base.read_age(reader), value: read(reader) })
}

fn put_text_register(out: &mut Writer, base: Base, register: &Option<Register<Box<str>>>) {
    put_register(out, base, register, |out, text| out.text(text));
}

fn read_text_register(reader: &mut Reader<'_>, base: Base) -> Option<Register<Box<str>>> {
    read_register(reader, base, |reader| reader.text().into())
}

fn read_optional_text(reader: &mut Reader<'_>) -> Option<Box<str>> {
    reader.optional(|reader| reader.text().into())
}
