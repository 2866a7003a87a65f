//! A compiled expression, or a text with statements.
//!
//! The engine's code takes about a hundred times the memory of its source, and most programs of a large plan run once
//! or twice. Therefore code is generated when a program first runs, and only recently used code is kept.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::machinery::{parse, parse_expr};
use minijinja::{Environment, Error, Value};

use super::joints::Joints;
use super::uses::Uses;
use super::{engine, lexicon, walk};
use crate::hash::HashMap;
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
    parsed: Arc<Parsed>,
    place: SourceMap,
}

/// The parts of a program that do not depend on its place in the file. A large plan has the same template in many
/// places.
struct Parsed {
    /// As written, without delimiters.
    source: Box<str>,
    /// With places in the source.
    uses: Uses,
    /// Where our internal filter is inserted into the source that runs.
    joints: Joints,
    kind: Syntax,
}

/// The most parsed programs that are shared between places.
const MOST_SHARED: usize = 4096;
/// A program whose source is longer, in bytes, is not shared.
const LONGEST_SHARED: usize = 200;

/// Programs by kind and source.
type ProgramCache = HashMap<(Syntax, Box<str>), Arc<Parsed>>;

static SHARED: LazyLock<Mutex<ProgramCache>> = LazyLock::new(Mutex::default);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Syntax {
    Expression,
    Text,
}

/// The engine's code.
enum Code {
    Expression(minijinja::Expression<'static, 'static>),
    Text(Box<Environment<'static>>),
}

/// The most programs whose code is cached, at some 12 KB each.
const MOST_CACHED: usize = 256;

/// Code by source.
type Cached = HashMap<(Syntax, String), Arc<Code>>;

/// Recently used code.
static CACHE: LazyLock<Mutex<Cached>> = LazyLock::new(Mutex::default);

fn code_of(kind: Syntax, source: String) -> Result<Arc<Code>, Error> {
    let key = (kind, source);
    if let Some(code) = CACHE.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(Arc::clone(code));
    }
    let source = key.1.clone();
    let code = Arc::new(match kind {
        Syntax::Expression => engine::environment().compile_expression_owned(source).map(Code::Expression)?,
        Syntax::Text => {
            // A template borrows its source unless the environment owns it; cloned environments share their parts.
            let mut environment = engine::environment().clone();
            environment.add_template_owned(ONLY, source)?;
            Code::Text(Box::new(environment))
        }
    });
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= MOST_CACHED {
        cache.clear();
    }
    cache.insert(key, Arc::clone(&code));
    Ok(code)
}

/// Maps a program's source to the file.
#[derive(Debug, Clone)]
pub(super) struct SourceMap {
    pub places: Places,
    /// The offset of the program's source in the scalar's text.
    pub base: u32,
    /// The scalar.
    pub whole: Span,
}

impl SourceMap {
    pub(super) fn locate(&self, range: Range<usize>) -> Span {
        let base = self.base as usize;
        self.places.span(base + range.start..base + range.end, self.whole)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.inner.parsed.source).finish()
    }
}

impl Program {
    /// As written, without delimiters.
    pub fn source(&self) -> &str {
        &self.inner.parsed.source
    }

    /// The place in the file.
    pub fn span(&self) -> Span {
        self.inner.place.locate(0..self.source().len())
    }

    /// Its references, with places in its source: [`Program::place`] leads from there to the file.
    pub fn uses(&self) -> &Uses {
        &self.inner.parsed.uses
    }

    /// Its references, with places in the file.
    pub fn located(&self) -> Uses {
        self.uses().located(&|span| self.place(span))
    }

    /// The place in the file of a place in its source.
    pub fn place(&self, span: Span) -> Span {
        self.inner.place.locate(span.range())
    }

    /// Parses an expression.
    pub(super) fn expression(source: &str, place: SourceMap) -> Result<Self, Error> {
        Self::shared(Syntax::Expression, source, place, || Ok(walk::uses_of_expression(&parse_expr(source)?, source)))
    }

    /// Parses a text with statements.
    pub(super) fn text(source: &str, place: SourceMap) -> Result<Self, Error> {
        let parsed = || Ok(walk::uses_of_template(&parse(source, "", engine::syntax())?, source));
        Self::shared(Syntax::Text, source, place, parsed)
    }

    fn shared(
        kind: Syntax,
        source: &str,
        place: SourceMap,
        parse: impl FnOnce() -> Result<(Uses, Joints), Error>,
    ) -> Result<Self, Error> {
        let known = || SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.len() <= LONGEST_SHARED).then(|| (kind, Box::from(source)));
        if let Some(parsed) = key.as_ref().and_then(|key| known().get(key).cloned()) {
            return Ok(Self { inner: Arc::new(Inner { parsed, place }) });
        }
        let (uses, joints) = parse()?;
        let parsed = Arc::new(Parsed { source: source.into(), uses, joints, kind });
        if let Some(key) = key {
            let mut known = known();
            if known.len() < MOST_SHARED {
                known.insert(key, Arc::clone(&parsed));
            }
        }
        Ok(Self { inner: Arc::new(Inner { parsed, place }) })
    }

    /// Runs it with a root from [`super::scope::root`].
    pub(super) fn run(&self, root: Value) -> Result<Value, Error> {
        match &*code_of(self.inner.parsed.kind, self.run_source())? {
            Code::Expression(expression) => expression.eval(root),
            Code::Text(environment) => environment.get_template(ONLY)?.render(root).map(Value::from),
        }
    }

    /// Whether it is an expression, not a text with statements.
    pub fn is_expression(&self) -> bool {
        self.inner.parsed.kind == Syntax::Expression
    }

    /// The source that runs: as written, with our internal filter inserted.
    pub(super) fn run_source(&self) -> String {
        self.inner.parsed.joints.insert(&self.inner.parsed.source)
    }

    /// The place in the file of a range in the source that runs.
    pub(super) fn locate_run(&self, range: Range<usize>) -> Span {
        self.inner.place.locate(self.written_range(range))
    }

    /// What is written at a range of the source that runs.
    pub(super) fn written(&self, range: Range<usize>) -> &str {
        &self.source()[self.written_range(range)]
    }

    fn written_range(&self, range: Range<usize>) -> Range<usize> {
        let Parsed { source, joints, .. } = &*self.inner.parsed;
        lexicon::whole_characters(source, joints.written(range.start)..joints.written(range.end))
    }
}
