//! Names with attributes and keys, as minijinja's syntax tree has them: the last link outermost.

use std::ops::Range;

use minijinja::machinery::ast;

/// A name with attributes and keys: `root.a['b'][0]`.
pub(super) struct Chain<'e, 'a> {
    pub root: &'a str,
    pub root_range: Range<usize>,
    pub links: Vec<Link<'e, 'a>>,
}

/// An attribute or a key.
pub(super) enum Link<'e, 'a> {
    /// A constant, with its place in the source.
    Named(String, Range<usize>),
    Computed(&'e ast::Expr<'a>),
}

/// A name with attributes and keys; `None` when the expression does not begin with a name.
pub(super) fn unchain<'e, 'a>(expr: &'e ast::Expr<'a>) -> Option<Chain<'e, 'a>> {
    let mut links = Vec::new();
    let mut here = expr;
    loop {
        match here {
            ast::Expr::Var(name) => {
                let span = name.span();
                links.reverse();
                let root_range = span.start_offset as usize..span.end_offset as usize;
                return Some(Chain { root: name.id, root_range, links });
            }
            ast::Expr::GetAttr(attribute) => {
                // Of an attribute's span only the end is its own.
                let end = attribute.span().end_offset as usize;
                links.push(Link::Named(attribute.name.to_owned(), end.saturating_sub(attribute.name.len())..end));
                here = &attribute.expr;
            }
            ast::Expr::GetItem(item) => {
                let end = item.span().end_offset as usize;
                links.push(match &item.subscript_expr {
                    ast::Expr::Const(key) => {
                        let span = item.subscript_expr.span();
                        Link::Named(
                            key.value.to_string(),
                            span.start_offset as usize..end.min(span.end_offset as usize),
                        )
                    }
                    computed => Link::Computed(computed),
                });
                here = &item.expr;
            }
            _ => return None,
        }
    }
}
