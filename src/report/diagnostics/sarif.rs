//! Findings for code scanning: SARIF 2.1.0.

use std::io::{self, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Extent, Findings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::order::ordered_set;
use crate::source::Span;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The characters that the path of a URI has unencoded.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Writes findings as a SARIF log.
///
/// # Errors
///
/// The writer's error, including a closed pipe.
pub fn write(out: &mut dyn Write, files: &[Findings<'_>]) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &log(files))?;
    writeln!(out)?;
    out.flush()
}

fn log(files: &[Findings<'_>]) -> Value {
    let codes = ordered_set(files.iter().flat_map(|file| file.diagnostics).map(|found| found.code));
    let codes: Vec<&str> = codes.into_iter().collect();
    let results: Vec<Value> =
        files.iter().flat_map(|file| file.in_order().into_iter().map(|found| result(file, found, &codes))).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "plan",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "artifacts": files.iter().map(|file| json!({ "location": { "uri": uri(file) } })).collect::<Vec<_>>(),
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    json!({
        "id": code,
        "shortDescription": { "text": code.replace('-', " ") },
        "help": { "text": format!("plan explain {code}") },
    })
}

fn result(file: &Findings<'_>, found: &Diagnostic, codes: &[&str]) -> Value {
    let mut result = json!({
        "ruleId": found.code,
        "ruleIndex": codes.binary_search(&found.code).expect("the rules were collected from these findings"),
        "level": match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        "message": { "text": message(found) },
        "locations": [{ "physicalLocation": location(file, found.primary) }],
    });
    if !found.related.is_empty() {
        result["relatedLocations"] = found
            .related
            .iter()
            .enumerate()
            .map(|(id, (span, words))| {
                json!({ "id": id, "physicalLocation": location(file, *span), "message": { "text": words } })
            })
            .collect();
    }
    if let Some(suggestion) = &found.suggestion {
        result["fixes"] = json!([{
            "description": { "text": found.help.first().map_or("write this instead", String::as_str) },
            "artifactChanges": [{
                "artifactLocation": { "uri": uri(file) },
                "replacements": [{
                    "deletedRegion": region(file.exactly(suggestion.span)),
                    "insertedContent": { "text": suggestion.text },
                }],
            }],
        }]);
    }
    result
}

fn message(found: &Diagnostic) -> String {
    let mut text = found.message.clone();
    for help in &found.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    text
}

fn location(file: &Findings<'_>, span: Span) -> Value {
    json!({ "artifactLocation": { "uri": uri(file) }, "region": region(file.place(span)) })
}

fn region(place: Extent) -> Value {
    json!({
        "startLine": place.start.line,
        "startColumn": place.start.column,
        "endLine": place.end.line,
        "endColumn": place.end.column,
    })
}

/// A relative reference for a relative path, a `file:` URI for an absolute one.
fn uri(file: &Findings<'_>) -> String {
    let path = file.path().replace('\\', "/");
    let encoded = utf8_percent_encode(path.strip_prefix("./").unwrap_or(&path), PATH).to_string();
    match file.source.path().is_absolute() {
        true => format!("file:///{}", encoded.trim_start_matches('/')),
        false => encoded,
    }
}
