//! The operations of the Cloud API, as facts.
//!
//! What is known of an operation comes from two places: an OpenAPI document (`openapi`) and a file we keep by hand
//! (`knowledge`). Together they are written as two texts (`store`), which the binary carries compressed. A
//! [`Catalog`] unpacks them when it is first asked, and reads the lines of the operations that are asked for, no others.
//! The catalogue knows neither plans nor requests.

pub mod check;
mod describe;
mod error;
pub mod json_schema;
mod knowledge;
mod openapi;
mod operation;
mod pace;
mod ready;
mod regenerate;
mod routes;
pub mod schema;
mod search;
mod step;
mod store;
pub mod update;
mod value;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

pub use check::{
    ALLOW_NOTHING, AllowUnknown, AllowedPath, BodyFinding, ParameterFinding, ParameterPlace, PathSegment, check_body,
};
pub use describe::{Description, Field};
pub use error::CatalogError;
pub use operation::{
    AlsoBy, BodyUse, Creates, DeleteCall, Effect, IdAt, ListCall, Method, Operation, Parameter, Resource, Route,
    ValueAt,
};
pub use pace::{PACES, Pace, Source as PaceSource, pace_of};
pub use ready::{Readiness, readiness_of};
pub use regenerate::{Regenerated, regenerate};
pub use routes::{Difference, NearestRoute, PathParameters};
pub use schema::BodySchema;
pub use search::{Fit, Found, asks_for_reads};
pub use step::is_placeholder;
pub use value::{By, Partial, Reference, Unknown};

use knowledge::Knowledge;
use routes::Routes;

static OPERATIONS: &[u8] = include_bytes!("data/operations.deflate");
static SCHEMAS: &[u8] = include_bytes!("data/schemas.deflate");

static EMBEDDED: LazyLock<Catalog> = LazyLock::new(|| {
    let operations = store::decompress(OPERATIONS).expect("the embedded operations are what we compressed");
    Catalog::new(operations, Text::Packed(SCHEMAS)).expect("the embedded operations are what we wrote")
});

/// The operations that exist, and the shapes of their bodies.
pub struct Catalog {
    /// One line an operation; `lines` says where.
    operations: String,
    lines: Vec<Line>,
    routes: Routes,
    read: Vec<OnceLock<Arc<Operation>>>,
    schemas: Text,
    unpacked: OnceLock<Definitions>,
    bodies: Mutex<HashMap<Route, Arc<BodySchema>>>,
}

/// Where the facts of an operation stand in the text, as JSON.
struct Line {
    route: Route,
    facts: Range<usize>,
}

/// A text that need not be unpacked yet.
enum Text {
    Packed(&'static [u8]),
    Plain(String),
}

/// The definitions' text, and where each stands in it.
struct Definitions {
    text: String,
    places: HashMap<String, Range<usize>>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("operations", &self.lines.len()).finish_non_exhaustive()
    }
}

