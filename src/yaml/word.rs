//! The words of a file, each held once: a large plan consists of few different ones.

use crate::hash::HashSet;
use crate::word::Word;

/// The words of a file so far.
#[derive(Debug, Default)]
pub(super) struct WordTable(HashSet<Word>);

impl WordTable {
    /// The most words that are remembered: in a file with more, most are names that occur once.
    const MOST: usize = 1024;

    /// The text as a word that shares memory with equal ones.
    pub(super) fn get(&mut self, text: &str) -> Word {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let word = Word::from(text);
        if word.is_long() && self.0.len() < Self::MOST {
            self.0.insert(word.clone());
        }
        word
    }
}
