//! What is missing where a template cannot be evaluated: the reference that leads nowhere, and what exists instead.

use minijinja::machinery::{ast, parse_expr};
use minijinja::value::ValueKind;

use super::nodes::{mention, parts, range};
use super::program::Program;
use super::{KnownNames, Mention, Scope, TemplateError, engine, scope};
use crate::diagnostic::nearest;
use crate::order::sort_by_key;
use crate::secret::is_sensitive_path;
use crate::source::Span;
use crate::word::Word;

/// A reference: the names on its path, and its place in the file.
struct WrittenReference<'p> {
    names: Vec<&'p str>,
    span: Span,
}

/// The first reference without a value, and what exists instead; or the list that contains nothing.
pub(super) fn missing(
    program: &Program,
    scope: &Scope<'_>,
    root: &minijinja::Value,
    knowledge: &dyn KnownNames,
    is_undefined: bool,
) -> Option<TemplateError> {
    let mut mentions = references(program);
    mentions.retain(|reference| match reference.names.split_first() {
        Some((root, path)) => knowledge.knows(root, &path.iter().map(ToString::to_string).collect::<Vec<_>>()),
        None => false,
    });
    let leads_nowhere = mentions.iter().find_map(|mention| follow(mention, scope, root));
    let leads_nowhere = leads_nowhere.or_else(|| undefined_part(program, scope, root, knowledge));
    let in_list = || mentions.iter().find_map(|mention| nothing_in(mention, root));
    leads_nowhere.or_else(|| in_list().filter(|_| is_undefined))
}

/// The first part of an expression that is a field or element that does not exist, such as that of a computed key.
fn undefined_part(
    program: &Program,
    scope: &Scope<'_>,
    root: &minijinja::Value,
    knowledge: &dyn KnownNames,
) -> Option<TemplateError> {
    if !program.is_expression() {
        return None;
    }
    let source = program.run_source();
    let tree = parse_expr(&source).ok()?;
    let (whole, key) = undefined_in(&tree, &source, root)?;
    let is_known = |mention: Mention| knowledge.knows(&mention.root, &mention.path);
    if mention(whole).is_some_and(|mention| !is_known(mention)) {
        return None;
    }
    let range = range(whole);
    let written = program.written(range.clone());
    let base = match whole {
        ast::Expr::GetAttr(attribute) => &attribute.expr,
        ast::Expr::GetItem(item) => &item.expr,
        _ => return None,
    };
    let base = engine::evaluate(base, &source, root.clone()).ok()?;
    let help = instead(&key, &base, scope, &[]).map(|instead| match instead {
        Instead::Near(near) => format!("did you mean `{near}`?"),
        Instead::Help(words) => words,
    });
    let key = if written.contains('[') { format!(": there is no `{key}`") } else { String::new() };
    let message = format!("`{}` is undefined{key}", written.trim());
    Some(TemplateError { span: program.locate_run(range), message, help })
}

/// The first node, in order of evaluation, that is undefined while the value it is a part of is defined; and its key.
fn undefined_in<'e, 'a>(
    expr: &'e ast::Expr<'a>,
    source: &str,
    root: &minijinja::Value,
) -> Option<(&'e ast::Expr<'a>, String)> {
    let value = |expr: &ast::Expr<'a>| engine::evaluate(expr, source, root.clone()).ok();
    let within = |expr: &'e ast::Expr<'a>| undefined_in(expr, source, root);
    match expr {
        ast::Expr::IfExpr(choice) => within(&choice.test_expr).or_else(|| {
            let branch =
                if value(&choice.test_expr)?.is_true() { Some(&choice.true_expr) } else { choice.false_expr.as_ref() };
            within(branch?)
        }),
        ast::Expr::Filter(filter) if ["default", "d"].contains(&filter.name) => None,
        ast::Expr::Test(test) if ["defined", "undefined"].contains(&test.name) => None,
        ast::Expr::BinOp(operation) if matches!(operation.op, ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr) => {
            within(&operation.left)
        }
        ast::Expr::GetAttr(attribute) => within(&attribute.expr).or_else(|| {
            let is_lost = value(expr)?.is_undefined() && !value(&attribute.expr)?.is_undefined();
            is_lost.then(|| (expr, attribute.name.to_owned()))
        }),
        ast::Expr::GetItem(item) => within(&item.expr).or_else(|| within(&item.subscript_expr)).or_else(|| {
            let is_lost = value(expr)?.is_undefined() && !value(&item.expr)?.is_undefined();
            is_lost.then(|| Some((expr, value(&item.subscript_expr)?.to_string())))?
        }),
        other => parts(other).into_iter().find_map(within),
    }
}

