//! Words of the commands that messages tell a user to type.

pub use crate::cli::quoted;
use crate::store::EnvironmentRecord;

/// The flags that name a record, each after a space.
pub fn record_flags(record: &EnvironmentRecord) -> String {
    let (plan, environment) = (quoted(record.plan()), quoted(record.environment()));
    format!(" --plan {plan} --environment {environment} --state {}", quoted(&record.store.name()))
}
