//! Words of the commands that messages tell a user to type.

use crate::engine::RecordFlags;
pub use crate::shell::quoted;
use crate::store::EnvironmentRecord;

/// The flags that name a record.
pub fn record_flags(record: &EnvironmentRecord) -> RecordFlags {
    RecordFlags::new(&quoted(record.plan()), &quoted(record.environment()), &quoted(&record.store.name()))
}
