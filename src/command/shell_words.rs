//! Words of the commands that messages tell a user to type.

pub use crate::cli::quoted;
use crate::engine::RecordFlags;
use crate::store::EnvironmentRecord;

/// The flags that name a record.
pub fn record_flags(record: &EnvironmentRecord) -> RecordFlags {
    RecordFlags::new(&quoted(record.plan()), &quoted(record.environment()), &quoted(&record.store.name()))
}
