//! Which events count, for how much, on which channel: the rules of engagement, and their lookup by kind of event.

use smallvec::SmallVec;

use crate::scoring::event::{
    Body, CommerceKind, ContactKind, Direction, Event, FormPurpose, MailKind, Network, PageClass, Purpose, SnsKind,
    WebKind,
};
use crate::scoring::model::Channel;

/// At most so many rules a model.
pub const RULES_MAX: usize = 512;

/// Identity of a rule in stored state: a hash of its id, limit and half-life. A rule that is counted another way is
/// another rule, so its old sums are left alone instead of being read wrongly; order and points may change freely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleKey(pub u32);

impl RuleKey {
    fn first_byte(self) -> usize {
        (self.0 >> 24) as usize
    }
}

/// One rule. The first one that matches an event counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub id: Box<str>,
    pub key: RuleKey,
    pub on: EventKind,
    /// All must hold.
    pub conditions: SmallVec<[Condition; 1]>,
    pub channel: Channel,
    /// Points at the moment of the event; may be negative.
    pub points: f64,
    pub limit: Limit,
    pub marks: Marks,
}

/// How often a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Each event.
    Every,
    /// At most once a local day, at local noon.
    Daily,
    /// The earliest event only.
    Once,
}

impl Limit {
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::Every => "every",
            Limit::Daily => "daily",
            Limit::Once => "once",
        }
    }
}

/// What an event is besides its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// A contact day of the channel.
    Contact = 1,
    /// Answers the touch with the same reference.
    Answer = 2,
    /// The lead asks for us.
    HandRaise = 4,
    /// Starts a sequence of mails.
    Sequence = 8,
    /// Starts the cart timer.
    Cart = 16,
    /// Outbound contact: contact day, touch count and pressure.
    Touch = 32,
}

impl Mark {
    pub const ALL: [Mark; 6] = [Mark::Contact, Mark::Answer, Mark::HandRaise, Mark::Sequence, Mark::Cart, Mark::Touch];

    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Contact => "contact",
            Mark::Answer => "answer",
            Mark::HandRaise => "hand_raise",
            Mark::Sequence => "sequence",
            Mark::Cart => "cart",
            Mark::Touch => "touch",
        }
    }
}

/// A set of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks(u8);

impl Marks {
    pub fn has(self, mark: Mark) -> bool {
        self.0 & mark as u8 != 0
    }

    pub fn with(self, mark: Mark) -> Marks {
        Marks(self.0 | mark as u8)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Kind of an interaction event over all topics that rules can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Web(WebKind),
    Mail(MailKind),
    Sns(SnsKind),
    Contact(ContactKind),
    Commerce(CommerceKind),
}

impl EventKind {
    /// Kinds of one topic take so many numbers at most.
    const SPAN: usize = 32;
    /// Numbers are below this.
    pub(super) const COUNT: usize = 5 * EventKind::SPAN;

    /// The kind of an event; profile records and outcomes have none that rules could name.
    pub fn of(body: &Body<'_>) -> Option<EventKind> {
        match body {
            Body::Web(web) => Some(EventKind::Web(web.kind)),
            Body::Mail(mail) => Some(EventKind::Mail(mail.kind)),
            Body::Sns(sns) => Some(EventKind::Sns(sns.kind)),
            Body::Contact(contact) => Some(EventKind::Contact(contact.kind)),
            Body::Commerce(commerce) => Some(EventKind::Commerce(commerce.kind)),
            Body::Profile(_) | Body::Outcome(_) => None,
        }
    }

    /// Number of the kind, for tables.
    pub(super) fn number(self) -> usize {
        match self {
            EventKind::Web(kind) => kind as usize,
            EventKind::Mail(kind) => EventKind::SPAN + kind as usize,
            EventKind::Sns(kind) => 2 * EventKind::SPAN + kind as usize,
            EventKind::Contact(kind) => 3 * EventKind::SPAN + kind as usize,
            EventKind::Commerce(kind) => 4 * EventKind::SPAN + kind as usize,
        }
    }

