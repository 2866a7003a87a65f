//! `plan ops`: what the API can do.

use std::sync::Arc;

use serde_json::{Value, json};

use super::load;
use super::print::table;
use super::{print_json, print_text};
use crate::catalog::{BodyUse, Catalog, Description, Effect, Field, Method, Operation, Route};
use crate::cli::{OpsArguments, ResultFormat};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{Palette, count, thing};

/// Candidates named when several operations may be meant.
const NAMED: usize = 12;

pub(super) fn ops(context: &Context, arguments: &OpsArguments) -> Result<Exit, Error> {
    let catalog = load::catalog(context, arguments.spec.as_deref())?;
    match &arguments.show {
        Some(wanted) => show(context, &catalog.describe(&*find_operation(catalog, wanted)?), arguments.format)?,
        None => list(context, catalog, arguments)?,
    }
    Ok(Exit::Done)
}

/// The operation that is meant by its route, or by enough words to be the only one.
///
/// # Errors
///
/// When none or several may be meant, with the nearest.
pub(super) fn find_operation(catalog: &Catalog, wanted: &str) -> Result<Arc<Operation>, Error> {
    let route = |text: &str| Route::parse(text).and_then(|route| catalog.find(&route));
    let concrete = |text: &str| {
        let route = Route::parse(text)?;
        catalog.matching(route.method, &route.path).map(|(operation, _)| operation)
    };
    if let Some(operation) = route(wanted.trim()).or_else(|| concrete(wanted.trim())) {
        return Ok(operation);
    }
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let found = search(catalog, &words);
    match &found[..] {
        [only] => Ok(Arc::clone(only)),
        [] => Err(Error::usage(format!("no operation fits `{wanted}`")).help("`plan ops WORD` searches for one")),
        several => {
            // The shortest path that fits is what was meant by `POST networks`, when it ends with what was typed.
            let exact: Vec<_> = several.iter().filter(|operation| ends_with(operation, &words)).collect();
            match exact[..] {
                [only] => Ok(Arc::clone(only)),
                _ => {
                    let names = several.iter().take(NAMED).map(|operation| operation.route.to_string());
                    let error = Error::usage(format!("{} fit `{wanted}`", count(several.len(), "operation")));
                    Err(names.fold(error, Error::help))
                }
            }
        }
    }
}

/// Operations with all of these words; a method is meant as one.
fn search(catalog: &Catalog, words: &[&str]) -> Vec<Arc<Operation>> {
    let methods: Vec<Method> = words.iter().filter_map(|word| Method::parse(&word.to_uppercase())).collect();
    let others: Vec<&str> =
        words.iter().copied().filter(|word| Method::parse(&word.to_uppercase()).is_none()).collect();
    let mut found = catalog.search(&others);
    found.retain(|operation| methods.is_empty() || methods.contains(&operation.route.method));
    found
}

/// The last word of the path that is no placeholder is the last word that was typed.
fn ends_with(operation: &Operation, words: &[&str]) -> bool {
    let last = operation.route.path.split('/').rfind(|segment| !segment.starts_with('{'));
    let typed = words.last().and_then(|word| word.trim_end_matches('/').rsplit('/').next());
    last == typed && !operation.deprecated
}

fn list(context: &Context, catalog: &Catalog, arguments: &OpsArguments) -> Result<(), Error> {
    let words: Vec<&str> = arguments.words.iter().flat_map(|word| word.split_whitespace()).collect();
    let reads = arguments.reads || words.iter().any(|word| word.eq_ignore_ascii_case("get"));
    let mut found = search(catalog, &words);
    found.retain(|operation| reads || operation.effect != Effect::Read);
    if found.is_empty() {
        let error = Error::usage(format!("no operation has all of `{}`", words.join(" ")));
        return Err(error.help("try fewer words, or `--reads` for what changes nothing"));
    }
    match arguments.format {
        ResultFormat::Json => print_json(context, &Value::Array(found.iter().map(|op| to_json(op)).collect())),
        ResultFormat::Human => {
            let rows: Vec<Vec<String>> = found.iter().map(|operation| row(operation)).collect();
            let palette = Palette::new(context.color(&context.stdout));
            print_text(context, &table(&["METHOD", "PATH", "SECTION", "MAKES"], &rows, palette))
        }
    }
}

fn row(operation: &Operation) -> Vec<String> {
    let makes = operation.creates.as_ref().map(|creates| thing(&creates.kind)).unwrap_or_default();
    let makes = match (&operation.successor, operation.deprecated) {
        (Some(successor), _) => format!("deprecated: {successor}"),
        (None, true) => "deprecated".to_owned(),
        (None, false) => makes,
    };
    let Route { method, path } = &operation.route;
    vec![method.to_string(), path.clone(), operation.tag.clone(), makes]
}

