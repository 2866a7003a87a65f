//! Operations that fail whatever their unknown values are: they are tried with values that stand for the unknown ones.
//!
//! `inputs.count | split(',')` fails with every number, `cidrsubnet('10.0.0.0/99', 8, steps.net.status)` with every
//! status. An operation that works with one of the values may work in a run.

use minijinja::machinery::{Span, ast};
use minijinja::{Error, Value as Any};
use serde_json::{Value, json};

use super::super::outline::Outline;
use super::super::{ValueType, value_of};
use super::{Failure, Interpreter};

/// The most attempts for one operation; with more combinations nothing is said.
const MOST_ATTEMPTS: usize = 256;

/// Functions and filters whose success depends on more than the types of their arguments and on numbers.
const NOT_TRIED: [&str; 4] = ["file", "first_address", "format", "fromjson"];

impl<'i> Interpreter<'i> {
    /// Values of an operand: its own when it is known, which may be undefined, and else some that stand for it; of an
    /// undecided condition those of each branch. `None` when its evaluation fails.
    pub(super) fn values(&self, expr: &ast::Expr<'i>) -> Option<Vec<Vec<Any>>> {
        if self.is_known(expr) {
            return self.evaluate(expr).map(|value| vec![vec![value]]);
        }
        let of = |outline: &Outline| self.stand_ins(outline).iter().map(value_of).collect();
        Some(match self.outline(expr) {
            Outline::OneOf(options) => options.iter().map(of).collect(),
            other => vec![of(&other)],
        })
    }

