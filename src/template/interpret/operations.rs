//! What operators and filters give for operands that are not completely known.

use minijinja::machinery::ast;
use serde_json::Value;

use super::Interpreter;
use super::trial::{constant, spanned};
use crate::template::functions::TEXT;
use crate::template::nodes::is_of_step;
use crate::template::outline::{MOST_ALTERNATIVES, Outline, ValueType};
use crate::template::text::json_of;
use crate::template::value_of;

impl<'i> Interpreter<'i> {
    pub(super) fn operation(&self, operation: &ast::Spanned<ast::BinOp<'i>>) -> Outline {
        let both = || (self.outline(&operation.left), self.outline(&operation.right));
        match operation.op {
            ast::BinOpKind::Concat => {
                let (left, right) = both();
                self.must_be_text(&left);
                self.must_be_text(&right);
                left.then(right)
            }
            ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
                let is_or = matches!(operation.op, ast::BinOpKind::ScOr);
                match self.truth(&operation.left) {
                    Some(holds) if holds == is_or => self.outline(&operation.left),
                    Some(_) => self.outline(&operation.right),
                    None if self.is_decided_later(&operation.left) => Outline::Open,
                    None => {
                        let (left, right) = both();
                        Outline::one_of([left, right])
                    }
                }
            }
            ast::BinOpKind::Eq
            | ast::BinOpKind::Ne
            | ast::BinOpKind::Lt
            | ast::BinOpKind::Lte
            | ast::BinOpKind::Gt
            | ast::BinOpKind::Gte
            | ast::BinOpKind::In => {
                self.operation_must_work(operation);
                Outline::OfType(ValueType::Boolean)
            }
            ast::BinOpKind::Div | ast::BinOpKind::Pow => {
                self.operation_must_work(operation);
                Outline::OfType(ValueType::Number)
            }
            ast::BinOpKind::Add
            | ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem => self.arithmetic(operation),
        }
    }

    fn arithmetic(&self, operation: &ast::Spanned<ast::BinOp<'i>>) -> Outline {
        let (left, right) = (self.outline(&operation.left), self.outline(&operation.right));
        self.operation_must_work(operation);
        let of = |left: &Value, right: &Value| {
            let (left, right) = (constant(value_of(left)), constant(value_of(right)));
            ast::Expr::BinOp(spanned(ast::BinOp { op: operation.op, left, right }))
        };
        if let Some((lefts, rights)) = left.options().zip(right.options())
            && lefts.len() * rights.len() <= MOST_ALTERNATIVES
        {
            return self.computed(lefts.iter().flat_map(|left| rights.iter().map(move |right| of(left, right))));
        }
        let adds = matches!(operation.op, ast::BinOpKind::Add);
        match (self.value_type(&left), self.value_type(&right)) {
            (Some(ValueType::Integer), Some(ValueType::Integer)) => Outline::OfType(ValueType::Integer),
            (Some(ValueType::Text), _) | (_, Some(ValueType::Text)) if adds => left.then(right),
            (Some(ValueType::List), _) | (_, Some(ValueType::List)) => Outline::OfType(ValueType::List),
            (Some(ValueType::Text), _) | (_, Some(ValueType::Text)) => Outline::some_text(),
            (Some(ValueType::Number), _) | (_, Some(ValueType::Number)) => Outline::OfType(ValueType::Number),
            // Texts and lists can be added and repeated as well.
            _ => Outline::Open,
        }
    }

    pub(super) fn filter(&self, filter: &ast::Spanned<ast::Filter<'i>>) -> Outline {
        if ["default", "d"].contains(&filter.name) {
            return self.or_default(filter);
        }
        self.no_list(filter);
        let input = filter.expr.as_ref().map_or(Outline::Open, |expr| self.outline(expr));
        if ![TEXT, "string"].contains(&filter.name)
            && let Some(values) = input.options()
            && let Some(applied) =
                values.into_iter().map(|value| self.applied(filter, value)).collect::<Option<Vec<_>>>()
        {
            applied.iter().for_each(|applied| drop(self.evaluate(applied)));
            return self.computed(applied);
        }
        let inner = || input.clone();
        let tried = self.filter_must_work(filter);
        match filter.name {
            TEXT | "string" => {
                let inner = inner();
                self.must_be_text(&inner);
                inner.as_text()
            }
            "length" | "count" => match inner().elements() {
                Some(elements) => Outline::Exactly(Value::from(elements.len())),
                None => Outline::OfType(ValueType::Integer),
            },
            "first" | "last" => match inner().elements() {
                Some(mut elements) if !elements.is_empty() => {
                    let at = if filter.name == "first" { 0 } else { elements.len() - 1 };
                    elements.swap_remove(at)
                }
                _ => Outline::Open,
            },
            "cidrsubnet" => self.network(tried.as_ref(), None),
            "b64decode" | "b64encode" | "capitalize" | "cidrhost" | "first_address" | "format" | "indent" | "join"
            | "lower" | "replace" | "sha256" | "slug" | "title" | "tojson" | "trim" | "upper" => Outline::some_text(),
            "int" => Outline::OfType(ValueType::Integer),
            "float" | "abs" | "sum" | "round" => Outline::OfType(ValueType::Number),
            "bool" => Outline::OfType(ValueType::Boolean),
            "batch" | "chain" | "dictsort" | "groupby" | "items" | "lines" | "list" | "map" | "reject"
            | "rejectattr" | "select" | "selectattr" | "slice" | "sort" | "split" | "unique" | "zip" => {
                Outline::OfType(ValueType::List)
            }
            _ => Outline::Open,
        }
    }

    /// A filter of a constant, where its arguments are known.
    fn applied(&self, filter: &ast::Spanned<ast::Filter<'i>>, value: &Value) -> Option<ast::Expr<'i>> {
        let known = |expr| self.is_known(expr).then(|| self.evaluate(expr)).flatten().map(constant);
        let args = filter.args.iter().map(|arg| match arg {
            ast::CallArg::Pos(expr) => known(expr).map(ast::CallArg::Pos),
            ast::CallArg::Kwarg(name, expr) => known(expr).map(|value| ast::CallArg::Kwarg(name, value)),
            _ => None,
        });
        let (expr, args) = (Some(constant(value_of(value))), args.collect::<Option<Vec<_>>>()?);
        Some(ast::Expr::Filter(ast::Spanned::new(ast::Filter { name: filter.name, expr, args }, filter.span())))
    }

    /// One of the values of these expressions.
    pub(super) fn computed(&self, of: impl IntoIterator<Item = ast::Expr<'i>>) -> Outline {
        let values = of.into_iter().map(|expr| self.run(&expr).and_then(|value| json_of(&value)).ok());
        Outline::one_of(values.map(|value| value.map_or(Outline::Open, Outline::Exactly)))
    }

    /// A step's result exists unless the step was skipped, so that the default's type is not checked.
    fn or_default(&self, filter: &ast::Filter<'i>) -> Outline {
        let default = || match filter.args.first() {
            None => Outline::Exactly(Value::String(String::new())),
            Some(ast::CallArg::Pos(default)) => self.outline(default),
            Some(_) => Outline::Open,
        };
        let Some(expr) = &filter.expr else { return Outline::Open };
        match self.guarded(expr) {
            None => default(),
            Some(inner) if is_of_step(&inner) => inner,
            Some(inner @ Outline::Exactly(_)) if filter.args.len() <= 1 => inner,
            Some(Outline::Exactly(value)) if !value_of(&value).is_true() => default(),
            Some(_) if self.is_decided_later(expr) => Outline::Open,
            Some(inner) => Outline::one_of([inner, default()]),
        }
    }
}
