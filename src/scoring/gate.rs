//! Which way a lane's demand can go: on an open channel now, or when one opens, or not at all.

use std::cell::LazyCell;

use smallvec::SmallVec;

use crate::scoring::decision::{Content, Permission};
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;
use crate::scoring::{channel_choice, consent, limits};

/// What a lane asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) content: Content,
    pub(crate) route: Route,
    pub(crate) pass: Pass,
}

/// By which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// As an answer on this one.
    Reply(Channel),
    /// The one on which the lead answers best.
    Best,
    /// Mail where it is open: nothing is urgent, and people's time on the telephone is scarce.
    MailFirst,
    /// Person where the lead consents to it.
    PersonFirst,
    Only(Channel),
    AllBut(Channel),
}

/// What the demand passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Nothing,
    StopAndPressure,
    /// Stop, pressure, caps and gaps.
    All,
}

/// Where a demand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Open(Permission),
    /// Nothing but time is missing.
    OpensAt(i64),
    Closed,
}

impl Demand {
    pub(crate) fn gate(&self, moment: &Moment<'_>) -> Gate {
        if let Route::Reply(channel) = self.route {
            return consent::reply(moment, channel).map_or(Gate::Closed, Gate::Open);
        }
        let opens: SmallVec<[(Permission, i64); 3]> = self.candidates(moment).collect();
        let Some(first_ms) = opens.iter().map(|(_, at_ms)| *at_ms).min() else { return Gate::Closed };
        let opens_ms = first_ms.max(self.held_until(moment).unwrap_or(i64::MIN));
        if opens_ms > moment.now_ms {
            return Gate::OpensAt(opens_ms);
        }
        let open = |channel| opens.iter().find(|(to, at_ms)| to.channel == channel && *at_ms <= moment.now_ms);
        let chosen = self.choose(moment, |channel| open(channel).is_some());
        chosen.and_then(open).map_or(Gate::Closed, |(permission, _)| Gate::Open(*permission))
    }

    /// The channels with consent, and when caps and gaps open each.
    fn candidates<'a>(&'a self, moment: &'a Moment<'_>) -> impl Iterator<Item = (Permission, i64)> + 'a {
        let fits = |channel: &Channel| match self.route {
            Route::Only(only) | Route::Reply(only) => *channel == only,
            Route::AllBut(but) => *channel != but,
            Route::Best | Route::MailFirst | Route::PersonFirst => true,
        };
        let all_open_ms = LazyCell::new(move || limits::all_open_at(moment));
        Channel::OUTREACH.into_iter().filter(fits).filter_map(move |channel| {
            let permission = consent::marketing(moment, channel)?;
            if self.pass == Pass::All {
                return Some((permission, moment.now_ms));
            }
            let opens_ms = limits::opens_at(moment, channel)?;
            Some((permission, opens_ms.max((*all_open_ms)?)))
        })
    }

    /// Until when a stop or pressure holds the demand back.
    fn held_until(&self, moment: &Moment<'_>) -> Option<i64> {
        match self.pass {
            Pass::Nothing => limits::stopped_until(moment).max(limits::pressed_until(moment)),
            Pass::StopAndPressure | Pass::All => None,
        }
    }

    fn choose(&self, moment: &Moment<'_>, open: impl Fn(Channel) -> bool) -> Option<Channel> {
        match self.route {
            Route::MailFirst if open(Channel::Mail) => Some(Channel::Mail),
            Route::PersonFirst if open(Channel::Person) => Some(Channel::Person),
            _ => channel_choice::best(moment, open),
        }
    }
}