fn to_json(operation: &Operation) -> Value {
    json!({
        "method": operation.route.method,
        "path": operation.route.path,
        "tag": operation.tag,
        "operation_id": operation.operation_id,
        "effect": operation.effect,
        "asynchronous": operation.asynchronous,
        "deprecated": operation.deprecated,
        "successor": operation.successor.as_ref().map(ToString::to_string),
        "creates": operation.creates.as_ref().map(|creates| &creates.kind),
    })
}

fn show(context: &Context, described: &Description, format: ResultFormat) -> Result<(), Error> {
    if format == ResultFormat::Json {
        let value = serde_json::to_value(described).expect("descriptions are made of types JSON can hold");
        return print_json(context, &value);
    }
    print_text(context, &page(described, Palette::new(context.color(&context.stdout))))
}

/// An operation as a page.
fn page(described: &Description, palette: Palette) -> String {
    let mut text = format!("{}\n", palette.name(&described.route));
    let mut line = |name: &str, words: String| text.push_str(&format!("  {:<10} {words}\n", name));
    line("section", described.tag.clone());
    match (&described.successor, described.deprecated) {
        (Some(successor), _) => line("deprecated", format!("use {successor}")),
        (None, true) => line("deprecated", "there is no successor".to_owned()),
        (None, false) => {}
    }
    line(
        "answers",
        match (described.asynchronous, &described.task_types[..]) {
            (false, _) => "at once".to_owned(),
            (true, []) => "with tasks".to_owned(),
            (true, types) => format!("with a task: {}", types.join(" or ")),
        },
    );
    if let Some(creates) = &described.creates {
        let by_name = creates.resource.as_ref().is_some_and(|resource| resource.by_name);
        let mut words = format!("{} (`steps.<id>.id`", thing(&creates.kind));
        words += if by_name { "; its own calls want `steps.<id>.name`)" } else { ")" };
        if !creates.also.is_empty() {
            words += &format!(", maybe with {}", creates.also.join(", "));
        }
        line("makes", words);
    }
    line("undo", described.undo.as_ref().map_or("none known: write `undo` in the step".to_owned(), Route::to_string));
    for (title, fields) in [("path", &described.path), ("query", &described.query)] {
        section(&mut text, title, fields, palette);
    }
    match described.body_use {
        BodyUse::None => {}
        BodyUse::Optional => section(&mut text, "body (optional)", &described.body, palette),
        BodyUse::Required => section(&mut text, "body", &described.body, palette),
    }
    text.push_str(&format!("\nplan new '{}' prints a step to paste\n", described.route));
    text
}

fn section(text: &mut String, title: &str, fields: &[Field], palette: Palette) {
    if fields.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", palette.name(title)));
    for field in fields {
        let mark = if field.required { "*" } else { " " };
        let indent = "  ".repeat(field.depth);
        let mut words = field.wanted.clone();
        let mut add = |more: String| {
            words.push_str(", ");
            words.push_str(&more);
        };
        if !field.limits.is_empty() {
            add(field.limits.clone());
        }
        if field.nullable {
            add("or null".to_owned());
        }
        if let Some(default) = &field.default {
            add(format!("default {default}"));
        }
        if let Some(when) = &field.when {
            add(format!("with {when}"));
        }
        if field.deprecated {
            add("deprecated".to_owned());
        }
        text.push_str(&format!("  {indent}{mark} {}  {}\n", palette.busy(&field.name), palette.faint(words)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Color;

    fn found(wanted: &str) -> String {
        find_operation(Catalog::embedded(), wanted).map_or_else(|error| error.to_string(), |op| op.route.to_string())
    }

    #[test]
    fn an_operation_is_found_by_route_by_address_and_by_words() {
        let network = "POST /cloud/v1/networks/{project_id}/{region_id}";
        assert_eq!(found(network), network);
        assert_eq!(found("POST /cloud/v1/networks/1/7"), network);
        assert_eq!(found("POST networks"), network);
        assert_eq!(found("no such thing"), "no operation fits `no such thing`");
    }

    #[test]
    fn several_candidates_are_named() {
        let error = find_operation(Catalog::embedded(), "POST").unwrap_err();
        assert!(error.to_string().ends_with("operations fit `POST`"), "{error}");
        assert_eq!(error.hints().len(), NAMED);
    }

    #[test]
    fn a_page_tells_fields_and_undo() {
        let catalog = Catalog::embedded();
        let operation = find_operation(catalog, "POST /cloud/v1/networks/{project_id}/{region_id}").unwrap();
        let page = page(&catalog.describe(&operation), Palette::new(Color::Off));
        assert!(page.contains("undo       DELETE /cloud/v1/networks/"), "{page}");
        assert!(page.contains("* name"), "{page}");
    }
}
