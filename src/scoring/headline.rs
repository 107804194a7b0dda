//! One line for a sales person: who, why now, what happened, what to say first.

use crate::scoring::decision::{Content, Reason};
use crate::scoring::episode::Episode;
use crate::scoring::lanes::Lane;
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

/// The same line by language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headline {
    pub en: Box<str>,
    pub ja: Box<str>,
}

impl Headline {
    /// Lines by language tag, as the schema's map holds them.
    pub fn by_tag(&self) -> [(&'static str, &str); 2] {
        [("en", &self.en), ("ja", &self.ja)]
    }
}

pub(crate) fn ready(_: &Moment<'_>, _: &Episode, _: Lane, _: Content, _: Channel) -> Headline {
    Headline::default()
}

pub(crate) fn about(_: &Moment<'_>, _: Lane, _: Reason) -> Headline {
    Headline::default()
}
