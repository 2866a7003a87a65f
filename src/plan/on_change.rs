//! `on_change` as written.

use super::call_doc::call_template;
use super::fields::{Fields, Shape, list, text, word};
use super::model::OnChange;
use super::scalars::missing_key;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::source::Span;
use crate::yaml::Node;

const ON_CHANGE: Shape = Shape { name: "`on_change`", keys: &["update", "ignore", "otherwise"], hints: &[] };

/// What a later run does when the call differs, and the places whose changes are ignored.
pub(super) fn read(node: &Node, findings: &mut Findings) -> (Option<OnChange>, Vec<(String, Span)>) {
    if node.entries().is_none() {
        return (word_of(node, "`on_change`", findings), Vec::new());
    }
    let Some(fields) = Fields::open(node, &ON_CHANGE, findings) else { return (None, Vec::new()) };
    let ignored = fields.get("ignore").map(|places| ignored_places(places, findings)).unwrap_or_default();
    let otherwise = fields.get("otherwise").and_then(|word| word_of(word, "`otherwise`", findings));
    let Some(update) = fields.get("update") else {
        if fields.get("ignore").is_none() && fields.lacks("update") {
            findings.push(missing_key("`on_change`", "update", fields.head()).help("or `ignore`, a list of places"));
        }
        return (otherwise, ignored);
    };
    let update = call_template(update, "`update`", findings);
    (update.map(|call| OnChange::Update(Box::new(call))), ignored)
}

fn word_of(node: &Node, what: &str, findings: &mut Findings) -> Option<OnChange> {
    #[derive(Clone, Copy)]
    enum Word {
        Auto,
        Error,
        Replace,
        Rerun,
        Ignore,
        Update,
    }
    let words = [
        ("auto", Word::Auto),
        ("error", Word::Error),
        ("replace", Word::Replace),
        ("rerun", Word::Rerun),
        ("ignore", Word::Ignore),
        ("update", Word::Update),
    ];
    match word(node, what, &words, findings)? {
        Word::Auto => Some(OnChange::Auto),
        Word::Error => Some(OnChange::Error),
        Word::Replace => Some(OnChange::Replace),
        Word::Rerun => Some(OnChange::Rerun),
        Word::Ignore => Some(OnChange::Ignore),
        Word::Update => {
            findings.push(
                Diagnostic::error(code::WRONG_TYPE, node.span, "`update` needs the call that updates")
                    .help("write `on_change: { update: { call: PATCH /cloud/v1/..., body: {...} } }`"),
            );
            None
        }
    }
}

/// Places of a call: `body/volumes/0/image_id`, `query/…`, `headers/…`.
fn ignored_places(node: &Node, findings: &mut Findings) -> Vec<(String, Span)> {
    let places = list(node, "`ignore`", findings).unwrap_or_default();
    let read = places.iter().filter_map(|item| {
        let place = text(item, "a place in `ignore`", findings)?;
        let known = ["body/", "query/", "headers/"]
            .iter()
            .any(|start| place.value.len() > start.len() && place.value.starts_with(start));
        let known = known || place.value == "body_file";
        if !known {
            let message = format!("`{}` is no place of a call", place.value);
            let help = "places begin with `body/`, `query/` or `headers/`, as in `body/volumes/0/image_id`, or \
                        are `body_file`";
            findings.push(Diagnostic::error("unknown-value", item.span, message).help(help));
        }
        known.then_some((place.value, item.span))
    });
    read.collect()
}
