//! The catalogue: the operations of Gcore's APIs, as facts.
//!
//! Each product has its own OpenAPI document. The facts about an operation come from that document (`openapi`) and
//! from a hand-written file (`knowledge`). They are stored as text files (`store`), which the binary contains
//! compressed. A [`Catalog`] decompresses a product (`product`) when a path of it is first used, and parses only the
//! lines of the operations that are used. The catalogue does not depend on plans or requests.

pub mod check;
mod describe;
mod embedded;
mod error;
mod facts;
mod form;
pub mod json_schema;
mod knowledge;
mod listed;
mod openapi;
mod operation;
mod pace;
mod placeholder;
mod product;
mod ready;
mod regenerate;
mod routes;
pub mod schema;
mod search;
mod step;
mod store;
pub mod update;
mod value;

use std::sync::{Arc, LazyLock};

pub use check::{
    ALLOW_NOTHING, AllowUnknown, AllowedPath, BYTES, BodyFinding, MULTIPART, ParameterFinding, ParameterPlace,
    PathSegment, check_body, may_be_integer, same_kind,
};
pub use describe::{Description, Field};
pub use error::CatalogError;
pub use listed::Listed;
pub use operation::{
    AlsoBy, BELOW, BodyUse, Creates, DeleteCall, Effect, IdAt, ListCall, Method, Operation, Parameter, Resource, Route,
    SecondaryAt, ValueAt,
};
pub use pace::{PACES, Pace, Source as PaceSource, pace_of};
pub use placeholder::is_placeholder;
pub use ready::Ready;
pub use regenerate::{Regenerated, regenerate};
pub use routes::{Difference, NearestRoute, PathParameters, parameter_name};
pub use schema::BodySchema;
pub use search::{Fit, FoundOperation, asks_for_reads};
pub use value::{Attribute, Partial, Reference, Unknown, ValueSource};

pub use embedded::CLOUD;
use embedded::EMBEDDED_PRODUCTS;
use knowledge::KnowledgeFile;
use product::Product;

/// The tag of a created resource with plan, environment and step.
pub const STAMP: &str = "plan";
/// The tag with the attempt's nonce.
pub const STAMP_ATTEMPT: &str = "plan-attempt";

static EMBEDDED: LazyLock<Catalog> =
    LazyLock::new(|| Catalog { products: EMBEDDED_PRODUCTS.iter().map(Product::embedded).collect() });

/// The operations and the schemas of their bodies: one product for each document, identified by the first segment of
/// its paths.
pub struct Catalog {
    products: Vec<Product>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roots: Vec<&str> = self.products.iter().map(Product::root).collect();
        f.debug_struct("Catalog").field("products", &roots).finish()
    }
}

impl Catalog {
    /// The embedded catalogue; a product is decompressed when first used.
    pub fn embedded() -> &'static Catalog {
        &EMBEDDED
    }

    /// A catalogue from another OpenAPI document (JSON or YAML), which replaces the embedded facts of its products,
    /// combined with our knowledge files.
    ///
    /// # Errors
    ///
    /// [`CatalogError`] when the text is not an OpenAPI document, or a reference in it has no target.
    pub fn from_openapi(text: &str) -> Result<Catalog, CatalogError> {
        let document = openapi::Document::parse(text)?;
        let mut products: Vec<Product> = EMBEDDED_PRODUCTS.iter().map(Product::embedded).collect();
        for product in products.iter_mut().filter(|product| document.is_about(product.root())) {
            let facts = openapi::facts(&document, &KnowledgeFile::of(product.root())?)?;
            *product = Product::of_texts(product.root(), store::Texts::write(&facts))?;
        }
        Ok(Catalog { products })
    }

    /// Every operation, product by product, by path and method.
    pub fn operations(&self) -> impl Iterator<Item = Arc<Operation>> {
        self.products.iter().flat_map(Product::operations)
    }

    /// The operations of one product: `dns`.
    pub fn operations_of(&self, root: &str) -> impl Iterator<Item = Arc<Operation>> {
        self.product(root).into_iter().flat_map(Product::operations)
    }

    /// The operations of one product with certain routes; others are not parsed.
    pub fn operations_at(&self, root: &str, at: impl Fn(&Route) -> bool) -> impl Iterator<Item = Arc<Operation>> {
        self.product(root).into_iter().flat_map(move |product| product.operations_at(&at).collect::<Vec<_>>())
    }

    /// The first segments of paths: `cloud`, `dns`, …
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.products.iter().map(Product::root)
    }

    /// The operation of a method and a path written exactly as in the reference.
    pub fn find(&self, route: &Route) -> Option<Arc<Operation>> {
        self.product(root_of(&route.path))?.find(route)
    }

    /// The operation of a concrete path, with its path parameters decoded; literal segments win over parameters.
    pub fn matching(&self, method: Method, path: &str) -> Option<(Arc<Operation>, PathParameters)> {
        self.product(root_of(path))?.matching(method, path)
    }

    /// The operation of a path as written in a plan, without the empty segment before the first slash: `None` is a
    /// segment with a template, `Some("{project_id}")` that placeholder.
    pub fn matching_segments(&self, method: Method, segments: &[Option<&str>]) -> Option<Arc<Operation>> {
        self.product(segments.first().copied().flatten()?)?.matching_segments(method, segments)
    }

    /// What is probably meant by a path without an operation.
    pub fn nearest(&self, method: Method, segments: &[Option<&str>]) -> NearestRoute {
        let named = segments.first().copied().flatten().and_then(|root| self.product(root));
        let candidates = named.map_or(self.products.as_slice(), std::slice::from_ref);
        let nearest = candidates.iter().map(|product| product.nearest(method, segments));
        nearest.min_by_key(|(edits, _)| *edits).map_or(NearestRoute::Nothing, |(_, route)| route)
    }

    /// Operations that create resources of a kind as their main resource.
    pub fn creators_of(&self, kind: &str) -> Vec<Arc<Operation>> {
        let cloud = self.product(CLOUD).map(|product| product.creators_of(kind)).unwrap_or_default();
        if !cloud.is_empty() {
            return cloud;
        }
        // Kinds of the Cloud API have no prefix; those of other products begin with the product's name.
        let named = |root: &str| kind.strip_prefix(root).is_some_and(|rest| rest.starts_with('_'));
        let product = self.products.iter().find(|product| named(product.root()));
        product.map(|product| product.creators_of(kind)).unwrap_or_default()
    }

    /// The schema of an operation's body; `None` without a body.
    pub fn body_schema(&self, operation: &Operation) -> Option<Arc<BodySchema>> {
        self.product(root_of(&operation.route.path))?.body_schema(operation)
    }

    /// Status and schema of an operation's successful answer; known for all products except the Cloud API.
    pub fn answer_schema(&self, operation: &Operation) -> Option<(u16, Arc<BodySchema>)> {
        self.product(root_of(&operation.route.path))?.answer_schema(operation)
    }

    fn product(&self, root: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.root() == root)
    }
}

/// `/dns/v2/zones` → `dns`
pub fn root_of(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
