//! Findings for programs: one versioned JSON document.

use std::io::{self, Write};

use serde::Serialize;

use super::{Extent, FINDINGS_VERSION, Findings};
use crate::diagnostic::{Diagnostic, Severity};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'a str,
    severity: Severity,
    message: &'a str,
    file: String,
    #[serde(flatten)]
    place: Range,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    related: Vec<Related<'a>>,
    help: &'a [String],
    suggestion: Option<Replacement<'a>>,
}

/// Lines and columns from 1, columns in characters, the end one past the last.
#[derive(Serialize)]
struct Range {
    line: usize,
    column: usize,
    end: End,
}

#[derive(Serialize)]
struct End {
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct Related<'a> {
    #[serde(flatten)]
    place: Range,
    message: &'a str,
}

/// The suggested fix: replace the range from `line`, `column` to `end` by `text`.
#[derive(Serialize)]
struct Replacement<'a> {
    #[serde(flatten)]
    place: Range,
    text: &'a str,
}

/// Writes findings as one JSON document.
///
/// # Errors
///
/// The writer's error, including a closed pipe.
pub fn write(out: &mut dyn Write, files: &[Findings<'_>]) -> io::Result<()> {
    let findings =
        files.iter().flat_map(|file| file.in_order().into_iter().map(|diagnostic| finding(file, diagnostic))).collect();
    serde_json::to_writer_pretty(&mut *out, &Document { version: FINDINGS_VERSION, findings })?;
    writeln!(out)?;
    out.flush()
}

fn finding<'a>(file: &Findings<'a>, found: &'a Diagnostic) -> Finding<'a> {
    Finding {
        code: found.code,
        severity: found.severity,
        message: &found.message,
        file: file.path(),
        place: file.place(found.primary).into(),
        label: &found.label,
        related: found
            .related
            .iter()
            .map(|(span, message)| Related { place: file.place(*span).into(), message })
            .collect(),
        help: &found.help,
        suggestion: found
            .suggestion
            .as_ref()
            .map(|suggestion| Replacement { place: file.exactly(suggestion.span).into(), text: &suggestion.text }),
    }
}

impl From<Extent> for Range {
    fn from(place: Extent) -> Self {
        Self {
            line: place.start.line,
            column: place.start.column,
            end: End { line: place.end.line, column: place.end.column },
        }
    }
}
