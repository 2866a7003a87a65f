//! The fields that FastEdge adds to those of the request.

use serde_json::{Map, Value, json};

use super::Products;
use super::call::Call;
use super::form::json_answer;
use super::item::{Item, known_kind, time};
use super::refusal::Refused;
use crate::api::Answer;
use crate::body_file::BodyFile;
use crate::secret::hex;

/// The interface of current binaries.
const API_TYPE: &str = "wasi-http";

/// Adds the fields that the API derives for a new resource.
pub(super) fn complete(
    products: &Products,
    kind: &str,
    name: &str,
    file: Option<&BodyFile>,
    fields: &mut Map<String, Value>,
) {
    debug_assert!(known_kind(kind).is_some());
    let mut known = |name: &str, value: Value| {
        fields.entry(name).or_insert(value);
    };
    match kind {
        "fastedge_apps" => {
            known("api_type", API_TYPE.into());
            known("status", 1.into());
            known("plan_id", 1.into());
            known("plan", "beta".into());
            known("binary", 0.into());
            known("url", format!("https://{name}-1001.fastedge.app").into());
        }
        "fastedge_binaries" => {
            known("api_type", API_TYPE.into());
            known("source", 1.into());
            if let Some(file) = file {
                known("checksum", file.md5.as_str().into());
            }
            known("unref_since", time(products.now));
        }
        "fastedge_secrets" => {
            known("app_count", 0.into());
            known("secret_slots", json!([]));
            seal(fields);
        }
        "fastedge_kv_stores" => {
            known("app_count", 0.into());
            known("size", 0.into());
            known("revision", 1.into());
        }
        _ => {}
    }
}

/// Sets the fields that show which applications use this resource; `now`: the time since when nothing uses a binary.
pub(super) fn relate<'i>(
    kind: &str,
    shown: &mut Map<String, Value>,
    users: impl Iterator<Item = &'i Item>,
    now: Value,
) {
    let count = users.count();
    match kind {
        "fastedge_secrets" | "fastedge_kv_stores" => drop(shown.insert("app_count".to_owned(), count.into())),
        "fastedge_binaries" if count > 0 => drop(shown.shift_remove("unref_since")),
        "fastedge_binaries" => drop(shown.entry("unref_since").or_insert(now)),
        _ => {}
    }
}

/// Answers the read of an application by its name, with its id; `None` for other calls.
pub(super) fn respond(products: &Products, call: &Call<'_>) -> Option<Result<Answer, Refused>> {
    if call.operation.route.path != "/fastedge/v1/apps/by-name/{name}" {
        return None;
    }
    let name = call.parameter("name");
    let found = products.of_kind("fastedge_apps").find(|app| app.name == name).map(|app| json_answer(200, &app.id));
    Some(found.ok_or_else(|| Refused::not_found("fastedge_apps")))
}

/// The answer that creates a secret, which only names it (recorded).
pub(super) fn named(secret: &Map<String, Value>) -> Answer {
    json_answer(200, &json!({ "name": secret.get("name"), "id": secret.get("id") }))
}

/// The values of a secret are never shown again, only checksums that distinguish them.
pub(super) fn seal(fields: &mut Map<String, Value>) {
    let slots = fields.get_mut("secret_slots").and_then(Value::as_array_mut);
    slots.into_iter().flatten().for_each(sealed);
}

/// Replaces a secret value, which is never shown, by its checksum.
fn sealed(slot: &mut Value) {
    if let Value::Object(slot) = slot
        && let Some(value) = slot.remove("value")
    {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(value.as_str().unwrap_or_default());
        slot.insert("checksum".to_owned(), json!(hex(&digest)));
    }
}
