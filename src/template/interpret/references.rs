//! References that lead nowhere: to parts of values that have none, and to instances that a step does not have.

use minijinja::machinery::ast;
use serde_json::Value;

use super::super::chain::{Link, unchain};
use super::super::names::{FILTERS_FOR_LISTS, JOINING_LISTS};
use super::super::nodes::{mention, range};
use super::super::outline::{Mention, Outline, ValueType};
use super::{Failure, Interpreter};
use crate::diagnostic::nearest;

impl<'i> Interpreter<'i> {
    /// The outline of a reference. Reports one to a part of a value without parts, or to an instance that its step lacks.
    pub(super) fn mentioned(&self, expr: &ast::Expr<'i>, mention: Mention) -> Outline {
        let missing = self.no_part(&mention).or_else(|| self.no_instance(expr, &mention));
        if let Some((message, help)) = missing {
            self.fail(Failure::NoPart { range: range(expr), message, help });
        }
        Outline::Mention(mention)
    }

    /// Reports a filter for lists that is given the result of a step.
    pub(super) fn no_list(&self, filter: &ast::Filter<'i>) {
        if !FILTERS_FOR_LISTS.contains(&filter.name) {
            return;
        }
        let joined = filter.args.iter().filter_map(|arg| match arg {
            ast::CallArg::Pos(expr) if JOINING_LISTS.contains(&filter.name) => Some(expr),
            _ => None,
        });
        for expr in filter.expr.iter().chain(joined) {
            let Some(mention) = mention(expr) else { continue };
            if let ("steps", [step], []) = (mention.root.as_str(), mention.path.as_slice(), mention.rest.as_slice()) {
                let message = format!("`steps.{step}` is the result of a step, and no list");
                let help = format!("the instances of a step with `for_each` are `steps.{step}.all`");
                self.fail(Failure::NoPart { range: range(expr), message, help: Some(help) });
            }
        }
    }

    fn no_part(&self, mention: &Mention) -> Option<(String, Option<String>)> {
        let (root, path) = (&mention.root, &mention.path);
        (0..path.len()).rev().find_map(|length| {
            let whole = Mention { root: root.clone(), path: path[..length].to_vec(), rest: Vec::new() };
            let type_name = match self.knowledge.value_type(&whole)? {
                ValueType::Boolean => "`true` or `false`",
                ValueType::Integer | ValueType::Number => "a number",
                ValueType::Text if path[length].parse::<i64>().is_err() => "a text",
                _ => return None,
            };
            let names = std::iter::once(root.as_str()).chain(path[..length].iter().map(String::as_str));
            let written = names.collect::<Vec<_>>().join(".");
            Some((format!("`{written}` is {type_name}, and has no `{}`", path[length]), None))
        })
    }

    fn no_instance(&self, expr: &ast::Expr<'i>, mention: &Mention) -> Option<(String, Option<String>)> {
        let [step, which, constant @ ..] = mention.path.as_slice() else { return None };
        if mention.root != "steps" || !["all", "each"].contains(&which.as_str()) {
            return None;
        }
        let keys = self.knowledge.instances(step, which == "all" || constant.is_empty())?;
        let key = match constant.first() {
            Some(key) => key.clone(),
            None => match unchain(expr)?.links.into_iter().nth(2)? {
                Link::Computed(key) => match self.exactly(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                },
                Link::Named(name, _) => name,
            },
        };
        if which == "all" {
            let position: i64 = key.parse().ok()?;
            let most = i64::try_from(keys.len()).ok()?;
            let is_there = (-most..most).contains(&position);
            let help = format!("they are numbered from 0: `steps.{step}.all[0]`");
            return (!is_there)
                .then(|| (format!("step `{step}` has {most} instances, and no `all[{key}]`"), Some(help)));
        }
        if keys.contains(&key) {
            return None;
        }
        const SHOWN: usize = 8;
        let help = match nearest(&key, keys.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let shown: Vec<String> = keys.iter().take(SHOWN).map(|key| format!("`{key}`")).collect();
                format!("there is {}{}", shown.join(", "), if keys.len() > SHOWN { ", ..." } else { "" })
            }
        };
        Some((format!("step `{step}` has no instance `{key}`"), Some(help)))
    }
}
