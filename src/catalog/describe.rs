//! Describes an operation for people.

use serde::Serialize;
use serde_json::Value;

use super::Catalog;
use super::check::words;
use super::operation::{BodyUse, Creates, Effect, Operation, Parameter, Route};
use super::schema::{Additional, BodySchema, Schema, Variant};

/// The greatest depth of fields that is shown.
const DEEPEST: usize = 6;

/// An operation for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    pub route: Route,
    pub tag: String,
    pub operation_id: String,
    pub effect: Effect,
    pub asynchronous: bool,
    pub task_types: Vec<String>,
    pub deprecated: bool,
    pub successor: Option<Route>,
    pub path: Vec<Field>,
    pub query: Vec<Field>,
    pub body_use: BodyUse,
    pub body: Vec<Field>,
    /// The media types of a body that is a file or a form.
    #[serde(rename = "content", skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<String>,
    /// The body is a form, in which files are named by their paths.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub form: bool,
    /// What a successful call creates.
    pub creates: Option<Creates>,
    /// The call that deletes it.
    pub undo: Option<Route>,
}

/// A parameter, or a field of a body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// `size`
    pub name: String,
    /// From the body's root: `volumes[].size`.
    pub path: String,
    /// 0 at the root.
    pub depth: usize,
    pub required: bool,
    /// A short description of its values: `an integer`, `one of tcp, udp`.
    pub wanted: String,
    pub nullable: bool,
    /// Further limits: `from 1 to 65535`, `at most 5 items`; empty without any.
    pub limits: String,
    pub default: Option<Value>,
    /// The condition under which the field exists: `source: image`.
    pub when: Option<String>,
    pub deprecated: bool,
    /// The kind of resource it refers to.
    pub kind: Option<String>,
    /// It takes the resource's name, not its id.
    pub by_name: bool,
}

impl Catalog {
    /// The description of an operation.
    pub fn describe(&self, operation: &Operation) -> Description {
        let delete = operation.creates.as_ref().and_then(|creates| creates.resource.as_ref()?.delete.as_ref());
        let body = self.body_schema(operation).map(|schema| {
            let mut fields = Vec::new();
            let mut lister = Lister { schema: &schema, fields: &mut fields, inside: Vec::new() };
            lister.mapping(schema.root(), "", 0, None);
            fields
        });
        Description {
            route: operation.route.clone(),
            tag: operation.tag.clone(),
            operation_id: operation.operation_id.clone(),
            effect: operation.effect,
            asynchronous: operation.asynchronous,
            task_types: operation.task_types.clone(),
            deprecated: operation.deprecated,
            successor: operation.successor.clone(),
            path: operation.path_parameters.iter().map(parameter).collect(),
            query: operation.query_parameters.iter().map(parameter).collect(),
            body_use: operation.body,
            body: body.unwrap_or_default(),
            media_types: operation.media_types.clone(),
            form: operation.takes_form(),
            creates: operation.creates.clone(),
            undo: delete.map(|delete| Route { method: delete.method, path: delete.path.clone() }),
        }
    }
}

fn parameter(parameter: &Parameter) -> Field {
    let schema = BodySchema::alone(parameter.schema.clone());
    field(&schema, schema.root(), &parameter.name, String::new(), 0, parameter.required, None)
}

fn field(
    schema: &BodySchema,
    written: &Schema,
    name: &str,
    above: String,
    depth: usize,
    required: bool,
    when: Option<String>,
) -> Field {
    let shape = schema.resolve(written);
    let referred = schema.referred(written);
    Field {
        name: name.to_owned(),
        path: if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") },
        depth,
        required,
        wanted: words::wanted(schema, written),
        nullable: schema.nullable(written),
        limits: limits(shape),
        default: written.default.clone().or_else(|| shape.default.clone()),
        when,
        deprecated: written.deprecated || shape.deprecated,
        by_name: referred.is_some_and(|referred| referred.by_name),
        kind: referred.map(|referred| referred.kind.to_owned()),
    }
}

fn limits(shape: &Schema) -> String {
    let mut limits = vec![words::range(shape.minimum.as_ref(), shape.maximum.as_ref())];
    for (least, most, what) in [
        (shape.min_length, shape.max_length, "character"),
        (shape.min_items, shape.max_items, "item"),
        (shape.min_properties, shape.max_properties, "field"),
    ] {
        limits.extend(least.filter(|least| *least > 0).map(|least| format!("at least {}", words::count(least, what))));
        limits.extend(most.map(|most| format!("at most {}", words::count(most, what))));
    }
    if shape.unique_items {
        limits.push("no item twice".to_owned());
    }
    if let Some(pattern) = &shape.pattern {
        limits.push(words::pattern(pattern).map_or_else(|| format!("matches {pattern}"), str::to_owned));
    }
    limits.retain(|limit| !limit.is_empty());
    limits.join(", ")
}

