//! The CDN, as recorded or else as documented: origin groups, resources, and rules that must be disabled before their
//! removal.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::item::{Item, time};
use super::{Products, Refused};
use crate::api::Answer;
use crate::catalog::Method;
use crate::simulate::options::Options;

const GROUPS: &str = "/cdn/origin_groups";
const GROUP: &str = "/cdn/origin_groups/{origin_group_id}";
const RESOURCES: &str = "/cdn/resources";
const RESOURCE: &str = "/cdn/resources/{resource_id}";
const CERTIFICATES: &str = "/cdn/sslData";
const RULE: &str = "/cdn/resources/{resource_id}/rules/{rule_id}";
const UNRESOLVED: &str = "The domain name cannot be resolved. Please specify a valid domain name.";
const STILL_ACTIVE: &str = "Deletion of this instance is currently not possible as it is in an active state.";
/// What a certificate shows once it is issued.
const ISSUED: [&str; 6] = [
    "cert_issuer",
    "cert_subject_cn",
    "cert_subject_alt",
    "validity_not_before",
    "validity_not_after",
    "sslCertificateChain",
];
/// The account of the simulated key.
const CLIENT: u64 = 1001;

/// Answers calls with rules of their own; `None` for others.
pub(super) fn respond(products: &mut Products, call: &Call<'_>, options: &Options) -> Option<Result<Answer, Refused>> {
    let (method, path) = (call.operation.route.method, call.operation.route.path.as_str());
    match (method, path) {
        (Method::Post, GROUPS) | (Method::Put | Method::Patch, GROUP) => unresolved(call).map(Err),
        (Method::Post, RESOURCES) => one_origin(call).map(Err),
        (Method::Put | Method::Patch, RESOURCE) => Some(switched(products, call, options)),
        (Method::Delete, RESOURCE | RULE) => still_active(products, call).map(Err),
        (Method::Post, CERTIFICATES) => Some(certificate(products, call, options)),
        _ => None,
    }
}

/// Origins with names that never resolve: reserved ones (RFC 2606).
fn unresolved(call: &Call<'_>) -> Option<Refused> {
    let sources = call.field("sources").and_then(Value::as_array).into_iter().flatten();
    let hosts = sources.filter_map(|source| source.get("source")?.as_str());
    let wrong: Map<String, Value> = hosts
        .filter(|host| host.split(':').next().is_some_and(|host| host.ends_with(".invalid")))
        .map(|host| (host.to_owned(), json!({ "source": [UNRESOLVED] })))
        .collect();
    (!wrong.is_empty()).then(|| Refused::errors(json!({ "sources": wrong })))
}

/// The documentation shows no answer; seen was the form of a read, in which `deleted` alone differs.
fn certificate(products: &mut Products, call: &Call<'_>, options: &Options) -> Result<Answer, Refused> {
    let creates = call.operation.creates.as_ref().ok_or_else(Refused::no_path)?;
    let mut shown = products.created(call, creates, call.fields(), options)?;
    shown.insert("deleted".to_owned(), true.into());
    Ok(super::form::json_answer(201, &Value::Object(shown)))
}

/// Sets the fields that show which resources use this one.
pub(super) fn relate<'i>(kind: &str, shown: &mut Map<String, Value>, mut users: impl Iterator<Item = &'i Item>) {
    let (name, value): (_, Value) = match kind {
        "cdn_origin_groups" => ("has_related_resources", users.next().is_some().into()),
        "cdn_ssl_certificates" | "cdn_ca_certificates" => ("hasRelatedResources", users.next().is_some().into()),
        "cdn_log_policies" | "cdn_log_targets" => {
            ("related_uploader_configs", users.map(|user| user.id.clone()).collect())
        }
        _ => return,
    };
    shown.insert(name.to_owned(), value);
}

fn one_origin(call: &Call<'_>) -> Option<Refused> {
    let given = [call.field("origin"), call.field("originGroup")].into_iter().flatten().count();
    let words = match given {
        0 => "Either origin or originGroup is required.",
        1 => return None,
        _ => "Only one of origin and originGroup can be given.",
    };
    Some(Refused::errors(json!({ "originGroup": [words] })))
}

