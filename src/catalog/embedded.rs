//! The data files of all products, as the binary holds them.

use crate::packed;
use crate::packed::Packed;

/// The product with projects and regions, whose kinds are named as in the API.
pub const CLOUD: &str = "cloud";

/// The embedded data of a product.
pub(super) struct Embedded {
    /// The first segment of its paths.
    pub root: &'static str,
    pub knowledge: Packed,
    pub operations: Packed,
    pub schemas: Packed,
    /// Schemas of answers, for the simulator; none for the Cloud API, which is simulated by hand.
    pub answers: Option<Packed>,
}

macro_rules! embedded {
    ($root:literal) => {
        Embedded {
            root: $root,
            knowledge: packed!("src/catalog/data/", $root, "/knowledge.yaml"),
            operations: packed!("src/catalog/data/", $root, "/operations.txt"),
            schemas: packed!("src/catalog/data/", $root, "/schemas.txt"),
            answers: Some(packed!("src/catalog/data/", $root, "/answers.txt")),
        }
    };
}

/// All products, the Cloud API first.
pub(super) static EMBEDDED_PRODUCTS: [Embedded; 9] = [
    Embedded {
        root: CLOUD,
        knowledge: packed!("src/catalog/data/knowledge.yaml"),
        operations: packed!("src/catalog/data/operations.txt"),
        schemas: packed!("src/catalog/data/schemas.txt"),
        answers: None,
    },
    embedded!("dns"),
    embedded!("cdn"),
    embedded!("storage"),
    embedded!("fastedge"),
    embedded!("waap"),
    embedded!("streaming"),
    embedded!("iam"),
    embedded!("security"),
];