/// What there is instead of a key that does not exist.
enum Instead {
    /// A key like it.
    Near(String),
    /// A sentence of help.
    Help(String),
}

fn instead(key: &str, base: &minijinja::Value, scope: &Scope<'_>, path: &[&str]) -> Option<Instead> {
    if base.kind() == ValueKind::Seq {
        let many = base.len()?;
        return Some(Instead::Help(match many {
            0 => "the list is empty".to_owned(),
            1 => "the list has one element, number 0".to_owned(),
            many => format!("the list has {many} elements, numbered from 0"),
        }));
    }
    let candidates = keys(base, scope, path);
    match nearest(key, candidates.iter().map(String::as_str)) {
        Some(near) => Some(Instead::Near(near.to_owned())),
        None if candidates.is_empty() => None,
        None => Some(Instead::Help(format!("there is {}", listed(&candidates)))),
    }
}

/// An element of a list (`| first`) is undefined when the list, or its filtered form, is empty.
fn nothing_in(mention: &WrittenReference<'_>, root: &minijinja::Value) -> Option<TemplateError> {
    let list = mention.names.iter().fold(root.clone(), |here, name| item(&here, name));
    let items = Some(list).filter(|list| list.kind() == ValueKind::Seq)?.len()?;
    let written = dotted(&mention.names);
    let message = match items {
        0 => format!("`{written}` is empty: there is nothing to take from it"),
        items => format!("`{written}` holds no element that fits (of {items})"),
    };
    let help = "look at what the call asks for and at the filters here; `| default(...)` says what to use instead";
    Some(TemplateError { span: mention.span, message, help: Some(help.to_owned()) })
}

/// The references of a template that are not guarded, in the order of the text.
fn references(program: &Program) -> Vec<WrittenReference<'_>> {
    let uses = program.uses();
    let steps = uses.steps.iter().filter(|used| !used.guarded).map(|used| WrittenReference {
        names: ["steps", used.step.as_str()].into_iter().chain(used.path.iter().map(Word::as_str)).collect(),
        span: program.place(used.span),
    });
    let inputs = uses.inputs.iter().filter(|used| !used.guarded).map(|used| WrittenReference {
        names: ["inputs", used.name.as_str()].into_iter().chain(used.path.iter().map(Word::as_str)).collect(),
        span: program.place(used.span),
    });
    let names = uses.names.iter().filter(|used| !used.guarded).map(|used| WrittenReference {
        names: std::iter::once(used.name).chain(used.path.iter().map(Word::as_str)).collect(),
        span: program.place(used.span),
    });
    let mut mentions: Vec<_> = steps.chain(inputs).chain(names).collect();
    sort_by_key(&mut mentions, |mention| mention.span.start());
    mentions
}