    /// Tries an operation; fails when it fails with all values, or with all of one branch. Returns its result, if there
    /// is one.
    pub(super) fn must_work(
        &self,
        operands: &[&ast::Expr<'i>],
        operation: impl Fn(&[Any]) -> Option<ast::Expr<'i>>,
    ) -> Option<Any> {
        let branches: Vec<Vec<Vec<Any>>> =
            operands.iter().map(|operand| self.values(operand)).collect::<Option<_>>()?;
        let mut undecided = (0..branches.len()).filter(|operand| branches[*operand].len() > 1);
        // With two conditions, it is not known which of their branches belong together.
        let (varied, None) = (undecided.next(), undecided.next()) else {
            return self.try_out(&together(&branches), operation);
        };
        let Some(varied) = varied else { return self.try_out(&together(&branches), operation) };
        let mut result = None;
        for branch in &branches[varied] {
            let mut values = together(&branches);
            values[varied].clone_from(branch);
            result = self.try_out(&values, &operation);
        }
        result
    }

    fn try_out(&self, values: &[Vec<Any>], operation: impl Fn(&[Any]) -> Option<ast::Expr<'i>>) -> Option<Any> {
        let mut first: Option<Error> = None;
        let attempts = values.iter().fold(1_usize, |number, of| number.saturating_mul(of.len()));
        for attempt in 0..attempts.min(MOST_ATTEMPTS) {
            match self.run(&operation(&nth(values, attempt))?) {
                Ok(value) => return Some(value),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        if attempts <= MOST_ATTEMPTS {
            first.into_iter().for_each(|error| self.fail(Failure::Engine(error)));
        }
        None
    }

    pub(super) fn operation_must_work(&self, operation: &ast::Spanned<ast::BinOp<'i>>) {
        [&operation.left, &operation.right].into_iter().filter(|side| self.is_known(side)).for_each(|side| {
            self.defined(side);
        });
        self.must_work(&[&operation.left, &operation.right], |values| {
            let [left, right] = values else { return None };
            let at = operation.span();
            let (left, right) = (placed(left, at), placed(right, at));
            Some(ast::Expr::BinOp(ast::Spanned::new(ast::BinOp { op: operation.op, left, right }, operation.span())))
        });
    }

    pub(super) fn negation_must_work(&self, unary: &ast::Spanned<ast::UnaryOp<'i>>) {
        self.must_work(&[&unary.expr], |values| {
            let expr = placed(values.first()?, unary.span());
            let negation = ast::UnaryOp { op: ast::UnaryOpKind::Neg, expr };
            Some(ast::Expr::UnaryOp(ast::Spanned::new(negation, unary.span())))
        });
    }

    pub(super) fn filter_must_work(&self, filter: &ast::Spanned<ast::Filter<'i>>) -> Option<Any> {
        let operands: Vec<&ast::Expr<'i>> = filter.expr.iter().chain(arguments(&filter.args)?).collect();
        if NOT_TRIED.contains(&filter.name) {
            operands.into_iter().for_each(|operand| drop(self.values(operand)));
            return None;
        }
        self.must_work(&operands, |values| {
            let (expr, args) = values.split_first()?;
            let at = filter.span();
            let (expr, args) = (Some(placed(expr, at)), with_values(&filter.args, args, at));
            Some(ast::Expr::Filter(ast::Spanned::new(ast::Filter { name: filter.name, expr, args }, filter.span())))
        })
    }

    pub(super) fn test_must_work(&self, test: &ast::Spanned<ast::Test<'i>>) {
        if ["defined", "undefined"].contains(&test.name) {
            return;
        }
        let Some(args) = arguments(&test.args) else { return };
        let operands: Vec<&ast::Expr<'i>> = std::iter::once(&test.expr).chain(args).collect();
        self.must_work(&operands, |values| {
            let (expr, args) = values.split_first()?;
            let at = test.span();
            let (expr, args) = (placed(expr, at), with_values(&test.args, args, at));
            Some(ast::Expr::Test(ast::Spanned::new(ast::Test { name: test.name, expr, args }, test.span())))
        });
    }

    pub(super) fn call_must_work(&self, name: &'i str, call: &ast::Spanned<ast::Call<'i>>) -> Option<Any> {
        let operands = arguments(&call.args)?;
        if NOT_TRIED.contains(&name) {
            operands.into_iter().for_each(|operand| drop(self.values(operand)));
            return None;
        }
        self.must_work(&operands, |values| {
            let expr = ast::Expr::Var(ast::Spanned::new(ast::Var { id: name }, call.span()));
            let args = with_values(&call.args, values, call.span());
            Some(ast::Expr::Call(ast::Spanned::new(ast::Call { expr, args }, call.span())))
        })
    }

    pub(super) fn slice_must_work(&self, slice: &ast::Spanned<ast::Slice<'i>>) {
        let ends = [&slice.start, &slice.stop, &slice.step];
        let operands: Vec<&ast::Expr<'i>> = std::iter::once(&slice.expr).chain(ends.into_iter().flatten()).collect();
        self.must_work(&operands, |values| {
            let mut values = values.iter().map(|value| placed(value, slice.span()));
            let expr = values.next()?;
            let [start, stop, step] = ends.map(|end| end.is_some().then(|| values.next()).flatten());
            Some(ast::Expr::Slice(ast::Spanned::new(ast::Slice { expr, start, stop, step }, slice.span())))
        });
    }

    /// Values that stand for an unknown one, one of which an operation takes if it takes any of its type.
    fn stand_ins(&self, outline: &Outline) -> Vec<Value> {
        match outline {
            Outline::Exactly(value) => vec![value.clone()],
            Outline::OneOf(options) => options.iter().flat_map(|option| self.stand_ins(option)).collect(),
            Outline::Text(pieces) => texts(pieces),
            Outline::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.stand_ins(item)).collect();
                transposed(&items).map(Value::Array).collect()
            }
            Outline::Map(fields) => {
                let values: Vec<_> = fields.iter().map(|(_, value)| self.stand_ins(value)).collect();
                let names = || fields.iter().map(|(name, _)| name.clone());
                transposed(&values).map(|values| Value::Object(names().zip(values).collect())).collect()
            }
            Outline::OfType(value_type) => samples_of_type(*value_type),
            Outline::Mention(mention) => {
                self.knowledge.value_type(mention).map_or_else(samples_of_any_type, samples_of_type)
            }
            Outline::Open => samples_of_any_type(),
        }
    }
}

fn samples_of_type(value_type: ValueType) -> Vec<Value> {
    match value_type {
        ValueType::Boolean => vec![json!(true), json!(false)],
        ValueType::Integer => [1, 8, 0, 16, 2, -1].map(Value::from).into(),
        ValueType::Number => vec![json!(1.5), json!(1), json!(8), json!(0)],
        ValueType::Text => ["10.0.0.0/8", "fd00::/8", "10.0.0.1", "1", "true", "a", "", "[]"].map(Value::from).into(),
        ValueType::List => vec![json!([]), json!([1]), json!(["a"]), json!([["a", 1]]), json!([{ "a": 1 }])],
        ValueType::Map => vec![json!({ "a": 1 }), json!({})],
    }
}

fn samples_of_any_type() -> Vec<Value> {
    let value_types =
        [ValueType::Text, ValueType::Integer, ValueType::List, ValueType::Map, ValueType::Number, ValueType::Boolean];
    let few = value_types.into_iter().flat_map(|value_type| samples_of_type(value_type).into_iter().take(3));
    few.chain([json!("1"), json!("a")]).collect()
}

/// Texts with these parts.
fn texts(pieces: &[Option<String>]) -> Vec<Value> {
    const FILLINGS: [[&str; 2]; 7] =
        [["10.0.0.0", "8"], ["", ""], ["1", "1"], ["a", "a"], ["10.0.0.0", "10.0.0.0"], ["0", "0"], ["/8", "/8"]];
    let filled = FILLINGS.iter().map(|fillings| {
        let mut fillings = fillings.iter().cycle();
        pieces.iter().map(|piece| piece.as_deref().or_else(|| fillings.next().copied()).unwrap_or_default()).collect()
    });
    filled.map(Value::String).collect()
}

/// For each operand the values of all branches.
fn together(branches: &[Vec<Vec<Any>>]) -> Vec<Vec<Any>> {
    branches.iter().map(|of| of.concat()).collect()
}

/// Of several rows of values: all first ones, all second ones, ...; a shorter row begins again.
fn transposed(rows: &[Vec<Value>]) -> impl Iterator<Item = Vec<Value>> {
    let longest = rows.iter().map(Vec::len).max().unwrap_or(1);
    (0..longest).map(|at| rows.iter().filter_map(|row| row.get(at % row.len().max(1)).cloned()).collect())
}

/// The combination of this number.
fn nth(values: &[Vec<Any>], number: usize) -> Vec<Any> {
    let mut rest = number;
    let chosen = values.iter().map(|of| {
        let at = rest % of.len().max(1);
        rest /= of.len().max(1);
        of.get(at).cloned().unwrap_or_default()
    });
    chosen.collect()
}

/// The arguments; `None` when one stands for several.
fn arguments<'e, 'a>(args: &'e [ast::CallArg<'a>]) -> Option<Vec<&'e ast::Expr<'a>>> {
    let single = |arg: &'e ast::CallArg<'a>| match arg {
        ast::CallArg::Pos(expr) | ast::CallArg::Kwarg(_, expr) => Some(expr),
        ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => None,
    };
    args.iter().map(single).collect()
}

/// The same arguments with these values.
fn with_values<'a>(args: &[ast::CallArg<'a>], values: &[Any], at: Span) -> Vec<ast::CallArg<'a>> {
    let same = args.iter().zip(values).map(|(arg, value)| match arg {
        ast::CallArg::Kwarg(name, _) => ast::CallArg::Kwarg(name, placed(value, at)),
        _ => ast::CallArg::Pos(placed(value, at)),
    });
    same.collect()
}

/// A value at the place of the operation: errors are placed by the line of what was compiled last.
fn placed<'a>(value: &Any, at: Span) -> ast::Expr<'a> {
    ast::Expr::Const(ast::Spanned::new(ast::Const { value: value.clone() }, at))
}

pub(super) fn constant<'a>(value: Any) -> ast::Expr<'a> {
    ast::Expr::Const(spanned(ast::Const { value }))
}

pub(super) fn spanned<T>(node: T) -> ast::Spanned<T> {
    ast::Spanned::new(node, Span::default())
}
