//! Findings about a plan, as data: code, place, message, and suggested fix.
//!
//! A [`Diagnostic`] cannot be built without a place. `report::diagnostics` shows them.

pub mod code;

use std::ops::Deref;

use serde::Serialize;

use crate::hash::HashMap;
use crate::order::sort_by_key;
use crate::source::Span;

/// The severity of a finding. Errors stop a run; `check --strict` also fails on warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// A suggested fix: replace the text at `span` by `text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    pub span: Span,
    pub text: String,
}

/// The most bytes of a suggested fix.
const LONGEST_SUGGESTION: usize = 4096;
/// The most characters of the file that a message quotes at a time.
const LONGEST_QUOTE: usize = 200;
/// The most characters of a message.
const LONGEST_MESSAGE: usize = 4000;

/// A message without the greater part of what it quotes: a word of a file may have a million characters.
pub fn shortened(words: impl Into<String>) -> String {
    let words = words.into();
    if words.len() <= LONGEST_QUOTE {
        return words;
    }
    let mut short = String::new();
    for (nth, part) in words.split('`').enumerate() {
        short.push_str(if nth == 0 { "" } else { "`" });
        let most = if nth % 2 == 0 { LONGEST_MESSAGE } else { LONGEST_QUOTE };
        match part.char_indices().nth(most) {
            Some((end, _)) => short.push_str(&format!("{}… ({} characters)", &part[..end], part.chars().count())),
            None => short.push_str(part),
        }
    }
    match short.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &short[..end]),
        None => short,
    }
}

/// One finding about a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable name in kebab-case, such as `duplicate-step-id`; `plan explain CODE` describes it.
    pub code: &'static str,
    pub severity: Severity,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    pub primary: Span,
    /// The label at the primary place; may be empty.
    pub label: String,
    /// Related places, with labels.
    pub related: Vec<(Span, String)>,
    /// What would be right, one line each.
    pub help: Vec<String>,
    pub suggestion: Option<Suggestion>,
}

impl Diagnostic {
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    pub fn note(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, span, message)
    }

    fn new(severity: Severity, code: &'static str, primary: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: shortened(message),
            primary,
            label: String::new(),
            related: Vec::new(),
            help: Vec::new(),
            suggestion: None,
        }
    }

    /// This finding, with its places `by` bytes further on.
    #[must_use]
    pub fn moved(mut self, by: usize) -> Self {
        self.primary = self.primary.moved(by);
        self.related.iter_mut().for_each(|(span, _)| *span = span.moved(by));
        self.suggestion.iter_mut().for_each(|suggestion| suggestion.span = suggestion.span.moved(by));
        self
    }

    #[must_use]
    pub fn label(mut self, words: impl Into<String>) -> Self {
        self.label = shortened(words);
        self
    }

    #[must_use]
    pub fn related(mut self, span: Span, words: impl Into<String>) -> Self {
        self.related.push((span, shortened(words)));
        self
    }

    #[must_use]
    pub fn help(mut self, words: impl Into<String>) -> Self {
        self.help.push(shortened(words));
        self
    }

    #[must_use]
    pub fn suggest(mut self, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        self.suggestion = (text.len() <= LONGEST_SUGGESTION).then_some(Suggestion { span, text });
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The findings about a file so far: of each kind a limited number, and a count of the rest.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    kept: Vec<Diagnostic>,
    seen: HashMap<&'static str, usize>,
    errors: usize,
}

impl Findings {
    /// The most findings kept of one kind.
    const MOST: usize = 1000;

    /// Adds a finding; of one kind no more than `MOST` are kept, and the rest is counted.
    pub fn push(&mut self, finding: Diagnostic) {
        if self.counts(finding.code) {
            self.keep(finding);
        } else {
            self.errors += usize::from(finding.is_error());
        }
    }

    /// Adds a finding that was counted.
    pub fn keep(&mut self, finding: Diagnostic) {
        self.errors += usize::from(finding.is_error());
        self.kept.push(finding);
    }

    /// Counts one more finding of a kind; returns whether it should be kept.
    pub fn counts(&mut self, code: &'static str) -> bool {
        let seen = self.seen.entry(code).or_default();
        *seen += 1;
        *seen <= Self::MOST
    }

    /// How many errors there were, kept or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Removes the findings for which `stays` returns `false`; their number stays counted.
    pub fn retain(&mut self, stays: impl FnMut(&Diagnostic) -> bool) {
        self.kept.retain(stays);
    }

    /// Findings of another file, with the number of those that were not kept.
    pub fn add(&mut self, findings: Vec<Diagnostic>, more: HashMap<&'static str, usize>) {
        self.extend(findings);
        more.into_iter().for_each(|(code, more)| *self.seen.entry(code).or_default() += more);
    }

    /// The findings that were kept, and for each kind the number of those that were not.
    pub fn finish(self) -> (Vec<Diagnostic>, HashMap<&'static str, usize>) {
        let more = self.seen.into_iter().filter(|(_, seen)| *seen > Self::MOST);
        (self.kept, more.map(|(code, seen)| (code, seen - Self::MOST)).collect())
    }
}

impl Deref for Findings {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.kept
    }
}

impl Extend<Diagnostic> for Findings {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

/// Sorts findings by their place; those at one place keep their order.
pub fn sort_by_place(findings: &mut [Diagnostic]) {
    sort_by_key(findings, |finding| finding.primary.start());
}

/// The most bytes of a word for which suggestions are made.
const LONGEST_WORD: usize = 200;

/// The candidate nearest to a mistyped `word`, if any is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_WORD)
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + word.chars().count().max(candidate.chars().count()) / 4)
        // Of two equally near ones, the one that contains the word: `ngress` is `ingress`, not `egress`.
        .min_by_key(|(distance, candidate)| (*distance, !candidate.contains(word)))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::{nearest, shortened};

    #[test]
    fn a_message_quotes_little_of_a_long_text() {
        let long = "é".repeat(1_000_000);
        let same = format!("no `{}` here, and {}", "a".repeat(200), "words ".repeat(60));
        for (words, told) in [
            (format!("no `{long}` here: `b`"), format!("no `{}… (1000000 characters)` here: `b`", "é".repeat(200))),
            (same.clone(), same),
        ] {
            assert_eq!(shortened(words), told);
        }
        let ticks = shortened(format!("no `{}` here", "a`b`".repeat(100_000)));
        assert_eq!(ticks.chars().count(), 4001);
    }

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("nmae", ["name", "steps"]), Some("name"));
        assert_eq!(nearest("Flavour", ["flavor", "volumes"]), Some("flavor"));
        assert_eq!(nearest("ngress", ["egress", "ingress"]), Some("ingress"));
        assert_eq!(nearest("xyz", ["name", "steps"]), None);
    }
}
