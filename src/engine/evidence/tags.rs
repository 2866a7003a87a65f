//! Tags (stamps) as evidence: a create that takes tags is sent with two, one naming the step, one the attempt. A kind
//! without tags may have a text of the client's own, such as a description: both are left in it, unless the plan sets
//! it.

use serde_json::Value;

use super::Verdict;
use crate::catalog::ListCall;
pub use crate::catalog::{STAMP, STAMP_ATTEMPT};
use crate::id::InstanceId;
use crate::journal::{Evidence, Intent};

/// The longest value of a tag, in characters.
const LONGEST_TAG: usize = 255;
/// The longest stamp in a text, in characters: what the shortest such field takes (descriptions of WAAP rules).
const LONGEST_REMARK: usize = 100;

/// Fields in which the API shows tags, besides the one that the catalogue gives for a list (`observed.md` §10).
const FIELDS: [&str; 4] = ["tags", "tags_v2", "metadata_detailed", "metadata"];

/// Whether a part of an answer, below a field of tags, is our stamp: as a field, as an object with `key`, or as a text.
pub fn is_stamp(tags: &str, name: &str, value: &Value) -> bool {
    let is_ours = |key: &str| [STAMP, STAMP_ATTEMPT].contains(&key);
    FIELDS.contains(&tags)
        && match value {
            Value::Object(tag) => tag.get("key").and_then(Value::as_str).is_some_and(is_ours),
            Value::String(text) => is_ours(name) || text.split_once('=').is_some_and(|(key, _)| is_ours(key)),
            _ => false,
        }
}

/// `<plan>/<environment>/<step>[key]`, as long as a tag may be.
pub fn stamp_value(plan: &str, environment: &str, instance: &InstanceId) -> String {
    format!("{plan}/{environment}/{instance}").chars().take(LONGEST_TAG).collect()
}

/// Why a resource is not ours: its stamp names another environment than `prefix`.
pub fn others_stamp(stamp: &str, prefix: &str) -> Option<String> {
    let is_stamp = stamp.splitn(3, '/').filter(|part| !part.is_empty()).count() == 3;
    (is_stamp && !stamp.starts_with(prefix)).then(|| format!("it carries the stamp `{stamp}`"))
}

/// Adds both tags to the body of a create. `false`: the body has no place for them.
pub fn stamp(body: Option<&mut Value>, owner: String, nonce: &str) -> bool {
    let Some(Value::Object(body)) = body else { return false };
    let tags = body.entry("tags").or_insert_with(|| Value::Object(serde_json::Map::new()));
    let Value::Object(tags) = tags else { return false };
    tags.entry(STAMP).or_insert(Value::String(owner));
    tags.insert(STAMP_ATTEMPT.to_owned(), Value::String(nonce.to_owned()));
    true
}

/// Leaves the stamp in the text at `pointer` of a body that has none. `false`: the plan has its own text there, or the
/// body no place for one.
pub fn remark(body: Option<&mut Value>, pointer: &str, owner: &str, nonce: &str) -> bool {
    let Some((above, field)) = pointer.rsplit_once('/') else { return false };
    let Some(Value::Object(fields)) = body.and_then(|body| body.pointer_mut(above)) else { return false };
    if fields.contains_key(field) {
        return false;
    }
    fields.insert(field.to_owned(), Value::String(remark_text(owner, nonce)));
    true
}

/// Both tags as one text. An owner that is too long is left out, since a part of it would name another owner.
fn remark_text(owner: &str, nonce: &str) -> String {
    let attempt = format!("{STAMP_ATTEMPT}={nonce}");
    let whole = format!("{attempt} {STAMP}={owner}");
    if whole.chars().count() <= LONGEST_REMARK { whole } else { attempt }
}

/// The value of a tag in such a text.
fn tag_in_remark(text: &str, key: &str) -> Option<String> {
    let rest = text.strip_prefix(STAMP_ATTEMPT)?.strip_prefix('=')?;
    let (nonce, owner) = rest.split_once(' ').map_or((rest, None), |(nonce, rest)| (nonce, Some(rest)));
    match key {
        STAMP_ATTEMPT => Some(nonce.to_owned()),
        STAMP => owner?.strip_prefix(STAMP)?.strip_prefix('=').map(str::to_owned),
        _ => None,
    }
}

/// What the tags of a resource say about an attempt.
pub fn verdict_of_item(item: &Value, list: Option<&ListCall>, intent: &Intent) -> Verdict {
    match tag(item, list, STAMP_ATTEMPT) {
        Some(nonce) if nonce == intent.nonce => Verdict::Ours(Evidence::Stamp),
        // A recovery left it in doubt, and does not know the attempt: the stamp of the instance may be a copy.
        Some(_) if is_of_a_recovery(intent) && names(item, list, &intent.instance) => Verdict::CannotTell,
        Some(_) => Verdict::NotOurs,
        // The resource shows its tags and ours are not among them, although they were sent.
        None => Verdict::not_if(intent.stamped && shows_tags(item, list)),
    }
}

/// Whether a recovery recorded the attempt as in doubt: its nonce was never sent.
fn is_of_a_recovery(intent: &Intent) -> bool {
    intent.mark.user_agent.is_none() && !intent.stamped
}

/// Whether the stamp of a resource is that of this instance, in whatever environment.
fn names(item: &Value, list: Option<&ListCall>, instance: &InstanceId) -> bool {
    tag(item, list, STAMP).is_some_and(|stamp| stamp.ends_with(&format!("/{instance}")))
}

/// What the tags in a task's `data` say: some task types show those of the resource, in several forms (`observed.md`
/// §9).
pub fn verdict_of_data(data: &Value, intent: &Intent) -> Verdict {
    let text = data.to_string();
    if text.contains(&intent.nonce) {
        Verdict::Ours(Evidence::Stamp)
    } else if is_of_a_recovery(intent) && text.contains(&format!("/{}\"", intent.instance)) {
        Verdict::CannotTell
    } else {
        Verdict::not_if(text.contains(STAMP_ATTEMPT))
    }
}

/// The value of a resource's tag, in any form in which the API shows tags.
pub fn tag(item: &Value, list: Option<&ListCall>, key: &str) -> Option<String> {
    let value = |tags: &Value| match tags {
        Value::Object(tags) => tags.get(key).and_then(Value::as_str).map(str::to_owned),
        Value::Array(tags) => tags
            .iter()
            .find(|tag| tag.get("key").and_then(Value::as_str) == Some(key))
            .and_then(|tag| tag.get("value")?.as_str())
            .map(str::to_owned),
        _ => None,
    };
    let tagged = shown(item, list).find_map(value);
    tagged.or_else(|| own_text(item, list).and_then(|text| tag_in_remark(text, key)))
}

/// Whether the resource shows its tags, so that ours would be among them. An empty text shows nothing.
fn shows_tags(item: &Value, list: Option<&ListCall>) -> bool {
    shown(item, list).any(|tags| tags.is_object() || tags.is_array()) || own_text(item, list).is_some()
}

/// The text in which the stamp may be.
fn own_text<'i>(item: &'i Value, list: Option<&ListCall>) -> Option<&'i str> {
    let field = list?.remark_field.as_deref()?;
    item.pointer(&format!("/{field}"))?.as_str().filter(|text| !text.is_empty())
}

fn shown<'i>(item: &'i Value, list: Option<&'i ListCall>) -> impl Iterator<Item = &'i Value> {
    let own = list.and_then(|list| list.tags_field.as_deref());
    own.into_iter().chain(FIELDS).filter_map(|field| item.get(field))
}

#[cfg(test)]
mod tests;
