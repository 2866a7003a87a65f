//! Compiles nodes of the plan file to templates and expressions, with findings for syntax errors.

use std::ops::Range;

use serde_json::Value;

use super::lexicon::{self, DividedText, Piece, Refused};
use super::program::{Program, SourceMap};
use super::{Expression, ExpressionKind, ListFrom, Part, Shape, Template, Text};
use crate::diagnostic::{Diagnostic, code};
use crate::source::{Span, narrow};
use crate::yaml::{Key, List, Node, NodeKind, Places, Scalar};

/// The code of all findings about template syntax.
pub(super) const SYNTAX: &str = "template-syntax";

impl Template {
    /// Compiles every string of a node.
    ///
    /// # Errors
    ///
    /// All syntax errors, in file order.
    pub fn compile(node: &Node) -> Result<Self, Vec<Diagnostic>> {
        Self::compile_owned(node.clone())
    }

    /// As [`Self::compile`], for a node that is not needed any more: its texts are not copied.
    ///
    /// # Errors
    ///
    /// All syntax errors, in file order.
    pub fn compile_owned(node: Node) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Vec::new();
        let template = value(node, &mut findings);
        if findings.is_empty() { Ok(template) } else { Err(findings) }
    }

    /// Compiles a part of a scalar's text, such as one path segment: text, or one expression.
    ///
    /// # Errors
    ///
    /// When it has a syntax error.
    pub fn compile_part(node: &Node, range: Range<usize>) -> Result<Self, Vec<Diagnostic>> {
        let NodeKind::Scalar(Scalar::Text(text)) = &node.kind else { return Self::compile(node) };
        let places = &text.places(node.span);
        let part = ScalarText { text: &text.as_str()[range.clone()], places, base: range.start, whole: node.span };
        let span = part.locate(0..part.text.len());
        let shape = part.shape().map_err(|refused| vec![part.finding(refused)])?;
        Ok(Self { span, shape })
    }
}

impl Expression {
    /// Compiles a condition: `true`, `false`, an expression, or one between `{{` and `}}`.
    ///
    /// # Errors
    ///
    /// When it is not an expression, or has a syntax error.
    pub fn compile(node: &Node) -> Result<Self, Vec<Diagnostic>> {
        let span = node.span;
        let (text, places) = match &node.kind {
            NodeKind::Scalar(Scalar::Bool(constant)) => {
                return Ok(Self { span, kind: ExpressionKind::Constant(*constant) });
            }
            NodeKind::Scalar(Scalar::Text(text)) if !text.as_str().trim().is_empty() => {
                (text.as_str(), &text.places(span))
            }
            _ => {
                let finding = Diagnostic::error(
                    code::WRONG_TYPE,
                    span,
                    format!("expected an expression, found {}", node.describe()),
                )
                .help("write a condition such as `inputs.replicas > 1`");
                return Err(vec![finding]);
            }
        };
        let scalar = ScalarText { text, places, base: 0, whole: span };
        let program = scalar.condition().map_err(|refused| vec![scalar.finding(refused)])?;
        Ok(Self { span, kind: ExpressionKind::Program(program) })
    }
}

fn value(node: Node, findings: &mut Vec<Diagnostic>) -> Template {
    let span = node.span;
    let shape = match node.kind {
        NodeKind::Scalar(Scalar::Text(text)) if lexicon::is_template(text.as_str()) => {
            let words = ScalarText { text: text.as_str(), places: &text.places(span), base: 0, whole: span };
            words.shape().unwrap_or_else(|refused| {
                findings.push(words.finding(refused));
                Shape::Constant(Value::Null.into())
            })
        }
        NodeKind::Scalar(value) => Shape::Constant(value.into()),
        NodeKind::Sequence(items) => Shape::List(items.into_iter().map(|item| value(item, findings)).collect()),
        NodeKind::Mapping(entries) if is_list_from(&entries) => list_from(entries, findings),
        NodeKind::Mapping(entries) => {
            let fields = entries.into_iter().map(|(key, node)| {
                if lexicon::is_template(&key.text) {
                    findings.push(
                        Diagnostic::error("template-key", key.span, "a key cannot be a template")
                            .help("write the whole mapping as one template: `\"{{ {each.key: each.value} }}\"`"),
                    );
                }
                (key, value(node, findings))
            });
            Shape::Mapping(fields.collect())
        }
    };
    Template { span, shape }
}

/// Whether a mapping is a list built with `for`: `{ for: …, each: … }`. No body of the API has fields with these
/// names.
fn is_list_from(entries: &List<(Key, Node)>) -> bool {
    ["for", "each"].iter().all(|wanted| entries.iter().any(|(key, _)| key.text == *wanted))
}

