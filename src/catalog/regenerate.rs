//! Regenerates the catalogue's data from the OpenAPI document of a product.

use std::fs;
use std::path::Path;

use super::CatalogError;
use super::embedded::{CLOUD, EMBEDDED_PRODUCTS};
use super::knowledge::KnowledgeFile;
use super::openapi::{self, Document};
use super::store::Texts;

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regenerated {
    pub operations: usize,
    pub schemas: usize,
    /// Patterns that our regular expressions do not support; they are not checked.
    pub skipped_patterns: usize,
}

/// Writes the data of every product in an OpenAPI document, from the document, our knowledge file, and older operations
/// that still answer. The data of the Cloud API goes to `folder`, that of other products to a folder in it for each.
///
/// # Errors
///
/// [`CatalogError`] when the text is not an OpenAPI document, is about no known product, or a file cannot be written.
pub fn regenerate(openapi: &str, folder: &Path) -> Result<Regenerated, CatalogError> {
    let document = Document::parse(openapi)?;
    let mut written = Regenerated { operations: 0, schemas: 0, skipped_patterns: 0 };
    let products = EMBEDDED_PRODUCTS.iter().filter(|product| document.is_about(product.root));
    let mut any = false;
    for product in products {
        any = true;
        product_of(&document, product.root, folder, &mut written)?;
    }
    if any { Ok(written) } else { Err(CatalogError::Document("no path of it belongs to a product".to_owned())) }
}

fn product_of(document: &Document, root: &str, folder: &Path, written: &mut Regenerated) -> Result<(), CatalogError> {
    let knowledge = KnowledgeFile::of(root)?;
    let mut facts = openapi::facts(document, &knowledge)?;
    for older in openapi::older_facts(&knowledge)?.operations {
        if !facts.operations.iter().any(|operation| operation.route == older.route) {
            facts.operations.push(older);
        }
    }
    facts.operations.sort_unstable_by(|a, b| (&a.route.path, a.route.method).cmp(&(&b.route.path, b.route.method)));
    let texts = Texts::write(&facts);
    let folder = if root == CLOUD { folder.to_owned() } else { folder.join(root) };
    if root != CLOUD {
        fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
    }
    for (name, text) in [("operations", &texts.operations), ("schemas", &texts.schemas), ("answers", &texts.answers)] {
        if text.is_empty() && name == "answers" {
            continue;
        }
        write(&folder.join(format!("{name}.txt")), text.as_bytes())?;
    }
    written.operations += facts.operations.len();
    written.schemas += facts.schemas.len();
    written.skipped_patterns += facts.skipped_patterns;
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CatalogError> {
    fs::write(path, bytes).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CatalogError {
    CatalogError::Write { path: path.display().to_string(), cause: error.to_string() }
}
