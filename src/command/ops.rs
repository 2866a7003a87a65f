//! `plan ops`: searches the operations of the API.

mod page;

use std::sync::Arc;

use serde_json::{Value, json};

use super::load;
use super::table::table;
use super::{note, print_json, print_text};
use crate::catalog::{Catalog, Description, Effect, Fit, FoundOperation, Operation, Route, asks_for_reads};
use crate::cli::{OpsArguments, ResultFormat};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::kind::kind_name;
use crate::report::{Palette, count};

/// The most candidates named when several operations match.
const MOST_OPERATIONS_NAMED: usize = 12;

/// `plan ops`: prints the operations that fit a search, or one in detail.
///
/// # Errors
///
/// When no operation fits.
pub(super) fn ops(context: &Context, arguments: &OpsArguments) -> Result<Exit, Error> {
    let catalog = load::catalog(context, arguments.spec.as_deref())?;
    match &arguments.show {
        Some(wanted) => show(context, &catalog.describe(&*find_operation(catalog, wanted)?), arguments.format)?,
        None => list(context, catalog, arguments)?,
    }
    Ok(Exit::Done)
}

/// The operation with a route, or the only one that matches enough words.
///
/// # Errors
///
/// When no operation or several match, with the nearest ones.
pub(super) fn find_operation(catalog: &Catalog, wanted: &str) -> Result<Arc<Operation>, Error> {
    let route = |text: &str| Route::parse(text).and_then(|route| catalog.find(&route));
    let concrete = |text: &str| {
        let route = Route::parse(text)?;
        catalog.matching(route.method, &route.path).map(|(operation, _)| operation)
    };
    if let Some(operation) = route(wanted.trim()).or_else(|| concrete(wanted.trim())) {
        return Ok(operation);
    }
    let found = catalog.search(&[wanted]);
    match &found[..] {
        [only] => Ok(Arc::clone(&only.operation)),
        [] => Err(Error::usage(format!("no operation fits `{wanted}`")).help("`plan ops WORD` searches for one")),
        [closest, ..] => match meant(&found, wanted) {
            Some(operation) => Ok(operation),
            None => {
                let near = found.iter().take_while(|found| found.fit == closest.fit).take(MOST_OPERATIONS_NAMED);
                let error = Error::usage(format!("{} fit `{wanted}`", count(found.len(), "operation")));
                Err(near.fold(error, |error, found| error.help(found.operation.route.to_string())))
            }
        },
    }
}

/// The clear winner among several matches: the only one whose path ends with the typed word, as for `POST networks`,
/// or the one with a clearly better match.
fn meant(found: &[FoundOperation], wanted: &str) -> Option<Arc<Operation>> {
    let mut ending = found.iter().filter(|found| ends_with(&found.operation, wanted));
    let only = ending.next().filter(|_| ending.next().is_none());
    let closest = match found {
        [first, second, ..] if first.fit <= Fit::Makes && first.distance() < second.distance() => Some(first),
        _ => None,
    };
    only.or(closest).map(|found| Arc::clone(&found.operation))
}

/// Whether the last word of the path is the last word that was typed.
fn ends_with(operation: &Operation, wanted: &str) -> bool {
    let last = operation.route.path.split('/').rfind(|segment| !segment.starts_with('{'));
    let typed = wanted.split_whitespace().last().and_then(|word| word.trim_end_matches('/').rsplit('/').next());
    last == typed && !operation.deprecated
}

fn list(context: &Context, catalog: &Catalog, arguments: &OpsArguments) -> Result<(), Error> {
    let words = arguments.words.join(" ");
    let found: Vec<Arc<Operation>> = catalog.search(&[&words]).into_iter().map(|found| found.operation).collect();
    let (writes, reads): (Vec<_>, Vec<_>) = found.iter().cloned().partition(|found| found.effect != Effect::Read);
    // Reads are listed when asked for by flag or word, and when no write matches as well.
    let closest_reads = found.first().is_some_and(|closest| closest.effect == Effect::Read);
    let asked = arguments.reads || asks_for_reads(&words) || closest_reads && !words.is_empty();
    let (shown, kept_back) = if asked { (found, 0) } else { (writes, reads.len()) };
    if shown.is_empty() {
        return Err(Error::usage(format!("no operation has all of `{words}`"))
            .help("try fewer words, or others: `vm`, `create network`, `database`, `POST subnets`"));
    }
    match arguments.format {
        ResultFormat::Json => print_json(context, &Value::Array(shown.iter().map(|op| to_json(op)).collect()))?,
        ResultFormat::Human => {
            let rows: Vec<Vec<String>> = shown.iter().map(|operation| row(operation)).collect();
            let palette = Palette::new(context.color(&context.stdout));
            print_text(
                context,
                &context.secrets.redact(&table(&["METHOD", "PATH", "SECTION", "MAKES"], &rows, palette)),
            )?;
        }
    }
    if kept_back > 0 {
        note(context, &format!("{} left out: add `--reads`", count(kept_back, "read-only operation")))?;
    }
    Ok(())
}

fn row(operation: &Operation) -> Vec<String> {
    let makes = operation.creates.as_ref().map(|creates| kind_name(&creates.kind)).unwrap_or_default();
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
    print_text(context, &context.secrets.redact(&page::page(described, Palette::new(context.color(&context.stdout)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &str) -> String {
        find_operation(Catalog::embedded(), wanted).map_or_else(|error| error.to_string(), |op| op.route.to_string())
    }

    #[test]
    fn an_operation_is_found_by_route_by_address_and_by_words() {
        let network = "POST /cloud/v1/networks/{project_id}/{region_id}";
        assert_eq!(found(network), network);
        assert_eq!(found("POST /cloud/v1/networks/1/7"), network);
        assert_eq!(found("POST networks"), network);
        assert_eq!(found("network"), network);
        assert_eq!(found("vm"), "POST /cloud/v2/instances/{project_id}/{region_id}");
        assert_eq!(found("delete vm"), "DELETE /cloud/v1/instances/{project_id}/{region_id}/{instance_id}");
        assert_eq!(found("no such thing"), "no operation fits `no such thing`");
    }

    #[test]
    fn several_candidates_are_named() {
        let error = find_operation(Catalog::embedded(), "POST").unwrap_err();
        assert!(error.to_string().ends_with("operations fit `POST`"), "{error}");
        assert_eq!(error.hints(&crate::cli::Typed::default()).len(), MOST_OPERATIONS_NAMED);
    }
}
