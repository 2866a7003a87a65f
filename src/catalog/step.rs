//! Generates a step to paste: the call, and every required field with a value or placeholder.

use std::fmt::Write as _;

use serde_json::Value;

use super::Catalog;
use super::check::{refusals, words};
use super::operation::{BodyUse, Effect, Method, Operation};
use super::routes::parameter_name;
use super::schema::{Additional, BodySchema, Referred, Schema, Type, Variant};

/// The greatest depth of generated fields; deeper ones are shown by `plan ops --show`.
const DEEPEST: usize = 8;

impl Catalog {
    /// A YAML step for this operation: an id from what it creates, the call, and every required field with a valid
    /// value, or with a placeholder such as `<name>` where only the user knows it.
    pub fn new_step(&self, operation: &Operation) -> String {
        let mut yaml =
            format!("- id: {}\n  call: {} {}\n", step_id(operation), operation.route.method, call_path(operation));
        let required = operation.query_parameters.iter().filter(|parameter| parameter.required);
        for (nth, parameter) in required.enumerate() {
            if nth == 0 {
                yaml += "  query:\n";
            }
            let schema = BodySchema::alone(parameter.schema.clone());
            let mut writer = Writer { schema: &schema, yaml: String::new() };
            writer.field(&parameter.name, &parameter.schema, 2, false);
            yaml += &writer.yaml;
        }
        if operation.takes_other_forms_only() {
            yaml += "  # its body is a form, which `plan` does not send: `adopt: { id: … }` adopts a resource that was created by hand\n";
        }
        if operation.takes_file() {
            yaml += "  body_file: \"<path of the file>\"\n";
        }
        if let Some(schema) = self.body_schema(operation) {
            let mut writer = Writer { schema: &schema, yaml: String::new() };
            let root = schema.resolve(schema.root());
            let is_list = root.types.contains(Type::Array) && !root.types.contains(Type::Object);
            if let (Some(items), true) = (&root.items, is_list) {
                writer.mapping(items, 3, false);
                writer.yaml = as_only_item(&writer.yaml);
            } else {
                writer.mapping(schema.root(), 2, false);
            }
            if writer.yaml.is_empty() && refusals::needs_a_field(operation) {
                let first = schema.resolve(schema.root()).properties.first();
                first.into_iter().for_each(|(name, field)| writer.field(name, field, 2, false));
            }
            if !writer.yaml.is_empty() {
                yaml += "  body:\n";
                yaml += &writer.yaml;
            } else if operation.body == BodyUse::Required {
                yaml += if is_list { "  body: []\n" } else { "  body: {}\n" };
            }
        }
        yaml
    }
}

/// Changes lines at the third level to the only element of a list at the second level.
fn as_only_item(lines: &str) -> String {
    match lines.strip_prefix("      ") {
        Some(rest) => format!("    - {rest}"),
        None => lines.to_owned(),
    }
}

/// Path parameters other than project and region become placeholders.
fn call_path(operation: &Operation) -> String {
    let segments = operation.route.path.split('/').map(|segment| match segment {
        "{project_id}" | "{region_id}" => segment.to_owned(),
        _ => match parameter_name(segment) {
            Some(name) => format!("<{name}>"),
            None => segment.to_owned(),
        },
    });
    segments.collect::<Vec<_>>().join("/")
}

/// An id for a step: from what it creates, else from what it does.
pub(super) fn step_id(operation: &Operation) -> String {
    if let Some(creates) = &operation.creates {
        return one_of_kind(&creates.kind);
    }
    let words: Vec<&str> = operation.route.path.split('/').filter(|segment| !segment.starts_with('{')).collect();
    let last = words.last().copied().unwrap_or("step");
    let ends_with_parameter = operation.route.path.ends_with('}');
    let verb = match (operation.effect, operation.route.method) {
        (Effect::Delete, _) => Some("delete"),
        (Effect::Change, Method::Patch | Method::Put) => Some("change"),
        _ => None,
    };
    let noun = if ends_with_parameter { one_of_kind(last) } else { last.to_owned() };
    let id = verb.map_or_else(|| noun.clone(), |verb| format!("{verb}_{noun}"));
    id.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect()
}

/// The placeholder for a reference that only the user knows.
fn to_fill_in(referred: Referred<'_>) -> String {
    format!("\"<{} of one of {}>\"", referred.attribute(), referred.kind)
}

