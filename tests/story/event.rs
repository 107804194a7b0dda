//! Events as stories write them: `topic.kind field=value ...`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tsuikyaku::scoring::event::*;

use super::time::{duration, epoch_day};

/// The fields of one event, taken as they are read: one that is left over is a mistake in the story.
struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl Fields<'_> {
    fn text(&mut self, name: &str) -> Option<Cow<'static, str>> {
        self.0.remove(name).map(|value| Cow::Owned(value.to_string()))
    }

    fn symbol<T: Default>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        self.0.remove(name).map_or_else(T::default, |value| parse(value).unwrap_or_else(|| panic!("{name}={value}")))
    }
}

/// The event of a line at its append time.
pub fn parse(line: &str, appended_at_ms: i64, number: u32, last_ready: &BTreeMap<String, String>) -> Event<'static> {
    let mut words = line.split_whitespace();
    let (topic, kind) = words.next().and_then(|word| word.split_once('.')).unwrap_or_else(|| panic!("event {line}"));
    let mut fields = Fields(words.map(|word| word.split_once('=').unwrap_or_else(|| panic!("field {word}"))).collect());
    let lead_id = fields.text("lead").unwrap_or("L1".into());
    let occurred_at_ms = appended_at_ms + fields.text("occurred").map_or(0, |span| duration(&span));
    let event_id = fields.text("id").unwrap_or_else(|| format!("e{number}").into());
    let decision = fields.text("decision").map(|which| match &*which {
        "last" => last_ready.get(&*lead_id).expect("a READY before").clone().into(),
        _ => which,
    });
    let event = Event {
        event_id,
        lead_id,
        occurred_at_ms,
        account_id: fields.text("account"),
        topic: fields.text("topic"),
        machine: fields.text("machine").is_some_and(|value| value == "true"),
        body: body(topic, kind, &mut fields, (appended_at_ms, decision)),
    };
    assert!(fields.0.is_empty(), "unknown fields {:?} in {line}", fields.0);
    event
}

fn body(
    topic: &str,
    kind: &str,
    fields: &mut Fields<'_>,
    (appended_at_ms, decision): (i64, Option<Cow<'static, str>>),
) -> Body<'static> {
    match topic {
        "web" => Body::Web(Web {
            kind: WebKind::parse(kind).unwrap_or_default(),
            page_class: fields.symbol("page_class", PageClass::parse),
            form_purpose: fields.symbol("form_purpose", FormPurpose::parse),
            content_kind: fields.text("content_kind"),
        }),
        "mail" => Body::Mail(Mail {
            kind: MailKind::parse(kind).unwrap_or_default(),
            message_id: fields.text("message_id").unwrap_or_default(),
            content_kind: fields.text("content_kind"),
            purpose: fields.symbol("purpose", Purpose::parse),
        }),
        "sns" => Body::Sns(Sns {
            kind: SnsKind::parse(kind).unwrap_or_default(),
            network: fields.symbol("network", Network::parse),
            direction: fields.symbol("direction", Direction::parse),
            thread_id: fields.text("thread_id"),
        }),
        "contact" => Body::Contact(Contact {
            kind: ContactKind::parse(kind).unwrap_or_default(),
            direction: fields.symbol("direction", Direction::parse),
            decision_id: decision,
        }),
        "commerce" => Body::Commerce(Commerce {
            kind: CommerceKind::parse(kind).unwrap_or_default(),
            order_id: fields.text("order_id"),
            reason: fields.text("reason"),
        }),
        "profile" => Body::Profile(profile(kind, fields, appended_at_ms).into()),
        "outcome" => Body::Outcome(Outcome {
            kind: OutcomeKind::parse(kind).unwrap_or_default(),
            decision_id: decision.unwrap_or_default(),
            reason: fields.text("reason"),
            owner_id: fields.text("owner"),
            channel: fields.symbol("channel", ChannelSymbol::parse),
        }),
        _ => panic!("topic {topic}"),
    }
}

fn profile(kind: &str, fields: &mut Fields<'_>, appended_at_ms: i64) -> Profile<'static> {
    let names: Vec<String> =
        fields.0.keys().filter(|name| name.starts_with("attr.")).map(|name| name.to_string()).collect();
    let attributes = names.iter().map(|name| {
        let value = fields.text(name).filter(|value| value != "null");
        (Cow::Owned(name["attr.".len()..].to_string()), value)
    });
    Profile {
        attributes: attributes.collect(),
        kind: ProfileKind::parse(kind).unwrap_or_default(),
        channel: fields.symbol("channel", ChannelSymbol::parse),
        purpose: fields.symbol("purpose", Purpose::parse),
        expires_at_ms: fields.text("expires_at").map(|span| appended_at_ms + duration(&span)),
        linked_lead_id: fields.text("to"),
        owner_id: fields.text("owner"),
        owner_role: fields.text("owner_role"),
        bant_budget: fields.text("bant_budget"),
        bant_authority: fields.text("bant_authority"),
        bant_need: fields.text("bant_need"),
        bant_timeline: fields.text("bant_timeline").map(|date| epoch_day(&date)),
    }
}
