//! Of long texts the beginning is kept: so a lead full of them stays small, and what is kept does not depend on the
//! order of events, as it would if a sum of them were limited.

/// Of an account, an owner, a role, and what sales learned (budget, authority, need), bytes.
pub const TEXT_KEPT_BYTES_MAX: usize = 256;

/// So many bytes of a text, without a part of a character.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// The text as it is kept.
pub(super) fn kept(text: &str) -> Box<str> {
    beginning(text, TEXT_KEPT_BYTES_MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_torn() {
        let check = |text: &str, bytes_max: usize, expected: &str| assert_eq!(beginning(text, bytes_max), expected);
        check("", 4, "");
        check("abcd", 4, "abcd");
        check("abcde", 4, "abcd");
        check("追客", 5, "追");
        check("追客", 2, "");
    }
}
