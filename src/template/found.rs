//! The references of a program while `walk` finds them.

use std::ops::Range;

use super::names::NAMES;
use super::uses::{FileUse, InputUse, NameUse, Others, PartUse, Reference, Spoiled, Unknown, UnknownKind, Uses};
use crate::id::StepId;
use crate::source::Span;
use crate::word::Word;

/// The operations on a value on its way to the output.
#[derive(Clone, Default)]
pub(super) struct Flow {
    /// The innermost one that a secret does not survive.
    pub spoiled: Option<Spoiled>,
    /// The value may be undefined.
    pub guarded: bool,
}

impl Flow {
    /// The operations on a part of the value, which what guards the whole does not guard.
    pub fn unguarded(&self) -> Self {
        Self { guarded: false, ..self.clone() }
    }
}

/// The [`Uses`] so far.
#[derive(Default)]
pub(super) struct UsesBuilder {
    pub steps: Vec<Reference>,
    pub inputs: Vec<InputUse>,
    pub names: Vec<NameUse>,
    pub parts: Vec<PartUse>,
    pub files: Vec<FileUse>,
    pub unknown: Vec<Unknown>,
    pub alone: bool,
    pub reads_files: bool,
    pub surroundings: bool,
    pub too_heavy: Option<Range<usize>>,
}

impl UsesBuilder {
    /// Adds a reference to a name of the scope, with the constant names after it.
    pub fn add(&mut self, root: &str, range: Range<usize>, mut named: Vec<(String, Range<usize>)>, flow: &Flow) {
        let end = named.last().map_or(range.end, |(_, last)| last.end);
        let span = place_of(range.start..end);
        let Some(&name) = NAMES.iter().find(|name| **name == root) else {
            let kind = UnknownKind::Name(root.to_owned());
            return self.unknown.push(Unknown { span: place_of(range), kind });
        };
        let Flow { spoiled, guarded } = flow.clone();
        if ["steps", "inputs"].contains(&name) {
            if named.is_empty() {
                return self.unknown.push(Unknown { span, kind: UnknownKind::Whole(name) });
            }
            let (first, first_range) = named.remove(0);
            let first_span = place_of(first_range);
            let (path, path_spans) = located(named);
            let spoiled = spoiled.map(Box::new);
            if name == "steps" {
                let step = StepId::new(first);
                let step_span = first_span;
                self.steps.push(Reference { step, step_span, path, path_spans, span, guarded, spoiled });
            } else {
                let name_span = first_span;
                self.inputs.push(InputUse { name: Word::from(&*first), name_span, path, span, guarded, spoiled });
            }
            return;
        }
        let (path, path_spans) = located(named);
        let spoiled = spoiled.map(Box::new);
        self.names.push(NameUse { name, path, path_spans, span, guarded, spoiled });
    }

    /// All references, in little memory.
    pub fn into_uses(self) -> Uses {
        let UsesBuilder { steps, inputs, names, parts, files, unknown, alone, reads_files, surroundings, too_heavy } =
            self;
        let (steps, inputs, names, parts) = (steps.into(), inputs.into(), names.into(), parts.into());
        let (files, unknown, too_heavy) = (files.into(), unknown.into(), too_heavy.map(Box::new));
        let others = Others { names, parts, files, unknown, too_heavy }.unless_empty();
        Uses { steps, inputs, alone, reads_files, surroundings, others }
    }
}

fn located(named: Vec<(String, Range<usize>)>) -> (Box<[Word]>, Box<[Span]>) {
    let names = named.iter().map(|(name, _)| Word::from(&**name)).collect();
    (names, named.into_iter().map(|(_, range)| place_of(range)).collect())
}

/// A place in the walked source.
pub(super) fn place_of(range: Range<usize>) -> Span {
    Span::new(range.start, range.end)
}
