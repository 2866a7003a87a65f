//! Evaluates templates as far as their references are known; gives [`Outline`]s.
//!
//! Completely known parts are evaluated by the engine, so that they have the same value as in a run. Other parts are
//! interpreted by kind: a conditional is one of its branches, `~` gives text, a comparison gives true or false.

use std::cell::Cell;
use std::collections::HashMap;

use minijinja::Value as Any;
use minijinja::machinery::{Span, ast, parse_expr};
use serde_json::Value;

use super::functions::TEXT;
use super::outline::{Knowledge, MOST_ALTERNATIVES, Mention, Outline, Sort};
use super::program::Program;
use super::text::json_of;
use super::uses::Uses;
use super::walk::{Link, unchain};
use super::{Part, Scope, Shape, Template, TemplateError, Text, engine, evaluate, scope, value_of};
use crate::yaml::Word;

impl Template {
    /// The outline in this scope; a part that cannot be evaluated is reported, and open.
    pub fn outline(&self, scope: &Scope<'_>, knowledge: &dyn Knowledge, errors: &mut Vec<TemplateError>) -> Outline {
        match self.shape() {
            Shape::Constant(value) => Outline::Exactly(value.to_value()),
            Shape::Expression(program) | Shape::Text(Text::Program(program)) => {
                program.outline(scope, knowledge).unwrap_or_else(|error| told(error, errors))
            }
            Shape::Text(Text::Parts(parts)) => Outline::joined(parts.iter().map(|part| match part {
                Part::Literal(literal) => Outline::Exactly(Value::from(&**literal)),
                Part::Expression(program) => {
                    let value = program.outline(scope, knowledge).and_then(|value| in_text(program, value, knowledge));
                    value.unwrap_or_else(|error| told(error, errors))
                }
            })),
            Shape::List(items) => {
                Outline::List(items.iter().map(|item| item.outline(scope, knowledge, errors)).collect())
            }
            Shape::Mapping(entries) => {
                let fields =
                    entries.iter().map(|(key, value)| (key.text.to_string(), value.outline(scope, knowledge, errors)));
                Outline::Map(fields.collect())
            }
            // The caller determines the elements, and interprets each.
            Shape::For(_) => Outline::Of(Sort::List),
        }
    }
}

fn told(error: TemplateError, errors: &mut Vec<TemplateError>) -> Outline {
    errors.push(error);
    Outline::Open
}

/// The outline of a value inside a text.
fn in_text(program: &Program, value: Outline, knowledge: &dyn Knowledge) -> Result<Outline, TemplateError> {
    match never_text(&value, knowledge) {
        None => Ok(value),
        Some((what, help)) => Err(no_text(program, what, help)),
    }
}

fn no_text(program: &Program, what: &str, help: &str) -> TemplateError {
    let message = format!("{what} cannot stand in text");
    TemplateError { span: program.span(), message, help: Some(help.to_owned()) }
}

/// For a value that certainly has no text form: what it is, and what to do.
fn never_text(value: &Outline, knowledge: &dyn Knowledge) -> Option<(&'static str, &'static str)> {
    match value {
        Outline::Exactly(Value::Null) => Some(("null", "give it a value with `| default('...', true)`")),
        other => match sort_in(other, knowledge)? {
            Sort::List => Some(("a list", "use `| tojson`, or `| join(',')`")),
            Sort::Map => Some(("a mapping", "use `| tojson`, or one of its fields")),
            _ => None,
        },
    }
}

/// An expression of which nothing is known before a run, whatever is known of its names.
pub const NEVER_KNOWN: &str = "(environment | fromjson)";

impl Program {
    /// The outline of an expression.
    ///
    /// # Errors
    ///
    /// When it cannot be evaluated, whatever the unknown values are.
    pub fn outline(&self, scope: &Scope<'_>, knowledge: &dyn Knowledge) -> Result<Outline, TemplateError> {
        let uses = self.uses();
        if self.source().contains(NEVER_KNOWN) {
            return Ok(if self.is_expression() { Outline::Open } else { Outline::some_text() });
        }
        if all_known(uses, knowledge) {
            return evaluate::json(self, scope).map(Outline::Exactly);
        }
        if !self.is_expression() {
            return Ok(Outline::some_text());
        }
        let source = self.run_source();
        let Ok(tree) = parse_expr(&source) else { return Ok(Outline::Open) };
        let root = scope::root(scope, uses);
        let mut interpreter =
            Interpreter { source: &source, root, knowledge, known: HashMap::new(), never_text: Cell::new(None) };
        interpreter.mark(&tree);
        let outline = interpreter.outline(&tree);
        match interpreter.never_text.get() {
            Some((what, help)) => Err(no_text(self, what, help)),
            None => Ok(outline),
        }
    }
}

