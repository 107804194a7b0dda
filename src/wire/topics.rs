//! The names that input topics have where the configuration gives none.

use crate::scoring::event::InputKind;

/// The topic that carries events of this kind by default.
pub fn default_topic(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Web => "engagement.web",
        InputKind::Mail => "engagement.mail",
        InputKind::Sns => "engagement.sns",
        InputKind::Contact => "engagement.contact",
        InputKind::Commerce => "engagement.commerce",
        InputKind::Profile => "lead.profile",
        InputKind::Outcome => "outreach.outcome",
    }
}

/// The kind of events that a topic of this name carries by default.
pub fn kind_of_default_topic(topic: &str) -> Option<InputKind> {
    InputKind::ALL.into_iter().find(|kind| default_topic(*kind) == topic)
}
