//! Finds the references of a program by walking its syntax tree.
//!
//! References to steps are dependencies, so that none may be missed: `steps` and `inputs` must be followed by a name,
//! and cannot be passed on whole or indexed by a computed key. Operations on each value are noted as well: a secret's
//! marker can be joined to text, but not measured, compared or cut.

use std::ops::Range;

use minijinja::machinery::ast;

use super::chain::{Chain, Link, unchain};
use super::found::{Flow, UsesBuilder, place_of};
use super::joints::{Joints, joint_after};
use super::names::{BINDABLE, FILTERS, FILTERS_FOR_SECRETS, FUNCTIONS, NAMES, TESTS, TESTS_FOR_SECRETS};
use super::uses::{FileUse, PartUse, Spoiled, Unknown, UnknownKind, Uses};
use super::variables::{Part, Variables};
use crate::id::StepId;
use crate::source::Span;
use crate::word::Word;

/// The references of an expression, and the operands of `~` in it.
pub(super) fn uses_of_expression(expr: &ast::Expr<'_>, source: &str) -> (Uses, Joints) {
    let mut walk = Walk::new(source);
    walk.expr(expr, &Flow::default());
    walk.found.alone =
        unchain(expr).is_some_and(|chain| chain.links.iter().all(|link| matches!(link, Link::Named(..))));
    walk.end()
}

/// The references of a text with statements, and the operands of `~` in it.
pub(super) fn uses_of_template(stmt: &ast::Stmt<'_>, source: &str) -> (Uses, Joints) {
    let mut walk = Walk::new(source);
    walk.stmt(stmt, &Flow::default());
    walk.end()
}

struct Walk<'l> {
    source: &'l str,
    found: UsesBuilder,
    joints: Vec<usize>,
    variables: Variables,
}

impl<'l> Walk<'l> {
    fn new(source: &'l str) -> Self {
        Self { source, found: UsesBuilder::default(), joints: Vec::new(), variables: Variables::default() }
    }

