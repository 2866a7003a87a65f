//! Directories of streaming: read inside a field of their own, listed as a tree. AI tasks: lists show their request.

use serde_json::{Map, Value};

use crate::catalog::BELOW;

pub(super) const DIRECTORIES: &str = "streaming_directories";

/// The field in which a read shows a directory.
const INSIDE: &str = "directory";

/// The fields that streaming adds to those of a request.
pub(super) fn complete(kind: &str, fields: &mut Map<String, Value>) {
    if kind == "streaming_ai_tasks" {
        fields.insert("task_data".to_owned(), Value::Object(fields.clone()));
    }
}

/// Adds to a directory its own contents, as its read shows them.
pub(super) fn relate(kind: &str, shown: &mut Map<String, Value>) {
    if kind == DIRECTORIES {
        shown.shift_remove(INSIDE);
        let inside = Value::Object(shown.clone());
        shown.insert(INSIDE.to_owned(), inside);
    }
}

/// Directories with those below each.
pub(super) fn tree(directories: Vec<Value>) -> Vec<Value> {
    let plain = directories.into_iter().filter_map(|mut directory| {
        directory.as_object_mut()?.shift_remove(INSIDE);
        Some(directory)
    });
    let plain: Vec<Value> = plain.collect();
    let ids: Vec<Value> = plain.iter().filter_map(|one| one.get("id").cloned()).collect();
    let parent = |one: &Value| one.get("parent_id").filter(|parent| ids.contains(parent)).cloned();
    let (below, tops): (Vec<Value>, Vec<Value>) = plain.iter().cloned().partition(|one| parent(one).is_some());
    tops.into_iter().map(|top| with_those_below(top, &below)).collect()
}

fn with_those_below(mut directory: Value, all: &[Value]) -> Value {
    let id = directory.get("id").cloned();
    let own = all.iter().filter(|one| one.get("parent_id") == id.as_ref());
    let own: Vec<Value> = own.map(|one| with_those_below(one.clone(), all)).collect();
    if let Value::Object(fields) = &mut directory {
        fields.insert(BELOW.to_owned(), own.into());
    }
    directory
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn directories_are_listed_below_their_parents() {
        let directory = |id: u64, parent: Value| json!({ "id": id, "parent_id": parent, "directory": {} });
        let listed = tree(vec![
            directory(1, Value::Null),
            directory(2, json!(1)),
            directory(3, json!(2)),
            directory(4, json!(99)),
        ]);
        assert_eq!(
            json!(listed),
            json!([
                { "id": 1, "parent_id": null, "descendants": [
                    { "id": 2, "parent_id": 1, "descendants": [{ "id": 3, "parent_id": 2, "descendants": [] }] },
                ] },
                { "id": 4, "parent_id": 99, "descendants": [] },
            ])
        );
    }
}
