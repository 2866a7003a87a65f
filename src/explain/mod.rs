//! The meaning of finding codes, with a wrong and a right example of each.
//!
//! The source is a Markdown file, `codes.md`. Tests check that every code has a section, that every wrong example is
//! found with its code, and that right ones have no findings.

use std::sync::LazyLock;

use crate::packed;

/// The sections, in alphabetical order.
static CODES: LazyLock<String> = LazyLock::new(|| packed!("src/explain/codes.md").text());

/// The explanation of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    pub code: &'static str,
    pub meaning: &'static str,
    /// Part of a plan: steps, or top-level keys.
    pub wrong: &'static str,
    pub right: &'static str,
}

/// All explanations, in alphabetical order.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    CODES.split("\n## ").skip(1).map(read)
}

/// The explanation of a code; `None` when there is no such code.
pub fn explain(code: &str) -> Option<Explanation> {
    explanations().find(|explanation| explanation.code == code)
}

impl Explanation {
    /// The first sentence of the explanation.
    pub fn summary(&self) -> String {
        let text = self.meaning.replace('\n', " ");
        let end = text.find(". ").or_else(|| text.find(": ")).unwrap_or(text.len());
        text[..end].trim_end_matches('.').to_owned()
    }
}

fn read(section: &'static str) -> Explanation {
    let (code, rest) = section.split_once('\n').unwrap_or((section, ""));
    let (meaning, _) = rest.split_once("\n```").unwrap_or((rest, ""));
    Explanation {
        code: code.trim(),
        meaning: meaning.trim(),
        wrong: fenced(rest, "```yaml wrong\n"),
        right: fenced(rest, "```yaml right\n"),
    }
}

fn fenced(text: &'static str, open: &str) -> &'static str {
    let inside = text.split_once(open).map(|(_, inside)| inside);
    inside.and_then(|inside| inside.split_once("\n```")).map_or("", |(example, _)| example)
}

#[cfg(test)]
mod tests;
