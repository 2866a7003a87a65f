//! The engine's settings for commands that work on a record, without a run of a plan.

use super::defaults::{MAX_ITEMS, RESOLVE_TIME, USER_AGENT};
use super::shell_words::record_flags;
use crate::engine::Settings;
use crate::store::EnvironmentRecord;

/// The settings for an environment on record; `(project_id, region_id)`: for calls without their own. Nothing is created
/// with them.
pub(super) fn settings_of_record(
    record: &EnvironmentRecord,
    (project_id, region_id): (Option<i64>, Option<i64>),
) -> Settings {
    Settings {
        plan: record.plan().to_owned(),
        environment: record.environment().to_owned(),
        project_id,
        region_id,
        stamp: false,
        resolve_time: RESOLVE_TIME,
        max_items: MAX_ITEMS,
        records: None,
        record_flags: record_flags(record),
        user_agent: USER_AGENT.to_owned(),
    }
}
