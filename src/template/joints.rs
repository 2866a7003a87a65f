//! The operands of `~` in a program.
//!
//! `~` would write `True` for `true`: an internal filter after each operand converts it to text. The source that runs has
//! these filters; findings and errors are about the source as it is written.

use minijinja::machinery::ast;

use super::functions;

/// Where the filter is inserted into a source, in order.
pub(super) struct Joints(Box<[usize]>);

impl From<Vec<usize>> for Joints {
    fn from(mut offsets: Vec<usize>) -> Self {
        offsets.sort_unstable();
        Self(offsets.into())
    }
}

impl Joints {
    /// The source that runs.
    pub fn insert(&self, source: &str) -> String {
        let mut out = String::with_capacity(source.len());
        let mut from = 0;
        for &joint in &*self.0 {
            out.push_str(&source[from..joint]);
            out.push_str(&inserted());
            from = joint;
        }
        out.push_str(&source[from..]);
        out
    }

    /// The offset in the source as it is written, of one in the source that runs.
    pub fn written(&self, mut offset: usize) -> usize {
        for &joint in &*self.0 {
            if offset <= joint {
                break;
            }
            offset = joint.max(offset.saturating_sub(inserted().len()));
        }
        offset
    }
}

fn inserted() -> String {
    format!("|{}", functions::TEXT)
}

/// Where the filter comes after an operand of `~`; `None` when that is text or a number, which are unchanged.
pub(super) fn joint_after(operand: &ast::Expr<'_>, source: &str) -> Option<usize> {
    let end = operand.span().end_offset as usize;
    match operand {
        ast::Expr::UnaryOp(unary) if matches!(unary.op, ast::UnaryOpKind::Neg) => None,
        ast::Expr::BinOp(operation) if makes_text_or_number(operation.op) => None,
        // `x is not y` has the precedence of a filter.
        ast::Expr::UnaryOp(unary) if matches!(unary.expr, ast::Expr::Test(_)) => Some(end),
        // Other operators bind weaker than `~`, so that the operand is in brackets: after those.
        ast::Expr::IfExpr(_) | ast::Expr::BinOp(_) | ast::Expr::Compare(_) | ast::Expr::UnaryOp(_) => {
            let rest = &source[end.min(source.len())..];
            let blank = rest.len() - rest.trim_start().len();
            rest[blank..].starts_with(')').then_some(end + blank + 1)
        }
        _ => Some(end),
    }
}

fn makes_text_or_number(operation: ast::BinOpKind) -> bool {
    matches!(
        operation,
        ast::BinOpKind::Concat
            | ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow
    )
}
