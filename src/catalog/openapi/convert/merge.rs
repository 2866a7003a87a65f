//! Combines schemas that apply together, and keywords next to a reference.

use serde_json::Value;

use crate::catalog::schema::{Additional, Schema, Type, Types};

/// The keywords allowed next to a reference.
pub(super) fn annotate(schema: &mut Schema, raw: &Value) {
    if let Some(default) = raw.get("default").filter(|default| !default.is_null()) {
        schema.default = Some(default.clone());
    }
    schema.deprecated |= raw.get("deprecated") == Some(&Value::Bool(true));
    schema.nullable |= raw.get("nullable") == Some(&Value::Bool(true));
}

/// Combines two schemas that both apply; the second takes precedence.
pub(super) fn merge(one: Schema, two: Schema) -> Schema {
    let mut merged = one;
    merged.types = match (merged.types.is_empty(), two.types.is_empty()) {
        (true, _) => two.types,
        (_, true) => merged.types,
        _ => merged.types.intersection(two.types),
    };
    for name in two.required {
        if !merged.required.contains(&name) {
            merged.required.push(name);
        }
    }
    merged.read_only.extend(two.read_only);
    merged.write_only.extend(two.write_only);
    // A bare `type: object` allows any field, unless the other one names some.
    let (bare, names) = (merged.properties.is_empty(), !two.properties.is_empty());
    let opens = two.additional != Additional::None && (bare || names || two.additional != Additional::Any);
    if bare && names || opens {
        merged.additional = two.additional;
    }
    // A field that only an example of this part shows has its schema in the other part.
    for (name, field) in two.properties {
        if field != Schema::default() || !merged.properties.contains_key(&name) {
            merged.properties.insert(name, field);
        }
    }
    if !two.values.is_empty() {
        merged.values = two.values;
    }
    if !two.variants.is_empty() {
        merged.variants = two.variants;
        merged.discriminator = two.discriminator;
    }
    merged.null_with = match (merged.nullable, two.nullable) {
        (true, true) => two.null_with.into_iter().filter(|name| merged.null_with.contains(name)).collect(),
        (false, true) => two.null_with,
        (_, false) => merged.null_with,
    };
    merged.nullable |= two.nullable;
    merged.deprecated |= two.deprecated;
    merged.unique_items |= two.unique_items;
    macro_rules! nearer {
        ($($field:ident),*) => { $(merged.$field = two.$field.or(merged.$field);)* };
    }
    nearer!(
        reference,
        keys,
        min_properties,
        max_properties,
        items,
        min_items,
        max_items,
        minimum,
        maximum,
        min_length,
        max_length,
        pattern,
        format,
        default,
        kind
    );
    merged.by_name |= two.by_name;
    merged
}

/// `Some` when the alternatives differ only in their types.
pub(super) fn only_types(shapes: &[Schema]) -> Option<Types> {
    let bare = |shape: &Schema| {
        *shape == Schema { types: shape.types, additional: shape.additional.clone(), ..Schema::default() }
    };
    let scalar = |shape: &Schema| !shape.types.contains(Type::Object) && !shape.types.is_empty();
    shapes
        .iter()
        .all(|shape| bare(shape) && scalar(shape))
        .then(|| shapes.iter().fold(Types::default(), |types, shape| types.union(shape.types)))
}
