//! Random streams of events of every kind that changes Facts, small enough in values that they meet each other.

use std::borrow::Cow;

use proptest::prelude::*;
use proptest::sample::select;
use tsuikyaku::scoring::event::{
    Body, ChannelSymbol, Commerce, CommerceKind, Contact, ContactKind, Direction, Event, FormPurpose, Mail, MailKind,
    Network, PageClass, Profile, ProfileKind, Purpose, Sns, SnsKind, Web, WebKind,
};

/// Streams begin about here, ms since the epoch.
pub const START_MS: i64 = 1_750_000_000_000;
pub const DAY_MS: i64 = 86_400_000;

/// A stream of up to `count_max` events with distinct ids, in no order of time.
pub fn stream(count_max: usize) -> impl Strategy<Value = Vec<Event<'static>>> {
    events(body().boxed(), count_max)
}

/// A stream of nothing but what leads do by themselves, without the rules that take points away.
pub fn inbound_stream(count_max: usize) -> impl Strategy<Value = Vec<Event<'static>>> {
    let kept = |body: &Body<'_>| match body {
        Body::Sns(sns) => sns.direction == Direction::Inbound && sns.kind != SnsKind::Unfollow,
        Body::Mail(mail) => mail.kind != MailKind::Sent,
        Body::Contact(contact) => {
            let touches = [ContactKind::CallAttempt, ContactKind::Visit, ContactKind::DirectMailSent];
            !touches.contains(&contact.kind)
        }
        _ => true,
    };
    events(body().prop_filter("inbound", kept).boxed(), count_max)
}

/// A stream and the same events in another order.
pub fn shuffled(count_max: usize) -> impl Strategy<Value = (Vec<Event<'static>>, Vec<Event<'static>>)> {
    stream(count_max).prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
}

fn events(body: BoxedStrategy<Body<'static>>, count_max: usize) -> impl Strategy<Value = Vec<Event<'static>>> {
    let event = (occurred_at_ms(), topic(), long_text(&["acme", "zeta"]), body);
    proptest::collection::vec(event, 1..=count_max).prop_map(|events| {
        let numbered =
            events.into_iter().enumerate().map(|(number, (occurred_at_ms, topic, account_id, body))| Event {
                event_id: format!("e{number}").into(),
                lead_id: "L1".into(),
                occurred_at_ms,
                account_id,
                topic,
                machine: false,
                body,
            });
        numbered.collect()
    })
}

/// Mostly within a year, often in the same days and milliseconds, rarely far away.
fn occurred_at_ms() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => (0..400 * DAY_MS).prop_map(|after| START_MS + after),
        4 => (0..20_i64, 0..4_i64).prop_map(|(day, hour)| START_MS + day * DAY_MS + hour * 3_600_000),
        1 => (-9000..9000_i64).prop_map(|day| START_MS + day * DAY_MS),
    ]
}

fn topic() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    text(&["crm", "analytics", "undeclared"])
}

fn text(texts: &'static [&'static str]) -> impl Strategy<Value = Option<Cow<'static, str>>> {
    proptest::option::of(select(texts).prop_map(Cow::Borrowed))
}

/// Long texts that differ where they are not kept any more.
fn long_text(texts: &'static [&'static str]) -> impl Strategy<Value = Option<Cow<'static, str>>> {
    (text(texts), 0..6_usize).prop_map(|(text, length)| {
        let long = |text: Cow<'static, str>| if length > 0 { text } else { ("追".repeat(100) + &text).into() };
        text.map(long)
    })
}

fn body() -> impl Strategy<Value = Body<'static>> {
    prop_oneof![5 => web(), 5 => mail(), 3 => sns(), 4 => contact(), 2 => commerce(), 2 => profile()]
}

fn web() -> impl Strategy<Value = Body<'static>> {
    let fields =
        (select(WebKind::ALL), select(PageClass::ALL), select(FormPurpose::ALL), text(&["comparison_sheet", "faq"]));
    fields.prop_map(|(kind, page_class, form_purpose, content_kind)| {
        Body::Web(Web { kind, page_class, form_purpose, content_kind })
    })
}

fn mail() -> impl Strategy<Value = Body<'static>> {
    let kind = prop_oneof![
        2 => Just(MailKind::Sent),
        1 => Just(MailKind::Clicked),
        2 => select(MailKind::ALL),
    ];
    let purpose = select(&[Purpose::Marketing, Purpose::Transactional, Purpose::Reply, Purpose::Unknown]);
    (kind, select(&["", "m1", "m2", "m3", "m4"]), purpose).prop_map(|(kind, message_id, purpose)| {
        Body::Mail(Mail { kind, message_id: message_id.into(), content_kind: None, purpose })
    })
}

fn sns() -> impl Strategy<Value = Body<'static>> {
    let direction = select(&[Direction::Inbound, Direction::Inbound, Direction::Outbound]);
    (select(SnsKind::ALL), direction, text(&["t1", "t2", ""]))
        .prop_map(|(kind, direction, thread_id)| Body::Sns(Sns { kind, network: Network::Line, direction, thread_id }))
}

fn contact() -> impl Strategy<Value = Body<'static>> {
    let direction = select(&[Direction::Inbound, Direction::Outbound, Direction::Unknown]);
    (select(ContactKind::ALL), direction, text(&["d1", "d2"]))
        .prop_map(|(kind, direction, decision_id)| Body::Contact(Contact { kind, direction, decision_id }))
}

fn commerce() -> impl Strategy<Value = Body<'static>> {
    (select(CommerceKind::ALL), text(&["o1", "o2", "o3", ""]))
        .prop_map(|(kind, order_id)| Body::Commerce(Commerce { kind, order_id, reason: None }))
}

fn profile() -> impl Strategy<Value = Body<'static>> {
    let purpose = select(&[Purpose::Marketing, Purpose::Transactional, Purpose::Reply, Purpose::Unknown]);
    let name = select(&["role", "employees", "industry", "company", "hobby"]);
    let attributes =
        proptest::collection::btree_map(name.prop_map(Cow::Borrowed), long_text(&["manager", "320", "it", "go"]), 0..4);
    let fields = (
        select(ProfileKind::ALL),
        attributes,
        select(ChannelSymbol::ALL),
        purpose,
        proptest::option::of((0..500_i64).prop_map(|day| START_MS + day * DAY_MS)),
        long_text(&["sato", "suzuki"]),
        proptest::option::of(20_000..21_000_i32),
    );
    fields.prop_map(|(kind, attributes, channel, purpose, expires_at_ms, owner_id, bant_timeline)| {
        Body::Profile(Box::new(Profile {
            kind,
            attributes,
            channel,
            purpose,
            expires_at_ms,
            owner_role: owner_id.clone(),
            bant_need: owner_id.clone(),
            owner_id,
            bant_timeline,
            ..Profile::default()
        }))
    })
}
