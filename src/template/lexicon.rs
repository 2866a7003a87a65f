//! Divides a template's text into parts and limits its size, before any recursive code sees it.
//!
//! The engine's parser, its code generator and the drop of its syntax tree recurse along chains of operators; a chain
//! that is long enough overflows the stack. Therefore each expression is measured here by a loop over its tokens. The
//! limit applies to single expressions, not to the text around them: a script of 60 KB with three expressions is
//! ordinary.

use std::ops::Range;

use minijinja::machinery::{Token, Tokenizer};

use super::engine::syntax;

/// Operators, dots, pipes, brackets and keywords of one chain; the elements of a list are chains of their own.
const MOST_OPERATORS: usize = 128;
/// Words, numbers and signs in one expression, literal lists included.
const MOST_TOKENS: usize = 4096;
/// Brackets in brackets in one expression; blocks in blocks in one text.
const DEEPEST: usize = 24;
/// `elif` in one text: each nests in the one before.
const MOST_ALTERNATIVES: usize = 32;
/// `{% ... %}` in one text.
const MOST_STATEMENTS: usize = 1024;
/// The longest text, in bytes: the engine counts offsets in 32 bits and lines in 16.
const LONGEST: usize = 4 << 20;

/// One part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Literal text, with white space control applied.
    Literal(String),
    /// The range of bytes between `{{` and `}}`.
    Expression(Range<usize>),
}

/// A text divided at its expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DividedText {
    /// Literal texts and expressions, in order.
    Pieces(Vec<Piece>),
    /// It contains `{% statements %}`.
    Statements,
}

/// Why a text is not a valid template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<&'static str>,
}

impl Refused {
    fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: None }
    }

    fn limit(range: Range<usize>, what: impl Into<String>) -> Self {
        Self { range, message: what.into(), help: Some("take it apart: a step or an input may hold a part of it") }
    }
}

