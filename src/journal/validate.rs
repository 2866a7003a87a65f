//! Checks the calls and ids in a record. A record may come from another person's checkout, and a teardown sends its
//! calls with our key, so that it is checked as strictly as a plan.
//!
//! Paths must be plain, and only headers that a plan may set are allowed; otherwise the whole record is rejected. A
//! teardown sends calls that the catalogue knows; others (`--spec`, another product) only below the collection that
//! the step's own call addressed.

use serde_json::Value;

use super::call::RecordedCall;
use super::instance::{InstanceStatus, Phase};
use super::intent::{IntendedUndo, Intent};
use super::result::RecordedResource;
use super::status::Status;
use crate::catalog::Catalog;
use crate::id::InstanceId;
use crate::parts::in_parts;
use crate::plan::may_set_header;
use crate::shared::Shared;

/// The most characters of a task's or resource's id.
const LONGEST_ID: usize = 1024;
/// Fewer instances than this are not worth a thread.
const LEAST_PART: usize = 10_000;
/// The number of path segments that name a collection: product, version, noun.
const COLLECTION: usize = 3;

/// Checks all calls and ids of a record.
///
/// # Errors
///
/// The instance with an invalid call or id, and why.
pub fn validate(status: &Status) -> Result<(), (InstanceId, String)> {
    let all = &status.instances;
    let parts = in_parts(all.len(), LEAST_PART, |part| {
        all[part].iter().try_for_each(|(id, instance)| validate_instance(instance).map_err(|why| (id.clone(), why)))
    });
    parts.into_iter().collect()
}

/// Whether a teardown may send this undo call for a resource that `call` made.
pub fn may_undo(catalog: &Catalog, call: Option<&RecordedCall>, undo: &RecordedCall) -> bool {
    let known = |call: &RecordedCall| catalog.matching(call.method, &call.path).is_some();
    let segments = |call: &RecordedCall| call.path.split('/').skip(1).map(str::to_owned).collect::<Vec<String>>();
    let below = |call: &RecordedCall| {
        segments(undo).starts_with(&segments(call).into_iter().take(COLLECTION).collect::<Vec<_>>())
    };
    known(undo) || call.is_some_and(|call| !known(call) && below(call))
}

/// Checks the calls and ids of one instance.
///
/// # Errors
///
/// What is invalid, in words.
fn validate_instance(instance: &InstanceStatus) -> Result<(), String> {
    let earlier = instance.earlier.iter().map(|unanswered| &unanswered.intent);
    instance.intent.iter().chain(earlier).try_for_each(|intent| validate_intent(intent))?;
    let is_call_of_intent =
        |call: &&Shared<RecordedCall>| instance.intent.as_ref().is_some_and(|intent| intent.call.is(call));
    instance.agrees.iter().filter(|call| !is_call_of_intent(call)).try_for_each(|call| validate_call(call))?;
    instance.made.iter().try_for_each(validate_resource)?;
    let tasks = match &instance.phase {
        Phase::Accepted { tasks, .. } | Phase::RemovalAccepted { tasks } => tasks.as_slice(),
        _ => &[],
    };
    tasks.iter().try_for_each(|task| validate_id("a task", task))
}

fn validate_intent(intent: &Intent) -> Result<(), String> {
    let undo = match &intent.undo {
        IntendedUndo::Call(undo) => Some(&**undo),
        // Its segments are encoded once they are filled.
        IntendedUndo::Open(_) | IntendedUndo::Default | IntendedUndo::Keep => None,
    };
    [Some(&*intent.call), undo, intent.update.as_deref()].into_iter().flatten().try_for_each(validate_call)
}

fn validate_resource(made: &RecordedResource) -> Result<(), String> {
    if let Some(Value::String(id)) = made.id.as_deref() {
        validate_id("a resource", id)?;
    }
    made.undo.iter().try_for_each(validate_call)?;
    made.secondary.iter().try_for_each(validate_resource)
}

