//! The task that a resource names as its maker, against the tasks on record for it. A task lists every resource that it
//! had to do with, and may name one of another client where it should name what it made. Pure.

use serde_json::Value;

use super::collection::creator_task;
use super::context::Settings;
use super::evidence::tags::{STAMP, tag};
use crate::catalog::ListCall;
use crate::journal::{InstanceStatus, RecordedResource};

/// The task that made a resource, as a read shows it, when it is none of those on record for it.
///
/// Only where a task made it: what was adopted, or found without its task, has none on record. A read that shows no
/// maker leaves it to the record, and so does one that shows the stamp `owner`, or one below it when `owner` ends with
/// a slash.
pub fn other_maker(
    known: &InstanceStatus,
    made: &RecordedResource,
    item: &Value,
    list: Option<&ListCall>,
    owner: &str,
) -> Option<String> {
    if made.tasks.is_empty() || made.uncertain {
        return None;
    }
    let maker = creator_task(item).filter(|maker| !known.has_task(made, maker))?;
    let is_owner = |stamp: String| stamp == owner || owner.ends_with('/') && stamp.starts_with(owner);
    (!tag(item, list, STAMP).is_some_and(is_owner)).then_some(maker)
}

/// The same for the main resource of an instance, where the stamp of any step of the environment counts.
pub fn other_maker_of_main(settings: &Settings, known: &InstanceStatus, item: &Value) -> Option<String> {
    other_maker(known, known.main_made()?, item, None, &format!("{}/{}/", settings.plan, settings.environment))
}

/// What another maker means, in words.
pub fn only_used(made: &RecordedResource, maker: &str) -> String {
    format!("task {maker} made it, and task {}, which listed it, only used it", made.tasks.join(", "))
}
