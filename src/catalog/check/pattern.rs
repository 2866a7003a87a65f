//! Patterns of texts (regular expressions): whether a text matches one, and whether a text may that is known in part.

mod automaton;
mod whole;

use std::cell::{OnceCell, RefCell};

use regex_lite::Regex;

use self::automaton::Automaton;
use self::whole::WholeTexts;
use crate::hash::HashMap;

/// A pattern, compiled once per thread.
struct Compiled {
    /// `None` for patterns with something that the automaton does not know.
    automaton: Option<WholeTexts>,
    /// Matches what the automaton does not; `None` when it cannot be compiled.
    regex: OnceCell<Option<Regex>>,
}

/// Whether a text matches a pattern.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    with_compiled(pattern, |compiled| {
        let quick = compiled.automaton.as_mut().and_then(|automaton| automaton.matches(text));
        // Patterns that cannot be compiled were left out when the catalogue was generated.
        let by_regex = || compiled.regex.get_or_init(|| Regex::new(pattern).ok()).as_ref();
        quick.unwrap_or_else(|| by_regex().is_none_or(|regex| regex.is_match(text)))
    })
}

/// Whether a text with these parts may match a pattern.
pub(super) fn may_match(pattern: &str, pieces: &[Option<String>]) -> bool {
    with_compiled(pattern, |compiled| {
        compiled.automaton.as_ref().is_none_or(|automaton| automaton.automaton().may_match(pieces))
    })
}

fn with_compiled(pattern: &str, decide: impl FnOnce(&mut Compiled) -> bool) -> bool {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Compiled>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|all| match all.get_mut(pattern) {
        Some(compiled) => decide(compiled),
        None => {
            let automaton = Automaton::new(pattern).map(WholeTexts::new);
            let mut compiled = Compiled { automaton, regex: OnceCell::new() };
            let decided = decide(&mut compiled);
            all.insert(pattern.to_owned(), compiled);
            decided
        }
    })
}
