//! The secrets that stand in the text of a plan: what the declaration of a secret input says of its values, right or
//! wrong. Findings show lines of that text, so that they must be known before the first finding is shown.
//! [`step_secrets`](super::step_secrets) has those that calls write out.

use serde_json::Value;

use super::step_secrets::{self, indent, inside_quotes};
use crate::diagnostic::nearest;
use crate::source::Source;
use crate::yaml::{Node, NodeKind, Scalar};

/// The key that makes an input a secret, and the word of other tools for it.
const SECRET: [&str; 2] = ["secret", "sensitive"];
/// Keys whose values describe an input, and are no values of it.
const HARMLESS: [&str; 8] = ["name", "type", "description", "required", "pattern", "minimum", "maximum", "secret"];

/// The values in the declaration of an input that is secret, or that is probably meant to be: `default`, `enum`, and
/// those of keys that do not exist. `keys`: those that do.
pub(super) fn secrets_in_declaration<'n>(node: &'n Node, keys: &[&str]) -> impl Iterator<Item = &'n Node> + use<'n> {
    let entries = || node.entries().into_iter().flatten();
    let is_secret = entries().any(|(key, node)| makes_secret(&key.text, keys) && !is_off(node));
    entries().filter(move |(key, _)| is_secret && !HARMLESS.contains(&key.text.as_str())).map(|(_, node)| node)
}

/// The values of [`secrets_in_declaration`] in a plan whose inputs stand under another key, or in a list.
pub(super) fn misplaced<'n>(root: &'n Node, keys: &[&str]) -> impl Iterator<Item = &'n Node> {
    let parts = root.entries().into_iter().flatten().map(|(_, node)| node);
    let declarations = parts.flat_map(|part| {
        let of_list = part.items().into_iter().flatten();
        of_list.chain(part.entries().into_iter().flatten().map(|(_, node)| node))
    });
    declarations.flat_map(move |node| secrets_in_declaration(node, keys))
}

fn makes_secret(key: &str, keys: &[&str]) -> bool {
    SECRET.contains(&key)
        || (!keys.contains(&key)
            && nearest(key, keys.iter().copied().chain(SECRET)).is_some_and(|near| SECRET.contains(&near)))
}

fn is_off(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Scalar(Scalar::Bool(false) | Scalar::Null))
}

/// The texts to hide for these values: each as it is, and as it is written.
pub(super) fn texts(nodes: &[Node], source: &Source) -> Vec<Value> {
    let mut found = Vec::new();
    nodes.iter().for_each(|node| collect(node, source, &mut found));
    found
}

fn collect(node: &Node, source: &Source, found: &mut Vec<Value>) {
    match &node.kind {
        NodeKind::Scalar(Scalar::Null | Scalar::Bool(_)) => {}
        NodeKind::Scalar(Scalar::Text(text)) if is_template(text.as_str()) => {}
        NodeKind::Scalar(value) => {
            let (value, written) = (value.to_value(), inside_quotes(source.slice(node.span)));
            let same = value.as_str() == Some(written);
            found.push(value);
            found.extend((!same).then(|| Value::from(written)));
        }
        NodeKind::Sequence(items) => items.iter().for_each(|item| collect(item, source, found)),
        NodeKind::Mapping(entries) => entries.iter().for_each(|(_, node)| collect(node, source, found)),
    }
}

/// Whether a text is a template as a whole, which is no secret.
fn is_template(text: &str) -> bool {
    text.trim().starts_with("{{") && text.trim().ends_with("}}")
}

/// The most declarations in a text that cannot be read, the most lines of one on each side of its `secret:`, and the
/// most values that are guessed of declarations, and of calls.
const MOST_GUESSED: (usize, usize, usize) = (10_000, 200, 500);

/// The values of probable secrets in a text that cannot be read as YAML: what comes after `default:` or `enum:` near a
/// `secret:`, and what calls write out.
pub(super) fn secrets_in_unreadable(text: &str) -> Vec<Value> {
    let lines: Vec<&str> = text.lines().collect();
    let (declarations, longest, most) = MOST_GUESSED;
    let is_on = |line: &str| {
        let mut values = SECRET.iter().filter_map(|key| after_key(line, key));
        !line.trim_start().starts_with('#') && values.any(|value| !value.starts_with("false"))
    };
    let mut found = step_secrets::in_lines(&lines, most);
    for (nth, line) in lines.iter().enumerate().filter(|(_, line)| is_on(line)).take(declarations) {
        let is_inside = |below: &&&str| below.trim().is_empty() || indent(below) >= indent(line);
        let is_deeper = |below: &&&str| below.trim().is_empty() || indent(below) > indent(line);
        let following = lines[nth + 1..].iter().take(longest);
        let (before, after) = match line.contains('{') {
            true => (0, following.take_while(is_deeper).count()),
            false => (
                lines[..nth].iter().rev().take(longest).take_while(is_inside).count(),
                following.take_while(is_inside).count(),
            ),
        };
        secrets_in_lines(&lines[nth - before..=nth + after], &mut found);
        if found.len() > 2 * most {
            break;
        }
    }
    found.truncate(2 * most);
    found
}

/// The values in the lines of one declaration, those that continue on deeper lines as well.
fn secrets_in_lines(lines: &[&str], found: &mut Vec<Value>) {
    for (nth, line) in lines.iter().enumerate() {
        for value in ["default", "enum"].iter().filter_map(|key| after_key(line, key)) {
            found.push(Value::from(value));
            let words = value.split(['"', '\'', ',', '[', ']', '{', '}']).map(str::trim);
            let words = words.take_while(|word| !word.ends_with(':')).filter(|word| !word.is_empty());
            found.extend(words.map(Value::from));
            let is_deeper = |below: &&&str| below.trim().is_empty() || indent(below) > indent(line);
            let deeper = lines[nth + 1..].iter().take_while(is_deeper).map(|below| below.trim());
            found.extend(deeper.map(|below| Value::from(below.trim_start_matches("- "))));
        }
    }
}

/// What follows a key and its colon in a line.
fn after_key<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    line.match_indices(key).find_map(|(at, _)| {
        let is_start = !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let rest = line[at + key.len()..].trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?;
        is_start.then(|| rest.trim())
    })
}
