//! Findings about a text that may hold secrets.

use crate::diagnostic::Diagnostic;

/// Findings whose messages quote nothing from the text.
const WITHOUT_QUOTES: [&str; 4] =
    ["yaml-reserved-character", "yaml-several-documents", "yaml-too-large", "yaml-too-many-values"];

/// The message and help for a text that may contain a secret, without any of its words.
pub(super) fn withheld(finding: &Diagnostic) -> (String, Vec<String>) {
    if WITHOUT_QUOTES.contains(&finding.code) {
        return (finding.message.clone(), finding.help.clone());
    }
    let help = format!("put quotes around the value; `plan explain {}` says what this is about", finding.code);
    ("cannot be read as YAML here, and what it says is not shown: it may be a secret".to_owned(), vec![help])
}
