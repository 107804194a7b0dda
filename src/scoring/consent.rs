//! May we contact this lead on a channel? Permission fails closed: what is not known to be allowed is not.

use crate::scoring::decision::{Basis, Permission};
use crate::scoring::facts::Consent;
use crate::scoring::model::{Channel, ConsentDefault};
use crate::scoring::moment::Moment;

/// Permission for marketing: what the lead said, else the model's default for the channel.
pub(crate) fn marketing(moment: &Moment<'_>, channel: Channel) -> Option<Permission> {
    let default = moment.model.channels[channel].outreach.as_ref()?.consent;
    let is_barred = match channel {
        Channel::Person => moment.facts.is_refused(),
        Channel::Mail => moment.facts.is_undeliverable(),
        Channel::Web | Channel::Sns | Channel::Purchase => false,
    };
    let is_allowed = match moment.consent(channel) {
        Some(Consent::Revoked) => false,
        Some(Consent::Granted { until_ms }) if until_ms.is_none_or(|until_ms| moment.now_ms < until_ms) => true,
        Some(Consent::Granted { .. }) | None => default == ConsentDefault::OptOut,
    };
    let basis = match default {
        ConsentDefault::OptIn => Basis::OptIn,
        ConsentDefault::OptOut => Basis::OptOut,
    };
    (is_allowed && !is_barred).then_some(Permission { basis, channel })
}

/// Permission to answer a hand-raise on its channel, whatever was said about marketing; a refused call stays refused.
pub(crate) fn reply(moment: &Moment<'_>, channel: Channel) -> Option<Permission> {
    let right_ms = moment.model.contact.reply_right_ms;
    let asked_on = |channel| moment.last_hand_raise(channel).is_some_and(|at_ms| moment.now_ms - at_ms <= right_ms);
    let is_allowed = match channel {
        Channel::Person => !moment.facts.is_refused() && (asked_on(Channel::Person) || asked_on(Channel::Web)),
        Channel::Mail => {
            asked_on(Channel::Mail)
                || asked_on(Channel::Web)
                || (moment.facts.is_refused() && (asked_on(Channel::Person)))
        }
        Channel::Sns => asked_on(Channel::Sns),
        Channel::Web | Channel::Purchase => false,
    };
    is_allowed.then_some(Permission { basis: Basis::Reply, channel })
}

/// Whether what a READY rested on still holds.
pub(crate) fn still_holds(moment: &Moment<'_>, basis: Basis, channel: Channel) -> bool {
    match basis {
        Basis::Reply => reply(moment, channel).is_some(),
        Basis::OptIn | Basis::OptOut => marketing(moment, channel).is_some(),
    }
}

/// When the grant ends that a READY rests on; none where it rests on none, or on one without an end.
pub(crate) fn grant_end(moment: &Moment<'_>, basis: Basis, channel: Channel) -> Option<i64> {
    match (basis, moment.consent(channel)) {
        (Basis::OptIn, Some(Consent::Granted { until_ms })) => until_ms,
        _ => None,
    }
}
