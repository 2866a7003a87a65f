//! Networks of DDoS protection: their documents, their profile, and whether they are protected.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::item::{self, Item, time};
use super::refusal::Refused;
use super::{Products, form};
use crate::api::Answer;
use crate::body_file::BodyFile;
use crate::catalog::Method;
use crate::simulate::options::{Options, UnknownIds};

const NETWORKS: &str = "security_networks";
pub(super) const PROFILES: &str = "security_profiles";
/// The id of the profile in a request, and the field in which reads show it.
const PROFILE: (&str, &str) = ("profile_id", "profile");
const ONE: &str = "/security/sifter/v3/protected_networks/{protected_network_id}";
const DOCUMENT: &str = "/security/sifter/v3/protected_networks/documents/{document_id}";

/// The fields that DDoS protection adds to those of a request.
pub(super) fn complete(products: &mut Products, kind: &str, files: &[&BodyFile], fields: &mut Map<String, Value>) {
    if kind != NETWORKS {
        return;
    }
    fields.shift_remove("files");
    let documents: Vec<Value> =
        files.iter().map(|file| json!({ "id": products.number(), "name": file.name() })).collect();
    for (name, value) in [
        ("documents", Value::Array(documents)),
        ("gre_endpoint", Value::Null),
        ("status", "PENDING".into()),
        ("lifecycle_status", "PENDING".into()),
        ("comment", Value::Null),
        ("created_at", time(products.now)),
        ("modified_at", Value::Null),
    ] {
        fields.entry(name).or_insert(value);
    }
    protect(fields, None);
}

/// Sets the fields that show whether a network is protected; `None`: it never was.
fn protect(fields: &mut Map<String, Value>, active: Option<bool>) {
    let status = match active {
        None => "NONE",
        Some(true) => "ACTIVE",
        Some(false) => "INACTIVE",
    };
    fields.insert("protection_status".to_owned(), status.into());
    for (name, value) in [("is_active", active == Some(true)), ("is_processing", false), ("is_error", false)] {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Completes a change that protects a network or leaves it unprotected: sets the fields that follow from it.
pub(super) fn complete_protection(fields: &mut Map<String, Value>) {
    if let Some(active) = fields.get("is_active").and_then(Value::as_bool) {
        protect(fields, Some(active));
    }
}

/// Shows the profile of a network with its name.
pub(super) fn relate<'i>(kind: &str, shown: &mut Map<String, Value>, profiles: impl Iterator<Item = &'i Item>) {
    if kind != NETWORKS {
        return;
    }
    let (asked, shows) = PROFILE;
    let id = shown.shift_remove(asked);
    let named = |profile: &Item| json!({ "id": profile.id, "name": profile.name });
    let profile = id.and_then(|id| profiles.into_iter().find(|profile| profile.id == id).map(named));
    shown.insert(shows.to_owned(), profile.unwrap_or_default());
}

/// What the common behaviour does not cover: documents that are no PDF, the documents of a network, and its protection.
pub(super) fn respond(products: &mut Products, call: &Call<'_>, options: &Options) -> Option<Result<Answer, Refused>> {
    let route = &call.operation.route;
    let is_other = |kind: &BodyFile| kind.content_type != call.operation.part_type();
    if call.operation.takes_form() && call.request.uploads().any(|upload| is_other(&upload.file)) {
        return Some(Err(Refused::of_message(415, "Unsupported media type - only PDF allowed")));
    }
    if route.path == DOCUMENT {
        return Some(document(products, call, options));
    }
    let active = match route.path.strip_prefix(ONE)? {
        "/activate" => true,
        "/deactivate" => false,
        _ => return None,
    };
    let address = call.address_until("protected_network_id");
    if let Some(item) = products.at_mut(&address) {
        let mut fields = Map::new();
        protect(&mut fields, Some(active));
        item.merge(&fields);
    }
    None
}

fn document(products: &mut Products, call: &Call<'_>, options: &Options) -> Result<Answer, Refused> {
    let id = call.parameter("document_id").to_owned();
    let is_it = |document: &Value| document.get("id").is_some_and(|own| item::text(own) == id);
    let documents = |item: &Item| item.get("documents").and_then(Value::as_array).cloned().unwrap_or_default();
    let holder = products.items.iter_mut().find(|item| item.kind == NETWORKS && documents(item).iter().any(is_it));
    match holder {
        Some(item) if call.operation.route.method == Method::Delete => {
            let rest: Vec<Value> = documents(item).into_iter().filter(|document| !is_it(document)).collect();
            item.set("/documents", rest.into());
        }
        None if options.unknown_ids == UnknownIds::Refuse => return Err(Refused::not_found("security_documents")),
        _ => {}
    }
    Ok(form::answer(&call.operation, &Map::new(), products.now))
}
