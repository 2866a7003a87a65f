//! Findings for people: in the style of rustc, by annotate-snippets.

use std::io::{self, Write};

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use super::Findings;
use crate::diagnostic::{Diagnostic, Severity};
use crate::report::{Color, Palette, sanitize, sanitize_lines};
use crate::source::{Source, Span};

/// Places farther apart than this get separate excerpts, because the renderer reads all text between them.
const ONE_EXCERPT: usize = 64 * 1024;
/// Of lines longer than this only the place is shown, without an excerpt.
const LONGEST_LINE: usize = 16 * 1024;

pub fn write(out: &mut dyn Write, files: &[Findings<'_>], color: Color, width: Option<usize>) -> io::Result<()> {
    let renderer = match color {
        Color::On => Renderer::styled().hyperlink(false),
        Color::Off => Renderer::plain(),
    }
    .term_width(width.unwrap_or(DEFAULT_TERM_WIDTH));
    for file in files {
        for found in file.in_order() {
            writeln!(out, "{}\n", renderer.render(&groups(file, found)))?;
        }
    }
    if let Some(tally) = super::tally(files) {
        let palette = Palette::new(color);
        let errors = files.iter().flat_map(|file| file.diagnostics).any(Diagnostic::is_error);
        writeln!(out, "{}", if errors { palette.bad(tally) } else { palette.warning(tally) })?;
    }
    out.flush()
}

fn groups<'a>(file: &Findings<'a>, found: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match found.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut main = Group::with_title(level.primary_title(sanitize(&found.message)).id(found.code));
    let source = file.source;
    for excerpt in excerpts(file, found) {
        main = match excerpt {
            Excerpt::Text(snippet) => main.element(snippet),
            Excerpt::Place(origin) => main.element(origin),
        };
    }
    for help in &found.help {
        main = main.element(Level::HELP.message(sanitize(help)));
    }
    let mut groups = vec![main];
    if let Some(suggestion) = &found.suggestion {
        groups.extend(patch(source, suggestion.span, &suggestion.text));
    }
    groups
}

enum Excerpt<'a> {
    Text(Snippet<'a, Annotation<'a>>),
    Place(Origin<'a>),
}

/// The primary place and the related ones, in one excerpt when they are near each other.
fn excerpts<'a>(file: &Findings<'a>, found: &'a Diagnostic) -> Vec<Excerpt<'a>> {
    let source = file.source;
    let primary = Mark { kind: AnnotationKind::Primary, span: file.text_of(found.primary), label: &found.label };
    let related = found.related.iter().map(|(span, label)| Mark {
        kind: AnnotationKind::Context,
        span: file.text_of(*span),
        label,
    });
    let marks: Vec<Mark<'_>> = std::iter::once(primary).chain(related).collect();
    let whole = marks.iter().fold(marks[0].span, |whole, mark| whole.to(mark.span));
    if whole.end() - whole.start() <= ONE_EXCERPT {
        return vec![excerpt(source, whole, &marks)];
    }
    marks.iter().map(|mark| excerpt(source, mark.span, std::slice::from_ref(mark))).collect()
}

#[derive(Clone)]
struct Mark<'a> {
    kind: AnnotationKind,
    span: Span,
    label: &'a str,
}

fn excerpt<'a>(source: &'a Source, around: Span, marks: &[Mark<'a>]) -> Excerpt<'a> {
    let path = path(source);
    let start = source.position(marks[0].span.start());
    let Some(window) = Window::around(source, around) else {
        return Excerpt::Place(Origin::path(path).line(start.line).char_column(start.column));
    };
    Excerpt::Text(Snippet::source(sanitize_lines(window.text)).line_start(window.line).path(path).annotations(
        marks.iter().map(|mark| {
            let label = (!mark.label.is_empty()).then(|| sanitize(mark.label));
            mark.kind.span(window.inside(mark.span)).label(label)
        }),
    ))
}

fn path(source: &Source) -> String {
    sanitize(&source.path().to_string_lossy()).into_owned()
}

/// The suggested replacement, shown as a changed line. A line break at the end of the span is kept.
fn patch<'a>(source: &'a Source, span: Span, text: &'a str) -> Option<Group<'a>> {
    let span = source.clamp(span);
    let window = Window::around(source, span)?;
    let title = if text.is_empty() { "remove it" } else { "write" };
    Some(
        Level::HELP.secondary_title(title).element(
            Snippet::source(sanitize_lines(window.text))
                .line_start(window.line)
                .path(path(source))
                .patch(Patch::new(window.inside(span), text)),
        ),
    )
}

/// The complete lines around a span.
struct Window<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Window<'a> {
    /// `None` when the lines are too long to be shown.
    fn around(source: &'a Source, span: Span) -> Option<Self> {
        let whole = source.lines_around(span);
        let short = !source.has_line_longer_than(LONGEST_LINE, span);
        short.then(|| Self {
            text: &source.text()[whole.range()],
            offset: whole.start(),
            line: source.position(whole.start()).line,
        })
    }

    /// The place of a span in the text as it is shown.
    fn inside(&self, span: Span) -> std::ops::Range<usize> {
        let shown = |place: usize| {
            let before = place - self.offset;
            self.text.get(..before).map_or(before, |text| sanitize_lines(text).len())
        };
        shown(span.start())..shown(span.end())
    }
}
