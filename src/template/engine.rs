//! The template environment: strict, without access to clock, randomness, environment variables or other templates.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::machinery::{CodeGenerator, ast, eval, make_string_output};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use super::{functions, text};

/// The limit of one evaluation, in instructions and output (64 bytes count as one): about 30 MB, or a few ms.
const FUEL: u64 = 500_000;
/// The deepest nesting of statements at run time; the source is limited further (see `lexicon`).
const DEEPEST: usize = 64;

static SYNTAX: LazyLock<SyntaxConfig> = LazyLock::new(|| {
    SyntaxConfig::builder().keep_trailing_newline(true).build().expect("the default delimiters are valid")
});

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_syntax(SYNTAX.clone());
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(text::format);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEEPEST);
    // For places of errors; the values that it collects are never shown.
    environment.set_debug(true);
    for name in ["debug", "namespace"] {
        environment.remove_global(name);
    }
    functions::register(&mut environment);
    environment
});

pub(super) fn syntax() -> SyntaxConfig {
    SYNTAX.clone()
}

pub(super) fn environment() -> &'static Environment<'static> {
    &ENVIRONMENT
}

/// Evaluates a part of an expression's syntax tree, which was parsed from `source`.
pub(super) fn evaluate(expr: &ast::Expr<'_>, source: &str, root: Value) -> Result<Value, Error> {
    let mut code = CodeGenerator::new("", source);
    code.compile_expr(expr);
    let (instructions, _) = code.finish();
    let (mut nothing, none) = (String::new(), BTreeMap::new());
    let mut output = make_string_output(&mut nothing);
    let (value, _) = eval(&ENVIRONMENT, &instructions, root, &none, &mut output, AutoEscape::None)?;
    Ok(value.unwrap_or_default())
}
