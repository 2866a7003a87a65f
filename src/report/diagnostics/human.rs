//! Findings for people: in the style of rustc, by annotate-snippets.

use std::io::{self, Write};

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use super::Findings;
use super::lines::Lines;
use crate::diagnostic::{Diagnostic, Severity};
use crate::report::{Color, Palette, sanitize};
use crate::source::{Source, Span};

/// Places farther apart than this get separate excerpts, because the renderer reads all text between them.
const ONE_EXCERPT: usize = 64 * 1024;
/// Of lines longer than this only the place is shown, without an excerpt.
const LONGEST_LINE: usize = 16 * 1024;

/// Writes findings for people: with the lines of the plan that they are about.
///
/// # Errors
///
/// The writer's error, including a closed pipe.
pub fn write(out: &mut dyn Write, files: &[Findings<'_>], color: Color, width: Option<usize>) -> io::Result<()> {
    let renderer = match color {
        Color::On => Renderer::styled().hyperlink(false),
        Color::Off => Renderer::plain(),
    }
    .term_width(width.unwrap_or(DEFAULT_TERM_WIDTH));
    for file in files {
        for found in file.in_order() {
            writeln!(out, "{}\n", with_places(renderer.render(&groups(file, found))))?;
        }
    }
    if let Some(tally) = super::tally(files) {
        let palette = Palette::new(color);
        let errors = files.iter().flat_map(|file| file.diagnostics).any(Diagnostic::is_error);
        writeln!(out, "{}", if errors { palette.bad(tally) } else { palette.warning(tally) })?;
    }
    out.flush()
}

/// Ends the place of a finding in a title that the renderer gives another place; texts to show cannot hold it.
const PLACE_ENDS: char = '\u{E004}';

/// The rendered findings, with the places of the file instead of those of the excerpt, in which secrets are shorter.
fn with_places(rendered: String) -> String {
    let Some((head, rest)) = rendered.split_once(PLACE_ENDS) else { return rendered };
    let rest = rest
        .split(PLACE_ENDS)
        .map(|rest| rest.trim_start_matches(|shown: char| shown == ':' || shown.is_ascii_digit()));
    std::iter::once(head).chain(rest).collect()
}

fn groups<'a>(file: &Findings<'a>, found: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match found.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut main = Group::with_title(level.primary_title(sanitize(&found.message)).id(found.code));
    let mut place = None;
    for excerpt in excerpts(file, found) {
        main = match excerpt {
            Excerpt::Text(snippet, path) => {
                place.get_or_insert(path);
                main.element(snippet)
            }
            Excerpt::Place(origin) => main.element(origin),
        };
    }
    for help in &found.help {
        main = main.element(Level::HELP.message(sanitize(help)));
    }
    let mut groups = vec![main];
    if let Some(suggestion) = &found.suggestion {
        groups.extend(patch(file, suggestion.span, &suggestion.text, place));
    }
    groups
}

enum Excerpt<'a> {
    /// With the name that the renderer gives the file.
    Text(Snippet<'a, Annotation<'a>>, String),
    Place(Origin<'a>),
}

/// The primary place and the related ones, in one excerpt when they are near each other.
fn excerpts<'a>(file: &Findings<'a>, found: &'a Diagnostic) -> Vec<Excerpt<'a>> {
    let primary = Mark { kind: AnnotationKind::Primary, span: file.text_of(found.primary), label: &found.label };
    let related = found.related.iter().map(|(span, label)| Mark {
        kind: AnnotationKind::Context,
        span: file.text_of(*span),
        label,
    });
    let marks: Vec<Mark<'_>> = std::iter::once(primary).chain(related).collect();
    let whole = marks.iter().fold(marks[0].span, |whole, mark| whole.to(mark.span));
    if whole.end() - whole.start() <= ONE_EXCERPT {
        return vec![excerpt(file, whole, &marks)];
    }
    marks.iter().map(|mark| excerpt(file, mark.span, std::slice::from_ref(mark))).collect()
}

#[derive(Clone)]
struct Mark<'a> {
    kind: AnnotationKind,
    span: Span,
    label: &'a str,
}

fn excerpt<'a>(file: &Findings<'a>, around: Span, marks: &[Mark<'a>]) -> Excerpt<'a> {
    let source = file.source;
    let start = source.position(marks[0].span.start());
    let Some(lines) = lines(file, around) else {
        return Excerpt::Place(Origin::path(path(source)).line(start.line).char_column(start.column));
    };
    let path = match lines.lack_secrets() {
        true => format!("{}:{}:{}{PLACE_ENDS}", path(source), start.line, start.column),
        false => path(source),
    };
    let annotations = marks.iter().map(|mark| {
        let label = (!mark.label.is_empty()).then(|| sanitize(mark.label));
        mark.kind.span(lines.inside(source, mark.span)).label(label)
    });
    let annotations: Vec<_> = annotations.collect();
    let snippet = Snippet::source(lines.text).line_start(lines.first).path(path.clone()).annotations(annotations);
    Excerpt::Text(snippet, path)
}

fn path(source: &Source) -> String {
    sanitize(&source.path().to_string_lossy()).into_owned()
}

/// The suggested replacement, shown as a changed line. A line break at the end of the span is kept. `place`: what the
/// renderer knows the file by.
fn patch<'a>(file: &Findings<'a>, span: Span, text: &'a str, place: Option<String>) -> Option<Group<'a>> {
    let span = file.source.clamp(span);
    let lines = lines(file, span)?;
    let title = if text.is_empty() { "remove it" } else { "write" };
    let inside = lines.inside(file.source, span);
    Some(
        Level::HELP.secondary_title(title).element(
            Snippet::source(lines.text)
                .line_start(lines.first)
                .path(place.unwrap_or_else(|| path(file.source)))
                .patch(Patch::new(inside, text)),
        ),
    )
}

/// The lines of a span; `None` when they are too long to be shown.
fn lines(file: &Findings<'_>, span: Span) -> Option<Lines> {
    let short = !file.source.has_line_longer_than(LONGEST_LINE, span);
    short.then(|| Lines::around(file.source, span, file.secrets))
}