fn all_known(uses: &Uses, knowledge: &dyn Knowledge) -> bool {
    let path = |path: &[Word]| path.iter().map(Word::to_string).collect::<Vec<_>>();
    let below = |name: &str, words: &[Word]| [vec![name.to_owned()], path(words)].concat();
    uses.unknown.is_empty()
        && (!uses.reads_files || knowledge.reads_files())
        && uses.steps.iter().all(|used| knowledge.knows("steps", &below(used.step.as_str(), &used.path)))
        && uses.inputs.iter().all(|used| knowledge.knows("inputs", &below(&used.name, &used.path)))
        && uses.names.iter().all(|used| knowledge.knows(used.name, &path(&used.path)))
}

struct Interpreter<'i> {
    source: &'i str,
    /// The scope; unknown values are never looked up.
    root: Any,
    knowledge: &'i dyn Knowledge,
    /// By address of a node: whether it is completely known.
    known: HashMap<usize, bool>,
    /// Set when a value without a text form is joined to text.
    never_text: Cell<Option<(&'static str, &'static str)>>,
}

fn address(expr: &ast::Expr<'_>) -> usize {
    std::ptr::from_ref(expr).addr()
}

impl<'i> Interpreter<'i> {
    /// Marks completely known nodes, from the leaves up.
    fn mark(&mut self, expr: &ast::Expr<'_>) -> bool {
        let mut known = match mention(expr) {
            Some(mention) => self.knowledge.knows(&mention.root, &mention.path),
            None => true,
        };
        if let ast::Expr::Call(call) = expr
            && matches!(&call.expr, ast::Expr::Var(name) if name.id == "file")
        {
            known = self.knowledge.reads_files();
        }
        for part in parts(expr) {
            known &= self.mark(part);
        }
        self.known.insert(address(expr), known);
        known
    }

    fn is_known(&self, expr: &ast::Expr<'_>) -> bool {
        self.known.get(&address(expr)).copied().unwrap_or(false)
    }

    /// The value of a known node; `None` when it cannot be evaluated.
    fn evaluate(&self, expr: &ast::Expr<'i>) -> Option<Any> {
        engine::evaluate(expr, self.source, self.root.clone()).ok()
    }

    fn exactly(&self, expr: &ast::Expr<'i>) -> Option<Value> {
        self.is_known(expr).then(|| self.evaluate(expr))?.and_then(|value| json_of(&value).ok())
    }