struct Lister<'s> {
    schema: &'s BodySchema,
    fields: &'s mut Vec<Field>,
    /// Definitions on the path to here, so that a recursive one is listed once.
    inside: Vec<&'s str>,
}

impl<'s> Lister<'s> {
    fn mapping(&mut self, written: &'s Schema, above: &str, depth: usize, when: Option<&str>) {
        if depth >= DEEPEST || written.reference.as_deref().is_some_and(|name| self.inside.contains(&name)) {
            return;
        }
        self.inside.extend(written.reference.as_deref());
        let shape = self.schema.resolve(written);
        for (name, own) in &shape.properties {
            let required = shape.required.contains(name);
            let listed = field(self.schema, own, name, above.to_owned(), depth, required, when.map(str::to_owned));
            let path = listed.path.clone();
            // Fields shared by several variants are listed once.
            if !self
                .fields
                .iter()
                .any(|known| known.path == path && known.wanted == listed.wanted && known.when.is_none())
            {
                self.fields.push(listed);
                self.below(own, &path, depth + 1);
            }
        }
        let discriminating =
            shape.discriminator.as_deref().or_else(|| discriminating_field(self.schema, &shape.variants));
        for variant in &shape.variants {
            let when = discriminating.and_then(|property| when_of(self.schema, variant, property));
            self.mapping(&variant.schema, above, depth, when.as_deref());
        }
        if written.reference.is_some() {
            self.inside.pop();
        }
    }

    fn below(&mut self, written: &'s Schema, path: &str, depth: usize) {
        let shape = self.schema.resolve(written);
        match (&shape.items, &shape.additional) {
            (Some(items), _) => self.mapping(items, &format!("{path}[]"), depth, None),
            (None, Additional::Of(value)) if shape.properties.is_empty() => {
                self.mapping(value, &format!("{path}.*"), depth, None);
            }
            _ => self.mapping(written, path, depth, None),
        }
    }
}

/// The discriminating field: a different constant in every variant, such as `type_name`.
fn discriminating_field<'s>(schema: &'s BodySchema, variants: &'s [Variant]) -> Option<&'s str> {
    let first = schema.resolve(&variants.first()?.schema);
    first.properties.keys().map(String::as_str).find(|name| {
        let mut values: Vec<&Value> = Vec::new();
        variants.iter().all(|variant| match allowed_values(schema, variant, name) {
            [only] if !values.contains(&only) => {
                values.push(only);
                true
            }
            _ => false,
        })
    })
}

/// `source: image`
fn when_of(schema: &BodySchema, variant: &Variant, property: &str) -> Option<String> {
    let own = allowed_values(schema, variant, property);
    let values = if own.is_empty() { variant.when.as_slice() } else { own };
    (!values.is_empty()).then(|| format!("{property}: {}", words::plain_list(values.iter().map(words::value))))
}

/// The allowed values of a property of a variant; empty when it has no list of them.
fn allowed_values<'s>(schema: &'s BodySchema, variant: &'s Variant, property: &str) -> &'s [Value] {
    let field = schema.resolve(&variant.schema).properties.get(property);
    field.map(|field| schema.resolve(field).values.as_slice()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(call: &str) -> Description {
        let route = Route::parse(&call.replace("PR", "{project_id}/{region_id}")).unwrap();
        Catalog::embedded().describe(&Catalog::embedded().find(&route).unwrap())
    }

    #[test]
    fn fields_are_described_with_limits_and_variants() {
        let machine = describe("POST /cloud/v2/instances/PR");
        let field =
            |path: &str| machine.body.iter().find(|field| field.path == path).unwrap_or_else(|| panic!("{path}"));
        assert!(field("flavor").required);
        assert_eq!(field("ssh_key_name").wanted, "the name of one of `ssh_keys`");
        assert_eq!(field("volumes[].image_id").when.as_deref(), Some("source: image"));
        assert_eq!(field("volumes[].image_id").kind.as_deref(), Some("images"));
        let undo = machine.undo.unwrap().to_string();
        assert_eq!(undo, "DELETE /cloud/v1/instances/{project_id}/{region_id}/{instance_id}");
    }

    #[test]
    fn variants_without_a_named_field_are_described_by_their_discriminator() {
        let share = describe("POST /cloud/v1/file_shares/PR");
        let network = share.body.iter().find(|field| field.path == "network").unwrap();
        assert_eq!(network.when.as_deref(), Some("type_name: standard"));
    }

    #[test]
    fn every_operation_can_be_described() {
        for operation in Catalog::embedded().operations() {
            let description = Catalog::embedded().describe(&operation);
            assert_eq!(description.path.len(), operation.path_parameters.len());
            assert!(description.body.len() < 800, "{}: {}", operation.route, description.body.len());
        }
    }
}
