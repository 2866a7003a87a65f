//! What stands in a generated step where only the user knows the value.

/// Whether a text is a placeholder of a generated step: `<name>`.
pub fn is_placeholder(text: &str) -> bool {
    text.strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .is_some_and(|inside| inside.starts_with(char::is_alphabetic) && !inside.contains(['<', '>', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_distinguished_from_other_texts() {
        assert!(is_placeholder("<name>"));
        assert!(is_placeholder("<id of one of networks>"));
        for other in ["<", "<>", "a < b > c", "<<name>>", "< 5>", "<html><body></body></html>"] {
            assert!(!is_placeholder(other), "{other}");
        }
    }
}
