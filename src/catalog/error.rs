//! Errors of building a catalogue.

/// Why a document, or the knowledge file, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The text is not an OpenAPI document.
    #[error("the OpenAPI document cannot be read: {0}")]
    Document(String),
    /// A `$ref` has no target, or leads back to itself.
    #[error("the OpenAPI document refers to `{0}`, which leads nowhere")]
    Reference(String),
    /// The knowledge file is invalid.
    #[error("the knowledge file is wrong: {0}")]
    Knowledge(String),
    /// A file could not be written.
    #[error("`{path}` cannot be written: {cause}")]
    Write { path: String, cause: String },
}
