//! Writing the catalogue's data anew from an OpenAPI document.

use std::fs;
use std::path::Path;

use super::CatalogError;
use super::knowledge::Knowledge;
use super::openapi;
use super::store::{self, Texts};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regenerated {
    pub operations: usize,
    pub schemas: usize,
    /// Patterns of the document that our regular expressions do not know; they are not checked.
    pub skipped_patterns: usize,
    /// Bytes that the binary will carry.
    pub compressed: usize,
}

/// Writes `operations.txt`, `schemas.txt` and both compressed (`.deflate`) into a folder, from an OpenAPI document, our
/// knowledge, and the operations of older editions that still answer.
///
/// # Errors
///
/// [`CatalogError`] when the text is no OpenAPI document or a file cannot be written.
pub fn regenerate(openapi: &str, folder: &Path) -> Result<Regenerated, CatalogError> {
    let knowledge = Knowledge::ours()?;
    let mut facts = openapi::facts(openapi, &knowledge)?;
    for older in openapi::older_facts(&knowledge)?.operations {
        if !facts.operations.iter().any(|operation| operation.route == older.route) {
            facts.operations.push(older);
        }
    }
    facts.operations.sort_by(|a, b| (&a.route.path, a.route.method).cmp(&(&b.route.path, b.route.method)));
    let texts = Texts::write(&facts.operations, &facts.schemas);
    let mut compressed = 0;
    for (name, text) in [("operations", &texts.operations), ("schemas", &texts.schemas)] {
        let packed = store::compress(text)?;
        compressed += packed.len();
        write(&folder.join(format!("{name}.txt")), text.as_bytes())?;
        write(&folder.join(format!("{name}.deflate")), &packed)?;
    }
    Ok(Regenerated {
        operations: facts.operations.len(),
        schemas: facts.schemas.len(),
        skipped_patterns: facts.skipped_patterns,
        compressed,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CatalogError> {
    fs::write(path, bytes)
        .map_err(|error| CatalogError::Write { path: path.display().to_string(), cause: error.to_string() })
}