    fn outline(&self, expr: &ast::Expr<'i>) -> Outline {
        if self.is_known(expr) {
            return self.exactly(expr).map_or(Outline::Open, Outline::Exactly);
        }
        match expr {
            ast::Expr::Const(_) => Outline::Open,
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => match mention(expr) {
                Some(mention) => Outline::Mention(mention),
                None => self.part(expr),
            },
            ast::Expr::IfExpr(choice) => self.choice(choice),
            ast::Expr::BinOp(operation) => self.operation(operation),
            ast::Expr::Compare(_) | ast::Expr::Test(_) => Outline::Of(Sort::Boolean),
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => Outline::Of(Sort::Boolean),
                ast::UnaryOpKind::Neg => match self.sort(&self.outline(&unary.expr)) {
                    Some(Sort::Integer) => Outline::Of(Sort::Integer),
                    _ => Outline::Of(Sort::Number),
                },
            },
            ast::Expr::Filter(filter) => self.filter(filter),
            ast::Expr::Call(call) => match &call.expr {
                ast::Expr::Var(name) => match name.id {
                    "file" | "cidrsubnet" | "cidrhost" => Outline::some_text(),
                    "range" => Outline::Of(Sort::List),
                    "dict" => Outline::Of(Sort::Map),
                    _ => Outline::Open,
                },
                _ => Outline::Open,
            },
            ast::Expr::List(list) => Outline::List(list.items.iter().map(|item| self.outline(item)).collect()),
            ast::Expr::Tuple(tuple) => Outline::List(tuple.items.iter().map(|item| self.outline(item)).collect()),
            ast::Expr::Map(map) => {
                let fields = map.keys.iter().zip(&map.values).map(|(key, value)| match self.exactly(key)? {
                    Value::String(name) => Some((name, self.outline(value))),
                    _ => None,
                });
                fields.collect::<Option<Vec<_>>>().map_or(Outline::Of(Sort::Map), Outline::Map)
            }
            ast::Expr::Slice(slice) => match self.sort(&self.outline(&slice.expr)) {
                Some(sort @ (Sort::Text | Sort::List)) => of(sort),
                _ => Outline::Open,
            },
        }
    }

    fn choice(&self, choice: &ast::IfExpr<'i>) -> Outline {
        let otherwise = || choice.false_expr.as_ref().map(|otherwise| self.outline(otherwise));
        match self.truth(&choice.test_expr) {
            Some(true) => self.outline(&choice.true_expr),
            Some(false) => otherwise().unwrap_or(Outline::Open),
            None => Outline::one_of(std::iter::once(self.outline(&choice.true_expr)).chain(otherwise())),
        }
    }

    fn truth(&self, expr: &ast::Expr<'i>) -> Option<bool> {
        self.is_known(expr).then(|| self.evaluate(expr))?.map(|value| value.is_true())
    }

    fn operation(&self, operation: &ast::BinOp<'i>) -> Outline {
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
            | ast::BinOpKind::In => Outline::Of(Sort::Boolean),
            ast::BinOpKind::Div | ast::BinOpKind::Pow => Outline::Of(Sort::Number),
            ast::BinOpKind::Add
            | ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem => {
                let (left, right) = both();
                let of = |left: &Value, right: &Value| {
                    let (left, right) = (constant(value_of(left)), constant(value_of(right)));
                    ast::Expr::BinOp(spanned(ast::BinOp { op: operation.op, left, right }))
                };
                if let Some((lefts, rights)) = left.options().zip(right.options())
                    && lefts.len() * rights.len() <= MOST_ALTERNATIVES
                {
                    return self
                        .computed(lefts.iter().flat_map(|left| rights.iter().map(move |right| of(left, right))));
                }
                let adds = matches!(operation.op, ast::BinOpKind::Add);
                match (self.sort(&left), self.sort(&right)) {
                    (Some(Sort::Integer), Some(Sort::Integer)) => Outline::Of(Sort::Integer),
                    (Some(Sort::Text), _) | (_, Some(Sort::Text)) if adds => left.then(right),
                    (Some(Sort::List), _) | (_, Some(Sort::List)) => Outline::Of(Sort::List),
                    (Some(Sort::Text), _) | (_, Some(Sort::Text)) => Outline::some_text(),
                    (Some(Sort::Number), _) | (_, Some(Sort::Number)) => Outline::Of(Sort::Number),
                    // Texts and lists can be added and repeated as well.
                    _ => Outline::Open,
                }
            }
        }
    }

    fn filter(&self, filter: &ast::Filter<'i>) -> Outline {
        let input = filter.expr.as_ref().map_or(Outline::Open, |expr| self.outline(expr));
        if ![TEXT, "string"].contains(&filter.name)
            && let Some(values) = input.options()
            && let Some(applied) =
                values.into_iter().map(|value| self.applied(filter, value)).collect::<Option<Vec<_>>>()
        {
            return self.computed(applied);
        }
        let inner = || input.clone();
        match filter.name {
            TEXT | "string" => {
                let inner = inner();
                self.must_be_text(&inner);
                inner.as_text()
            }
            "default" | "d" => self.or_default(filter, inner()),
            "length" | "count" => match inner().elements() {
                Some(elements) => Outline::Exactly(Value::from(elements.len())),
                None => Outline::Of(Sort::Integer),
            },
            "first" | "last" => match inner().elements() {
                Some(mut elements) if !elements.is_empty() => {
                    let at = if filter.name == "first" { 0 } else { elements.len() - 1 };
                    elements.swap_remove(at)
                }
                _ => Outline::Open,
            },
            "b64decode" | "b64encode" | "capitalize" | "cidrhost" | "cidrsubnet" | "first_address" | "format"
            | "indent" | "join" | "lower" | "replace" | "sha256" | "slug" | "title" | "tojson" | "trim" | "upper" => {
                Outline::some_text()
            }
            "int" => Outline::Of(Sort::Integer),
            "float" | "abs" | "sum" | "round" => Outline::Of(Sort::Number),
            "bool" => Outline::Of(Sort::Boolean),
            "batch" | "chain" | "dictsort" | "groupby" | "items" | "lines" | "list" | "map" | "reject"
            | "rejectattr" | "select" | "selectattr" | "slice" | "sort" | "split" | "unique" | "zip" => {
                Outline::Of(Sort::List)
            }
            _ => Outline::Open,
        }
    }

    /// A filter of a constant, where its arguments are known.
    fn applied(&self, filter: &ast::Filter<'i>, value: &Value) -> Option<ast::Expr<'i>> {
        let known = |expr| self.is_known(expr).then(|| self.evaluate(expr)).flatten().map(constant);
        let args = filter.args.iter().map(|arg| match arg {
            ast::CallArg::Pos(expr) => known(expr).map(ast::CallArg::Pos),
            ast::CallArg::Kwarg(name, expr) => known(expr).map(|value| ast::CallArg::Kwarg(name, value)),
            _ => None,
        });
        let (expr, args) = (Some(constant(value_of(value))), args.collect::<Option<Vec<_>>>()?);
        Some(ast::Expr::Filter(spanned(ast::Filter { name: filter.name, expr, args })))
    }

    /// One of the values of these expressions.
    fn computed(&self, of: impl IntoIterator<Item = ast::Expr<'i>>) -> Outline {
        let values = of.into_iter().map(|expr| self.evaluate(&expr).and_then(|value| json_of(&value).ok()));
        Outline::one_of(values.map(|value| value.map_or(Outline::Open, Outline::Exactly)))
    }

    /// A step's result exists unless the step was skipped, so that the default's type is not checked.
    fn or_default(&self, filter: &ast::Filter<'i>, inner: Outline) -> Outline {
        if matches!(&inner, Outline::Mention(mention) if mention.root == "steps") {
            return inner;
        }
        let default = match filter.args.first() {
            None => Outline::Exactly(Value::String(String::new())),
            Some(ast::CallArg::Pos(default)) => self.outline(default),
            Some(_) => Outline::Open,
        };
        Outline::one_of([inner, default])
    }

    /// An element of a computed value: `[a, b][0]`, `{...}[inputs.size]`.
    fn part(&self, expr: &ast::Expr<'i>) -> Outline {
        match expr {
            ast::Expr::GetAttr(attribute) => {
                self.outline(&attribute.expr).at(&Value::String(attribute.name.to_owned()))
            }
            ast::Expr::GetItem(item) => {
                let whole = self.outline(&item.expr);
                match self.exactly(&item.subscript_expr) {
                    Some(key) => whole.at(&key),
                    None => whole.elements().map_or(Outline::Open, Outline::one_of),
                }
            }
            _ => Outline::Open,
        }
    }

    fn must_be_text(&self, value: &Outline) {
        if let Some(never) = never_text(value, self.knowledge) {
            self.never_text.set(Some(never));
        }
    }

    fn sort(&self, outline: &Outline) -> Option<Sort> {
        sort_in(outline, self.knowledge)
    }
}

