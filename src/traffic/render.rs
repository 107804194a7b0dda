//! The words of a step: the event as a record of its topic's schema.

use std::sync::LazyLock;

use apache_avro::Schema;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

use super::act::Act;
use super::people::Person;
use super::schedule::Due;
use crate::scoring::decision::DecisionId;
use crate::scoring::event::{
    ChannelSymbol, CommerceKind, ContactKind, Direction, FormPurpose, InputKind, MailKind, Network, PageClass,
    ProfileKind, Purpose, SnsKind, WebKind,
};
use crate::scoring::lanes::Lane;
use crate::wire::avro::Header;
use crate::wire::decode::{schema_text, symbols};
use crate::wire::output::{Fields, Record};

/// One event, with what all of its kind's fields need.
pub struct TrafficEvent {
    pub kind: InputKind,
    pub lead_id: String,
    event_id: String,
    occurred_at_ms: i64,
    known_lead_id: String,
    person: Person,
    /// Names of things of this journey begin with it.
    journey_id: u64,
    step: usize,
    topic: Option<&'static str>,
    act: Act,
    /// Draws for details, one number each.
    detail: u64,
}

pub fn event(due: &Due) -> TrafficEvent {
    let journey = &due.journey;
    let known_lead_id = format!("lead-{:06}", journey.lead);
    let linked_before = journey.steps[..due.step].iter().any(|planned| planned.act == Act::Linked);
    let lead_id = match journey.anonymous && !linked_before {
        true => format!("anon:{:012x}", journey.id() >> 16),
        false => known_lead_id.clone(),
    };
    let mut rng: Xoshiro256PlusPlus = journey.rng_of(due.step);
    TrafficEvent {
        kind: kind_of(due.planned.act),
        lead_id,
        event_id: format!("{:016x}-{}", journey.id(), due.step),
        occurred_at_ms: due.occurred_at_ms,
        known_lead_id,
        person: Person::of(journey.lead),
        journey_id: journey.id(),
        step: due.step,
        topic: journey.topic,
        act: due.planned.act,
        detail: rng.random(),
    }
}

fn kind_of(act: Act) -> InputKind {
    match act {
        Act::Page(_) | Act::Form(_) | Act::Web(_) => InputKind::Web,
        Act::Mail { .. } => InputKind::Mail,
        Act::Sns(..) => InputKind::Sns,
        Act::Contact(..) => InputKind::Contact,
        Act::Commerce(_) => InputKind::Commerce,
        Act::Attributes | Act::Granted(_) | Act::Revoked(_) | Act::Owner | Act::Bant | Act::Linked => {
            InputKind::Profile
        }
        Act::Outcome(_) => InputKind::Outcome,
    }
}

impl Record for TrafficEvent {
    fn header(&self) -> &'static Header {
        static HEADERS: LazyLock<[Header; InputKind::ALL.len()]> = LazyLock::new(|| {
            InputKind::ALL.map(|kind| Header::of(&Schema::parse_str(schema_text(kind)).expect("a tested schema")))
        });
        &HEADERS[self.kind as usize]
    }

    fn fields(&self, out: &mut impl Fields) {
        self.common_fields(out);
        match self.act {
            Act::Page(page_class) => self.web_fields(WebKind::PageView, page_class, FormPurpose::Unknown, out),
            Act::Form(purpose) => self.web_fields(WebKind::FormSubmit, PageClass::Other, purpose, out),
            Act::Web(kind) => self.web_fields(kind, PageClass::Unknown, FormPurpose::Unknown, out),
            Act::Mail { kind, mail, .. } => self.mail_fields(kind, mail, out),
            Act::Sns(kind, direction) => self.sns_fields(kind, direction, out),
            Act::Contact(kind, direction) => self.contact_fields(kind, direction, out),
            Act::Commerce(kind) => self.commerce_fields(kind, out),
            Act::Outcome(kind) => {
                self.symbol("kind", kind.as_str(), out);
                out.text("decision_id", &self.decision_id());
                out.optional_text("reason", None);
                out.optional_text("owner_id", Some(&self.person.owner_id()));
                self.symbol("channel", ChannelSymbol::Person.as_str(), out);
            }
            _ => self.profile_fields(out),
        }
    }
}

