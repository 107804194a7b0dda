//! What an event means under a model: the rule that counts it, its marks, and whether the lead acted by itself.

use crate::scoring::event::{Body, ContactKind, Direction, Event, MailKind};
use crate::scoring::model::{Channel, Mark, Model, Rule};

/// An event as the model sees it.
#[derive(Debug, Clone, Copy)]
pub struct Meaning<'m> {
    /// The first rule that matches; none where the event has no effect by itself.
    pub rule: Option<&'m Rule>,
    /// The lead acted: the event has points or marks contact, and is not our own doing.
    pub inbound: bool,
}

impl<'m> Meaning<'m> {
    pub fn of(model: &'m Model, event: &Event<'_>) -> Meaning<'m> {
        let effective = |rule: &&Rule| rule.marks.has(Mark::Touch) || !is_outbound_sns(&event.body);
        let rule = model.rules.of(event).filter(effective);
        let inbound = rule.is_some_and(|rule| {
            let acts = rule.points != 0.0 || rule.marks.has(Mark::Contact);
            acts && !rule.marks.has(Mark::Touch) && !is_our_doing(&event.body)
        });
        Meaning { rule, inbound }
    }

    pub fn has(&self, mark: Mark) -> bool {
        self.rule.is_some_and(|rule| rule.marks.has(mark))
    }

    /// The channel it happened on, where a rule counts it.
    pub fn channel(&self) -> Option<Channel> {
        self.rule.map(|rule| rule.channel)
    }

    /// The channel of a touch.
    pub fn touch(&self) -> Option<Channel> {
        self.channel().filter(|_| self.has(Mark::Touch))
    }

    /// The channel of a hand-raise.
    pub fn hand_raise(&self) -> Option<Channel> {
        self.channel().filter(|_| self.has(Mark::HandRaise))
    }

    /// An inbound event with positive points: a fresh signal.
    pub fn is_signal(&self) -> bool {
        self.inbound && self.rule.is_some_and(|rule| rule.points > 0.0)
    }
}

/// We acted on a social network; of that nothing but touches has an effect.
pub(crate) fn is_outbound_sns(body: &Body<'_>) -> bool {
    matches!(body, Body::Sns(sns) if sns.direction == Direction::Outbound)
}

fn is_our_doing(body: &Body<'_>) -> bool {
    match body {
        Body::Mail(mail) => mail.kind == MailKind::Sent,
        Body::Sns(sns) => sns.direction == Direction::Outbound,
        Body::Contact(contact) => match contact.kind {
            ContactKind::Proposal => true,
            ContactKind::CallAnswered | ContactKind::Meeting | ContactKind::SurveyAnswered => false,
            _ => contact.direction == Direction::Outbound,
        },
        Body::Web(_) | Body::Commerce(_) | Body::Profile(_) | Body::Outcome(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Contact, Mail, Purpose, Sns, SnsKind, Web, WebKind};

    fn check(body: Body<'static>, rule: Option<&str>, inbound: bool, signal: bool) {
        let text = include_str!("../../deploy/models/b2b-saas.toml");
        let model = Model::parse(text, "b2b-saas.toml").expect("sound");
        let (event_id, lead_id) = ("e".into(), "l".into());
        let event = Event { event_id, lead_id, occurred_at_ms: 0, account_id: None, topic: None, machine: false, body };
        let meaning = Meaning::of(&model, &event);
        let found = (meaning.rule.map(|rule| &*rule.id), meaning.inbound, meaning.is_signal());
        assert_eq!(found, (rule, inbound, signal), "{event:?}");
    }

    #[test]
    fn who_acted() {
        let web = |kind| Body::Web(Web { kind, ..Web::default() });
        let mail = |kind, purpose| Body::Mail(Mail { kind, purpose, ..Mail::default() });
        let sns = |kind, direction| Body::Sns(Sns { kind, direction, ..Sns::default() });
        let contact = |kind, direction| Body::Contact(Contact { kind, direction, decision_id: None });
        let (inbound, outbound, unknown) = (Direction::Inbound, Direction::Outbound, Direction::Unknown);

        check(web(WebKind::SiteSearch), Some("web.search"), true, true);
        check(web(WebKind::CartAbandon), Some("web.cart_abandon"), true, false);
        check(web(WebKind::AdImpression), None, false, false);
        check(mail(MailKind::Sent, Purpose::Marketing), Some("mail.sent"), false, false);
        check(mail(MailKind::Sent, Purpose::Transactional), Some("mail.receipt"), false, false);
        check(mail(MailKind::Opened, Purpose::Marketing), None, false, false);
        check(sns(SnsKind::Unfollow, inbound), Some("sns.unfollow"), true, false);
        check(sns(SnsKind::Dm, inbound), Some("sns.message"), true, true);
        check(sns(SnsKind::Dm, outbound), Some("sns.our_message"), false, false);
        check(sns(SnsKind::Share, outbound), None, false, false);
        check(contact(ContactKind::Proposal, inbound), Some("person.proposal"), false, false);
        check(contact(ContactKind::Meeting, outbound), Some("person.meeting"), true, true);
        check(contact(ContactKind::CallAnswered, outbound), Some("person.call_answered"), true, true);
        check(contact(ContactKind::Demo, outbound), Some("person.demo"), false, false);
        check(contact(ContactKind::Demo, unknown), Some("person.demo"), true, true);
        check(contact(ContactKind::Visit, inbound), Some("person.visit"), false, false);
        check(contact(ContactKind::Complaint, inbound), None, false, false);
    }
}
