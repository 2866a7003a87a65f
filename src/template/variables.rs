//! The variables of a program, and how many references each stands for.

use crate::hash::HashMap;
use crate::id::StepId;
use crate::word::Word;

/// The most references that a variable may stand for, with all variables in it expanded. `{% set x = x + x %}`
/// doubles: the engine joins lists lazily, and does not limit them before they are iterated over.
const HEAVIEST: u64 = 4096;

/// The names that `for`, `set` and `with` have bound so far.
pub(super) struct Variables {
    /// By scope, the innermost last.
    scopes: Vec<Vec<String>>,
    /// By name, also of scopes that are closed: the most references it was bound to.
    weights: HashMap<String, u64>,
    /// The references in the expression that is being weighed.
    weight: u64,
    /// By name, the part of a step's results that it stands for.
    parts: HashMap<String, Part>,
}

/// A part of the results of a step, by its path.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub step: StepId,
    pub path: Vec<Word>,
}

/// A variable stands for more references than it may.
pub(super) struct TooHeavy;

impl Default for Variables {
    fn default() -> Self {
        Self { scopes: vec![Vec::new()], weights: HashMap::default(), weight: 0, parts: HashMap::default() }
    }
}

impl Variables {
    /// A scope begins.
    pub fn open(&mut self) {
        self.scopes.push(Vec::new());
    }

    /// The innermost scope ends.
    pub fn close(&mut self) {
        self.scopes.pop();
    }

    /// Binds a name in the innermost scope.
    ///
    /// # Errors
    ///
    /// When its value is too heavy; it is bound nevertheless.
    pub fn bind(&mut self, name: &str, weight: u64) -> Result<(), TooHeavy> {
        let heaviest = self.weights.entry(name.to_owned()).or_default();
        *heaviest = weight.max(*heaviest);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name.to_owned());
        }
        if weight > HEAVIEST { Err(TooHeavy) } else { Ok(()) }
    }

    /// Notes what a name that was bound stands for, where that is a part of a step's results; the last binding counts.
    pub fn stands_for(&mut self, name: &str, part: Option<Part>) {
        match part {
            Some(part) => drop(self.parts.insert(name.to_owned(), part)),
            None => drop(self.parts.remove(name)),
        }
    }

    /// What a name stands for, where that is a part of a step's results.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.get(name).filter(|_| self.has(name))
    }

    /// Whether a name is bound in an open scope.
    pub fn has(&self, name: &str) -> bool {
        self.scopes.iter().flatten().any(|bound| bound == name)
    }

    /// Counts a reference in the expression that is being weighed: for a variable, those that it stands for.
    pub fn count(&mut self, name: &str) {
        self.weight = self.weight.saturating_add(self.weights.get(name).copied().unwrap_or(1));
    }

    /// Begins to weigh an expression; returns the weight so far of the one around it.
    pub fn begin_weighing(&mut self) -> u64 {
        std::mem::take(&mut self.weight)
    }

    /// The weight of the expression; goes on with the one `around` it.
    pub fn end_weighing(&mut self, around: u64) -> u64 {
        let weight = self.weight.max(1);
        self.weight = around.saturating_add(weight);
        weight
    }
}
