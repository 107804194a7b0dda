//! A part that most leads have at its default: there it takes a pointer, and no memory of its own.

use std::ops::{Deref, DerefMut};

/// A default that is there before the program runs.
pub trait Usual: Clone + PartialEq + 'static {
    const USUAL: &'static Self;
}

/// Reads as the value that it holds, or as the default. Equal values are equal, wherever they stand.
#[derive(Debug, Clone)]
pub struct Rare<T>(Option<Box<T>>);

impl<T: Usual> Rare<T> {
    /// The value, unless it is the default.
    pub fn known(&self) -> Option<&T> {
        self.0.as_deref().filter(|value| *value != T::USUAL)
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Rare(None)
    }
}

impl<T: Usual> From<Option<T>> for Rare<T> {
    fn from(value: Option<T>) -> Self {
        Rare(value.map(Box::new))
    }
}

impl<T: Usual> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        Rare::from(Some(value))
    }
}

impl<T: Usual> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        self.known() == other.known()
    }
}

impl<T: Usual> Deref for Rare<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::USUAL)
    }
}

/// To write takes memory, even the default: look whether there is anything to change before.
impl<T: Usual> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::USUAL.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Usual for i32 {
        const USUAL: &'static i32 = &7;
    }

    #[test]
    fn a_default_is_a_default_wherever_it_stands() {
        let mut rare: Rare<i32> = Rare::default();
        assert_eq!((*rare, rare.known()), (7, None));
        *rare += 1;
        assert_eq!((*rare, rare.known()), (8, Some(&8)));
        *rare -= 1;
        assert_eq!((&rare, rare.known()), (&Rare::default(), None));
    }
}
