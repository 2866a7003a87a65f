//! Workflow commands for the runner of a GitHub Actions job, with the runner's escaping.

/// One command, such as `::error line=2::words`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(String);

impl Command {
    /// `::name::`, for constant names.
    pub fn new(name: &'static str, properties: &[(&'static str, String)], text: &str) -> Self {
        let properties: Vec<String> =
            properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
        let space = if properties.is_empty() { "" } else { " " };
        Self(format!("::{name}{space}{}::{}", properties.join(","), data(text)))
    }

    /// Resumes command processing after `stop-commands` with this token.
    pub fn resume(token: &str) -> Self {
        Self(format!("::{}::", property(token)))
    }

    /// The line, without its end.
    pub fn line(&self) -> &str {
        &self.0
    }
}

/// The text after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value between `=` and `,`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_would_end_a_value_are_escaped() {
        let command = Command::new("error", &[("file", "a:b,c%0A".to_owned())], "100%\r\n::error::x, y");
        assert_eq!(command.line(), "::error file=a%3Ab%2Cc%250A::100%25%0D%0A::error::x, y");
        assert_eq!(Command::resume("a\n::b").line(), "::a%0A%3A%3Ab::");
    }
}
