//! Messages at places in files, as GitHub shows them: data, which findings and runs are turned into.

use std::path::Path;

use crate::order::sort_by_key;
use crate::secret::Secrets;
use crate::stream::Command;

/// GitHub shows this many annotations of each level per step and drops the rest.
pub const SHOWN_PER_LEVEL: usize = 10;

/// Ordered by severity, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnnotationLevel {
    Error,
    Warning,
    Notice,
}

/// A message at a place in a file, or about the job when there is no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub level: AnnotationLevel,
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
    pub fn new(level: AnnotationLevel, message: impl Into<String>) -> Self {
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

    /// Makes a relative file name relative to the repository. `folder`: the working folder, relative to the repository
    /// or absolute below it.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        self.file =
            self.file.map(|file| folder.join(file.strip_prefix("./").unwrap_or(&file)).to_string_lossy().into_owned());
        self
    }

    /// The annotation with secrets redacted.
    #[must_use]
    pub fn redacted(&self, secrets: &Secrets) -> Self {
        let redact = |text: &String| secrets.redact(text).into_owned();
        Self {
            file: self.file.as_ref().map(redact),
            title: self.title.as_ref().map(redact),
            message: redact(&self.message),
            ..self.clone()
        }
    }

    /// The workflow command of the annotation.
    pub fn command(&self) -> Command {
        let name = match self.level {
            AnnotationLevel::Error => "error",
            AnnotationLevel::Warning => "warning",
            AnnotationLevel::Notice => "notice",
        };
        let file = self.file.as_deref().map(|file| file.replace('\\', "/"));
        // GitHub rejects columns on annotations of several lines.
        let one_line = self.end_line.is_none() || self.end_line == self.line;
        let number = |number: Option<usize>| number.map(|number| number.to_string());
        let properties: Vec<(&'static str, String)> = [
            ("file", file.map(|file| file.strip_prefix("./").unwrap_or(&file).to_owned())),
            ("line", number(self.line)),
            ("endLine", number(self.end_line)),
            ("col", number(self.column).filter(|_| one_line)),
            ("endColumn", number(self.end_column).filter(|_| one_line)),
            ("title", self.title.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
        Command::new(name, &properties, &self.message)
    }
}

/// The gravest annotations, otherwise in the given order, at most as many per level as GitHub shows.
pub fn worst(mut annotations: Vec<Annotation>) -> Vec<Annotation> {
    sort_by_key(&mut annotations, |annotation| annotation.level);
    let mut shown = [0; 3];
    annotations.retain(|annotation| {
        let shown = &mut shown[annotation.level as usize];
        *shown += 1;
        *shown <= SHOWN_PER_LEVEL
    });
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_and_message_are_escaped_each_in_its_way() {
        let annotation = Annotation {
            file: Some("./a,b:c.yaml".to_owned()),
            line: Some(2),
            column: Some(3),
            title: Some("50%: x".to_owned()),
            ..Annotation::new(AnnotationLevel::Warning, "one\r\ntwo: 100%")
        };
        assert_eq!(
            annotation.command().line(),
            "::warning file=a%2Cb%3Ac.yaml,line=2,col=3,title=50%25%3A x::one%0D%0Atwo: 100%25"
        );
        assert_eq!(Annotation::new(AnnotationLevel::Notice, "x").command().line(), "::notice::x");
    }

    #[test]
    fn columns_are_left_out_where_lines_differ() {
        let annotation = Annotation {
            line: Some(2),
            end_line: Some(4),
            column: Some(3),
            end_column: Some(1),
            ..Annotation::new(AnnotationLevel::Error, "x")
        };
        assert_eq!(annotation.command().line(), "::error line=2,endLine=4::x");
    }
}
