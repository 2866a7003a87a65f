//! One product: the operations of one OpenAPI document, decompressed when first used.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::CatalogError;
use super::embedded::Embedded;
use super::facts::Answer;
use super::listed::{self, Listed};
use super::operation::{Method, Operation, Route};
use super::routes::{NearestRoute, PathParameters, Routes};
use super::schema::{BodySchema, Schema};
use super::store::{self, Texts};
use crate::hash::HashMap;
use crate::packed::Packed;

/// The operations of one product.
pub(super) struct Product {
    root: String,
    operations: Text,
    schemas: Text,
    answers: Text,
    facts: OnceLock<Facts>,
}

/// A text that is decompressed when first used.
enum Text {
    None,
    Packed(Packed),
    Plain(String),
}

/// The data of a product.
struct Facts {
    /// One line per operation; `lines` has their places.
    operations: String,
    lines: Vec<Line>,
    routes: Routes,
    /// The operations parsed so far, by line.
    parsed: Vec<OnceLock<Arc<Operation>>>,
    /// The operations that create resources of a kind as their main resource.
    creators: OnceLock<HashMap<String, Vec<usize>>>,
    schemas: OnceLock<Definitions>,
    answers: OnceLock<Definitions>,
    bodies: Mutex<HashMap<Route, Arc<BodySchema>>>,
    /// The items of lists, by path.
    lists: OnceLock<HashMap<String, Listed>>,
}

/// The place of an operation's JSON in the text.
struct Line {
    route: Route,
    facts: Range<usize>,
}

/// A text with definitions, and the place of each.
struct Definitions {
    text: String,
    places: HashMap<String, Range<usize>>,
}

impl Product {
    /// The items of the list with a documented path.
    pub fn listed(&self, path: &str) -> Option<&Listed> {
        self.facts().lists.get_or_init(|| listed::lists(self.operations())).get(path)
    }

    pub fn embedded(embedded: &'static Embedded) -> Self {
        Self {
            root: embedded.root.to_owned(),
            operations: Text::Packed(embedded.operations),
            schemas: Text::Packed(embedded.schemas),
            answers: embedded.answers.map_or(Text::None, Text::Packed),
            facts: OnceLock::new(),
        }
    }

    /// # Errors
    ///
    /// [`CatalogError`] when a line has no route.
    pub fn of_texts(root: &str, texts: Texts) -> Result<Self, CatalogError> {
        let facts = OnceLock::from(Facts::read(root, texts.operations)?);
        let (schemas, answers) = (Text::Plain(texts.schemas), Text::Plain(texts.answers));
        Ok(Self { root: root.to_owned(), operations: Text::None, schemas, answers, facts })
    }

    /// The first segment of its paths: `dns`.
    pub fn root(&self) -> &str {
        &self.root
    }

    pub fn operations(&self) -> impl Iterator<Item = Arc<Operation>> {
        let facts = self.facts();
        (0..facts.lines.len()).map(|at| facts.operation(at))
    }

    pub fn operations_at(&self, at: impl Fn(&Route) -> bool) -> impl Iterator<Item = Arc<Operation>> {
        let facts = self.facts();
        let found = facts.lines.iter().enumerate().filter(move |(_, line)| at(&line.route));
        found.map(|(nth, _)| facts.operation(nth))
    }

    pub fn find(&self, route: &Route) -> Option<Arc<Operation>> {
        let facts = self.facts();
        facts.routes.exact(route).map(|at| facts.operation(at))
    }

    pub fn matching(&self, method: Method, path: &str) -> Option<(Arc<Operation>, PathParameters)> {
        let facts = self.facts();
        let (at, parameters) = facts.routes.matching(method, path)?;
        Some((facts.operation(at), parameters))
    }

    pub fn matching_segments(&self, method: Method, segments: &[Option<&str>]) -> Option<Arc<Operation>> {
        let facts = self.facts();
        facts.routes.matching_segments(method, segments).map(|at| facts.operation(at))
    }

    /// The route that is probably meant, after its edit distance.
    pub fn nearest(&self, method: Method, segments: &[Option<&str>]) -> (usize, NearestRoute) {
        self.facts().routes.nearest(method, segments)
    }