fn sort_in(outline: &Outline, knowledge: &dyn Knowledge) -> Option<Sort> {
    match outline {
        Outline::Exactly(value) => sort_of(value),
        Outline::Text(_) => Some(Sort::Text),
        Outline::List(_) => Some(Sort::List),
        Outline::Map(_) => Some(Sort::Map),
        Outline::Of(sort) => Some(*sort),
        Outline::Mention(mention) => knowledge.sort(mention),
        Outline::OneOf(options) => {
            let first = sort_in(options.first()?, knowledge)?;
            options.iter().all(|option| sort_in(option, knowledge) == Some(first)).then_some(first)
        }
        Outline::Open => None,
    }
}

fn constant<'a>(value: Any) -> ast::Expr<'a> {
    ast::Expr::Const(spanned(ast::Const { value }))
}

fn spanned<T>(node: T) -> ast::Spanned<T> {
    ast::Spanned::new(node, Span::default())
}

fn of(sort: Sort) -> Outline {
    if sort == Sort::Text { Outline::some_text() } else { Outline::Of(sort) }
}

fn sort_of(value: &Value) -> Option<Sort> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => Sort::Boolean,
        Value::Number(number) if number.is_f64() => Sort::Number,
        Value::Number(_) => Sort::Integer,
        Value::String(_) => Sort::Text,
        Value::Array(_) => Sort::List,
        Value::Object(_) => Sort::Map,
    })
}

/// The reference of an expression that is a name with attributes and keys.
fn mention(expr: &ast::Expr<'_>) -> Option<Mention> {
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
fn parts<'e, 'a>(expr: &'e ast::Expr<'a>) -> Vec<&'e ast::Expr<'a>> {
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
