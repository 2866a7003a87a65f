//! How many values a file may have, and how many of them its tree may hold at one time.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The most values of a file, counting keys; a large file may have one for each [`BYTES_OF_A_VALUE`] bytes. What people
/// and programs write has fewer, and a value takes more memory than its text.
const MOST_VALUES: usize = 100_000;
/// A large file may have one value for this many bytes.
const BYTES_OF_A_VALUE: usize = 5;
/// The most values that the tree of a file holds at one time (for a plan: those of one step), counting keys.
const MOST_HELD: usize = 750_000;
/// A large file may hold one value for this many bytes.
const BYTES_OF_A_HELD_VALUE: usize = 12;
/// A text with templates or escapes counts as this many values: its program, or the table of its places, takes the
/// memory.
const VALUES_OF_A_TEMPLATE: usize = 4;
/// The help for a file with too many values.
const INTO_A_FILE: &str = "a large table goes into a file of its own: `\"{{ file('table.json') | fromjson }}\"`";
/// The code of the finding for more values, or anchors, than there may be.
pub(super) const TOO_MANY: &str = "yaml-too-many-values";

/// The most values that the tree of a text may hold at one time.
pub(super) fn most_held(text: &str) -> usize {
    MOST_HELD.max(text.len() / BYTES_OF_A_HELD_VALUE)
}

/// The values of a file so far.
pub(super) struct ValueCount {
    read: usize,
    most: usize,
    /// How many are in the tree now.
    held: usize,
    /// How many may be in the tree at one time.
    most_held: usize,
    /// How many were in the tree before the parts that are taken out of it.
    held_before: usize,
}

impl ValueCount {
    /// Counts no value yet of a text, whose tree may hold `most_held`.
    pub fn new(text: &str, most_held: usize) -> Self {
        let most = MOST_VALUES.max(text.len() / BYTES_OF_A_VALUE);
        Self { read: 0, most, held: 0, most_held, held_before: 0 }
    }

    /// One more value is in the tree.
    pub fn count(&mut self) {
        self.read += 1;
        self.held += 1;
    }

    /// A value in the tree takes the memory of a template.
    pub fn hold_template(&mut self) {
        self.held += VALUES_OF_A_TEMPLATE - 1;
    }

    /// A collection begins whose parts may be taken out of the tree.
    pub fn begin_parts(&mut self) {
        self.held_before = self.held;
    }

    /// A part of the tree was taken out: its values are no longer held.
    pub fn release_part(&mut self) {
        self.held = self.held_before;
    }

    /// The finding when the file has more values than it may have, or than its tree may hold.
    pub fn too_many(&self, span: Span) -> Option<Diagnostic> {
        if self.read > self.most {
            let message = format!("the file has more than {} values", self.most);
            let help = format!("beyond {MOST_VALUES}, a file may have one value to {BYTES_OF_A_VALUE} bytes");
            return Some(Diagnostic::error(TOO_MANY, span, message).help(help));
        }
        (self.held > self.most_held).then(|| {
            let message = format!("one step or input has more than {} values", self.most_held);
            let help = format!(
                "beyond {MOST_HELD}, a step or an input may have one value to {BYTES_OF_A_HELD_VALUE} bytes of \
                 the file, and a template counts as {VALUES_OF_A_TEMPLATE}"
            );
            Diagnostic::error(TOO_MANY, span, message).help(help).help(INTO_A_FILE)
        })
    }
}