    /// Reads `web.page_view`.
    pub fn parse(text: &str) -> Option<EventKind> {
        let (topic, kind) = text.split_once('.')?;
        match topic {
            "web" => WebKind::parse(kind).map(EventKind::Web),
            "mail" => MailKind::parse(kind).map(EventKind::Mail),
            "sns" => SnsKind::parse(kind).map(EventKind::Sns),
            "contact" => ContactKind::parse(kind).map(EventKind::Contact),
            "commerce" => CommerceKind::parse(kind).map(EventKind::Commerce),
            _ => None,
        }
    }

    /// As `parse` reads it.
    pub fn name(self) -> String {
        match self {
            EventKind::Web(kind) => format!("web.{}", kind.as_str()),
            EventKind::Mail(kind) => format!("mail.{}", kind.as_str()),
            EventKind::Sns(kind) => format!("sns.{}", kind.as_str()),
            EventKind::Contact(kind) => format!("contact.{}", kind.as_str()),
            EventKind::Commerce(kind) => format!("commerce.{}", kind.as_str()),
        }
    }

    /// Every name that `parse` reads.
    pub fn names() -> Vec<String> {
        let mut names = Vec::new();
        names.extend(WebKind::ALL.iter().map(|kind| EventKind::Web(*kind).name()));
        names.extend(MailKind::ALL.iter().map(|kind| EventKind::Mail(*kind).name()));
        names.extend(SnsKind::ALL.iter().map(|kind| EventKind::Sns(*kind).name()));
        names.extend(ContactKind::ALL.iter().map(|kind| EventKind::Contact(*kind).name()));
        names.extend(CommerceKind::ALL.iter().map(|kind| EventKind::Commerce(*kind).name()));
        names
    }

    /// The channel of a rule that names none.
    pub fn channel(self) -> Channel {
        match self {
            EventKind::Web(_) => Channel::Web,
            EventKind::Mail(_) => Channel::Mail,
            EventKind::Sns(_) => Channel::Sns,
            EventKind::Contact(_) => Channel::Person,
            EventKind::Commerce(_) => Channel::Purchase,
        }
    }
}

/// A set of symbols of one enum, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SymbolSet(u32);

impl SymbolSet {
    /// `number` is a symbol's place in its enum, below 32.
    pub(super) fn with(self, number: usize) -> SymbolSet {
        SymbolSet(self.0 | 1 << number)
    }

    fn has(self, number: usize) -> bool {
        self.0 >> number & 1 != 0
    }
}

/// A field of the event must have one of these values.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    PageClass(SymbolSet),
    FormPurpose(SymbolSet),
    Purpose(SymbolSet),
    Network(SymbolSet),
    Direction(SymbolSet),
    ContentKind(Box<[Box<str>]>),
}

impl Condition {
    /// Whether the event has the field with such a value.
    pub fn holds(&self, body: &Body<'_>) -> bool {
        match (self, body) {
            (Condition::PageClass(set), Body::Web(web)) => set.has(web.page_class as usize),
            (Condition::FormPurpose(set), Body::Web(web)) => set.has(web.form_purpose as usize),
            (Condition::ContentKind(values), Body::Web(web)) => is_one_of(values, web.content_kind.as_deref()),
            (Condition::Purpose(set), Body::Mail(mail)) => set.has(mail.purpose as usize),
            (Condition::ContentKind(values), Body::Mail(mail)) => is_one_of(values, mail.content_kind.as_deref()),
            (Condition::Network(set), Body::Sns(sns)) => set.has(sns.network as usize),
            (Condition::Direction(set), Body::Sns(sns)) => set.has(sns.direction as usize),
            (Condition::Direction(set), Body::Contact(contact)) => set.has(contact.direction as usize),
            _ => false,
        }
    }

