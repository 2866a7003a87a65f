//! Templates without quotes around them, which YAML reads as mappings.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub const UNQUOTED: &str = "yaml-unquoted-template";

/// An unquoted value that begins with a template is a mapping in YAML.
pub fn unquoted_template(text: &str, start: usize, in_flow: bool) -> Diagnostic {
    let line = text[start..].lines().next().unwrap_or_default();
    let mut value = line.split(" #").next().unwrap_or(line).trim_end();
    if in_flow && let Some(close) = value.find("}}") {
        let after = close + 2;
        let end = value[after..].find([',', '}', ']']).map_or(value.len(), |end| after + end);
        value = value[..end].trim_end();
    }
    let span = Span::new(start, start + value.len());
    let quoted = if value.contains('"') && !value.contains('\'') { format!("'{value}'") } else { double_quoted(value) };
    Diagnostic::error(UNQUOTED, span, "a template needs quotes around it")
        .label("YAML reads a `{` here as the start of a mapping")
        .help("put the whole value between quotes")
        .suggest(span, quoted)
}

fn double_quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The place on a line where a value begins with an unquoted template.
pub fn unquoted_on(line: &str) -> Option<usize> {
    ["{{", "{%"]
        .iter()
        .flat_map(|open| line.match_indices(open))
        .map(|(at, _)| at)
        .filter(|&at| {
            let before = line[..at].trim_end();
            // A dash after a letter is a part of the value: `{ name: web-{{ environment }} }`.
            let is_glued =
                before.strip_suffix('-').is_some_and(|rest| rest.ends_with(|last: char| !last.is_whitespace()));
            before.is_empty() || (before.ends_with([':', '-', '[', ',']) && !is_glued)
        })
        .min()
}

/// The place on a line, inside of a flow mapping or list, where an unquoted value begins that has a template in it.
pub fn unquoted_within(line: &str) -> Option<usize> {
    let template = line.find("{{")?;
    let before = &line[..template];
    let signs = [": ", ", ", "[", "{ "].into_iter();
    let start = signs.filter_map(|sign| Some(before.rfind(sign)? + sign.len())).max()?;
    let value = before.get(start..)?;
    let start = start + value.len() - value.trim_start().len();
    (start < template && !line[start..].starts_with(['"', '\''])).then_some(start)
}
