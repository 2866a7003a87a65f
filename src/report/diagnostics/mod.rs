//! Findings about plan files, shown to people and to programs.
//!
//! One set of findings, four formats: excerpts with carets for people, JSON for scripts, annotations for a GitHub job,
//! SARIF for code scanning. All are deterministic: files in the order given, findings in the order of the file.

mod human;
mod json;
mod lines;
mod sarif;

use std::io::{self, Write};

pub use lines::Lines;

use super::annotation::{self, Annotation, AnnotationLevel};
use super::{Color, count};
use crate::diagnostic::{Diagnostic, Severity};
use crate::order::sort_by_key;
use crate::secret::Secrets;
use crate::source::{Position, Source, Span};

/// The version of `--format json`.
pub const FINDINGS_VERSION: u32 = 1;

/// The findings in one file.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    pub source: &'a Source,
    pub diagnostics: &'a [Diagnostic],
    /// Redacted in the lines of the file that are shown.
    pub secrets: &'a Secrets,
}

/// The format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human {
        color: Color,
        /// The width of the terminal, to which excerpts are cut.
        width: Option<usize>,
    },
    Json,
    Github,
    Sarif,
}

/// Writes the findings of `files`.
///
/// # Errors
///
/// The writer's error, including a closed pipe.
pub fn write(out: &mut dyn Write, files: &[Findings<'_>], format: Format) -> io::Result<()> {
    match format {
        Format::Human { color, width } => human::write(out, files, color, width),
        Format::Json => json::write(out, files),
        Format::Github => write_annotations(out, files),
        Format::Sarif => sarif::write(out, files),
    }
}

/// The findings of all files as annotations, errors first, at most as many as GitHub shows.
pub fn annotations(files: &[Findings<'_>]) -> Vec<Annotation> {
    let all = files.iter().flat_map(|file| file.in_order().into_iter().map(|found| annotation(file, found)));
    annotation::worst(all.collect())
}

fn write_annotations(out: &mut dyn Write, files: &[Findings<'_>]) -> io::Result<()> {
    for annotation in annotations(files) {
        writeln!(out, "{}", annotation.command().line())?;
    }
    out.flush()
}

fn annotation(file: &Findings<'_>, found: &Diagnostic) -> Annotation {
    let place = file.place(found.primary);
    let mut message = found.message.clone();
    for help in &found.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    Annotation {
        level: match found.severity {
            Severity::Error => AnnotationLevel::Error,
            Severity::Warning => AnnotationLevel::Warning,
            Severity::Note => AnnotationLevel::Notice,
        },
        file: Some(file.path()),
        line: Some(place.start.line),
        column: Some(place.start.column),
        end_line: Some(place.end.line),
        end_column: Some(place.end.column),
        title: Some(found.code.to_owned()),
        message,
    }
}

/// `3 errors, 1 warning in deploy.yaml`; `None` without findings.
pub fn tally(files: &[Findings<'_>]) -> Option<String> {
    let found = |severity| {
        files.iter().flat_map(|file| file.diagnostics).filter(|diagnostic| diagnostic.severity == severity).count()
    };
    let counts: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .into_iter()
        .map(|(severity, noun)| (found(severity), noun))
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| count(number, noun))
        .collect();
    let concerned: Vec<_> = files.iter().filter(|file| !file.diagnostics.is_empty()).collect();
    let place = match concerned[..] {
        [] => return None,
        [file] => file.path(),
        _ => count(concerned.len(), "file"),
    };
    Some(format!("{} in {}", counts.join(", "), super::sanitize(&place)))
}

/// The beginning and end of a span, as line and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    start: Position,
    /// One past the last character.
    end: Position,
}

impl<'a> Findings<'a> {
    fn path(&self) -> String {
        self.source.path().display().to_string()
    }

    /// The extent of a finding, without white space at its end, which may reach into the next line.
    fn place(&self, span: Span) -> Extent {
        self.exactly(self.text_of(span))
    }

    fn text_of(&self, span: Span) -> Span {
        let span = self.source.clamp(span);
        let text = self.source.slice(span);
        Span::new(span.start(), span.start() + text.trim_end().len())
    }

    /// The extent of a text that is to be replaced.
    fn exactly(&self, span: Span) -> Extent {
        let span = self.source.clamp(span);
        Extent { start: self.source.position(span.start()), end: self.source.position(span.end()) }
    }

    /// Sorted by place; at one place by severity, errors first.
    pub(super) fn in_order(&self) -> Vec<&'a Diagnostic> {
        let mut found: Vec<_> = self.diagnostics.iter().collect();
        sort_by_key(&mut found, |found| {
            (found.primary.start(), std::cmp::Reverse(found.severity), found.primary.end())
        });
        found
    }
}

#[cfg(test)]
mod tests;