/// Checks path and headers by the rules for plans.
fn validate_call(call: &RecordedCall) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{call}` {why}"));
    let Some(path) = call.path.strip_prefix('/') else { return wrong("does not start with `/`") };
    for segment in path.as_bytes().split(|byte| *byte == b'/') {
        if leads_elsewhere(segment) {
            return wrong("has a segment that leads elsewhere");
        }
        if !segment.iter().all(|byte| PLAIN[usize::from(*byte)]) {
            return wrong("has a segment that is not encoded");
        }
    }
    for (name, value) in &call.headers {
        if !may_set_header(name) {
            return wrong(&format!("sets the header `{name}`, which no plan may"));
        }
        if value.contains(char::is_control) {
            return wrong(&format!("has a header `{name}` with a line break"));
        }
    }
    Ok(())
}

/// Whether a segment is empty, or stands for another folder (`.`, `..`).
fn leads_elsewhere(segment: &[u8]) -> bool {
    match segment.first() {
        None => true,
        Some(b'.' | b'%') => {
            let decoded = percent_encoding::percent_decode(segment).decode_utf8_lossy();
            decoded == "." || decoded == ".."
        }
        Some(_) => false,
    }
}

/// The bytes that may stand in a segment as they are.
const PLAIN: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], b'!');
    while byte <= b'~' {
        table[byte as usize] =
            !matches!(byte, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>' | b'{' | b'}' | b'|' | b'^' | b'`');
        byte += 1;
    }
    table
};

fn validate_id(what: &str, id: &str) -> Result<(), String> {
    if is_identifier(id) {
        Ok(())
    } else {
        Err(format!("{what} has an id that is empty, too long or contains control characters"))
    }
}

/// Whether a text can be the id of a task or resource.
pub fn is_identifier(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_ID && !holds_control(id)
}

fn holds_control(text: &str) -> bool {
    match text.is_ascii() {
        true => text.bytes().any(|byte| byte.is_ascii_control()),
        false => text.contains(char::is_control),
    }
}

/// Whether a value can be an id: an integer that is known exactly, or such a text.
pub fn is_id(id: &Value) -> bool {
    id.is_i64() || id.is_u64() || id.as_str().is_some_and(is_identifier)
}

/// Text of an id: a string as it is, a number in digits.
pub fn id_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Method;

    fn call(method: Method, path: &str) -> RecordedCall {
        RecordedCall::new(method, path)
    }

    #[test]
    fn a_call_of_the_record_is_one_that_a_plan_could_make() {
        let network = call(Method::Post, "/cloud/v1/networks/1/7");
        let newer = call(Method::Post, "/cloud/v9/clouds/1/7");
        let iam = call(Method::Post, "/iam/users");
        let with = |name: &str, value: &str| {
            let headers = vec![(name.to_owned(), value.to_owned())];
            RecordedCall { headers: headers.into(), ..call(Method::Delete, "/cloud/v1/networks/1/7/n") }
        };
        let delete = |path: &str| call(Method::Delete, path);
        for (of, undo, why) in [
            (&network, delete("/cloud/v1/networks/1/7/n"), None),
            (&network, with("x-note", "a"), None),
            (&newer, delete("/cloud/v9/clouds/1/7/c"), None),
            (&iam, delete("/iam/users/3"), None),
            (&iam, delete("/iam/tokens/3"), Some("elsewhere")),
            (&network, delete("/cloud/v9/clouds/1/7/c"), Some("elsewhere")),
            (&network, call(Method::Post, "/iam/tokens"), Some("elsewhere")),
            (&newer, call(Method::Post, "/iam/tokens"), Some("elsewhere")),
            (&network, delete("/cloud/v1/networks/1/7/.."), Some("that leads")),
            (&network, delete("/cloud/v1/networks/1/7/%2e%2E"), Some("that leads")),
            (&network, delete("//evil.example/x"), Some("that leads")),
            (&network, delete("/cloud/v1/networks/1/7/n?x=1"), Some("not encoded")),
            (&network, delete("cloud/v1/networks/1/7/n"), Some("does not start with")),
            (&network, with("Host", "evil.example"), Some("sets the header `Host`")),
            (&network, with("Authorization", "x"), Some("sets the header")),
            (&network, with("x-note", "a\r\nhost: evil"), Some("line break")),
        ] {
            let found = validate_call(&undo);
            match why {
                None => assert!(found.is_ok() && may_undo(Catalog::embedded(), Some(of), &undo), "{undo}"),
                Some("elsewhere") => assert!(!may_undo(Catalog::embedded(), Some(of), &undo), "{undo}"),
                Some(why) => assert!(found.as_ref().is_err_and(|found| found.contains(why)), "{undo}: {found:?}"),
            }
        }
    }
}
