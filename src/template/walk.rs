//! Finds the references of a program by walking its syntax tree.
//!
//! References to steps are dependencies, so that none may be missed: `steps` and `inputs` must be followed by a name,
//! and cannot be passed on whole or indexed by a computed key. Operations on each value are noted as well: a secret's
//! marker can be joined to text, but not measured, compared or cut.

use std::collections::HashMap;
use std::ops::Range;

use minijinja::machinery::ast;

use super::names::{BINDABLE, FILTERS, FILTERS_FOR_SECRETS, FUNCTIONS, NAMES, TESTS, TESTS_FOR_SECRETS};
use super::uses::{FileUse, InputUse, NameUse, Others, Reference, Spoiled, Unknown, UnknownKind, Uses};
use crate::id::StepId;
use crate::source::Span;
use crate::yaml::Word;

/// The operands of `~` that must be converted to text first.
pub(super) type Joints = Box<[usize]>;

pub(super) fn of_expression(expr: &ast::Expr<'_>, source: &str) -> (Uses, Joints) {
    let mut walk = Walk::new(source);
    walk.expr(expr, &Flow::default());
    walk.found.alone =
        unchain(expr).is_some_and(|chain| chain.links.iter().all(|link| matches!(link, Link::Named(..))));
    walk.finish()
}

pub(super) fn of_template(stmt: &ast::Stmt<'_>, source: &str) -> (Uses, Joints) {
    let mut walk = Walk::new(source);
    walk.stmt(stmt, &Flow::default());
    walk.finish()
}

/// The most references that a variable may stand for, with all variables in it expanded. `{% set x = x + x %}`
/// doubles: the engine joins lists lazily, and does not limit them before they are iterated over.
const HEAVIEST: u64 = 4096;

/// The operations on a value on its way to the output.
#[derive(Clone, Default)]
struct Flow {
    spoiled: Option<Spoiled>,
    guarded: bool,
}

/// The [`Uses`] so far.
#[derive(Default)]
struct Found {
    steps: Vec<Reference>,
    inputs: Vec<InputUse>,
    names: Vec<NameUse>,
    files: Vec<FileUse>,
    unknown: Vec<Unknown>,
    alone: bool,
    reads_files: bool,
    surroundings: bool,
    too_heavy: Option<Range<usize>>,
}

struct Walk<'l> {
    source: &'l str,
    found: Found,
    joints: Vec<usize>,
    /// Names bound by `for`, `set` and `with`, the innermost last.
    locals: Vec<Vec<String>>,
    /// By variable: the most references it was bound to. And the number of references in the expression being walked.
    weights: HashMap<String, u64>,
    weight: u64,
}

/// A name with attributes and keys: `root.a['b'][0]`.
pub(super) struct Chain<'e, 'a> {
    pub root: &'a str,
    root_range: Range<usize>,
    pub links: Vec<Link<'e, 'a>>,
}

pub(super) enum Link<'e, 'a> {
    Named(String, Range<usize>),
    Computed(&'e ast::Expr<'a>),
}

impl<'l> Walk<'l> {
    fn finish(mut self) -> (Uses, Joints) {
        let Found { steps, inputs, names, files, unknown, alone, reads_files, surroundings, too_heavy } = self.found;
        let (steps, inputs, names) = (steps.into(), inputs.into(), names.into());
        let (files, unknown, too_heavy) = (files.into(), unknown.into(), too_heavy.map(Box::new));
        let others = Others { names, files, unknown, too_heavy }.unless_empty();
        let uses = Uses { steps, inputs, alone, reads_files, surroundings, others };
        self.joints.sort_unstable();
        (uses, self.joints.into())
    }

    fn new(source: &'l str) -> Self {
        Self {
            source,
            found: Found::default(),
            joints: Vec::new(),
            locals: vec![Vec::new()],
            weights: HashMap::new(),
            weight: 0,
        }
    }

