//! The model: every number that scoring and decisions rest on, read from one TOML file.
//!
//! Invariant: a `Model` in hand is sound. Ranges, names and what must fit together were checked when it was read,
//! and a wrong file gives all of its mistakes at once. Lacks: any knowledge of leads, and any number as a constant.

mod channel;
mod decay;
mod error;
mod parse;
mod parse_rules;
mod parse_sections;
mod reader;
mod rule;
mod sections;

use crate::scoring::lanes::Lanes;

pub(crate) use channel::parse_minute;
pub use channel::{ByChannel, Channel, ChannelRules, ConsentDefault, Hours, Outreach};
pub use decay::DayDecay;
pub use error::ModelError;
pub(crate) use reader::{DeValue, Section};
pub use reader::{length, number};
pub use rule::{Condition, EventKind, Limit, Mark, Marks, RULES_MAX, Rule, RuleKey, Rules};
pub use sections::{Alive, Cap, ContactRules, Fit, FitRule, FitTest, GradeRules, Readiness, Stages, Targets, Topic};

/// At most so many topics a model.
pub const TOPICS_MAX: usize = 16;

/// Identity of a topic in stored state: a hash of its id and half-life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicKey(pub u32);

/// Everything that the file says.
#[derive(Debug, Clone)]
pub struct Model {
    pub name: Box<str>,
    pub version: Box<str>,
    /// Hash of all that the file says, comments and layout apart.
    pub hash: u64,
    /// Local days begin at midnight plus this, ms.
    pub utc_offset_ms: i64,
    /// Of contact hours, where a lead's own is unknown.
    pub time_zone: jiff::tz::TimeZone,
    /// Days on which nobody is called, as days since the epoch; rising.
    pub holidays: Vec<i32>,
    pub readiness: Readiness,
    pub channels: ByChannel<ChannelRules>,
    pub rules: Rules,
    pub stages: Stages,
    pub fit: Fit,
    pub grade: GradeRules,
    pub contact: ContactRules,
    pub lanes: Lanes,
    pub topics: Vec<Topic>,
    pub targets: Targets,
}

impl Model {
    /// Reads a model file; `file` is its name, for messages.
    ///
    /// # Errors
    /// Every mistake in the file, in the order of its lines.
    pub fn parse(text: &str, file: &str) -> Result<Model, Vec<ModelError>> {
        parse::model(text, file)
    }

    /// The hash as it is written everywhere: 16 digits of lower-case hex.
    pub fn hash_hex(&self) -> String {
        format!("{:016x}", self.hash)
    }

    /// The local day of a moment, as days since the epoch.
    pub fn local_day(&self, at_ms: i64) -> i32 {
        crate::scoring::calendar::local_day(at_ms, self.utc_offset_ms)
    }

    /// The declared topic of that name.
    pub fn topic(&self, id: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| &*topic.id == id)
    }
}

/// One value for each channel on which we can contact a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByOutreach<T> {
    pub mail: T,
    pub sns: T,
    pub person: T,
}

