//! Findings for errors of the YAML parser, and for numbers, with suggestions.

use granit_parser::ErrorKind;

use super::scalar::Unreadable;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The deepest nesting of collections: deeper than any request body, and far from a stack overflow.
pub(super) const DEEPEST: usize = 64;

/// A finding for a syntax error at byte `at`.
pub(super) fn scan_error(text: &str, kind: &ErrorKind, at: usize) -> Diagnostic {
    let span = character_at(text, at);
    // For a value that continues on a line with a tab, the parser names its beginning.
    let next = text[character_at(text, at).start()..].find('\n').map(|end| at + end + 1);
    let tab_after = next.filter(|_| matches!(kind, ErrorKind::TabInPlainScalar));
    if let Some(at) = [Some(at), tab_after].into_iter().flatten().find(|at| tab_indents(text, *at)) {
        return Diagnostic::error("yaml-tab", tab_place(text, at), "a tab cannot indent YAML")
            .help("indent with spaces");
    }
    if *kind == ErrorKind::RecursionLimitExceeded {
        return too_deep(span);
    }
    if let Some(finding) = never_closed(text, kind, at) {
        return finding;
    }
    if let Some(finding) = missing_space(text, kind, at).or_else(|| long_key(text, at)) {
        return finding;
    }
    let (message, help) = words(kind);
    let finding = Diagnostic::error("yaml-syntax", span, message);
    match help {
        Some(help) => finding.help(help),
        None => finding,
    }
}

/// `id:net` is a text that continues on the next line; its colon lacks a space.
fn missing_space(text: &str, kind: &ErrorKind, at: usize) -> Option<Diagnostic> {
    let shows = [ErrorKind::MappingValueNotAllowed, ErrorKind::SimpleKeyExpected, ErrorKind::InvalidSimpleKey];
    if !shows.contains(kind) {
        return None;
    }
    let (this, _) = indentation(text, at);
    let above = text[..this].trim_end().rfind('\n').map_or(0, |end| end + 1);
    [above, this].into_iter().find_map(|start| {
        let line = text[start..].lines().next().unwrap_or_default();
        if let Some(finding) = dash_without_space(line, start) {
            return Some(finding);
        }
        let pair = line.trim_start_matches([' ', '-']);
        let (name, value) = pair.split_once(':')?;
        let is_key = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        // `http://…` is not a key.
        if !is_key || value.trim().is_empty() || value.starts_with([' ', '/', ':']) {
            return None;
        }
        let from = start + line.len() - pair.len();
        let span = Span::new(from, from + name.len() + 1);
        let finding = Diagnostic::error("yaml-syntax", span, format!("a space is missing after `{name}:`"));
        Some(finding.help(format!("write `{name}: {}`", value.trim_end())).suggest(span, format!("{name}: ")))
    })
}

/// The colon behind a key that is too long to be one: pasted JSON may have such keys.
fn long_key(text: &str, at: usize) -> Option<Diagnostic> {
    /// The most characters of a key without `? `, by the YAML standard.
    const LONGEST: usize = 1024;
    let before = text[..at].trim_end();
    text[at..].starts_with(':').then_some(())?;
    let start = match before.chars().next_back() {
        Some(quote @ ('"' | '\'')) => opening(&before[..before.len() - 1], quote)?,
        _ => before.rfind(['{', '[', ',', '\n']).map_or(0, |end| end + 1),
    };
    let key = before[start..].trim_start_matches([' ', '-']);
    let characters = key.trim_matches(['"', '\'']).chars().count();
    (characters > LONGEST).then(|| {
        let span = Span::new(before.len() - key.len(), before.len());
        let message = format!("this key has {characters} characters, and YAML takes at most {LONGEST}");
        Diagnostic::error("yaml-key", span, message).help("begin it with `? `: such a key may be longer")
    })
}

/// `-id: net` is a key with a dash; an item needs a space after it.
fn dash_without_space(line: &str, start: usize) -> Option<Diagnostic> {
    let item = line.trim_start().strip_prefix('-')?;
    let (name, _) = item.split_once(": ")?;
    let is_key = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let dash = start + line.len() - item.len() - 1;
    let span = Span::new(dash, dash + 1);
    is_key.then(|| {
        Diagnostic::error("yaml-syntax", span, "a space is missing after `-`")
            .help(format!("write `- {item}`"))
            .suggest(span, "- ")
    })
}

/// The finding for too deeply nested collections.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error("yaml-too-deep", span, format!("nested more than {DEEPEST} levels deep"))
        .help("take the inner part apart: no API call needs this depth")
}

/// The finding for a number that does not fit into 64 bits, or that JSON cannot hold.
pub(super) fn number(text: &str, problem: Unreadable, span: Span) -> Diagnostic {
    match problem {
        Unreadable::TooLarge => {
            Diagnostic::error("yaml-number", span, format!("the number `{text}` does not fit into 64 bits"))
                .help("put quotes around it to send it as text")
                .suggest(span, format!("\"{text}\""))
        }
        Unreadable::NotFinite => {
            Diagnostic::error("yaml-number", span, format!("`{text}` is no number that JSON can carry"))
                .help("put quotes around it to send it as text")
                .suggest(span, format!("\"{text}\""))
        }
    }
}

