//! Recorded instances by name, and their resources in words.

use crate::error::Error;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, RecordedResource, Status, id_text};
use crate::kind::kind_name;
use crate::report::{MOST_NAMES, list};

/// The recorded instances of a step, or a single one: `web` or `web[0]`.
///
/// # Errors
///
/// When there is none, with the recorded ones.
pub(super) fn named<'s>(status: &'s Status, name: &str) -> Result<Vec<(&'s InstanceId, &'s InstanceStatus)>, Error> {
    let instances = status.instances.iter().map(|(id, known)| (id, &**known));
    let found: Vec<_> = instances.filter(|(id, _)| id.step.as_str() == name || id.to_string() == name).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = status.instances.keys().map(|id| format!("`{id}`")).collect();
    let error = Error::usage(format!("step `{name}` is not on record"));
    Err(if names.is_empty() { error } else { error.help(format!("on record are {}", list(names, MOST_NAMES))) })
}

/// A recorded resource as text: `network 8f1c… (web-net)`.
pub(super) fn words(made: &RecordedResource) -> String {
    let kind = made.kind.as_deref().map_or("something".to_owned(), kind_name);
    let id = made.id.as_ref().map(|id| format!(" {}", id_text(id))).unwrap_or_default();
    let name = made.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{kind}{id}{name}")
}