    pub fn creators_of(&self, kind: &str) -> Vec<Arc<Operation>> {
        let facts = self.facts();
        let creators = facts.creators.get_or_init(|| {
            let mut creators: HashMap<String, Vec<usize>> = HashMap::default();
            for at in (0..facts.lines.len()).filter(|at| store::creates(facts.line(*at))) {
                if let Some(creates) = &facts.operation(at).creates {
                    creators.entry(creates.kind.clone()).or_default().push(at);
                }
            }
            creators
        });
        creators.get(kind).into_iter().flatten().map(|at| facts.operation(*at)).collect()
    }

    pub fn body_schema(&self, operation: &Operation) -> Option<Arc<BodySchema>> {
        let root = operation.body_schema.as_ref()?;
        let mut bodies = self.facts().bodies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(body) = bodies.get(&operation.route) {
            return Some(Arc::clone(body));
        }
        let body = BodySchema::gather(root.clone(), |name| self.schemas().find(name, store::schema));
        let body = Arc::new(body.expect("the catalogue wrote its definitions itself"));
        bodies.insert(operation.route.clone(), Arc::clone(&body));
        Some(body)
    }

    pub fn answer_schema(&self, operation: &Operation) -> Option<(u16, Arc<BodySchema>)> {
        let wrote = "the catalogue wrote its answers itself";
        let answer: Answer = self.answers().find(&operation.route.to_string(), store::answer).expect(wrote)?;
        let definition =
            |name: &str| -> Result<Option<Schema>, CatalogError> { self.answers().find(name, store::schema) };
        let shape = BodySchema::gather(answer.schema, definition).expect(wrote);
        Some((answer.status, Arc::new(shape)))
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| {
            Facts::read(&self.root, self.operations.unpacked()).expect("the embedded operations are what we wrote")
        })
    }

    fn schemas(&self) -> &Definitions {
        self.facts().schemas.get_or_init(|| Definitions::of(self.schemas.unpacked()))
    }

    fn answers(&self) -> &Definitions {
        self.facts().answers.get_or_init(|| Definitions::of(self.answers.unpacked()))
    }
}

impl Text {
    fn unpacked(&self) -> String {
        match self {
            Text::None => String::new(),
            Text::Packed(packed) => packed.text(),
            Text::Plain(text) => text.clone(),
        }
    }
}

impl Facts {
    fn read(root: &str, operations: String) -> Result<Self, CatalogError> {
        let mut lines = Vec::new();
        for (key, facts) in keyed_lines(&operations) {
            let route = Route::parse(key).ok_or_else(|| CatalogError::Document(format!("`{key}` is no route")))?;
            lines.push(Line { route, facts });
        }
        let routes = Routes::new(root, lines.iter().map(|line| &line.route));
        let parsed = lines.iter().map(|_| OnceLock::new()).collect();
        let (schemas, answers, lists) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Self {
            operations,
            lines,
            routes,
            parsed,
            schemas,
            answers,
            lists,
            bodies: Mutex::default(),
            creators: OnceLock::new(),
        })
    }

    fn line(&self, at: usize) -> &str {
        &self.operations[self.lines[at].facts.clone()]
    }

    fn operation(&self, at: usize) -> Arc<Operation> {
        let parsed = self.parsed[at].get_or_init(|| {
            let operation = store::operation(self.lines[at].route.clone(), self.line(at));
            Arc::new(operation.expect("the catalogue wrote its operations itself"))
        });
        Arc::clone(parsed)
    }
}

impl Definitions {
    fn of(text: String) -> Self {
        let places = keyed_lines(&text).map(|(name, place)| (name.to_owned(), place)).collect();
        Self { text, places }
    }

    fn find<T>(&self, name: &str, read: impl Fn(&str) -> Result<T, CatalogError>) -> Result<Option<T>, CatalogError> {
        self.places.get(name).map(|place| read(&self.text[place.clone()])).transpose()
    }
}

/// The keys of a text's lines, and the place of the text after the tab.
pub(super) fn keyed_lines(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let (from, until) = (start, start + line.trim_end_matches('\n').len());
        start += line.len();
        let tab = line.find('\t')?;
        Some((&line[..tab], from + tab + 1..until))
    })
}