    /// The fields that a rule on this kind can ask for.
    pub(super) fn fields(on: EventKind) -> &'static [&'static str] {
        match on {
            EventKind::Web(_) => &["page_class", "form_purpose", "content_kind"],
            EventKind::Mail(_) => &["purpose", "content_kind"],
            EventKind::Sns(_) => &["network", "direction"],
            EventKind::Contact(_) => &["direction"],
            EventKind::Commerce(_) => &[],
        }
    }

    /// The values that a field can have; empty where any text can be.
    pub(super) fn symbols(field: &str) -> Vec<&'static str> {
        match field {
            "page_class" => PageClass::ALL.iter().map(|symbol| symbol.as_str()).collect(),
            "form_purpose" => FormPurpose::ALL.iter().map(|symbol| symbol.as_str()).collect(),
            "purpose" => Purpose::ALL.iter().map(|symbol| symbol.as_str()).collect(),
            "network" => Network::ALL.iter().map(|symbol| symbol.as_str()).collect(),
            "direction" => Direction::ALL.iter().map(|symbol| symbol.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// A condition from a field and values that `symbols` allows; `None` for another field.
    pub(super) fn new(field: &str, values: &[&str]) -> Option<Condition> {
        let symbols = Condition::symbols(field);
        let numbers = values.iter().filter_map(|value| symbols.iter().position(|symbol| symbol == value));
        let set = numbers.fold(SymbolSet::default(), SymbolSet::with);
        match field {
            "page_class" => Some(Condition::PageClass(set)),
            "form_purpose" => Some(Condition::FormPurpose(set)),
            "purpose" => Some(Condition::Purpose(set)),
            "network" => Some(Condition::Network(set)),
            "direction" => Some(Condition::Direction(set)),
            "content_kind" => Some(Condition::ContentKind(values.iter().map(|value| Box::from(*value)).collect())),
            _ => None,
        }
    }
}

fn is_one_of(values: &[Box<str>], found: Option<&str>) -> bool {
    found.is_some_and(|found| values.iter().any(|value| &**value == found))
}

/// The rules in the order of the file, found by kind of event and by key.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Box<[Rule]>,
    /// Where the rules of a kind are in `order`: those of number n from `starts[n]` to `starts[n + 1]`.
    starts: Box<[u16]>,
    order: Box<[u16]>,
    by_key: Box<[(RuleKey, u16)]>,
    /// Where the keys that begin with a byte are in `by_key`, like `starts`: keys are hashes, so few share one.
    key_starts: Box<[u16]>,
}

impl Rules {
    /// Rules in the order of the file, at most `RULES_MAX`, with distinct keys.
    pub(super) fn new(rules: Vec<Rule>) -> Rules {
        let numbers = || 0..rules.len().min(RULES_MAX) as u16;
        let kind = |rule: u16| rules[usize::from(rule)].on.number();
        let mut order: Vec<u16> = numbers().collect();
        order.sort_by_key(|rule| kind(*rule));
        let starts = (0..=EventKind::COUNT).map(|number| order.partition_point(|rule| kind(*rule) < number) as u16);
        let starts = starts.collect();
        let mut by_key: Vec<(RuleKey, u16)> = numbers().map(|rule| (rules[usize::from(rule)].key, rule)).collect();
        by_key.sort_unstable();
        let key_starts = (0..=256).map(|byte| by_key.partition_point(|(key, _)| key.first_byte() < byte) as u16);
        let key_starts = key_starts.collect();
        Rules { starts, order: order.into(), by_key: by_key.into(), key_starts, rules: rules.into() }
    }

    /// The rule that counts an event.
    pub fn of(&self, event: &Event<'_>) -> Option<&Rule> {
        let number = EventKind::of(&event.body)?.number();
        let order = &self.order[usize::from(self.starts[number])..usize::from(self.starts[number + 1])];
        let rules = order.iter().map(|rule| &self.rules[usize::from(*rule)]);
        rules.into_iter().find(|rule| rule.conditions.iter().all(|condition| condition.holds(&event.body)))
    }

    /// The rule under which stored points were counted; `None` when the model has it no more.
    pub fn by_key(&self, key: RuleKey) -> Option<&Rule> {
        let byte = key.first_byte();
        let alike = &self.by_key[usize::from(self.key_starts[byte])..usize::from(self.key_starts[byte + 1])];
        let (_, rule) = alike.iter().find(|(known, _)| *known == key)?;
        Some(&self.rules[usize::from(*rule)])
    }

    /// All rules, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}
