//! What to do, decided from the plan, the record and the flags. Pure. A run, a preview, a rollback and a teardown all
//! use these functions, so that a preview shows what a run would do.

mod deleted_with_parent;
mod fate;
mod gone;
mod instance;
mod moved;
mod orphans;
mod references;
mod removal;
mod renamed;
mod replaced;
mod shifted;

pub use deleted_with_parent::deleted_with_parent;
pub use fate::{NO_UNDO, RemovalOutcome, Staying, fate, held_by, holders, is_untouched, stays, unsendable};
pub use gone::{gone, is_only_in_doubt, missing};
pub use instance::{ChangeKind, Decision, Differs, Wanted, instance, reads};
pub use moved::{merges, moves, stuck};
pub use orphans::orphans;
pub use references::References;
pub use removal::{KeptInstance, RemovalOrder, removal, removal_order};
pub use renamed::{FormerSteps, words as renamed_words};
pub use replaced::{Allowed, Remade, ReplaceBlocker, replaced_with, staying};
pub use shifted::{recorded_of, shifted, words as shifted_words};
