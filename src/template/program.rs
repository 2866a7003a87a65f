//! A compiled expression, or a text with statements.
//!
//! The engine's code takes about a hundred times the memory of its source, and most programs of a large plan run once
//! or twice. Therefore code is generated when a program first runs, and only recently used code is kept.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::{Environment, Error, Value};

use super::uses::Uses;
use super::walk::Joints;
use super::{engine, functions, lexicon};
use crate::source::Span;
use crate::yaml::Places;

/// The name of the single template in its environment.
const ONLY: &str = "text";

/// A compiled expression or text. Clones share it.
#[derive(Clone)]
pub struct Program {
    inner: Arc<Inner>,
}

struct Inner {
    /// As written, without delimiters.
    source: String,
    place: Place,
    uses: Uses,
    /// Where our internal filter is inserted into the source that runs.
    joints: Joints,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Expression,
    Text,
}

/// The engine's code.
enum Code {
    Expression(minijinja::Expression<'static, 'static>),
    Text(Box<Environment<'static>>),
}

/// The most programs whose code is kept, at some 12 KB each.
const MOST_KEPT: usize = 1024;

/// Code by source.
type Kept = HashMap<(Kind, String), Arc<Code>>;

/// Recently used code.
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

fn code_of(kind: Kind, source: String) -> Result<Arc<Code>, Error> {
    let key = (kind, source);
    if let Some(code) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(Arc::clone(code));
    }
    let source = key.1.clone();
    let code = Arc::new(match kind {
        Kind::Expression => engine::environment().compile_expression_owned(source).map(Code::Expression)?,
        Kind::Text => {
            // A template borrows its source unless the environment owns it; cloned environments share their parts.
            let mut environment = engine::environment().clone();
            environment.add_template_owned(ONLY, source)?;
            Code::Text(Box::new(environment))
        }
    });
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(key, Arc::clone(&code));
    Ok(code)
}

/// Maps a program's source to the file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub places: Places,
    /// The offset of the program's source in the scalar's text.
    pub base: usize,
    /// The scalar.
    pub whole: Span,
}

impl Place {
    pub(super) fn locate(&self, range: Range<usize>) -> Span {
        self.places.span(self.base + range.start..self.base + range.end, self.whole)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.inner.source).finish()
    }
}

impl Program {
    /// As written, without delimiters.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// The place in the file.
    pub fn span(&self) -> Span {
        self.inner.place.locate(0..self.inner.source.len())
    }

    /// Its references.
    pub fn uses(&self) -> &Uses {
        &self.inner.uses
    }

    /// A program from a valid expression.
    pub(super) fn expression(source: &str, place: Place, uses: Uses, joints: Joints) -> Self {
        Self { inner: Arc::new(Inner { source: source.to_owned(), place, uses, joints, kind: Kind::Expression }) }
    }

    /// A program from a valid text with statements.
    pub(super) fn text(source: &str, place: Place, uses: Uses, joints: Joints) -> Self {
        Self { inner: Arc::new(Inner { source: source.to_owned(), place, uses, joints, kind: Kind::Text }) }
    }

    /// Runs it with a root from [`super::scope::root`].
    pub(super) fn run(&self, root: Value) -> Result<Value, Error> {
        match &*code_of(self.inner.kind, self.run_source())? {
            Code::Expression(expression) => expression.eval(root),
            Code::Text(environment) => environment.get_template(ONLY)?.render(root).map(Value::from),
        }
    }

    /// Whether it is an expression, not a text with statements.
    pub(super) fn is_expression(&self) -> bool {
        self.inner.kind == Kind::Expression
    }

    /// The source that runs: as written, with our internal filter inserted.
    pub(super) fn run_source(&self) -> String {
        join(&self.inner.source, &self.inner.joints)
    }

    /// The place in the file of a range in the source that runs.
    pub(super) fn locate_run(&self, range: Range<usize>) -> Span {
        let range = self.unjoin(range.start)..self.unjoin(range.end);
        self.inner.place.locate(lexicon::whole_characters(&self.inner.source, range))
    }

    fn unjoin(&self, offset: usize) -> usize {
        let mut offset = offset;
        for &joint in &self.inner.joints {
            if offset <= joint {
                break;
            }
            offset = joint.max(offset.saturating_sub(joint_text().len()));
        }
        offset
    }
}

fn joint_text() -> String {
    format!("|{}", functions::TEXT)
}

/// The source with our internal filter inserted at the sorted `joints`.
fn join(source: &str, joints: &[usize]) -> String {
    let mut out = String::with_capacity(source.len());
    let mut from = 0;
    for &joint in joints {
        out.push_str(&source[from..joint]);
        out.push_str(&joint_text());
        from = joint;
    }
    out.push_str(&source[from..]);
    out
}
