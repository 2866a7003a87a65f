//! A preview as text for a terminal.

use std::fmt::Write as _;

use serde_json::Value;

use crate::engine::{Action, Change, ChangeCounts, ChangeKind, Symbol};
use crate::journal::{RecordedResource, id_text};
use crate::kind::kind_name;
use crate::report::{count, sanitize};
use crate::secret::{hide_digests, hide_sensitive, place_of_body};

/// The changes of a plan, without instances that stay the same.
pub fn text(changes: &[Change], recorded: bool) -> String {
    let mut text = lines(changes);
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", summary(changes, recorded));
    text
}

fn summary(changes: &[Change], recorded: bool) -> String {
    let tally = ChangeCounts::of(changes);
    let kept = || format!("{} as recorded", count(tally.kept, "step"));
    match (tally.words(), recorded) {
        (words, _) if words.is_empty() => format!("nothing to do: {}", kept()),
        (words, false) => format!("{words}; nothing is on record yet"),
        (words, true) if tally.kept == 0 => words,
        (words, true) => format!("{words}; {}", kept()),
    }
}

fn lines(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let left = matches!(
            change.action,
            Action::Gone { .. } | Action::Amend { .. } | Action::Change { how: ChangeKind::Ignore, .. }
        );
        if left || !matches!(change.symbol(), Symbol::Keep | Symbol::Nothing) {
            line(&mut text, change);
        }
    }
    text
}

/// The change of an instance as text; empty when it is simply created.
pub fn words_of(change: &Change) -> String {
    match &change.action {
        Action::Call => String::new(),
        Action::Adopt { then } => {
            let then = match then.as_deref() {
                Some(Action::Change { how, .. }) => format!(", then {}", change_words(*how)),
                Some(_) => ", which agrees with the plan".to_owned(),
                None => ", and change what differs from the plan".to_owned(),
            };
            format!("adopt the existing resource{then}")
        }
        Action::Read => "read".to_owned(),
        Action::Keep => "keep".to_owned(),
        Action::Skip => "skip: `when` is false".to_owned(),
        Action::Continue { phase, then } => match then.as_deref() {
            Some(Action::Change { how, .. }) => format!("continue: {phase}, then {}", change_words(*how)),
            _ => format!("continue: {phase}"),
        },
        Action::Retry { .. } => "remove what is left of an earlier call, and call again".to_owned(),
        Action::Amend { fields, .. } if fields.is_empty() => "keep".to_owned(),
        Action::Amend { .. } => "change the record, without a call".to_owned(),
        Action::Change { how, .. } => change_words(*how).to_owned(),
        Action::Depends { on, read } => {
            let on = on.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
            if *read { format!("keep, unless reading {on} says otherwise") } else { format!("known after {on}") }
        }
        Action::Gone { stays_for: Some(other), .. } if *other == change.instance => {
            "no longer in the plan, and cannot be removed: it has no undo".to_owned()
        }
        Action::Gone { stays_for: Some(other), .. } => {
            format!("no longer in the plan, and cannot be removed: `{other}` depends on it, and stays")
        }
        Action::Gone { obstacle: Some(why), .. } => {
            format!("no longer in the plan, and cannot be removed: its undo {why}")
        }
        Action::Gone { pruned: true, .. } => "remove: no longer in the plan".to_owned(),
        Action::Gone { forgotten: true, .. } => "forget: no longer in the plan, and stays".to_owned(),
        Action::Gone { goes: true, .. } => "kept, though no longer in the plan (`--prune` removes it)".to_owned(),
        Action::Gone { .. } => "kept, though no longer in the plan (`--prune` takes it off the record)".to_owned(),
        Action::Missing => "forget: no longer in the plan, and gone".to_owned(),
        Action::Wrong { message, at, .. } => format!("the run would fail here: {message} ({at})"),
    }
}

/// The lines below an instance: its differences, the calls that change it, what they remove, what needs a new resource
/// and why; for one that a run would fail at, the help.
pub fn details_of(change: &Change) -> Vec<String> {
    if let Action::Wrong { help, .. } = &change.action {
        return help.iter().map(|help| format!("help: {help}")).collect();
    }
    if let Action::Amend { fields, said } = &change.action {
        return fields.iter().chain(said).cloned().collect();
    }
    let Action::Change { how, fields, calls, removes, forced, because_of, blocker } = change.action.change() else {
        return Vec::new();
    };
    let removes = removes.iter().map(|part| format!("removes {part}"));
    let calls = calls.iter().map(|call| match how {
        ChangeKind::Rerun => format!("after {call}, the undo of the former call"),
        _ => format!("by {call}"),
    });
    let forced = forced.iter().map(|forced| format!("needs a new resource: `{}`: {}", forced.field, forced.reason));
    let because_of = because_of.as_ref().map(|other| match blocker {
        Some(blocker) => blocker.words(other),
        None => format!("it depends on `{other}`, which is replaced"),
    });
    fields.iter().cloned().chain(calls).chain(removes).chain(forced).chain(because_of).collect()
}

