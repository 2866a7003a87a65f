//! The symbol of a change, and the number of changes by kind.

use serde::Serialize;

use super::{Action, Change, ChangeKind};

/// The kind of a change, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    Make,
    Update,
    /// Only the record changes.
    Amend,
    Replace,
    Keep,
    Remove,
    /// Taken off the record, and left where it is.
    Forget,
    /// Not known before another step is done.
    Unknown,
    /// An existing resource is adopted.
    Adopt,
    /// Begun by an earlier run.
    Continue,
    /// The run would fail here.
    Stop,
    /// Nothing changes: a read, or a skipped step.
    Nothing,
}

impl Symbol {
    pub fn sign(self) -> &'static str {
        match self {
            Symbol::Make => "+",
            Symbol::Update | Symbol::Amend => "~",
            Symbol::Replace => "-/+",
            Symbol::Keep | Symbol::Nothing | Symbol::Forget => "=",
            Symbol::Remove => "-",
            Symbol::Unknown => "?",
            Symbol::Adopt | Symbol::Continue => ">",
            Symbol::Stop => "!",
        }
    }
}

impl Change {
    /// The number of elements that are removed from a kept resource.
    fn removes(&self) -> usize {
        match self.action.change() {
            Action::Change { removes, .. } => removes.len(),
            _ => 0,
        }
    }

    pub fn symbol(&self) -> Symbol {
        match self.action.change() {
            Action::Call => Symbol::Make,
            Action::Adopt { .. } => Symbol::Adopt,
            Action::Read | Action::Skip => Symbol::Nothing,
            Action::Keep | Action::Depends { read: true, .. } => Symbol::Keep,
            Action::Continue { .. } => Symbol::Continue,
            Action::Retry { .. } => Symbol::Replace,
            Action::Depends { read: false, .. } => Symbol::Unknown,
            Action::Gone { stays_for: Some(_), .. } | Action::Gone { obstacle: Some(_), .. } | Action::Wrong { .. } => {
                Symbol::Stop
            }
            Action::Gone { pruned: true, .. } => Symbol::Remove,
            Action::Gone { forgotten: true, .. } | Action::Missing => Symbol::Forget,
            Action::Gone { .. } => Symbol::Keep,
            Action::Amend { fields, .. } if fields.is_empty() => Symbol::Keep,
            Action::Amend { .. } => Symbol::Amend,
            Action::Change { how, .. } => match how {
                ChangeKind::Error => Symbol::Stop,
                ChangeKind::Replace => Symbol::Replace,
                ChangeKind::Rerun | ChangeKind::Update => Symbol::Update,
                ChangeKind::Ignore if matches!(self.action, Action::Continue { .. }) => Symbol::Continue,
                ChangeKind::Ignore if matches!(self.action, Action::Adopt { .. }) => Symbol::Adopt,
                ChangeKind::Ignore => Symbol::Keep,
            },
        }
    }
}

/// The number of instances of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChangeCounts {
    pub to_create: usize,
    pub to_update: usize,
    /// Instances of which only the record changes: the run counts them as unchanged.
    pub to_amend: usize,
    pub to_replace: usize,
    pub to_remove: usize,
    /// Instances to take off the record whose resources stay, or are missing.
    pub to_forget: usize,
    /// Existing resources to adopt.
    pub to_adopt: usize,
    /// Instances begun by an earlier run.
    pub to_continue: usize,
    pub unknown: usize,
    /// Instances that a run would fail at.
    pub refused: usize,
    /// Those of them that fail whatever is allowed: a template or a look-up has no result.
    pub failing: usize,
    pub kept: usize,
}

impl ChangeCounts {
    pub fn of(changes: &[Change]) -> Self {
        let count = |symbol: Symbol| changes.iter().filter(|change| change.symbol() == symbol).count();
        Self {
            to_create: count(Symbol::Make),
            to_update: count(Symbol::Update),
            to_amend: count(Symbol::Amend),
            to_replace: count(Symbol::Replace),
            to_remove: count(Symbol::Remove) + changes.iter().map(Change::removes).sum::<usize>(),
            to_forget: count(Symbol::Forget),
            to_adopt: count(Symbol::Adopt),
            to_continue: count(Symbol::Continue),
            unknown: count(Symbol::Unknown),
            refused: count(Symbol::Stop),
            failing: changes.iter().filter(|change| change.fails()).count(),
            kept: count(Symbol::Keep),
        }
    }

    /// `2 to create, 1 to update`; empty when there is nothing to do.
    pub fn words(&self) -> String {
        let parts = [
            (self.to_create, "to create"),
            (self.to_update, "to update"),
            (self.to_amend, "to change on record alone"),
            (self.to_replace, "to replace"),
            (self.to_remove, "to remove"),
            (self.to_forget, "to forget"),
            (self.to_adopt, "to adopt"),
            (self.to_continue, "to continue"),
            (self.unknown, "known later"),
            (self.refused - self.failing, "not allowed"),
            (self.failing, "to fail"),
        ];
        let some = parts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}
