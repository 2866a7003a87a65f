//! One resource of a product: its address, its fields, and when it becomes ready.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::catalog::Catalog;
use crate::simulate::state::Creation;

/// Fields with the time of the last change.
const CHANGED: [&str; 2] = ["updated", "updated_at"];

#[derive(Debug, Clone)]
pub(in crate::simulate) struct Item {
    pub kind: String,
    /// The path that reads it, or deletes it where it cannot be read; not encoded.
    pub address: String,
    pub id: Value,
    pub name: String,
    shown: Map<String, Value>,
    /// It existed from the beginning, or is assumed to exist.
    pub seeded: bool,
    pub readying: Option<Readying>,
}

/// What one field shows until the resource is ready.
#[derive(Debug, Clone)]
pub(in crate::simulate) struct Readying {
    /// JSON pointer to the field.
    pub pointer: String,
    /// Its value until then.
    pub until: Value,
    /// When the resource is ready.
    pub at: Timestamp,
}

impl Item {
    pub(super) fn new(kind: &str, address: String, id: Value, name: &str, shown: Map<String, Value>) -> Self {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        Self { kind, address, id, name, shown, seeded: false, readying: None }
    }

    /// The same resource, marked as not created by a client.
    pub(super) fn seeded(self) -> Self {
        Self { seeded: true, ..self }
    }

    pub(super) fn id_text(&self) -> String {
        text(&self.id)
    }

    /// Its kind, as a static text.
    pub(in crate::simulate) fn known_kind(&self) -> &'static str {
        known_kind(&self.kind).unwrap_or("things")
    }

    pub(super) fn creation(&self) -> Creation {
        Creation { kind: self.known_kind(), id: self.id_text(), name: self.name.clone() }
    }

    /// Its fields as a read shows them now.
    pub(in crate::simulate) fn shown(&self, now: Timestamp) -> Map<String, Value> {
        let mut shown = self.shown.clone();
        if let Some(readying) = self.readying.as_ref().filter(|readying| readying.at > now) {
            put(&mut shown, &readying.pointer, readying.until.clone());
        }
        shown
    }

    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.shown.get(field)
    }

    pub(super) fn set(&mut self, pointer: &str, value: Value) {
        put(&mut self.shown, pointer, value);
    }

    /// Merges the fields of a change.
    pub(super) fn merge(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            match (self.shown.get_mut(name), value) {
                (Some(Value::Object(own)), Value::Object(more)) => own.extend(more.clone()),
                _ => drop(self.shown.insert(name.clone(), value.clone())),
            }
        }
        if let Some(name) = fields.get("name").and_then(Value::as_str).filter(|_| self.kind != "cdn_resources") {
            name.clone_into(&mut self.name);
        }
    }

    /// Sets the fields of a change; a field that is an object is replaced as a whole.
    pub(super) fn replace(&mut self, fields: &Map<String, Value>) {
        self.shown.retain(|name, value| !value.is_object() || !fields.contains_key(name));
        self.merge(fields);
    }

    pub(super) fn touch(&mut self, now: Timestamp) {
        for name in CHANGED {
            if self.shown.get(name).is_some_and(Value::is_string) {
                self.shown.insert(name.to_owned(), time(now));
            }
        }
    }

    pub(super) fn is_below(&self, address: &str) -> bool {
        self.address.strip_prefix(address).is_some_and(|rest| rest.starts_with('/'))
    }

    pub(super) fn is_directly_below(&self, address: &str) -> bool {
        let rest = self.address.strip_prefix(address).and_then(|rest| rest.strip_prefix('/'));
        rest.is_some_and(|rest| !rest.contains('/'))
    }

    /// Whether one of its fields has the id of that resource.
    pub(super) fn refers_to(&self, kind: &str, id: &Value) -> bool {
        let fields: &[&str] = match kind {
            "cdn_origin_groups" => &["originGroup"],
            "cdn_ssl_certificates" => &["sslData", "proxy_ssl_data"],
            "cdn_ca_certificates" => &["proxy_ssl_ca"],
            "cdn_log_policies" => &["policy"],
            "cdn_log_targets" => &["target"],
            "fastedge_binaries" => &["binary", "binary_id"],
            "fastedge_templates" => &["template"],
            "fastedge_secrets" => &["secrets"],
            "fastedge_kv_stores" => &["stores"],
            _ => &[],
        };
        let of_product = |kind: &str| kind.split('_').next().map(str::to_owned);
        of_product(kind) == of_product(&self.kind)
            && fields.iter().any(|field| self.shown.get(*field).is_some_and(|value| holds(value, id)))
    }
}

/// Whether the value is that id, or contains an object with it.
fn holds(value: &Value, id: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| field.get("id").unwrap_or(field) == id),
        scalar => scalar == id,
    }
}

fn put(fields: &mut Map<String, Value>, pointer: &str, value: Value) {
    let mut names = pointer.trim_start_matches('/').split('/').peekable();
    let mut here = fields;
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            here.insert(name.to_owned(), value);
            return;
        }
        let inner = here.entry(name).or_insert_with(|| json!({}));
        let Value::Object(next) = inner else { return };
        here = next;
    }
}

/// An id as text: a number in digits.
pub(super) fn text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// `2026-05-23T05:07:31.000000Z`
pub(super) fn time(now: Timestamp) -> Value {
    now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into()
}

/// The value of a ready resource, where the catalogue knows only the value before.
pub(super) fn ready_word(kind: &str) -> Value {
    if kind == "fastedge_binaries" { json!(1) } else { json!("active") }
}

/// The value until then, where the catalogue knows only the value of a ready resource.
pub(super) fn waiting_word(done: &Value) -> Value {
    if done.is_number() { json!(0) } else { json!("PENDING") }
}

/// The name of a kind as a static text.
pub(super) fn known_kind(kind: &str) -> Option<&'static str> {
    static KINDS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
        let operations = Catalog::embedded().operations();
        operations.filter_map(|operation| Some(operation.creates.as_ref()?.kind.clone())).collect()
    });
    KINDS.iter().find(|known| *known == kind).map(String::as_str)
}