fn line(text: &mut String, change: &Change) {
    let words = words_of(change);
    let in_place = matches!(change.action.change(), Action::Change { how, calls, .. } if *how != ChangeKind::Rerun && !calls.is_empty())
        || matches!(change.action, Action::Amend { .. });
    let call = change.call.as_ref().filter(|_| !in_place).map(ToString::to_string);
    let sign = change.symbol().sign();
    let parts = [sign.to_owned(), change.instance.to_string(), words, call.unwrap_or_default()];
    let parts = parts.iter().filter(|part| !part.is_empty()).map(|part| sanitize(part).into_owned());
    let _ = writeln!(text, "{}", parts.collect::<Vec<_>>().join("  "));
    match (change.action.change(), &change.call) {
        (Action::Change { .. } | Action::Amend { .. } | Action::Wrong { .. }, _) => {
            for detail in details_of(change) {
                let _ = writeln!(text, "      {}", sanitize(&detail));
            }
        }
        (Action::Call, Some(call)) => {
            if let Some(file) = &call.body_file {
                let _ = writeln!(text, "      body_file: {}", sanitize(&format!("{} ({})", file.path, file.summary())));
            }
            let mut body = call.body.as_deref().cloned().unwrap_or_default();
            hide_sensitive(("", place_of_body(&call.path)), &mut body);
            for (name, value) in body.as_object().into_iter().flatten() {
                let _ = writeln!(text, "      {}: {}", sanitize(name), sanitize(&shown(value)));
            }
        }
        (Action::Retry { left }, _) => left.iter().for_each(|left| resource(text, left, "")),
        (Action::Gone { made, stays, .. }, _) => {
            let resources = made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
            for left in resources {
                let id = left.id.as_deref().map(id_text);
                let staying =
                    stays.iter().find(|staying| staying.kind == left.kind && Some(&staying.id) == id.as_ref());
                let why = staying.map(|staying| format!("  stays: {}", staying.why)).unwrap_or_default();
                resource(text, left, &why);
            }
        }
        _ => {}
    }
}

/// A line for a resource with an id.
fn resource(text: &mut String, made: &RecordedResource, more: &str) {
    let Some(id) = made.id.as_deref().map(id_text) else { return };
    let kind = made.kind.as_deref().map(kind_name).unwrap_or_default();
    let _ = writeln!(text, "      {}", sanitize(&format!("{kind} {id}{more}")));
}

fn change_words(how: ChangeKind) -> &'static str {
    match how {
        ChangeKind::Error => "needs a replacement, which is not allowed: the run would fail here",
        ChangeKind::Replace => "replace",
        ChangeKind::Rerun => "call again",
        ChangeKind::Update => "update in place",
        ChangeKind::Ignore => "differs, and stays as it is",
    }
}

/// A value on one line, without secrets.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => hide_digests(text),
        other => hide_digests(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;
    use crate::journal::RecordedCall;
    use crate::plan::Selection;

    fn change(name: &str, action: Action, body: Value) -> Change {
        let call = RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, "/cloud/v1/volumes/1/7") };
        Change { instance: Selection::name(name), action, call: Some(call) }
    }

    #[test]
    fn unchanged_instances_are_counted_and_not_shown() {
        let changes = [
            change("net", Action::Keep, json!({})),
            change("images", Action::Read, json!({})),
            change("disk[2]", Action::Call, json!({ "size": 5 })),
        ];
        let expected = "+  disk[2]  POST /cloud/v1/volumes/1/7\n      size: 5\n\n1 to create; 1 step as recorded\n";
        assert_eq!(text(&changes, true), expected);
        assert_eq!(text(&changes[..2], true), "nothing to do: 1 step as recorded\n");
        let written =
            change("vm", Action::Call, json!({ "name": "a", "password": "hunter2", "all": [{ "token": "t" }] }));
        let expected = "      name: a\n      password: [secret]\n      all: [{\"token\":\"[secret]\"}]\n";
        assert!(text(&[written], true).contains(expected));
    }
}
