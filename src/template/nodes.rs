//! Nodes of the syntax tree: references, parts, and types of what they give.

use std::ops::Range;

use minijinja::machinery::ast;
use serde_json::Value;

use super::chain::{Link, unchain};
use super::outline::{KnownNames, Mention, Outline, ValueType};

pub(super) fn is_of_step(outline: &Outline) -> bool {
    matches!(outline, Outline::Mention(mention) if mention.root == "steps")
}

impl Outline {
    /// The type of the value, where it is known.
    pub fn value_type(&self, knowledge: &dyn KnownNames) -> Option<ValueType> {
        type_in(self, knowledge)
    }
}

pub(super) fn type_in(outline: &Outline, knowledge: &dyn KnownNames) -> Option<ValueType> {
    match outline {
        Outline::Exactly(value) => type_of(value),
        Outline::Text(_) => Some(ValueType::Text),
        Outline::List(_) => Some(ValueType::List),
        Outline::Map(_) => Some(ValueType::Map),
        Outline::OfType(value_type) => Some(*value_type),
        Outline::Mention(mention) => knowledge.value_type(mention),
        Outline::OneOf(options) => {
            let first = type_in(options.first()?, knowledge)?;
            options.iter().all(|option| type_in(option, knowledge) == Some(first)).then_some(first)
        }
        Outline::Open => None,
    }
}

pub(super) fn outline_of(value_type: ValueType) -> Outline {
    if value_type == ValueType::Text { Outline::some_text() } else { Outline::OfType(value_type) }
}

pub(super) fn type_of(value: &Value) -> Option<ValueType> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => ValueType::Boolean,
        Value::Number(number) if number.is_f64() => ValueType::Number,
        Value::Number(_) => ValueType::Integer,
        Value::String(_) => ValueType::Text,
        Value::Array(_) => ValueType::List,
        Value::Object(_) => ValueType::Map,
    })
}

/// The place of a node in the source: from its first name on.
pub(super) fn range(expr: &ast::Expr<'_>) -> Range<usize> {
    let mut first = expr;
    loop {
        first = match first {
            ast::Expr::GetAttr(attribute) => &attribute.expr,
            ast::Expr::GetItem(item) => &item.expr,
            other => {
                let start = other.span().start_offset.min(expr.span().start_offset);
                return start as usize..expr.span().end_offset as usize;
            }
        };
    }
}

/// The reference of an expression that is a name with attributes and keys.
pub(super) fn mention(expr: &ast::Expr<'_>) -> Option<Mention> {
    let chain = unchain(expr)?;
    let keys = chain.links.into_iter().map(|link| match link {
        Link::Named(name, _) => Some(name),
        Link::Computed(_) => None,
    });
    let mut keys = keys.peekable();
    let mut path = Vec::new();
    while let Some(Some(name)) = keys.next_if(Option::is_some) {
        path.push(name);
    }
    Some(Mention { root: chain.root.to_owned(), path, rest: keys.collect() })
}

/// The subexpressions of an expression; of a name with attributes, the computed keys.
pub(super) fn parts<'e, 'a>(expr: &'e ast::Expr<'a>) -> Vec<&'e ast::Expr<'a>> {
    let arguments = |args: &'e [ast::CallArg<'a>]| {
        args.iter().map(|arg| match arg {
            ast::CallArg::Pos(expr)
            | ast::CallArg::Kwarg(_, expr)
            | ast::CallArg::PosSplat(expr)
            | ast::CallArg::KwargSplat(expr) => expr,
        })
    };
    match expr {
        ast::Expr::Var(_) | ast::Expr::Const(_) => Vec::new(),
        ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) if unchain(expr).is_some() => {
            let links = unchain(expr).into_iter().flat_map(|chain| chain.links);
            let computed = links.filter_map(|link| match link {
                Link::Computed(key) => Some(key),
                Link::Named(..) => None,
            });
            computed.collect()
        }
        ast::Expr::GetAttr(attribute) => vec![&attribute.expr],
        ast::Expr::GetItem(item) => vec![&item.expr, &item.subscript_expr],
        ast::Expr::Slice(slice) => {
            let ends = [&slice.start, &slice.stop, &slice.step].into_iter().flatten();
            std::iter::once(&slice.expr).chain(ends).collect()
        }
        ast::Expr::UnaryOp(unary) => vec![&unary.expr],
        ast::Expr::BinOp(operation) => vec![&operation.left, &operation.right],
        ast::Expr::Compare(compare) => {
            std::iter::once(&compare.expr).chain(compare.ops.iter().map(|operand| &operand.expr)).collect()
        }
        ast::Expr::IfExpr(choice) => {
            [&choice.test_expr, &choice.true_expr].into_iter().chain(&choice.false_expr).collect()
        }
        ast::Expr::Filter(filter) => filter.expr.iter().chain(arguments(&filter.args)).collect(),
        ast::Expr::Test(test) => std::iter::once(&test.expr).chain(arguments(&test.args)).collect(),
        // The name of a function is not in the scope.
        ast::Expr::Call(call) => arguments(&call.args).collect(),
        ast::Expr::List(list) => list.items.iter().collect(),
        ast::Expr::Tuple(tuple) => tuple.items.iter().collect(),
        ast::Expr::Map(map) => map.keys.iter().chain(&map.values).collect(),
    }
}
