//! What is known about a lead by name: registers in the order of their names.

use super::register::{self, Register};
use super::texts::beginning;

/// Names kept a lead. Beyond it the names that are least in order stay, those of the schema first: so what is kept
/// does not depend on the order of events.
pub const ATTRIBUTES_MAX: usize = 32;

/// What is kept of a name and of a value, bytes: of longer ones the beginning.
pub const NAME_BYTES_MAX: usize = 48;
pub const VALUE_BYTES_MAX: usize = 128;

/// Names that the profile schema knows.
const KNOWN: [&str; 10] = [
    "birth_day",
    "birth_month",
    "company",
    "employees",
    "industry",
    "locale",
    "name",
    "prefecture",
    "role",
    "time_zone",
];

/// A name and its value; none where it was removed.
pub type Attribute = (Box<str>, Register<Option<Box<str>>>);

/// Attributes, also the names of removed ones: a removal must win over an older value that comes later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    entries: Vec<Attribute>,
}

impl Attributes {
    /// Writes or, without a value, removes an attribute. Of two writes at one time a value wins over a removal.
    pub fn write(&mut self, name: &str, at_ms: i64, value: Option<&str>) {
        let value = value.map(|value| Box::from(beginning(value, VALUE_BYTES_MAX)));
        self.put(beginning(name, NAME_BYTES_MAX), Register { at_ms, value });
    }

    pub fn merge(&mut self, other: &Attributes) {
        other.entries.iter().for_each(|(name, register)| self.put(name, register.clone()));
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        // Few names, read at every evaluation: looking at each is faster than ranking some.
        self.entries.iter().find(|(known, _)| **known == *name)?.1.value.as_deref()
    }

    /// Names and values, without the removed.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|(name, register)| Some((&**name, register.value.as_deref()?)))
    }

    /// All names and registers, the removed too, in their order; for storing.
    pub fn registers(&self) -> &[Attribute] {
        &self.entries
    }

    /// The attributes of those registers; `None` where there are too many or they are out of order.
    pub fn from_registers(entries: Vec<Attribute>) -> Option<Attributes> {
        let rising = entries.windows(2).all(|pair| rank(&pair[0].0) < rank(&pair[1].0));
        (rising && entries.len() <= ATTRIBUTES_MAX).then_some(Attributes { entries })
    }

    fn put(&mut self, name: &str, written: Register<Option<Box<str>>>) {
        match self.entries.binary_search_by(|(known, _)| rank(known).cmp(&rank(name))) {
            Ok(place) => {
                let known = &mut self.entries[place].1;
                register::replace(known, written);
            }
            Err(place) if place < ATTRIBUTES_MAX => {
                self.entries.insert(place, (name.into(), written));
                self.entries.truncate(ATTRIBUTES_MAX);
            }
            Err(_) => {}
        }
    }
}

/// Names of the schema come first.
fn rank(name: &str) -> (bool, &str) {
    (!KNOWN.contains(&name), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_same_names_in_any_order() {
        let names: Vec<String> = (0..40).map(|number| format!("a{number:02}")).chain(["role".to_owned()]).collect();
        let write = |names: &mut dyn Iterator<Item = &String>| {
            let mut attributes = Attributes::default();
            names.for_each(|name| attributes.write(name, 1, Some(name)));
            attributes
        };
        let forward = write(&mut names.iter());
        assert_eq!(forward, write(&mut names.iter().rev()));
        assert_eq!(forward.iter().count(), ATTRIBUTES_MAX);
        assert_eq!((forward.get("role"), forward.get("a30"), forward.get("a31")), (Some("role"), Some("a30"), None));
        let mut merged = write(&mut names[..20].iter());
        merged.merge(&write(&mut names[20..].iter()));
        assert_eq!(merged, forward);
        assert_eq!(Attributes::from_registers(forward.registers().to_vec()), Some(forward));
    }

    #[test]
    fn of_long_texts_the_beginning_is_kept() {
        let check = |name: &str, value: &str, expected: (&str, &str)| {
            let mut attributes = Attributes::default();
            attributes.write(name, 1, Some(value));
            assert_eq!(attributes.iter().next(), Some(expected));
        };
        let (name, value) = ("n".repeat(NAME_BYTES_MAX), "v".repeat(VALUE_BYTES_MAX));
        check(&name, &value, (&name, &value));
        check(&format!("{name}n"), &format!("{value}v"), (&name, &value));
        // Three bytes each, and 128 is no multiple of it.
        check("name", &"追".repeat(100), ("name", &"追".repeat(42)));
    }

    #[test]
    fn a_removal_holds_against_older_values() {
        let mut attributes = Attributes::default();
        attributes.write("role", 5, None);
        attributes.write("role", 4, Some("manager"));
        assert_eq!((attributes.get("role"), attributes.iter().count()), (None, 0));
        attributes.write("role", 5, Some("director"));
        assert_eq!(attributes.get("role"), Some("director"));
    }
}