fn list_from(entries: List<(Key, Node)>, findings: &mut Vec<Diagnostic>) -> Shape {
    let (mut list, mut each) = (None, None);
    for (key, node) in entries {
        match &*key.text {
            "for" => list = Some(value(node, findings)),
            "each" => each = Some(value(node, findings)),
            other => findings.push(
                Diagnostic::error("unknown-key", key.span, format!("a list made with `for` has no key `{other}`"))
                    .help("its keys are `for` and `each`: what each element becomes goes below `each:`"),
            ),
        }
    }
    let (Some(list), Some(each)) = (list, each) else { return Shape::Constant(Value::Null.into()) };
    if let Shape::Constant(constant) = list.shape() {
        let constant = constant.to_value();
        let finding = Diagnostic::error(
            code::WRONG_TYPE,
            list.span,
            format!("`for` must be a list or a mapping, found {}", crate::yaml::describe(&constant)),
        );
        findings.push(match constant.is_u64() {
            true => finding.help(format!("write `\"{{{{ range({constant}) }}}}\"` to count")),
            false => finding.help("write a list, or one template that gives one"),
        });
    }
    Shape::For(Box::new(ListFrom { list, each }))
}

/// A scalar's text, or a part of it.
struct ScalarText<'t> {
    text: &'t str,
    places: &'t Places,
    base: usize,
    whole: Span,
}

impl ScalarText<'_> {
    fn shape(&self) -> Result<Shape, Refused> {
        if !lexicon::is_template(self.text) {
            return Ok(Shape::Constant(Value::String(self.text.to_owned()).into()));
        }
        let pieces = match lexicon::cut(self.text)? {
            DividedText::Statements => return self.statements().map(|program| Shape::Text(Text::Program(program))),
            DividedText::Pieces(pieces) => pieces,
        };
        if let [Piece::Expression(range)] = pieces.as_slice()
            && self.text.starts_with("{{")
            && self.text.ends_with("}}")
        {
            return self.expression(range.clone()).map(Shape::Expression);
        }
        let parts: Result<Box<[Part]>, Refused> = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => Ok(Part::Literal(text.into())),
                Piece::Expression(range) => self.expression(range).map(Part::Expression),
            })
            .collect();
        Ok(Shape::Text(Text::Parts(parts?)))
    }

    fn condition(&self) -> Result<Program, Refused> {
        let inner = self.text.trim();
        let start = self.text.len() - self.text.trim_start().len();
        if !lexicon::is_template(inner) {
            lexicon::measure(inner).map_err(|refused| shifted(refused, start))?;
            return self.expression(start..start + inner.len());
        }
        let part = ScalarText { text: inner, places: self.places, base: self.base + start, whole: self.whole };
        match part.shape().map_err(|refused| shifted(refused, start))? {
            Shape::Expression(program) => Ok(program),
            _ => Err(Refused {
                range: start..start + inner.len(),
                message: "a condition is one expression, not text with templates in it".to_owned(),
                help: Some("write the whole condition without braces: `steps.net.id != ''`"),
            }),
        }
    }

    fn expression(&self, range: Range<usize>) -> Result<Program, Refused> {
        let source = &self.text[range.clone()];
        let place = self.place(range.start);
        let refused = |error: &minijinja::Error| syntax_refused(error, range.start, source);
        Program::expression(source, place).map_err(|error| refused(&error))
    }

    fn statements(&self) -> Result<Program, Refused> {
        let place = self.place(0);
        let refused = |error: &minijinja::Error| syntax_refused(error, 0, self.text);
        let program = Program::text(self.text, place).map_err(|error| refused(&error))?;
        match program.uses().too_heavy.as_deref() {
            None => Ok(program),
            Some(range) => Err(Refused {
                range: range.clone(),
                message: "this variable multiplies others into a value that is too large".to_owned(),
                help: Some("bind it to less, or compute it where it is used"),
            }),
        }
    }

    fn place(&self, start: usize) -> SourceMap {
        SourceMap { places: self.places.clone(), base: narrow(self.base + start), whole: self.whole }
    }

    fn locate(&self, range: Range<usize>) -> Span {
        self.place(0).locate(lexicon::whole_characters(self.text, range))
    }

    fn finding(&self, refused: Refused) -> Diagnostic {
        let finding = Diagnostic::error(SYNTAX, self.locate(refused.range), refused.message);
        match refused.help {
            Some(help) => finding.help(help),
            None => finding,
        }
    }
}

/// The help for a block that the text ends in.
const CLOSE_BLOCK: &str = "close it: `{% endif %}` for `{% if %}`, `{% endfor %}` for `{% for %}`";

fn shifted(refused: Refused, by: usize) -> Refused {
    Refused { range: refused.range.start + by..refused.range.end + by, ..refused }
}

fn syntax_refused(error: &minijinja::Error, base: usize, source: &str) -> Refused {
    let range = error.range().unwrap_or(0..source.len());
    let end = range.end.min(source.len());
    let start = range.start.min(end);
    let word = source.get(start..end).unwrap_or_default();
    let message = match source.trim() {
        "" => "an empty expression".to_owned(),
        _ => format!("this template cannot be read: {}", error.detail().unwrap_or("syntax error")),
    };
    let open_block = message.ends_with("expected end of block").then_some(CLOSE_BLOCK);
    let help = lexicon::other_operator(source, start)
        .or_else(|| lexicon::other_language(word))
        .or_else(|| lexicon::other_template(source))
        .or(open_block);
    Refused { range: base + start..base + end, message, help }
}