impl TrafficEvent {
    fn common_fields(&self, out: &mut impl Fields) {
        let source = match self.kind {
            InputKind::Web => "site",
            InputKind::Mail => "mail-service",
            InputKind::Sns => "social-hub",
            InputKind::Contact | InputKind::Outcome => "crm",
            InputKind::Commerce => "shop",
            InputKind::Profile => "customer-data",
        };
        out.text("event_id", &self.event_id);
        out.text("lead_id", &self.lead_id);
        out.long("occurred_at", self.occurred_at_ms);
        out.text("source", source);
        let known = self.lead_id == self.known_lead_id;
        out.optional_text("account_id", known.then(|| self.person.account_id()).as_deref());
        out.optional_text("campaign_id", (self.detail.is_multiple_of(5)).then_some("spring"));
        out.optional_text("topic", self.topic);
        out.boolean("machine", matches!(self.act, Act::Mail { machine: true, .. }));
    }

    fn web_fields(&self, kind: WebKind, page: PageClass, form: FormPurpose, out: &mut impl Fields) {
        const CONTENTS: [&str; 4] = ["white_paper", "white_paper", "comparison_sheet", "webinar_recording"];
        let url = format!("https://www.example.com/{}", page.as_str());
        self.symbol("kind", kind.as_str(), out);
        self.symbol("page_class", page.as_str(), out);
        self.symbol("form_purpose", form.as_str(), out);
        out.optional_text("url", (kind == WebKind::PageView).then_some(&*url));
        out.optional_text("content_kind", (kind == WebKind::Download).then(|| CONTENTS[self.choice(4)]));
        out.optional_text("referrer", (self.step == 0).then_some("https://search.example.net/"));
        out.optional_text("utm_source", None);
        out.optional_text("utm_medium", None);
        out.optional_text("utm_campaign", None);
        let dwell_ms = 2_000 + (self.detail >> 8) % 180_000;
        out.optional_long("dwell_ms", (kind == WebKind::PageView).then_some(dwell_ms.cast_signed()));
        out.optional_text("session_id", Some(&format!("s-{:x}", self.journey_id)));
    }

    fn mail_fields(&self, kind: MailKind, mail: u8, out: &mut impl Fields) {
        self.symbol("kind", kind.as_str(), out);
        out.text("message_id", &format!("m-{:x}-{mail}", self.journey_id));
        out.optional_text("sequence_id", Some("after-download"));
        out.optional_long("step", Some(i64::from(mail) + 1));
        out.optional_text("url", (kind == MailKind::Clicked).then_some("https://www.example.com/case_study"));
        out.optional_text("content_kind", Some("news"));
        self.symbol("purpose", Purpose::Marketing.as_str(), out);
    }

    fn sns_fields(&self, kind: SnsKind, direction: Direction, out: &mut impl Fields) {
        const NETWORKS: [Network; 4] = [Network::X, Network::Line, Network::Instagram, Network::Youtube];
        let in_thread = matches!(kind, SnsKind::Dm | SnsKind::Reply);
        // One journey happens on one network.
        let network = NETWORKS[(self.journey_id % 4) as usize];
        self.symbol("kind", kind.as_str(), out);
        self.symbol("network", network.as_str(), out);
        self.symbol("direction", direction.as_str(), out);
        out.optional_text("post_id", (!in_thread).then(|| format!("p-{}", self.detail % 500)).as_deref());
        out.optional_text("thread_id", in_thread.then(|| format!("t-{:x}", self.journey_id)).as_deref());
    }

    fn contact_fields(&self, kind: ContactKind, direction: Direction, out: &mut impl Fields) {
        let on_telephone = matches!(kind, ContactKind::CallAttempt | ContactKind::CallAnswered);
        self.symbol("kind", kind.as_str(), out);
        self.symbol("direction", direction.as_str(), out);
        out.optional_text("owner_id", Some(&self.person.owner_id()));
        let duration_ms = ((self.detail >> 8) % 900_000).cast_signed();
        out.optional_long("duration_ms", (kind == ContactKind::CallAnswered).then_some(duration_ms));
        out.optional_text("decision_id", on_telephone.then(|| self.decision_id()).as_deref());
    }

