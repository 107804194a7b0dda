//! What an event must be to be applied, beyond being decoded.

use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::episode::Identity;
use crate::scoring::event::{
    Body, CommerceKind, ContactKind, Direction, Event, MailKind, OutcomeKind, ProfileKind, SnsKind, WebKind,
};

/// Clocks may be ahead of ours by so much, ms.
const AHEAD_MAX_MS: i64 = 5 * 60_000;

/// Why an event goes to the dead letters, if it must.
pub(crate) fn event(event: &Event<'_>, appended_at_ms: i64) -> Option<DeadLetter> {
    if event.occurred_at_ms.saturating_sub(appended_at_ms) > AHEAD_MAX_MS {
        return dead(DeadCause::FromTheFuture, "occurred more than five minutes after it was appended");
    }
    match &event.body {
        body if is_unknown(body) => dead(DeadCause::UnknownKind, "this reader does not know the kind"),
        Body::Sns(sns) if sns.direction == Direction::Unknown => {
            dead(DeadCause::DirectionMissing, "an sns event must say whether it is inbound or outbound")
        }
        Body::Profile(profile) if profile.kind == ProfileKind::IdentityLinked => {
            let is_missing = profile.linked_lead_id.as_ref().is_none_or(|id| id.is_empty());
            let detail = "an identity link must name the lead that lead_id turns out to be";
            if is_missing { dead(DeadCause::LinkedLeadIdMissing, detail) } else { None }
        }
        _ => None,
    }
}

/// Why a lead cannot become another, if it cannot: the other is itself, or became it before.
pub(crate) fn link(identity: &Identity, lead_id: &str, to: &str) -> Option<DeadLetter> {
    let closes_circle = to == lead_id || identity.aliases.iter().any(|alias| **alias == *to);
    if closes_circle { dead(DeadCause::LinkCycle, "the link would close a circle") } else { None }
}

fn dead(cause: DeadCause, detail: &'static str) -> Option<DeadLetter> {
    Some(DeadLetter::new(cause, detail))
}

fn is_unknown(body: &Body<'_>) -> bool {
    match body {
        Body::Web(web) => web.kind == WebKind::Unknown,
        Body::Mail(mail) => mail.kind == MailKind::Unknown,
        Body::Sns(sns) => sns.kind == SnsKind::Unknown,
        Body::Contact(contact) => contact.kind == ContactKind::Unknown,
        Body::Commerce(commerce) => commerce.kind == CommerceKind::Unknown,
        Body::Profile(profile) => profile.kind == ProfileKind::Unknown,
        Body::Outcome(outcome) => outcome.kind == OutcomeKind::Unknown,
    }
}
