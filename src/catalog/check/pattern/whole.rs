//! Whether whole texts match a pattern. The sets of states that an automaton is in are remembered, with what follows each
//! after a character: long plans have the same few patterns thousands of times.

use super::automaton::{At, Automaton};

/// The most sets of states that are remembered.
const MOST_SETS: usize = 1000;
/// What follows is not known yet.
const UNKNOWN: u16 = u16::MAX;
const ASCII: usize = 128;

/// An automaton that remembers where texts have led it.
pub(super) struct WholeTexts {
    automaton: Automaton,
    /// The first is the one before any character.
    sets: Vec<StateSet>,
}

/// The states that an automaton is in.
struct StateSet {
    states: Vec<bool>,
    /// Whether a text that ends here matches.
    is_match: bool,
    /// By character: the place of the next set.
    next: [u16; ASCII],
}

impl WholeTexts {
    pub(super) fn new(automaton: Automaton) -> Self {
        let start = At { start: true, end: false };
        let first = automaton.first(start);
        let is_match = automaton.is_match(&first, At { end: true, ..start });
        Self { automaton, sets: vec![StateSet { states: first, is_match, next: [UNKNOWN; ASCII] }] }
    }

    pub(super) fn automaton(&self) -> &Automaton {
        &self.automaton
    }

    /// Whether a text matches; `None` when that would take too many sets.
    pub(super) fn matches(&mut self, text: &str) -> Option<bool> {
        let mut here = 0;
        for character in text.chars() {
            here = match self.sets[here].next.get(character as usize) {
                Some(&next) if next != UNKNOWN => usize::from(next),
                _ => self.follow(here, character)?,
            };
        }
        Some(self.sets[here].is_match)
    }

    /// The place of the set after a character, which is remembered.
    fn follow(&mut self, here: usize, character: char) -> Option<usize> {
        let inside = At { start: false, end: false };
        let states = self.automaton.step(&self.sets[here].states, inside, |set| set.has(character));
        // The first set is at the start of the text, where more may follow.
        let known = (1..self.sets.len()).find(|at| self.sets[*at].states == states);
        let next = known.unwrap_or(self.sets.len());
        if known.is_none() {
            if next == MOST_SETS {
                return None;
            }
            let is_match = self.automaton.is_match(&states, At { end: true, ..inside });
            self.sets.push(StateSet { states, is_match, next: [UNKNOWN; ASCII] });
        }
        if let Some(place) = self.sets[here].next.get_mut(character as usize) {
            *place = u16::try_from(next).unwrap_or(UNKNOWN);
        }
        Some(next)
    }
}
