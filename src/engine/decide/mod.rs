//! What to do, decided from what the plan wants, what the record knows and what the flags say. Pure: a run, a preview, a
//! rollback and a teardown ask here, so that what is shown is what is done.

mod along;
mod gone;
mod instance;
mod moved;
mod orphans;
mod references;
mod removal;
mod shifted;

pub use along::along;
pub use gone::gone;
pub use instance::{ChangeKind, Decision, Differs, Wanted, instance, reads};
pub use moved::moves;
pub use orphans::orphans;
pub use references::References;
pub use removal::{Kept, removal, removal_order};
pub use shifted::{shifted, words as shifted_words};