impl<T> ByOutreach<T> {
    /// `None` for web and purchase, where we contact nobody.
    pub fn get(&self, channel: Channel) -> Option<&T> {
        match channel {
            Channel::Mail => Some(&self.mail),
            Channel::Sns => Some(&self.sns),
            Channel::Person => Some(&self.person),
            Channel::Web | Channel::Purchase => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Body, Event, Sns, Web, WebKind};
    use crate::scoring::stage::Stage;

    const DEFAULT: &str = include_str!("../../../deploy/models/b2b-saas.toml");

    fn default_model() -> Model {
        Model::parse(DEFAULT, "b2b-saas.toml").expect("the default model is sound")
    }

    #[test]
    fn reads_the_default_model() {
        let model = default_model();
        assert_eq!((&*model.name, &*model.version), ("b2b-saas", "1"));
        assert_eq!(model.utc_offset_ms, 9 * 3_600_000);
        assert_eq!(model.channels[Channel::Person].pressure, 3.0);
        assert_eq!(model.rules.iter().count(), 56);
        assert_eq!(model.stages.on(Stage::Fan), 30.0);
        assert_eq!(model.contact.caps.person, [Cap { days: 7, touches_max: 1 }, Cap { days: 30, touches_max: 3 }]);
        assert_eq!(model.lanes.rejected_cooldown_ms, 30 * 86_400_000);
        assert_eq!(model.topics.len(), 2);
    }

    fn event(body: Body<'static>) -> Event<'static> {
        let (event_id, lead_id) = ("e".into(), "l".into());
        Event { event_id, lead_id, occurred_at_ms: 0, account_id: None, topic: None, machine: false, body }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        use crate::scoring::event::{Direction, PageClass, SnsKind};
        let model = default_model();
        let check = |body: Body<'static>, expected: Option<&str>| {
            let event = event(body);
            let rule = model.rules.of(&event);
            assert_eq!(rule.map(|rule| &*rule.id), expected, "{event:?}");
            if let Some(rule) = rule {
                assert_eq!(model.rules.by_key(rule.key), Some(rule));
            }
        };
        let page = |page_class| Body::Web(Web { kind: WebKind::PageView, page_class, ..Web::default() });
        let dm = |direction| Body::Sns(Sns { kind: SnsKind::Dm, direction, ..Sns::default() });
        check(page(PageClass::Pricing), Some("web.key_page"));
        check(page(PageClass::Home), Some("web.page"));
        check(page(PageClass::Careers), None);
        check(dm(Direction::Outbound), Some("sns.our_message"));
        check(dm(Direction::Inbound), Some("sns.message"));
        check(Body::Web(Web { kind: WebKind::SessionEnd, ..Web::default() }), None);
    }

    #[test]
    fn comments_do_not_change_the_hash_and_numbers_do() {
        let hash = |text: &str| Model::parse(text, "m").expect("sound").hash;
        assert_eq!(
            hash(DEFAULT),
            hash(&DEFAULT.replace("cap = 35", "cap  =  35 # a comment\n").replace("# a comment\n", ""))
        );
        assert_ne!(hash(DEFAULT), hash(&DEFAULT.replace("cap = 35", "cap = 34")));
    }

    /// One line of the default model replaced: what is said of it.
    fn check_error(from: &str, to: &str, expected: &str) {
        assert!(DEFAULT.contains(from), "{from}");
        let errors = Model::parse(&DEFAULT.replacen(from, to, 1), "m.toml").expect_err(to);
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|said| said.contains(expected)), "{to}: {said:#?} lacks {expected}");
    }

    #[test]
    fn names_every_kind_of_mistake() {
        check_error("fatigue_scale = 20", "fatigue_skale = 20", "did you mean \"fatigue_scale\"");
        check_error("fatigue_scale = 20", "", "readiness.fatigue_scale: missing");
        check_error("cap = 35", "cap = -1", "m.toml:20: channels.web.cap: found -1; allowed: a number from");
        check_error("cap = 35", "cap = 99", "caps that are together at most 100");
        check_error("cap = 35", "cap = nan", "found nan");
        check_error("\"14d\"", "\"14 days\"", "a time such as");
        check_error("web.page_view", "web.page_vew", "did you mean \"web.page_view\"");
        check_error("\"comparison\"", "\"comparisn\"", "did you mean \"comparison\"");
        check_error("limit = \"daily\"", "limit = \"dayly\"", "did you mean \"daily\"");
        check_error("marks = [\"contact\"]", "marks = [\"contct\"]", "did you mean \"contact\"");
        check_error("id = \"web.page\"", "id = \"web.key_page\"", "an id unlike that of rule web.key_page");
        check_error("marks = [\"touch\"]", "marks = [\"touch\", \"answer\"]", "touch with no other mark");
        check_error("where = { page_class", "where = { form_class", "an unknown key");
        check_error("[targets]", "[goals]", "targets: missing");
        check_error("[targets]", "[goals]", "goals: found an unknown key");
        check_error("\"Asia/Tokyo\"", "\"Asia/Tokio\"", "an IANA time zone");
        check_error("\"+09:00\"", "\"9\"", "an offset such as");
        check_error("A = 75", "A = 40", "less than A");
        check_error("7d = 2", "60d = 2", "whole days as key");
        check_error("days = [0, 3", "days = [3, 0", "rising whole numbers");
        check_error("at_least = 300, ", "", "exactly one of equals");
        check_error("holidays = []", "holidays = [\"2027-02-30\"]", "a list of dates");
        check_error("name = \"b2b-saas\"", "name = \"b2b", "file: found no TOML");
        check_error("fan_purchases = 6", "fan_purchases = 2", "more than repeat_purchases");
        check_error("[readiness]", "[readiness]\ncheck = {", "file: found no TOML");
    }

    #[test]
    fn tells_all_mistakes_at_once() {
        let text = DEFAULT.replace("cap = 35", "cap = 0").replace("due = \"5m\"", "due = 5").replace("A = 75, ", "");
        let errors = Model::parse(&text, "m.toml").expect_err("three mistakes");
        let keys: Vec<&str> = errors.iter().map(|error| &*error.key).collect();
        assert!(
            ["channels.web.cap", "fit.letters.A", "lanes.instant.due"].iter().all(|key| keys.contains(key)),
            "{keys:?}"
        );
    }
}
