//! Checks what modules are given against the types and limits of their inputs.

use crate::catalog::Partial;
use crate::catalog::schema::Type;
use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::inputs::{fits, type_in_words};
use crate::plan::model::{Input, InputType, ModuleInput};
use crate::plan::partial::{At, Known};

/// Reports values that do not fit, as far as they are known. What cannot be evaluated is reported where it is used.
pub(super) fn check(given: &[ModuleInput], known: &Known<'_>, findings: &mut Findings) {
    for ModuleInput { name, declared, value, input } in given {
        let is_secret = value.inputs().any(|used| known.is_secret(&used.name));
        let at = if is_secret { At::default().revealing() } else { At::default() };
        let Some(why) = misfit(&known.partial(value, at, &mut Vec::new()), input) else { continue };
        let message = match is_secret {
            true => format!("the secret that `{name}` is given does not fit it"),
            false => format!("the value of `{name}` does not fit: {why}"),
        };
        findings.push(Diagnostic::error("input-value", value.span, message).related(*declared, "declared here"));
    }
}

/// Why a value does not fit, as far as it is known.
fn misfit(value: &Partial, input: &Input) -> Option<String> {
    let wrong_type = |found: &str| Some(format!("expected {}, found {found}", type_in_words(input.r#type)));
    match value {
        Partial::OneOf(options) => options.iter().find_map(|option| misfit(option, input)),
        // As for an input of a plan that need not have a value.
        Partial::Null if !input.required => None,
        Partial::Text(_) if input.r#type != InputType::String => wrong_type("text"),
        Partial::Unknown(unknown) => {
            let (found, types): (_, &[InputType]) = match unknown.types.only()? {
                Type::Boolean => ("a boolean", &[InputType::Boolean]),
                // A number may be whole.
                Type::Integer | Type::Number => ("a number", &[InputType::Integer, InputType::Number]),
                Type::String => ("text", &[InputType::String]),
                Type::Array => ("a list", &[InputType::List]),
                Type::Object => ("a mapping", &[InputType::Map]),
            };
            if types.contains(&input.r#type) { None } else { wrong_type(found) }
        }
        other => match (other.known(), other) {
            (Some(value), _) => fits(input, value).err(),
            (None, Partial::List(_)) if input.r#type != InputType::List => wrong_type("a list"),
            (None, Partial::Map(_)) if input.r#type != InputType::Map => wrong_type("a mapping"),
            (None, _) => None,
        },
    }
}
