//! What to do, decided from what the plan wants, what the record knows and what the flags say. Pure: a run, a preview, a
//! rollback and a teardown ask here, so that what is shown is what is done.

mod along;
mod gone;
mod instance;
mod references;
mod removal;

pub use along::along;
pub use gone::gone;
pub use instance::{ChangeKind, Decision, Differs, Wanted, instance, reads};
pub use references::References;
pub use removal::{Kept, removal};
