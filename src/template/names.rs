//! The names that templates may use.

/// The names of the scope.
pub const NAMES: &[&str] = &[
    "inputs",
    "steps",
    "records",
    "each",
    "self",
    "resource",
    "environment",
    "project_id",
    "region_id",
    "item",
    "key",
    "index",
];

/// The names that `for`, `set` and `with` of a template may bind.
pub(super) const BINDABLE: &[&str] = &["item", "key", "index"];

pub const FUNCTIONS: &[&str] = &["range", "dict", "file", "cidrsubnet", "cidrhost"];

/// minijinja's filters except those for HTML and debugging, and ours.
pub const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "b64decode",
    "b64encode",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "cidrhost",
    "cidrsubnet",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "first_address",
    "float",
    "format",
    "fromjson",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sha256",
    "slice",
    "slug",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

pub const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Filters whose input is a list: the result of a step, a mapping, would give the names or the number of its fields.
pub(super) const FILTERS_FOR_LISTS: &[&str] = &[
    "batch",
    "chain",
    "count",
    "first",
    "groupby",
    "join",
    "last",
    "length",
    "list",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "sum",
    "unique",
    "zip",
];

/// Of these, the filters whose arguments are lists as well.
pub(super) const JOINING_LISTS: &[&str] = &["chain", "zip"];

/// Filters for secrets: they keep the marker, or conceal their result.
pub(super) const FILTERS_FOR_SECRETS: &[&str] =
    &["b64decode", "b64encode", "d", "default", "join", "sha256", "string", "tojson"];

/// Tests that do not depend on the value itself.
pub(super) const TESTS_FOR_SECRETS: &[&str] = &["defined", "undefined", "none"];