/// A missing quote: the string was closed by the next quote, lines later. The error is where it opens, not where the
/// parser notices it.
fn never_closed(text: &str, kind: &ErrorKind, at: usize) -> Option<Diagnostic> {
    let quote = match kind {
        ErrorKind::InvalidTrailingSingleQuotedScalar => '\'',
        ErrorKind::InvalidTrailingDoubleQuotedScalar => '"',
        // The parser reports these at the opening quote.
        _ => return None,
    };
    let before = text.get(..at)?;
    let close = before.rfind(quote)?;
    let open = opening(&before[..close], quote)?;
    if !before[open..close].contains('\n') {
        return None;
    }
    let finding = Diagnostic::error("yaml-syntax", Span::new(open, open + 1), "a quoted text is not closed")
        .label("it opens here")
        .related(Span::new(close, close + 1), "the next quote closes it, and text goes on after that")
        .help("add the closing quote");
    Some(finding)
}

/// The opening of the unclosed string: the last quote that is neither escaped nor doubled.
fn opening(text: &str, quote: char) -> Option<usize> {
    let mut end = text.len();
    loop {
        let at = text[..end].rfind(quote)?;
        let escapes = text[..at].len() - text[..at].trim_end_matches('\\').len();
        let doubled = quote == '\'' && text[..at].ends_with('\'');
        end = match quote {
            '"' if escapes % 2 == 1 => at,
            '\'' if doubled => at - 1,
            _ => return Some(at),
        };
    }
}

fn words(kind: &ErrorKind) -> (String, Option<&'static str>) {
    const QUOTE: &str = "put quotes around the value if this sign belongs to it";
    const QUOTE_OR_CLOSE: &str = "put quotes around the value if this sign belongs to it, or close the bracket above";
    let (message, help) = match kind {
        ErrorKind::MappingValueNotAllowed => (
            "a colon starts a mapping where none can be",
            Some("put quotes around a value that holds `: `, or check the indentation of the lines above"),
        ),
        ErrorKind::ExpectedBlockMappingKey => {
            ("expected a key here", Some("check the indentation: keys of one mapping start in the same column"))
        }
        ErrorKind::ExpectedBlockSequenceEntry => (
            "expected `- ` here, or a key of the item above",
            Some("check the indentation: keys of one item start in the same column"),
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("expected `key: value` here", Some("a colon and a space may be missing, or a quote above is not closed"))
        }
        ErrorKind::InvalidIndentation | ErrorKind::InvalidBlockScalarIndent => {
            ("this line is indented in a way that fits nothing above", Some("check its column against the lines above"))
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quoted text is not closed", Some("add the closing quote"))
        }
        ErrorKind::UnexpectedCharacter { character } => {
            return (format!("no value can start with `{}`", character.escape_default()), Some(QUOTE));
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            return (format!("a `{open}` is not closed"), Some("add the closing bracket"));
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return (format!("`{open}` is closed by `{close}`"), None);
        }
        ErrorKind::UnexpectedEofFlowSequence => ("the file ends inside a list", Some("add the closing `]`")),
        ErrorKind::UnexpectedEofFlowMapping | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            ("the file ends inside a mapping", Some("add the closing `}`"))
        }
        ErrorKind::ExpectedFlowMappingSeparator => ("expected `,` or `}` here", Some(QUOTE_OR_CLOSE)),
        ErrorKind::ExpectedFlowSequenceSeparator => ("expected `,` or `]` here", Some(QUOTE_OR_CLOSE)),
        ErrorKind::UnknownQuotedScalarEscape => {
            ("an unknown escape in double quotes", Some("write `\\\\` for a backslash, or use single quotes"))
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "text goes on after the closing quote",
            Some("put the whole value between the quotes; inside of `\"`, a template takes texts in `'`"),
        ),
        other => return (other.to_string(), None),
    };
    (message.to_owned(), help)
}

/// The character at an offset, for the caret.
fn character_at(text: &str, at: usize) -> Span {
    let mut start = at.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let length = text[start..].chars().next().filter(|character| *character != '\n').map_or(0, char::len_utf8);
    Span::new(start, start + length)
}

/// The indentation of the line of `at`.
fn indentation(text: &str, at: usize) -> (usize, &str) {
    let at = character_at(text, at).start();
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = &text[start..];
    let width = line.len() - line.trim_start_matches([' ', '\t']).len();
    (start, &line[..width])
}

fn tab_indents(text: &str, at: usize) -> bool {
    indentation(text, at).1.contains('\t')
}

fn tab_place(text: &str, at: usize) -> Span {
    let (start, white) = indentation(text, at);
    let tab = start + white.find('\t').unwrap_or_default();
    Span::new(tab, tab + 1)
}
