//! Annotations: messages that GitHub shows on the lines of a file.

use super::escape::{data, property};

/// GitHub shows this many annotations of each level per step and drops the rest.
pub const SHOWN_PER_LEVEL: usize = 10;

/// Ordered from the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Notice,
}

/// A message on a place in a file, or on the job when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub level: Level,
    /// Relative to the repository, or absolute below it: the runner shortens it.
    pub file: Option<String>,
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub end_line: Option<usize>,
    pub end_column: Option<usize>,
    pub title: Option<String>,
    pub message: String,
}

impl Annotation {
    /// A message without a place.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            file: None,
            line: None,
            column: None,
            end_line: None,
            end_column: None,
            title: None,
            message: message.into(),
        }
    }

    /// The workflow command, one line.
    pub fn command(&self) -> String {
        let name = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
        };
        let file = self.file.as_deref().map(|file| file.replace('\\', "/"));
        // GitHub refuses columns on annotations that span lines.
        let one_line = self.end_line.is_none() || self.end_line == self.line;
        let number = |number: Option<usize>| number.map(|number| number.to_string());
        let properties: Vec<String> = [
            ("file", file.map(|file| file.strip_prefix("./").unwrap_or(&file).to_owned())),
            ("line", number(self.line)),
            ("endLine", number(self.end_line)),
            ("col", number(self.column).filter(|_| one_line)),
            ("endColumn", number(self.end_column).filter(|_| one_line)),
            ("title", self.title.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}={}", property(&value))))
        .collect();
        let space = if properties.is_empty() { "" } else { " " };
        format!("::{name}{space}{}::{}", properties.join(","), data(&self.message))
    }
}

/// The worst first, otherwise in the order given, and no more of a level than GitHub shows.
pub fn worst(mut annotations: Vec<Annotation>) -> Vec<Annotation> {
    annotations.sort_by_key(|annotation| annotation.level);
    let mut shown = [0; 3];
    annotations.retain(|annotation| {
        let shown = &mut shown[annotation.level as usize];
        *shown += 1;
        *shown <= SHOWN_PER_LEVEL
    });
    annotations
}
