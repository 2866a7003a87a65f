//! The outcome of a create.

use super::store::Uid;
use super::tasks::Change;

/// The outcome of a create.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The main one first.
    pub(super) all: Vec<Uid>,
    /// Other resources that the task lists: those that it only attaches, and ports.
    pub(super) touched: Vec<Uid>,
    /// Other resources that are locked while the task runs.
    pub(super) locks: Vec<Uid>,
    /// Changes to other resources at the end of the task.
    pub(super) changes: Vec<Change>,
}

impl Made {
    pub(super) fn one(uid: Uid) -> Self {
        Self { all: vec![uid], ..Self::default() }
    }
}
