//! The one template environment: strict, without clock, randomness, environment variables or other templates.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::machinery::{CodeGenerator, ast, eval, make_string_output};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use super::{functions, text};

/// What one evaluation may cost: instructions, and bytes made, 64 of them for one. About 30 MB, or a few ms.
const FUEL: u64 = 500_000;
/// Statements in statements while running; what may be written is limited further (see `lexicon`).
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
    // Places of errors; what else it collects (values!) is never shown.
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

/// Runs a part of an expression's tree, which was parsed from `source`.
pub(super) fn evaluate(expr: &ast::Expr<'_>, source: &str, root: Value) -> Result<Value, Error> {
    let mut code = CodeGenerator::new("", source);
    code.compile_expr(expr);
    let (instructions, _) = code.finish();
    let (mut nothing, none) = (String::new(), BTreeMap::new());
    let mut output = make_string_output(&mut nothing);
    let (value, _) = eval(&ENVIRONMENT, &instructions, root, &none, &mut output, AutoEscape::None)?;
    Ok(value.unwrap_or_default())
}