    fn commerce_fields(&self, kind: CommerceKind, out: &mut impl Fields) {
        let order_id = format!("order-{:x}", self.journey_id);
        let paid = matches!(kind, CommerceKind::Purchase | CommerceKind::Refund);
        let amount = (1 + self.journey_id % 40) * 30_000;
        self.symbol("kind", kind.as_str(), out);
        out.optional_text("order_id", paid.then_some(&*order_id));
        out.optional_long("amount_minor", paid.then_some(amount.cast_signed()));
        out.optional_text("currency", paid.then_some("JPY"));
        out.optional_text("product_id", paid.then_some("plan-standard"));
        out.optional_text("stage", (kind == CommerceKind::DealLost).then_some("quote"));
        out.optional_text("reason", (kind == CommerceKind::DealLost).then_some("price"));
    }

    fn profile_fields(&self, out: &mut impl Fields) {
        let (kind, channel) = match self.act {
            Act::Granted(channel) => (ProfileKind::ConsentGranted, channel),
            Act::Revoked(channel) => (ProfileKind::ConsentRevoked, channel),
            Act::Owner => (ProfileKind::OwnerAssigned, ChannelSymbol::Unknown),
            Act::Bant => (ProfileKind::BantUpdated, ChannelSymbol::Unknown),
            Act::Linked => (ProfileKind::IdentityLinked, ChannelSymbol::Unknown),
            _ => (ProfileKind::AttributesChanged, ChannelSymbol::Unknown),
        };
        let of_consent = channel != ChannelSymbol::Unknown;
        let purpose = if of_consent { Purpose::Marketing } else { Purpose::Unknown };
        let (owner, bant) = (kind == ProfileKind::OwnerAssigned, kind == ProfileKind::BantUpdated);
        self.symbol("kind", kind.as_str(), out);
        self.attributes(out);
        self.symbol("channel", channel.as_str(), out);
        self.symbol("purpose", purpose.as_str(), out);
        out.optional_long("expires_at", None);
        out.optional_text("linked_lead_id", (self.act == Act::Linked).then_some(&*self.known_lead_id));
        out.optional_text("owner_id", owner.then(|| self.person.owner_id()).as_deref());
        out.optional_text("owner_role", owner.then_some("inside_sales"));
        out.optional_text("bant_budget", bant.then_some("next fiscal year"));
        out.optional_text("bant_authority", bant.then_some("department head"));
        out.optional_text("bant_need", bant.then_some("replace spreadsheets"));
        let decides_on = self.occurred_at_ms.div_euclid(86_400_000) + 20 + self.choice(90) as i64;
        out.optional_long("bant_timeline", bant.then_some(decides_on));
    }

    fn attributes(&self, out: &mut impl Fields) {
        if self.act != Act::Attributes {
            return out.optional_texts("attributes", &[]);
        }
        let person = self.person;
        let (name, company, birth_month) = (person.name(), person.company(), person.birth_month());
        out.optional_texts(
            "attributes",
            &[
                ("name", Some(&name)),
                ("company", Some(&company)),
                ("industry", Some(person.industry())),
                ("employees", Some(person.employees())),
                ("role", Some(person.role())),
                ("prefecture", Some(person.prefecture())),
                ("locale", Some("ja-JP")),
                ("birth_month", Some(&birth_month)),
            ],
        );
    }

    fn symbol(&self, field: &str, value: &str, out: &mut impl Fields) {
        out.symbol(field, symbols(self.kind, field), value);
    }

    fn choice(&self, count: u64) -> usize {
        ((self.detail >> 32) % count) as usize
    }

    /// The decision that sales would most likely answer: the lead's first, on its inquiry. Where there was another one
    /// this names none, which is what happens with real lists of calls, too.
    fn decision_id(&self) -> String {
        DecisionId::of(&self.lead_id, 1, Lane::Instant).to_string()
    }
}