fn follow(mention: &WrittenReference<'_>, scope: &Scope<'_>, root: &minijinja::Value) -> Option<TemplateError> {
    let mut here = root.clone();
    for (depth, name) in mention.names.iter().enumerate() {
        let next = item(&here, name);
        if !next.is_undefined() {
            here = next;
            continue;
        }
        let written = dotted(&mention.names[..=depth]);
        let error = |message: String, help: Option<String>| Some(TemplateError { span: mention.span, message, help });
        if scope::is_skipped(&here) {
            let step = mention.names[depth - 1];
            let help = format!("step `{step}` was skipped; `| default(...)` says what to use then");
            return error(format!("`{written}` is undefined"), Some(help));
        }
        let path = &mention.names[..depth];
        if let Some(help) = hint_for_answer(path, name) {
            return error(format!("`{written}` is undefined"), Some(help));
        }
        let help = match instead(name, &here, scope, path) {
            Some(Instead::Near(near)) => {
                Some(format!("did you mean `{}`?", dotted(&[path, &[near.as_str()]].concat())))
            }
            _ if is_secret_of_answer(&mention.names) => Some(secret_of_answer(path)),
            Some(Instead::Help(words)) if depth > 0 => Some(words),
            _ => None,
        };
        return error(format!("`{written}` is undefined"), help);
    }
    None
}

/// What to say of a part of an answer that no record holds. `path`: the names before it.
fn hint_for_answer(path: &[&str], name: &str) -> Option<String> {
    match name {
        _ if !is_result(path) => None,
        "response" => Some(
            "the record holds no answer of this call: that of a step with `secret: true` has only the run that makes the call; `| default(...)` says what other runs use".to_owned(),
        ),
        _ => is_secret_of_answer(&[path, &[name]].concat()).then(|| secret_of_answer(path)),
    }
}

fn is_result(path: &[&str]) -> bool {
    path.first().is_some_and(|root| ["steps", "self", "each", "item"].contains(root))
}

/// Whether a reference leads to a secret in the answer of a call.
fn is_secret_of_answer(names: &[&str]) -> bool {
    is_result(names) && names.contains(&"response") && is_sensitive_path(names.iter().copied())
}

fn secret_of_answer(path: &[&str]) -> String {
    let replace = match path {
        ["steps", step, ..] => format!("`--replace {step}`"),
        _ => "`--replace`".to_owned(),
    };
    format!(
        "it is a secret that no record holds: only the run that got the answer of the call has it; `| default(...)` says what other runs use, and {replace} makes a new one"
    )
}

/// A reference as it is written: `inputs.list[5].name`.
fn dotted(names: &[&str]) -> String {
    let mut written = String::new();
    for (nth, name) in names.iter().enumerate() {
        let is_word = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        match (nth, is_word, name.parse::<i64>()) {
            (0, ..) => written.push_str(name),
            (_, true, _) => written.extend([".", name]),
            (_, _, Ok(_)) => written.extend(["[", name, "]"]),
            _ => written.extend(["['", name, "']"]),
        }
    }
    written
}

fn item(value: &minijinja::Value, name: &str) -> minijinja::Value {
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return name.parse().ok().and_then(|index| value.get_item_by_index(index).ok()).unwrap_or_default();
    }
    value.get_attr(name).unwrap_or_default()
}

fn keys(value: &minijinja::Value, scope: &Scope<'_>, path: &[&str]) -> Vec<String> {
    if path == ["inputs"] {
        return scope.inputs.keys().cloned().collect();
    }
    match value.kind() {
        ValueKind::Map => value.try_iter().map(|keys| keys.take(1000).map(|key| key.to_string()).collect()),
        _ => Ok(Vec::new()),
    }
    .unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        text.push("...".to_owned());
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_record_holds_of_an_answer_is_said_to_be_a_secret() {
        let words = |path: &[&str], name: &str| hint_for_answer(path, name).unwrap_or_default();
        let answer = ["steps", "key", "response"];
        assert!(words(&answer, "private_key").starts_with("it is a secret that no record holds"));
        assert!(words(&["steps", "key", "all", "0", "response", "keys"], "secret_key").contains("no record holds"));
        assert!(words(&answer[..2], "response").starts_with("the record holds no answer"));
        for (path, name) in [(&answer[..], "fingerprint"), (&["inputs"], "response"), (&["steps", "a"], "password")] {
            assert_eq!(words(path, name), "", "{path:?} {name}");
        }
    }
}
