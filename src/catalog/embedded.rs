//! The data files of all products, as the binary holds them.

/// The product with projects and regions, whose kinds are named as in the API.
pub const CLOUD: &str = "cloud";

/// The embedded data of a product.
pub(super) struct Embedded {
    /// The first segment of its paths.
    pub root: &'static str,
    pub knowledge: &'static str,
    pub operations: &'static [u8],
    pub schemas: &'static [u8],
    /// Schemas of answers, for the simulator; none for the Cloud API, which is simulated by hand.
    pub answers: Option<&'static [u8]>,
}

macro_rules! embedded {
    ($root:literal) => {
        Embedded {
            root: $root,
            knowledge: include_str!(concat!("data/", $root, "/knowledge.yaml")),
            operations: include_bytes!(concat!("data/", $root, "/operations.deflate")),
            schemas: include_bytes!(concat!("data/", $root, "/schemas.deflate")),
            answers: Some(include_bytes!(concat!("data/", $root, "/answers.deflate"))),
        }
    };
}

/// All products, the Cloud API first.
pub(super) static EMBEDDED_PRODUCTS: [Embedded; 9] = [
    Embedded {
        root: CLOUD,
        knowledge: include_str!("data/knowledge.yaml"),
        operations: include_bytes!("data/operations.deflate"),
        schemas: include_bytes!("data/schemas.deflate"),
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
