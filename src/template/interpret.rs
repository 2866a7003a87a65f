//! Evaluates templates as far as their references are known; returns [`Outline`]s.
//!
//! Completely known parts are evaluated by the engine, so that they have the same value as in a run. Other parts are
//! interpreted by kind: a conditional is one of its branches, `~` gives text, a comparison gives true or false.

use std::cell::RefCell;
use std::ops::Range;

use minijinja::machinery::{ast, parse_expr};
use minijinja::{Error, ErrorKind, Value as Any};
use serde_json::Value;

use super::nodes::{mention, outline_of, parts, type_in};
use super::outline::{KnownNames, Mention, Outline, ValueType};
use super::program::Program;
use super::text::json_of;
use super::uses::Uses;
use super::{Part, Scope, Shape, Template, TemplateError, Text, engine, evaluate, scope};
use crate::hash::HashMap;
use crate::word::Word;

mod operations;
mod references;
mod trial;

impl Template {
    /// The outline in this scope; a part that cannot be evaluated is reported, and open.
    pub fn outline(&self, scope: &Scope<'_>, knowledge: &dyn KnownNames, errors: &mut Vec<TemplateError>) -> Outline {
        match self.shape() {
            Shape::Constant(value) => Outline::Exactly(value.to_value()),
            Shape::Expression(program) | Shape::Text(Text::Program(program)) => {
                program.outline(scope, knowledge).unwrap_or_else(|error| reported(error, errors))
            }
            Shape::Text(Text::Parts(parts)) => Outline::joined(parts.iter().map(|part| match part {
                Part::Literal(literal) => Outline::Exactly(Value::from(&**literal)),
                Part::Expression(program) => {
                    let value =
                        program.outline(scope, knowledge).and_then(|value| outline_in_text(program, value, knowledge));
                    value.unwrap_or_else(|error| reported(error, errors))
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
            Shape::For(_) => Outline::OfType(ValueType::List),
        }
    }
}

fn reported(error: TemplateError, errors: &mut Vec<TemplateError>) -> Outline {
    errors.push(error);
    Outline::Open
}

/// The outline of a value inside a text.
fn outline_in_text(program: &Program, value: Outline, knowledge: &dyn KnownNames) -> Result<Outline, TemplateError> {
    match never_text(&value, knowledge) {
        None => Ok(value),
        Some((what, help)) => Err(without_text_form(program, what, help)),
    }
}

fn without_text_form(program: &Program, what: &str, help: &str) -> TemplateError {
    let message = format!("{what} cannot stand in text");
    TemplateError { span: program.span(), message, help: Some(help.to_owned()) }
}

/// For a value that certainly has no text form: what it is, and what to do.
fn never_text(value: &Outline, knowledge: &dyn KnownNames) -> Option<(&'static str, &'static str)> {
    match value {
        Outline::Exactly(Value::Null) => Some(("null", "give it a value with `| default('...', true)`")),
        other => match type_in(other, knowledge)? {
            ValueType::List => Some(("a list", "use `| tojson`, or `| join(',')`")),
            ValueType::Map => Some(("a mapping", "use `| tojson`, or one of its fields")),
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
    pub fn outline(&self, scope: &Scope<'_>, knowledge: &dyn KnownNames) -> Result<Outline, TemplateError> {
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
        let failed = RefCell::new(None);
        let mut interpreter = Interpreter {
            source: &source,
            root: root.clone(),
            knowledge,
            known: HashMap::default(),
            outlines: RefCell::default(),
            failed: &failed,
        };
        interpreter.mark(&tree);
        let outline = interpreter.outline(&tree);
        match failed.take() {
            // Unknown names were reported already.
            _ if !uses.unknown.is_empty() => Ok(outline),
            Some(Failure::NoText(what, help)) => Err(without_text_form(self, what, help)),
            Some(Failure::NoPart { range, message, help }) => {
                Err(TemplateError { span: self.locate_run(range), message, help })
            }
            Some(Failure::Engine(error)) => Err(evaluate::explain(self, scope, &root, &error, knowledge)),
            None => Ok(outline),
        }
    }
}

fn all_known(uses: &Uses, knowledge: &dyn KnownNames) -> bool {
    let path = |path: &[Word]| path.iter().map(Word::to_string).collect::<Vec<_>>();
    let below = |name: &str, words: &[Word]| [vec![name.to_owned()], path(words)].concat();
    uses.unknown.is_empty()
        && (!uses.reads_files || knowledge.reads_files())
        && uses.steps.iter().all(|used| knowledge.knows("steps", &below(used.step.as_str(), &used.path)))
        && uses.inputs.iter().all(|used| knowledge.knows("inputs", &below(&used.name, &used.path)))
        && uses.names.iter().all(|used| knowledge.knows(used.name, &path(&used.path)))
}

/// Why an expression cannot be evaluated, whatever its unknown values are.
enum Failure {
    /// A value without a text form is joined to text: what it is, and what to do.
    NoText(&'static str, &'static str),
    /// A part that a value does not have: where, what, and what to do.
    NoPart {
        range: Range<usize>,
        message: String,
        help: Option<String>,
    },
    Engine(Error),
}

struct Interpreter<'i> {
    source: &'i str,
    /// The scope; unknown values are never looked up.
    root: Any,
    knowledge: &'i dyn KnownNames,
    /// By address of a node: whether it is completely known.
    known: HashMap<usize, bool>,
    /// By address of a node: its outline, once it was asked for.
    outlines: RefCell<HashMap<usize, Outline>>,
    /// The first failure.
    failed: &'i RefCell<Option<Failure>>,
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

    fn fail(&self, failure: Failure) {
        self.failed.borrow_mut().get_or_insert(failure);
    }

    /// Evaluates nodes without unknown values.
    fn run(&self, expr: &ast::Expr<'i>) -> Result<Any, Error> {
        engine::evaluate(expr, self.source, self.root.clone())
    }

    /// The value of a known node, which may be undefined; `None` when it cannot be evaluated.
    fn evaluate(&self, expr: &ast::Expr<'i>) -> Option<Any> {
        self.run(expr).map_err(|error| self.fail(Failure::Engine(error))).ok()
    }

    /// The value of a known node that must have one.
    fn defined(&self, expr: &ast::Expr<'i>) -> Option<Any> {
        let value = self.evaluate(expr)?;
        if value.is_undefined() {
            self.fail(Failure::Engine(Error::from(ErrorKind::UndefinedError)));
        }
        Some(value)
    }

    fn exactly(&self, expr: &ast::Expr<'i>) -> Option<Value> {
        self.is_known(expr).then(|| self.defined(expr))?.and_then(|value| json_of(&value).ok())
    }

    /// What is known of an operand that may be undefined; `None` when it certainly is.
    fn guarded(&self, expr: &ast::Expr<'i>) -> Option<Outline> {
        if !self.is_known(expr) {
            return Some(match mention(expr) {
                Some(mention) => Outline::Mention(mention),
                None => self.outline(expr),
            });
        }
        let value = self.evaluate(expr)?;
        (!value.is_undefined()).then(|| json_of(&value).map_or(Outline::Open, Outline::Exactly))
    }

    fn outline(&self, expr: &ast::Expr<'i>) -> Outline {
        if self.is_known(expr) {
            return self.exactly(expr).map_or(Outline::Open, Outline::Exactly);
        }
        if let Some(outline) = self.outlines.borrow().get(&address(expr)) {
            return outline.clone();
        }
        let outline = self.partly_known(expr);
        self.outlines.borrow_mut().insert(address(expr), outline.clone());
        outline
    }

    fn partly_known(&self, expr: &ast::Expr<'i>) -> Outline {
        match expr {
            ast::Expr::Const(_) => Outline::Open,
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => match mention(expr) {
                Some(mention) => self.mentioned(expr, mention),
                None => self.part(expr),
            },
            ast::Expr::IfExpr(choice) => self.choice(choice),
            ast::Expr::BinOp(operation) => self.operation(operation),
            ast::Expr::Compare(compare) => {
                self.values(&compare.expr);
                compare.ops.iter().take(1).for_each(|operand| drop(self.values(&operand.expr)));
                Outline::OfType(ValueType::Boolean)
            }
            ast::Expr::Test(test) => {
                self.test_must_work(test);
                Outline::OfType(ValueType::Boolean)
            }
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOpKind::Not => {
                    self.outline(&unary.expr);
                    Outline::OfType(ValueType::Boolean)
                }
                ast::UnaryOpKind::Neg => {
                    self.negation_must_work(unary);
                    match self.value_type(&self.outline(&unary.expr)) {
                        Some(ValueType::Integer) => Outline::OfType(ValueType::Integer),
                        _ => Outline::OfType(ValueType::Number),
                    }
                }
            },
            ast::Expr::Filter(filter) => self.filter(filter),
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => Outline::List(list.items.iter().map(|item| self.outline(item)).collect()),
            ast::Expr::Tuple(tuple) => Outline::List(tuple.items.iter().map(|item| self.outline(item)).collect()),
            ast::Expr::Map(map) => {
                let fields = map.keys.iter().zip(&map.values).map(|(key, value)| match self.exactly(key)? {
                    Value::String(name) => Some((name, self.outline(value))),
                    _ => None,
                });
                fields.collect::<Option<Vec<_>>>().map_or(Outline::OfType(ValueType::Map), Outline::Map)
            }
            ast::Expr::Slice(slice) => {
                self.slice_must_work(slice);
                match self.value_type(&self.outline(&slice.expr)) {
                    Some(value_type @ (ValueType::Text | ValueType::List)) => outline_of(value_type),
                    _ => Outline::Open,
                }
            }
        }
    }

    fn call(&self, call: &ast::Spanned<ast::Call<'i>>) -> Outline {
        let ast::Expr::Var(name) = &call.expr else { return Outline::Open };
        let tried = self.call_must_work(name.id, call);
        match name.id {
            "cidrsubnet" => self.network(tried.as_ref(), call.args.get(..2)),
            "file" | "cidrhost" => Outline::some_text(),
            "range" => Outline::OfType(ValueType::List),
            "dict" => Outline::OfType(ValueType::Map),
            _ => Outline::Open,
        }
    }

    /// A text like `10.0.0.0/24`, as one was made; its prefix has this length when the network and the number of bits,
    /// from which it was made, are known.
    fn network(&self, made: Option<&Any>, from: Option<&[ast::CallArg<'i>]>) -> Outline {
        let is_known = |arg: &ast::CallArg<'i>| matches!(arg, ast::CallArg::Pos(expr) if self.is_known(expr));
        let length = made.and_then(Any::as_str).and_then(|made| made.rsplit_once('/')).map(|(_, length)| length);
        match length.filter(|_| from.is_some_and(|args| args.iter().all(is_known))) {
            Some(length) => Outline::Text(vec![None, Some(format!("/{length}"))]),
            None => Outline::Text(vec![None, Some("/".to_owned()), None]),
        }
    }

    fn choice(&self, choice: &ast::IfExpr<'i>) -> Outline {
        let otherwise = || choice.false_expr.as_ref().map(|otherwise| self.outline(otherwise));
        match self.truth(&choice.test_expr) {
            Some(true) => self.outline(&choice.true_expr),
            Some(false) => otherwise().unwrap_or(Outline::Open),
            None if self.is_decided_later(&choice.test_expr) => Outline::Open,
            None => Outline::one_of(std::iter::once(self.outline(&choice.true_expr)).chain(otherwise())),
        }
    }

    /// Whether the value of an expression is known when it is interpreted once more.
    fn is_decided_later(&self, expr: &ast::Expr<'i>) -> bool {
        let is_named = match mention(expr) {
            Some(Mention { root, path, .. }) => {
                self.knowledge.knows(&root, &path) || self.knowledge.knows_later(&root, &path)
            }
            None => true,
        };
        is_named && parts(expr).into_iter().all(|part| self.is_decided_later(part))
    }

    /// Whether a condition holds, where that is known.
    fn truth(&self, expr: &ast::Expr<'i>) -> Option<bool> {
        if !self.is_known(expr) {
            self.outline(expr);
            return None;
        }
        self.defined(expr).map(|value| value.is_true())
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
                    None if self.is_decided_later(&item.subscript_expr) => Outline::Open,
                    None => whole.elements().map_or(Outline::Open, Outline::one_of),
                }
            }
            _ => Outline::Open,
        }
    }

    fn must_be_text(&self, value: &Outline) {
        if let Some((what, help)) = never_text(value, self.knowledge) {
            self.fail(Failure::NoText(what, help));
        }
    }

    fn value_type(&self, outline: &Outline) -> Option<ValueType> {
        type_in(outline, self.knowledge)
    }
}