/// The singular of a kind.
fn one_of_kind(kind: &str) -> String {
    let known = match kind {
        "floatingips" => "floating_ip",
        "loadbalancers" => "load_balancer",
        "l7polices" | "l7policies" => "l7_policy",
        "l7rules" => "l7_rule",
        "healthmonitors" => "health_monitor",
        "servergroups" => "server_group",
        "securitygroups" => "security_group",
        "ports" | "reserved_fixed_ips" => "reserved_ip",
        "lifecycle_policies" => "snapshot_schedule",
        "laas_topic" => "log_topic",
        "registry_registries" | "registries" => "registry",
        "postgresql_clusters" => "postgres",
        "lblisteners" => "listener",
        "lbpools" => "pool",
        _ => match kind.strip_suffix("ies") {
            Some(stem) => return format!("{stem}y"),
            None => kind.strip_suffix('s').unwrap_or(kind),
        },
    };
    known.to_owned()
}

struct Writer<'s> {
    schema: &'s BodySchema,
    yaml: String,
}

impl Writer<'_> {
    /// The required fields of a mapping, each on its own lines, at level `depth`.
    fn mapping(&mut self, written: &Schema, depth: usize, in_list: bool) {
        let mut shape = self.schema.resolve(written);
        let mut naming = None;
        for _ in 0..DEEPEST {
            let Some(variant) = usual_variant(&shape.variants, in_list) else { break };
            naming = shape.discriminator.as_deref().or(naming);
            shape = self.schema.resolve(&variant.schema);
        }
        // The discriminating field comes first, required or not.
        let named =
            naming.into_iter().chain(shape.required.iter().map(String::as_str).filter(|name| Some(*name) != naming));
        for name in named {
            if let Some(field) = shape.properties.get(name) {
                self.field(name, field, depth, in_list);
            }
        }
    }

    fn field(&mut self, name: &str, written: &Schema, depth: usize, in_list: bool) {
        let shape = self.schema.resolve(written);
        let indent = "  ".repeat(depth);
        let _ = write!(self.yaml, "{indent}{name}:");
        if depth >= DEEPEST {
            self.yaml += " \"<see the API reference>\"\n";
            return;
        }
        if let Some(referred) = self.schema.referred(written) {
            let _ = writeln!(self.yaml, " {}", to_fill_in(referred));
            return;
        }
        match self.main_type(shape, in_list) {
            Some(Type::Object) => self.nested(shape, depth, in_list),
            Some(Type::Array) => self.list(shape, depth),
            _ => {
                let (value, comment) = self.scalar(name, written, shape);
                let _ = writeln!(self.yaml, " {value}{comment}");
            }
        }
    }

    fn nested(&mut self, shape: &Schema, depth: usize, in_list: bool) {
        let before = self.yaml.len();
        self.mapping(shape, depth + 1, in_list);
        if self.yaml.len() > before {
            self.yaml.insert(before, '\n');
        } else if matches!(shape.additional, Additional::Of(_)) && shape.min_properties.unwrap_or(0) > 0 {
            let _ = writeln!(self.yaml, "\n{}key: \"<fill in value>\"", "  ".repeat(depth + 1));
        } else {
            self.yaml += " {}\n";
        }
    }

    fn list(&mut self, shape: &Schema, depth: usize) {
        let open = Schema::default();
        let item = shape.items.as_deref().unwrap_or(&open);
        let resolved = self.schema.resolve(item);
        if self.main_type(resolved, true) != Some(Type::Object) {
            let value = match self.schema.referred(item) {
                Some(referred) => to_fill_in(referred),
                None => self.scalar("item", item, resolved).0,
            };
            let _ = writeln!(self.yaml, " [{value}]");
            return;
        }
        let mut inside = Writer { schema: self.schema, yaml: String::new() };
        inside.mapping(item, depth + 2, true);
        if inside.yaml.is_empty() {
            self.yaml += " [{}]\n";
            return;
        }
        // The first field follows the dash.
        let dash = format!("{}- ", "  ".repeat(depth + 1));
        self.yaml.push('\n');
        self.yaml += &inside.yaml.replacen(&"  ".repeat(depth + 2), &dash, 1);
    }

    /// A valid value or a placeholder, and a comment about alternatives.
    fn scalar(&self, name: &str, written: &Schema, shape: &Schema) -> (String, String) {
        let default = written.default.as_ref().or(shape.default.as_ref());
        // Egress without a protocol is refused (`check::refusals`).
        let liked = shape.values.iter().find(|value| value.as_str() == Some("ingress")).or(shape.values.first());
        if let Some(first) = default.or(liked) {
            let others = shape.values.iter().filter(|value| default.is_none() && *value != first);
            let others = words::plain_list(others.map(words::value));
            let or = if others.is_empty() { String::new() } else { format!("  # or {others}") };
            return (scalar_yaml(first), or);
        }
        match self.main_type(shape, false) {
            Some(Type::Boolean) => ("false".to_owned(), String::new()),
            Some(Type::Integer | Type::Number) => number(shape),
            _ => (format!("\"<{}>\"", text_placeholder(name, shape)), String::new()),
        }
    }

    /// The type to show, when there are several.
    fn main_type(&self, shape: &Schema, in_list: bool) -> Option<Type> {
        let shape = match usual_variant(&shape.variants, in_list) {
            Some(variant) => self.schema.resolve(&variant.schema),
            None => shape,
        };
        let order = [Type::Object, Type::Array, Type::String, Type::Integer, Type::Number, Type::Boolean];
        order.into_iter().find(|r#type| !shape.types.is_empty() && shape.types.contains(*r#type))
    }
}

