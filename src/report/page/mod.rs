//! A run as a document: one page of HTML, Markdown, JSON, or JUnit's XML.
//!
//! `collect` folds the events of a run into a [`Report`], `picture` computes what is drawn, `render` writes. Everything in a
//! report came from a plan or the API and is hostile until `render` has escaped it.

mod collect;
mod model;
mod picture;
mod render;

use std::path::{Path, PathBuf};

pub use collect::{Collector, Planned, Shape};
pub use model::{Failure, Instance, Report, State};
pub use render::render;

use super::{ReportError, Reporter};
use crate::event::Stamped;
use crate::files;
use crate::secret::Secrets;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Html,
    Markdown,
    Json,
    Junit,
}

impl Format {
    /// By the ending of a file's name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "html" | "htm" => Some(Self::Html),
            "md" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            "xml" => Some(Self::Junit),
            _ => None,
        }
    }
}

/// Writes the report of a run when it is over, for `--report FILE`.
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