/// A disabled resource is suspended.
fn switched(products: &mut Products, call: &Call<'_>, options: &Options) -> Result<Answer, Refused> {
    let (address, now) = (call.own_address(), products.now);
    let answer = products.change(call, options)?;
    let Some(resource) = products.at_mut(&address) else { return Ok(answer) };
    if let Some(active) = call.field("active").and_then(Value::as_bool) {
        resource.set("/status", if active { "active" } else { "suspended" }.into());
        if !active {
            resource.readying = None;
        }
    }
    let shown = resource.shown(now);
    Ok(products.answer(call, &shown))
}

fn still_active(products: &Products, call: &Call<'_>) -> Option<Refused> {
    let item = products.at(&call.own_address())?;
    let is_active = item.get("active") != Some(&Value::Bool(false)) && !item.seeded;
    is_active.then(|| Refused::of_message(400, STILL_ACTIVE))
}

/// The fields that the CDN adds to those of the request.
pub(super) fn complete(products: &mut Products, kind: &str, fields: &mut Map<String, Value>) {
    let mut known = |name: &str, value: Value| {
        fields.entry(name).or_insert(value);
    };
    match kind {
        "cdn_origin_groups" => {
            known("use_next", false.into());
            known("auth_type", "none".into());
            known("path", "".into());
            known("proxy_next_upstream", json!(["error", "timeout"]));
            known("has_related_resources", false.into());
        }
        "cdn_resources" => {
            for name in ["active", "enabled"] {
                known(name, true.into());
            }
            for name in ["created", "updated"] {
                known(name, time(products.now));
            }
            known("client", CLIENT.into());
            known("status", "active".into());
            known("originProtocol", "HTTP".into());
            known("secondaryHostnames", json!([]));
            known("sslEnabled", false.into());
            known("options", json!({}));
            let origin = fields.remove("origin");
            if let Some(origin) = origin.as_ref().and_then(Value::as_str) {
                let group = origin_group(products, origin);
                fields.insert("originGroup".to_owned(), group);
            }
            if fields.remove("waap_api_domain_enabled") == Some(Value::Bool(true)) {
                let domain = waap_domain(products, fields.get("cname").and_then(Value::as_str).unwrap_or_default());
                fields.insert("waap_domain_id".to_owned(), domain);
            }
        }
        "cdn_ssl_certificates" => {
            known("automated", false.into());
            known("deleted", false.into());
            known("hasRelatedResources", false.into());
            for name in ISSUED {
                known(name, Value::Null);
            }
        }
        "cdn_rules" => {
            known("active", true.into());
            known("deleted", false.into());
        }
        _ => {}
    }
    tag(fields);
}

/// Adds what each source of an origin group shows.
pub(super) fn tag(fields: &mut Map<String, Value>) {
    let sources = fields.get_mut("sources").and_then(Value::as_array_mut);
    sources.into_iter().flatten().for_each(tagged);
}

fn tagged(source: &mut Value) {
    if let Value::Object(source) = source {
        source.entry("backup").or_insert(Value::Bool(false));
        source.entry("enabled").or_insert(Value::Bool(true));
        source.entry("tag").or_insert_with(|| "default".into());
    }
}

/// The origin group that is created for a resource that names an origin.
fn origin_group(products: &mut Products, origin: &str) -> Value {
    let id: Value = products.number().into();
    let mut fields = Map::new();
    fields.insert("id".to_owned(), id.clone());
    fields.insert("name".to_owned(), origin.into());
    fields.insert("sources".to_owned(), json!([{ "source": origin }]));
    complete(products, "cdn_origin_groups", &mut fields);
    let group = Item::new("cdn_origin_groups", format!("{GROUPS}/{id}"), id.clone(), origin, fields);
    products.add(group);
    id
}

/// The WAAP domain of a resource.
fn waap_domain(products: &mut Products, name: &str) -> Value {
    let id: Value = products.number().into();
    let shown = json!({ "id": id, "name": name, "status": "active", "created_at": time(products.now) });
    let shown = shown.as_object().cloned().unwrap_or_default();
    let domain = Item::new("waap_domains", format!("/waap/v1/domains/{id}"), id.clone(), name, shown);
    products.items.push(domain.seeded());
    id
}
