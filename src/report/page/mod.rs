//! Reports of a run as documents: HTML, Markdown, JSON, or JUnit XML.
//!
//! `collect` folds the events into a [`Report`], `picture` computes the drawings, `render` writes. All text in a
//! report comes from a plan or the API and is untrusted until `render` has escaped it.

mod collect;
mod model;
mod picture;
mod render;

use std::path::{Path, PathBuf};

pub use collect::Collector;
pub use model::{Failure, Instance, InstanceState, Report};
pub use render::render;

use super::shape::Shape;
use super::{ReportError, Reporter};
use crate::event::Stamped;
use crate::files;
use crate::secret::Secrets;

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Html,
    Markdown,
    Json,
    Junit,
}

impl Format {
    /// The format that a file's extension names; `None` for another extension.
    pub fn from_extension(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "html" | "htm" => Some(Self::Html),
            "md" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            "xml" => Some(Self::Junit),
            _ => None,
        }
    }
}

/// The reporter behind `--report FILE`, which writes the report at the end of the run.
pub struct Page {
    collector: Collector,
    path: PathBuf,
    format: Format,
    secrets: Secrets,
}

impl Page {
    pub fn new(shape: Shape, path: PathBuf, format: Format, secrets: Secrets) -> Self {
        Self { collector: Collector::new(shape), path, format, secrets }
    }
}

impl Reporter for Page {
    fn handle(&mut self, event: &Stamped) {
        self.collector.handle(event);
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        let text = render(&self.collector.report(), self.format, &self.secrets);
        files::replace(&self.path, text.as_bytes())
            .map_err(|source| ReportError { what: format!("the report `{}`", self.path.display()), source })
    }
}

#[cfg(test)]
mod tests;