/// Whether a string contains template syntax.
pub fn is_template(text: &str) -> bool {
    let text = text.as_bytes();
    memchr::memchr_iter(b'{', text).any(|at| matches!(text.get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// Divides a text into literals and expressions.
pub(super) fn cut(text: &str) -> Result<DividedText, Refused> {
    if text.len() > LONGEST {
        return Err(Refused::limit(0..0, "a template longer than 4 MiB"));
    }
    let mut tokens = Tokenizer::new(text, "", false, syntax());
    let mut pieces = Vec::new();
    let mut statements = Statements::default();
    let mut inside: Option<Group> = None;
    loop {
        let (token, range) = match tokens.next_token() {
            Ok(Some((token, span))) => (token, span.start_offset as usize..span.end_offset as usize),
            Ok(None) => break,
            Err(error) => return Err(tokens_refused(&error, inside.map(|group| group.open), text)),
        };
        match (&mut inside, token) {
            (None, Token::TemplateData(data)) => pieces.push(Piece::Literal(data.to_owned())),
            (None, Token::VariableStart | Token::BlockStart) => inside = Some(Group::new(range)),
            (Some(group), Token::VariableEnd) => {
                pieces.push(Piece::Expression(group.open.end..range.start));
                inside = None;
            }
            (Some(group), Token::BlockEnd) => {
                statements.add(group)?;
                inside = None;
            }
            (Some(group), token) => group.add(&token, range)?,
            (None, _) => {}
        }
    }
    if let Some(group) = inside {
        return Err(not_closed(group.open, text));
    }
    Ok(if statements.count > 0 { DividedText::Statements } else { DividedText::Pieces(pieces) })
}

/// Measures a single expression.
pub(super) fn measure(expression: &str) -> Result<(), Refused> {
    let mut tokens = Tokenizer::new(expression, "", true, syntax());
    let mut group = Group::new(0..0);
    loop {
        match tokens.next_token() {
            Ok(Some((token, span))) => group.add(&token, span.start_offset as usize..span.end_offset as usize)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(tokens_refused(&error, None, expression)),
        }
    }
}

/// The text between one pair of delimiters.
struct Group {
    open: Range<usize>,
    keyword: Option<Keyword>,
    assigns: bool,
    tokens: usize,
    /// Of the chain up to here.
    operators: usize,
    /// For each open bracket: the operators before it, and those of the longest chain in it.
    brackets: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Keyword {
    Opens,
    Set,
    Closes,
    Alternative,
    Other,
}

impl Group {
    fn new(open: Range<usize>) -> Self {
        Self { open, keyword: None, assigns: false, tokens: 0, operators: 0, brackets: Vec::new() }
    }

    fn add(&mut self, token: &Token<'_>, range: Range<usize>) -> Result<(), Refused> {
        self.tokens += 1;
        if self.keyword.is_none() {
            self.keyword = Some(keyword(token));
        }
        match token {
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => {
                self.operators += 1;
                self.brackets.push((self.operators, self.operators));
            }
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                let (_, longest) = self.brackets.pop().unwrap_or_default();
                self.operators = self.operators.max(longest);
            }
            Token::Comma => {
                if let Some((before, longest)) = self.brackets.last_mut() {
                    *longest = self.operators.max(*longest);
                    self.operators = *before;
                }
            }
            Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) | Token::Colon => {}
            Token::Ident(word) => {
                let operator = ["not", "and", "or", "if", "else", "in", "is"].contains(word);
                self.operators += usize::from(operator);
            }
            other => {
                self.assigns |= matches!(other, Token::Assign);
                self.operators += 1;
            }
        }
        if self.brackets.len() > DEEPEST {
            return Err(Refused::limit(range, format!("brackets nested more than {DEEPEST} deep")));
        }
        if self.operators > MOST_OPERATORS {
            return Err(Refused::limit(range, format!("more than {MOST_OPERATORS} operators in one expression")));
        }
        if self.tokens > MOST_TOKENS {
            return Err(Refused::limit(range, format!("more than {MOST_TOKENS} words in one expression")));
        }
        Ok(())
    }
}

fn keyword(token: &Token<'_>) -> Keyword {
    match token {
        Token::Ident("for" | "if" | "with" | "filter") => Keyword::Opens,
        // `{% set x = 1 %}` is complete, `{% set x %}` opens a block.
        Token::Ident("set") => Keyword::Set,
        Token::Ident("elif") => Keyword::Alternative,
        Token::Ident(word) if word.starts_with("end") => Keyword::Closes,
        _ => Keyword::Other,
    }
}

#[derive(Default)]
struct Statements {
    count: usize,
    depth: usize,
    alternatives: usize,
}

impl Statements {
    fn add(&mut self, group: &Group) -> Result<(), Refused> {
        self.count += 1;
        match group.keyword {
            Some(Keyword::Set) if group.assigns => {}
            Some(Keyword::Opens | Keyword::Set) => self.depth += 1,
            Some(Keyword::Closes) => self.depth = self.depth.saturating_sub(1),
            Some(Keyword::Alternative) => self.alternatives += 1,
            _ => {}
        }
        let open = group.open.clone();
        if self.depth > DEEPEST {
            return Err(Refused::limit(open, format!("blocks nested more than {DEEPEST} deep")));
        }
        if self.alternatives > MOST_ALTERNATIVES {
            return Err(Refused::limit(open, format!("more than {MOST_ALTERNATIVES} `elif` in one text")));
        }
        if self.count > MOST_STATEMENTS {
            return Err(Refused::limit(open, format!("more than {MOST_STATEMENTS} statements in one text")));
        }
        Ok(())
    }
}

/// The help for braces of scripts and other template languages.
const RAW: &str = "braces that are not for `plan` go between `{% raw %}` and `{% endraw %}`";

fn not_closed(open: Range<usize>, text: &str) -> Refused {
    let sign = &text[open.clone()];
    let end = if sign.starts_with("{%") { "%}" } else { "}}" };
    // With a single brace it is a typo; without any it is probably another language's template.
    let help = match text[open.end..].contains('}') {
        true if end == "}}" => "close it with two braces: `}}`",
        _ => RAW,
    };
    Refused { help: Some(help), ..Refused::new(open, format!("this `{sign}` is not closed by `{end}`")) }
}

fn tokens_refused(error: &minijinja::Error, open: Option<Range<usize>>, text: &str) -> Refused {
    let range = error.range().or(open).unwrap_or(0..text.len());
    if error.detail() == Some("unexpected end of string") {
        let help = "a text in a template ends with the quote that it begins with";
        return Refused { help: Some(help), ..Refused::new(range, "a quote in this template is not closed") };
    }
    let is_curly = |character: char| ['\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'].contains(&character);
    if text.get(range.start..).is_some_and(|rest| rest.starts_with(is_curly)) {
        let message = "a curly quote: a text in a template stands in straight ones";
        return Refused { help: Some("write `'text'`"), ..Refused::new(range, message) };
    }
    let of_two = text.get(range.start..range.start + 2).filter(|word| *word == "??").and_then(other_language);
    let help = of_two.or_else(|| text.get(range.clone()).and_then(other_language)).unwrap_or(RAW);
    Refused { help: Some(help), ..Refused::new(range, error.detail().unwrap_or("unreadable").to_owned()) }
}

/// The name here of another language's operator.
pub(super) fn other_language(word: &str) -> Option<&'static str> {
    match word {
        "&&" | "&" => Some("write `and`"),
        "||" => Some("write `or`"),
        "!" => Some("write `not`"),
        "?" => Some("write `a if condition else b`"),
        "??" => Some("write `a | default(b)`"),
        "==" | "=" | "= " => Some("compare with `==`"),
        "*]" | "[*" => Some("write `steps.<id>.ids`, or `steps.<id>.all | map(attribute='name')`"),
        "$" => Some("write `inputs.<name>` or `steps.<id>`, without a `$`"),
        _ => None,
    }
}

/// The help for a syntax error at `at`: an operator of another language, of two characters.
pub(super) fn other_operator(expression: &str, at: usize) -> Option<&'static str> {
    let around =
        [at.checked_sub(1), Some(at)].into_iter().flatten().filter_map(|start| expression.get(start..start + 2));
    around.filter_map(other_language).next()
}

/// The help for an expression of another template language.
pub(super) fn other_template(expression: &str) -> Option<&'static str> {
    let expression = expression.trim_start();
    let sign = expression.starts_with(['.', '#', '/', '^', '>', '!', '&', '@', '%']);
    let go = ["if ", "range ", "with ", "else", "template ", "define ", "block "];
    (sign || go.iter().any(|word| expression.starts_with(word))).then_some(RAW)
}

/// The range extended to whole characters and cut to the text, since some of the engine's ranges count bytes.
pub(super) fn whole_characters(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