    fn end(self) -> (Uses, Joints) {
        (self.found.into_uses(), self.joints.into())
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
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.expr(item, &flow.unguarded())),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expr(item, &flow.unguarded())),
            ast::Expr::Map(map) => {
                for part in map.keys.iter().chain(&map.values) {
                    self.expr(part, &flow.unguarded());
                }
            }
        }
    }

    fn operation(&mut self, operation: &ast::Spanned<ast::BinOp<'_>>, flow: &Flow) {
        let flow = &flow.unguarded();
        match operation.op {
            ast::BinOpKind::Concat => {
                for operand in [&operation.left, &operation.right] {
                    self.joints.extend(joint_after(operand, self.source));
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

    fn filter(&mut self, filter: &ast::Spanned<ast::Filter<'_>>, flow: &Flow) {
        let span = filter.span();
        self.known(filter.name, FILTERS, span, UnknownKind::Filter);
        let inner = self.filtered(filter.name, flow, span);
        if let Some(operand) = &filter.expr {
            self.expr(operand, &inner);
        }
        let is_default = ["default", "d"].contains(&filter.name);
        let arguments = if is_default { flow.unguarded() } else { self.spoil("an argument", span) };
        self.args(&filter.args, &arguments);
    }

    /// The flow of a filter's input.
    fn filtered(&mut self, name: &str, flow: &Flow, span: minijinja::machinery::Span) -> Flow {
        self.found.surroundings |= ["b64encode", "b64decode", "join", "sha256", "tojson"].contains(&name);
        let mut inner = flow.unguarded();
        if !FILTERS_FOR_SECRETS.contains(&name) {
            inner = self.spoil(&format!("the filter `{name}`"), span);
        }
        inner.guarded = ["default", "d"].contains(&name);
        inner
    }

    fn test(&mut self, test: &ast::Spanned<ast::Test<'_>>, flow: &Flow) {
        let span = test.span();
        self.known(test.name, TESTS, span, UnknownKind::Test);
        let mut inner = flow.unguarded();
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
                if !self.variables.has(name.id) {
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
        self.variables.count(chain.root);
        if self.variables.has(chain.root) || chain.root == "loop" {
            return self.part(&chain, named, flow);
        }
        self.found.add(chain.root, chain.root_range, named, flow);
    }

    /// Notes a variable with attributes that stands for a part of a step's results.
    fn part(&mut self, chain: &Chain<'_, '_>, named: Vec<(String, Range<usize>)>, flow: &Flow) {
        let Some(part) = self.variables.part(chain.root) else { return };
        let end = named.last().map_or(chain.root_range.end, |(_, last)| last.end);
        let path = part.path.iter().cloned().chain(named.iter().map(|(name, _)| Word::from(&**name))).collect();
        let Flow { spoiled, guarded } = flow.clone();
        let span = place_of(chain.root_range.start..end);
        let spoiled = spoiled.map(Box::new);
        self.found.parts.push(PartUse { step: part.step.clone(), path, span, guarded, spoiled });
    }

    /// The part of a step's results that an expression stands for; with `each`, that an element of it stands for.
    fn part_of(&self, expr: &ast::Expr<'_>, each: bool) -> Option<Part> {
        let chain = unchain(expr)?;
        let named = chain.links.iter().map(|link| match link {
            Link::Named(name, _) => Word::from(&**name),
            // Any element.
            Link::Computed(_) => Word::from("0"),
        });
        let mut named = named.chain(each.then(|| Word::from("0")));
        if let Some(part) = self.variables.part(chain.root) {
            return Some(Part { path: part.path.iter().cloned().chain(named).collect(), ..part.clone() });
        }
        let is_steps = chain.root == "steps" && !self.variables.has(chain.root);
        let step = named.next().filter(|_| is_steps)?;
        Some(Part { step: StepId::new(step.as_str()), path: named.collect() })
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
                self.variables.open();
                for (target, value) in &with.assignments {
                    let spoiled = self.spoil("`with`", value.span());
                    let weight = self.weigh(|walk| walk.expr(value, &spoiled));
                    let part = self.part_of(value, false);
                    self.bind(target, weight, part);
                }
                self.body(&with.body, flow);
                self.variables.close();
            }
            ast::Stmt::Set(set) => {
                let spoiled = self.spoil("`set`", set.expr.span());
                let weight = self.weigh(|walk| walk.expr(&set.expr, &spoiled));
                let part = self.part_of(&set.expr, false);
                self.bind(&set.target, weight, part);
            }
            ast::Stmt::SetBlock(set) => {
                let spoiled = self.spoil("`set`", set.span());
                let weight = self.weigh(|walk| {
                    walk.body(&set.body, &spoiled);
                    if let Some(filter) = &set.filter {
                        walk.expr(filter, &spoiled);
                    }
                });
                self.bind(&set.target, weight, None);
            }
            ast::Stmt::FilterBlock(block) => {
                let inner = match &block.filter {
                    ast::Expr::Filter(filter) => self.filtered(filter.name, flow, filter.span()),
                    _ => flow.clone(),
                };
                self.expr(&block.filter, flow);
                self.body(&block.body, &inner.unguarded());
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
        let part = self.part_of(&each.iter, true);
        self.variables.open();
        self.bind(&each.target, weight, part);
        if let Some(filter) = &each.filter_expr {
            self.expr(filter, &spoiled);
        }
        self.body(&each.body, flow);
        self.variables.close();
        self.body(&each.else_body, flow);
    }

    fn body(&mut self, body: &[ast::Stmt<'_>], flow: &Flow) {
        for stmt in body {
            self.stmt(stmt, flow);
        }
    }

    /// `part`: the part of a step's results that the value is, if it is one.
    fn bind(&mut self, target: &ast::Expr<'_>, weight: u64, part: Option<Part>) {
        match target {
            ast::Expr::Var(name) => {
                let is_ours = NAMES.contains(&name.id) && !BINDABLE.contains(&name.id);
                if is_ours || FUNCTIONS.contains(&name.id) || name.id == "loop" {
                    let span = self.place(name.span());
                    self.found.unknown.push(Unknown { span, kind: UnknownKind::Rebound(name.id.to_owned()) });
                }
                self.variables.stands_for(name.id, part);
                if self.variables.bind(name.id, weight).is_err() && self.found.too_heavy.is_none() {
                    let span = name.span();
                    self.found.too_heavy = Some(span.start_offset as usize..span.end_offset as usize);
                }
            }
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.bind(item, weight, None)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item, weight, None)),
            other => self.not_allowed("assignments to a part of a value", other.span()),
        }
    }

    /// How many references are in what `walk` walks.
    fn weigh(&mut self, walk: impl FnOnce(&mut Self)) -> u64 {
        let around = self.variables.begin_weighing();
        walk(self);
        self.variables.end_weighing(around)
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

    /// A secret marker does not survive the operation; of nested operations the innermost is reported.
    fn spoil(&self, by: &str, span: minijinja::machinery::Span) -> Flow {
        Flow { spoiled: Some(Spoiled { by: by.to_owned(), span: self.place(span) }), guarded: false }
    }

    fn place(&self, span: minijinja::machinery::Span) -> Span {
        place_of(span.start_offset as usize..span.end_offset as usize)
    }
}