    fn expr(&mut self, expr: &ast::Expr<'_>, flow: &Flow) {
        match expr {
            ast::Expr::Const(_) => {}
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.chain(expr, flow),
            ast::Expr::Slice(slice) => {
                let spoiled = self.spoil("a slice", slice.span());
                self.expr(&slice.expr, &spoiled);
                for part in [&slice.start, &slice.stop, &slice.step].into_iter().flatten() {
                    self.expr(part, &spoiled);
                }
            }
            ast::Expr::UnaryOp(unary) => {
                let by = if matches!(unary.op, ast::UnaryOpKind::Not) { "`not`" } else { "`-`" };
                let spoiled = self.spoil(by, unary.span());
                self.expr(&unary.expr, &spoiled);
            }
            ast::Expr::BinOp(operation) => self.operation(operation, flow),
            ast::Expr::Compare(compare) => {
                let spoiled = self.spoil("a comparison", compare.span());
                self.expr(&compare.expr, &spoiled);
                for operand in &compare.ops {
                    self.expr(&operand.expr, &spoiled);
                }
            }
            ast::Expr::IfExpr(choice) => {
                let spoiled = self.spoil("a condition", choice.span());
                self.expr(&choice.test_expr, &spoiled);
                self.expr(&choice.true_expr, flow);
                if let Some(otherwise) = &choice.false_expr {
                    self.expr(otherwise, flow);
                }
            }
            ast::Expr::Filter(filter) => self.filter(filter, flow),
            ast::Expr::Test(test) => self.test(test, flow),
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.expr(item, &unguarded(flow))),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expr(item, &unguarded(flow))),
            ast::Expr::Map(map) => {
                for part in map.keys.iter().chain(&map.values) {
                    self.expr(part, &unguarded(flow));
                }
            }
        }
    }

    fn operation(&mut self, operation: &ast::Spanned<ast::BinOp<'_>>, flow: &Flow) {
        let flow = &unguarded(flow);
        match operation.op {
            ast::BinOpKind::Concat => {
                for operand in [&operation.left, &operation.right] {
                    self.joint(operand);
                    self.expr(operand, flow);
                }
            }
            ast::BinOpKind::Add => {
                self.expr(&operation.left, flow);
                self.expr(&operation.right, flow);
            }
            ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
                let spoiled = self.spoil("a condition", operation.span());
                self.expr(&operation.left, &spoiled);
                self.expr(&operation.right, flow);
            }
            other => {
                let by = match other {
                    ast::BinOpKind::Eq
                    | ast::BinOpKind::Ne
                    | ast::BinOpKind::Lt
                    | ast::BinOpKind::Lte
                    | ast::BinOpKind::Gt
                    | ast::BinOpKind::Gte => "a comparison",
                    ast::BinOpKind::In => "`in`",
                    _ => "arithmetic",
                };
                let spoiled = self.spoil(by, operation.span());
                self.expr(&operation.left, &spoiled);
                self.expr(&operation.right, &spoiled);
            }
        }
    }

    /// `~` would write `True` for `true`: an internal filter after each operand converts it to text.
    fn joint(&mut self, operand: &ast::Expr<'_>) {
        let end = operand.span().end_offset as usize;
        match operand {
            // Numbers and text are unchanged.
            ast::Expr::UnaryOp(unary) if matches!(unary.op, ast::UnaryOpKind::Neg) => {}
            ast::Expr::BinOp(operation) if makes_text_or_number(operation.op) => {}
            // `x is not y` has the precedence of a filter.
            ast::Expr::UnaryOp(unary) if matches!(unary.expr, ast::Expr::Test(_)) => self.joints.push(end),
            // Other operators bind weaker than `~`, so that the operand is in brackets: after those.
            ast::Expr::IfExpr(_) | ast::Expr::BinOp(_) | ast::Expr::Compare(_) | ast::Expr::UnaryOp(_) => {
                let rest = &self.source[end.min(self.source.len())..];
                let blank = rest.len() - rest.trim_start().len();
                if rest[blank..].starts_with(')') {
                    self.joints.push(end + blank + 1);
                }
            }
            _ => self.joints.push(end),
        }
    }

    fn filter(&mut self, filter: &ast::Spanned<ast::Filter<'_>>, flow: &Flow) {
        let span = filter.span();
        self.known(filter.name, FILTERS, span, UnknownKind::Filter);
        let inner = self.filtered(filter.name, flow, span);
        if let Some(operand) = &filter.expr {
            self.expr(operand, &inner);
        }
        let is_default = ["default", "d"].contains(&filter.name);
        let arguments = if is_default { unguarded(flow) } else { self.spoil("an argument", span) };
        self.args(&filter.args, &arguments);
    }

    /// The flow of a filter's input.
    fn filtered(&mut self, name: &str, flow: &Flow, span: minijinja::machinery::Span) -> Flow {
        self.found.surroundings |= ["b64encode", "b64decode", "sha256", "tojson"].contains(&name);
        let mut inner = unguarded(flow);
        if !FILTERS_FOR_SECRETS.contains(&name) {
            inner = self.spoil(&format!("the filter `{name}`"), span);
        }
        inner.guarded = ["default", "d"].contains(&name);
        inner
    }

    fn test(&mut self, test: &ast::Spanned<ast::Test<'_>>, flow: &Flow) {
        let span = test.span();
        self.known(test.name, TESTS, span, UnknownKind::Test);
        let mut inner = unguarded(flow);
        if !TESTS_FOR_SECRETS.contains(&test.name) {
            inner = self.spoil(&format!("the test `{}`", test.name), span);
        }
        inner.guarded = ["defined", "undefined"].contains(&test.name);
        self.expr(&test.expr, &inner);
        let arguments = self.spoil("an argument", span);
        self.args(&test.args, &arguments);
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'_>>) {
        let spoiled = self.spoil("an argument", call.span());
        self.args(&call.args, &spoiled);
        match &call.expr {
            ast::Expr::Var(name) => {
                self.found.surroundings |= name.id == "file";
                self.found.reads_files |= name.id == "file";
                if name.id == "file" {
                    self.file(&call.args);
                }
                if !self.is_local(name.id) {
                    self.known(name.id, FUNCTIONS, name.span(), UnknownKind::Function);
                }
            }
            ast::Expr::GetAttr(method) if matches!(&method.expr, ast::Expr::Var(name) if name.id == "loop") => {}
            ast::Expr::GetAttr(method) => {
                let end = method.span().end_offset as usize;
                let place = place_of(end.saturating_sub(method.name.len())..end);
                let kind = UnknownKind::Method(method.name.to_owned());
                self.found.unknown.push(Unknown { span: place, kind });
                self.expr(&method.expr, &spoiled);
            }
            other => {
                self.not_allowed("calls of computed functions", other.span());
                self.expr(other, &spoiled);
            }
        }
    }

    /// A constant file name can be checked before a run.
    fn file(&mut self, args: &[ast::CallArg<'_>]) {
        if let [ast::CallArg::Pos(name @ ast::Expr::Const(constant))] = args
            && let Some(text) = constant.value.as_str()
        {
            let span = self.place(name.span());
            self.found.files.push(FileUse { name: text.to_owned(), span });
        }
    }

    fn args(&mut self, args: &[ast::CallArg<'_>], flow: &Flow) {
        for arg in args {
            match arg {
                ast::CallArg::Pos(expr)
                | ast::CallArg::Kwarg(_, expr)
                | ast::CallArg::PosSplat(expr)
                | ast::CallArg::KwargSplat(expr) => self.expr(expr, flow),
            }
        }
    }

    fn chain(&mut self, expr: &ast::Expr<'_>, flow: &Flow) {
        let Some(chain) = unchain(expr) else {
            // A computed value with attributes: `(a or b).c`, `x[0].y` of a call, ...
            return self.unrooted_chain(expr);
        };
        let mut named = Vec::new();
        let mut computed = false;
        for link in &chain.links {
            match link {
                Link::Named(name, range) if !computed => named.push((name.clone(), range.clone())),
                Link::Named(..) => {}
                Link::Computed(key) => {
                    computed = true;
                    let spoiled = self.spoil("a key", key.span());
                    self.expr(key, &spoiled);
                }
            }
        }
        self.weight = self.weight.saturating_add(self.weights.get(chain.root).copied().unwrap_or(1));
        if self.is_local(chain.root) || chain.root == "loop" {
            return;
        }
        self.root(chain.root, chain.root_range, named, flow);
    }

    fn unrooted_chain(&mut self, expr: &ast::Expr<'_>) {
        let spoiled = self.spoil("a part of it", expr.span());
        match expr {
            ast::Expr::GetAttr(attribute) => self.expr(&attribute.expr, &spoiled),
            ast::Expr::GetItem(item) => {
                self.expr(&item.expr, &spoiled);
                self.expr(&item.subscript_expr, &spoiled);
            }
            _ => {}
        }
    }

    fn root(&mut self, root: &str, range: Range<usize>, mut named: Vec<(String, Range<usize>)>, flow: &Flow) {
        let end = named.last().map_or(range.end, |(_, last)| last.end);
        let span = place_of(range.start..end);
        let Some(&name) = NAMES.iter().find(|name| **name == root) else {
            let kind = UnknownKind::Name(root.to_owned());
            return self.found.unknown.push(Unknown { span: place_of(range), kind });
        };
        let Flow { spoiled, guarded } = flow.clone();
        if ["steps", "inputs"].contains(&name) {
            if named.is_empty() {
                return self.found.unknown.push(Unknown { span, kind: UnknownKind::Whole(name) });
            }
            let (first, first_range) = named.remove(0);
            let first_span = place_of(first_range);
            let (path, path_spans) = self.located(named);
            let spoiled = spoiled.map(Box::new);
            if name == "steps" {
                let step = StepId::new(first);
                let step_span = first_span;
                self.found.steps.push(Reference { step, step_span, path, path_spans, span, guarded, spoiled });
            } else {
                let name_span = first_span;
                self.found.inputs.push(InputUse { name: Word::from(&*first), name_span, path, span, guarded, spoiled });
            }
            return;
        }
        let (path, path_spans) = self.located(named);
        let spoiled = spoiled.map(Box::new);
        self.found.names.push(NameUse { name, path, path_spans, span, guarded, spoiled });
    }

    fn located(&self, named: Vec<(String, Range<usize>)>) -> (Box<[Word]>, Box<[Span]>) {
        let names = named.iter().map(|(name, _)| Word::from(&**name)).collect();
        (names, named.into_iter().map(|(_, range)| place_of(range)).collect())
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>, flow: &Flow) {
        match stmt {
            ast::Stmt::Template(template) => self.body(&template.children, flow),
            ast::Stmt::EmitExpr(emit) => self.expr(&emit.expr, flow),
            ast::Stmt::EmitRaw(_) => {}
            ast::Stmt::ForLoop(each) => self.for_loop(each, flow),
            ast::Stmt::IfCond(condition) => {
                let spoiled = self.spoil("a condition", condition.expr.span());
                self.expr(&condition.expr, &spoiled);
                self.body(&condition.true_body, flow);
                self.body(&condition.false_body, flow);
            }
            ast::Stmt::WithBlock(with) => {
                self.locals.push(Vec::new());
                for (target, value) in &with.assignments {
                    let spoiled = self.spoil("`with`", value.span());
                    let weight = self.weigh(|walk| walk.expr(value, &spoiled));
                    self.bind(target, weight);
                }
                self.body(&with.body, flow);
                self.locals.pop();
            }
            ast::Stmt::Set(set) => {
                let spoiled = self.spoil("`set`", set.expr.span());
                let weight = self.weigh(|walk| walk.expr(&set.expr, &spoiled));
                self.bind(&set.target, weight);
            }
            ast::Stmt::SetBlock(set) => {
                let spoiled = self.spoil("`set`", set.span());
                let weight = self.weigh(|walk| {
                    walk.body(&set.body, &spoiled);
                    if let Some(filter) = &set.filter {
                        walk.expr(filter, &spoiled);
                    }
                });
                self.bind(&set.target, weight);
            }
            ast::Stmt::FilterBlock(block) => {
                let inner = match &block.filter {
                    ast::Expr::Filter(filter) => self.filtered(filter.name, flow, filter.span()),
                    _ => flow.clone(),
                };
                self.expr(&block.filter, flow);
                self.body(&block.body, &unguarded(&inner));
            }
            ast::Stmt::AutoEscape(block) => self.not_allowed("`autoescape`", block.span()),
            ast::Stmt::Do(block) => self.not_allowed("`do`", block.span()),
        }
    }

    fn for_loop(&mut self, each: &ast::Spanned<ast::ForLoop<'_>>, flow: &Flow) {
        if each.recursive {
            self.not_allowed("recursive loops", each.iter.span());
        }
        let spoiled = self.spoil("a loop", each.iter.span());
        let weight = self.weigh(|walk| walk.expr(&each.iter, &spoiled));
        self.locals.push(Vec::new());
        self.bind(&each.target, weight);
        if let Some(filter) = &each.filter_expr {
            self.expr(filter, &spoiled);
        }
        self.body(&each.body, flow);
        self.locals.pop();
        self.body(&each.else_body, flow);
    }

    fn body(&mut self, body: &[ast::Stmt<'_>], flow: &Flow) {
        for stmt in body {
            self.stmt(stmt, flow);
        }
    }

    fn bind(&mut self, target: &ast::Expr<'_>, weight: u64) {
        match target {
            ast::Expr::Var(name) => {
                let is_ours = NAMES.contains(&name.id) && !BINDABLE.contains(&name.id);
                if is_ours || FUNCTIONS.contains(&name.id) || name.id == "loop" {
                    let span = self.place(name.span());
                    self.found.unknown.push(Unknown { span, kind: UnknownKind::Rebound(name.id.to_owned()) });
                }
                let heaviest = self.weights.entry(name.id.to_owned()).or_default();
                *heaviest = weight.max(*heaviest);
                if weight > HEAVIEST && self.found.too_heavy.is_none() {
                    let span = name.span();
                    self.found.too_heavy = Some(span.start_offset as usize..span.end_offset as usize);
                }
                if let Some(scope) = self.locals.last_mut() {
                    scope.push(name.id.to_owned());
                }
            }
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.bind(item, weight)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item, weight)),
            other => self.not_allowed("assignments to a part of a value", other.span()),
        }
    }

    /// Counts the references in what `walk` walks.
    fn weigh(&mut self, walk: impl FnOnce(&mut Self)) -> u64 {
        let before = std::mem::take(&mut self.weight);
        walk(self);
        let weight = self.weight.max(1);
        self.weight = before.saturating_add(weight);
        weight
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().flatten().any(|local| local == name)
    }

    fn known(
        &mut self,
        name: &str,
        known: &[&str],
        span: minijinja::machinery::Span,
        kind: impl FnOnce(String) -> UnknownKind,
    ) {
        if !known.contains(&name) {
            let mut range = span.start_offset as usize..span.end_offset as usize;
            // The span of a filter or test may extend beyond its name.
            if let Some(at) = self.source.get(range.clone()).and_then(|text| text.find(name)) {
                range = range.start + at..range.start + at + name.len();
            }
            self.found.unknown.push(Unknown { span: place_of(range), kind: kind(name.to_owned()) });
        }
    }

    fn not_allowed(&mut self, what: &'static str, span: minijinja::machinery::Span) {
        let span = self.place(span);
        self.found.unknown.push(Unknown { span, kind: UnknownKind::NotAllowed(what) });
    }

    /// A secret marker does not survive the operation; of nested ones the innermost is reported.
    fn spoil(&self, by: &str, span: minijinja::machinery::Span) -> Flow {
        Flow { spoiled: Some(Spoiled { by: by.to_owned(), span: self.place(span) }), guarded: false }
    }

    fn place(&self, span: minijinja::machinery::Span) -> Span {
        place_of(span.start_offset as usize..span.end_offset as usize)
    }
}

/// A place in the walked source.
fn place_of(range: Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

fn unguarded(flow: &Flow) -> Flow {
    Flow { guarded: false, ..flow.clone() }
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