/// The most common variant: list elements boot from an image, or have a public address.
fn usual_variant(variants: &[Variant], in_list: bool) -> Option<&Variant> {
    let liked: &[&str] =
        if in_list { &["image", "external"] } else { &["new-volume", "new", "external", "interval", "create"] };
    let means = |variant: &&Variant, word: &str| variant.when.iter().any(|value| value.as_str() == Some(word));
    liked.iter().find_map(|word| variants.iter().find(|variant| means(variant, word))).or(variants.first())
}

fn text_placeholder(name: &str, shape: &Schema) -> String {
    match shape.format.as_deref() {
        Some("ipvanynetwork") => "network such as 10.0.0.0/24".to_owned(),
        Some("ipvanyaddress" | "ipv4" | "ipv6") => "IP address".to_owned(),
        Some("uuid4") => "id".to_owned(),
        Some("date-time") => "date and time such as 2026-01-31T12:00:00Z".to_owned(),
        Some("uri") => "URL".to_owned(),
        Some("binary") => "path of the file".to_owned(),
        // Several words, so that it cannot be a real value.
        _ => format!("fill in {name}"),
    }
}

/// The smallest valid number; a placeholder where no limit is known.
fn number(shape: &Schema) -> (String, String) {
    let range = words::range(shape.minimum.as_ref(), shape.maximum.as_ref());
    let comment = if range.is_empty() { String::new() } else { format!("  # {range}") };
    match &shape.minimum {
        Some(least) if !least.exclusive => (least.value.to_string(), comment),
        Some(least) => match least.value.as_i64() {
            Some(least) => (least.saturating_add(1).to_string(), comment),
            None => ("\"<number>\"".to_owned(), comment),
        },
        None => ("\"<number>\"".to_owned(), comment),
    }
}

/// Strings are quoted where YAML would read another type.
fn scalar_yaml(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
                && text.chars().all(|character| character.is_ascii_alphanumeric() || "-_./".contains(character))
                && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
                    .contains(&text.to_lowercase().as_str());
            if plain { text.clone() } else { value.to_string() }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Partial, Route};

    fn step(call: &str) -> String {
        let route = Route::parse(&call.replace("PR", "{project_id}/{region_id}")).unwrap();
        Catalog::embedded().new_step(&Catalog::embedded().find(&route).unwrap())
    }

    #[test]
    fn a_step_has_every_required_field() {
        assert_eq!(
            step("POST /cloud/v1/subnets/PR"),
            "- id: subnet\n  call: POST /cloud/v1/subnets/{project_id}/{region_id}\n  body:\n    name: \"<fill in name>\"\n    \
             network_id: \"<id of one of networks>\"\n    cidr: \"<network such as 10.0.0.0/24>\"\n"
        );
    }

    #[test]
    fn variants_are_those_that_most_people_want() {
        let machine = step("POST /cloud/v2/instances/PR");
        assert!(machine.contains("      - source: image\n        image_id: \"<id of one of images>\"\n"), "{machine}");
        assert!(machine.contains("      - type: external\n"), "{machine}");
    }

    #[test]
    fn every_step_is_yaml_in_which_nothing_but_placeholders_is_wrong() {
        for operation in Catalog::embedded().operations() {
            let yaml = Catalog::embedded().new_step(&operation);
            let read: Value = serde_yaml::from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
            let step = &read[0];
            assert!(
                step["id"].as_str().is_some_and(|id| id.starts_with(|first: char| first.is_ascii_lowercase())),
                "{yaml}"
            );
            let body = step.get("body").map(Partial::from);
            let found = match step.get("body_file") {
                Some(_) => operation.check_file(None),
                None => Catalog::embedded().check_request(&operation, body.as_ref(), crate::catalog::ALLOW_NOTHING),
            };
            let to_be_told = |code| code == "placeholder";
            let wrong: Vec<_> = found.iter().filter(|found| !to_be_told(found.code)).collect();
            assert!(wrong.is_empty(), "{wrong:?}\n{yaml}");
            let (_, path) = step["call"].as_str().unwrap().split_once(' ').unwrap();
            let segments: Vec<_> = path.trim_start_matches('/').split('/').map(Some).collect();
            let matched = Catalog::embedded().matching_segments(operation.route.method, &segments).unwrap();
            assert_eq!(matched.route, operation.route);
        }
    }
}
