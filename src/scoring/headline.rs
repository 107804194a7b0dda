//! One line for a sales person: who, why now, what happened, what to say first.

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
