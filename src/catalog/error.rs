//! Why a catalogue could not be made.

/// Why a document, or what we know beside it, is no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The text is not what an OpenAPI document looks like.
    #[error("the OpenAPI document cannot be read: {0}")]
    Document(String),
    /// A `$ref` leads nowhere, or in a circle.
    #[error("the OpenAPI document refers to `{0}`, which leads nowhere")]
    Reference(String),
    /// Our own file of knowledge is wrong.
    #[error("the knowledge file is wrong: {0}")]
    Knowledge(String),
    /// A file could not be written.
    #[error("`{path}` cannot be written: {cause}")]
    Write { path: String, cause: String },
}