impl Catalog {
    /// The catalogue in the binary; unpacked at the first call.
    pub fn embedded() -> &'static Catalog {
        &EMBEDDED
    }

    /// The catalogue of another OpenAPI document (JSON or YAML), with our own knowledge of what such a document does not say.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when the text is no OpenAPI document, or a reference in it leads nowhere.
    pub fn from_openapi(text: &str) -> Result<Catalog, CatalogError> {
        let facts = openapi::facts(text, &Knowledge::ours()?)?;
        let texts = store::Texts::write(&facts.operations, &facts.schemas);
        Catalog::new(texts.operations, Text::Plain(texts.schemas))
    }

    fn new(operations: String, schemas: Text) -> Result<Catalog, CatalogError> {
        let mut lines = Vec::new();
        for (key, facts) in keyed_lines(&operations) {
            let route = Route::parse(key).ok_or_else(|| CatalogError::Document(format!("`{key}` is no route")))?;
            lines.push(Line { route, facts });
        }
        let routes = Routes::new(lines.iter().map(|line| &line.route));
        let read = lines.iter().map(|_| OnceLock::new()).collect();
        Ok(Catalog { operations, lines, routes, read, schemas, unpacked: OnceLock::new(), bodies: Mutex::default() })
    }

    /// Every operation, by path and method.
    pub fn operations(&self) -> impl Iterator<Item = Arc<Operation>> {
        (0..self.lines.len()).map(|at| self.operation(at))
    }

    /// The operation of a method and a path written exactly as in the reference.
    pub fn find(&self, route: &Route) -> Option<Arc<Operation>> {
        self.routes.exact(route).map(|at| self.operation(at))
    }

    /// The operation of a concrete path, with its path parameters decoded; literal segments win over parameters.
    pub fn matching(&self, method: Method, path: &str) -> Option<(Arc<Operation>, PathParameters)> {
        let (at, parameters) = self.routes.matching(method, path)?;
        Some((self.operation(at), parameters))
    }

    /// The operation of a path as written in a plan, without the empty segment before the first slash: `None` is a
    /// segment that holds a template, `Some("{project_id}")` that placeholder.
    pub fn matching_segments(&self, method: Method, segments: &[Option<&str>]) -> Option<Arc<Operation>> {
        self.routes.matching_segments(method, segments).map(|at| self.operation(at))
    }

    /// What was probably meant by a path that no operation has.
    pub fn nearest(&self, method: Method, segments: &[Option<&str>]) -> NearestRoute {
        self.routes.nearest(method, segments)
    }

    /// Operations that make resources of a kind, as the one thing created.
    pub fn creators_of(&self, kind: &str) -> Vec<Arc<Operation>> {
        let creating =
            (0..self.lines.len()).filter(|at| store::creates(&self.operations[self.lines[*at].facts.clone()]));
        let operations = creating.map(|at| self.operation(at));
        operations.filter(|operation| operation.creates.as_ref().is_some_and(|creates| creates.kind == kind)).collect()
    }

    /// The shape of an operation's body; `None` when it takes none.
    pub fn body_schema(&self, operation: &Operation) -> Option<Arc<BodySchema>> {
        let root = operation.body_schema.as_ref()?;
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(body) = bodies.get(&operation.route) {
            return Some(Arc::clone(body));
        }
        let body = BodySchema::gather(root.clone(), |name| self.definition(name));
        let body = Arc::new(body.expect("the catalogue wrote its definitions itself"));
        bodies.insert(operation.route.clone(), Arc::clone(&body));
        Some(body)
    }

    fn operation(&self, at: usize) -> Arc<Operation> {
        let read = self.read[at].get_or_init(|| {
            let line = &self.lines[at];
            let operation = store::operation(line.route.clone(), &self.operations[line.facts.clone()]);
            Arc::new(operation.expect("the catalogue wrote its operations itself"))
        });
        Arc::clone(read)
    }

    fn definition(&self, name: &str) -> Result<Option<schema::Schema>, CatalogError> {
        let definitions = self.unpacked.get_or_init(|| {
            let text = match &self.schemas {
                Text::Packed(bytes) => {
                    store::decompress(bytes).expect("the embedded definitions are what we compressed")
                }
                Text::Plain(text) => text.clone(),
            };
            let places = keyed_lines(&text).map(|(name, place)| (name.to_owned(), place)).collect();
            Definitions { text, places }
        });
        let place = definitions.places.get(name);
        place.map(|place| store::schema(&definitions.text[place.clone()])).transpose()
    }
}

/// The keys of a text's lines, and where what follows the tab stands.
fn keyed_lines(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let (from, until) = (start, start + line.trim_end_matches('\n').len());
        start += line.len();
        let tab = line.find('\t')?;
        Some((&line[..tab], from + tab + 1..until))
    })
}

#[cfg(test)]
mod tests;
