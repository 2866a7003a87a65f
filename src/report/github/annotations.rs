//! Annotations: messages that GitHub shows at the lines of a file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Log;
use crate::event::{EffectKnown, Event, Stamped, StepError};
use crate::report::story::{self, Story};
use crate::report::{ReportError, Reporter, sanitize};
use crate::secret::Secrets;
use crate::stream::Command;

/// GitHub shows this many annotations of each level per step and drops the rest.
pub const SHOWN_PER_LEVEL: usize = 10;

/// Ordered by severity, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Notice,
}

/// A message at a place in a file, or about the job when there is no place.
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

    /// Makes a relative file name relative to the repository; `folder` is the working folder (see
    /// [`Annotations::new`]).
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
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
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
    annotations.sort_by_key(|annotation| annotation.level);
    let mut shown = [0; 3];
    annotations.retain(|annotation| {
        let shown = &mut shown[annotation.level as usize];
        *shown += 1;
        *shown <= SHOWN_PER_LEVEL
    });
    annotations
}

/// A reporter that shows the failures of a run as annotations at the lines of the plan.
pub struct Annotations {
    log: Log,
    /// The working folder relative to the repository, put before relative file names.
    folder: PathBuf,
    /// Each with its rank; the lowest is the gravest.
    collected: Vec<(u8, Annotation)>,
}

impl Annotations {
    /// `folder` is the working folder, relative to the repository or absolute below it; empty when they are the same.
    pub fn new(log: Log, folder: impl Into<PathBuf>) -> Self {
        Self { log, folder: folder.into(), collected: Vec::new() }
    }

    fn failure(&mut self, title: String, error: &StepError) {
        let rank = match error.effect {
            EffectKnown::Unknown => 0,
            EffectKnown::Applied => 1,
            EffectKnown::NotApplied => 2,
        };
        let story = Story::of(error);
        let mut message = story.what;
        let help = story.help.into_iter().map(|help| ("help", help));
        for (label, text) in story.facts.into_iter().chain(help) {
            message.push_str(&format!("\n{label}: {text}"));
        }
        let mut annotation = Annotation { title: Some(title), ..Annotation::new(Level::Error, message) };
        if let Some(place) = &error.place {
            annotation.file = Some(place.file.clone());
            annotation.line = Some(place.line);
            annotation.column = Some(place.column);
        }
        self.collected.push((rank, annotation.below(&self.folder)));
    }

    fn warn(&mut self, message: String) {
        self.collected.push((0, Annotation::new(Level::Warning, message)));
    }
}

impl Reporter for Annotations {
    fn handle(&mut self, event: &Stamped) {
        match &event.event {
            Event::StepFailed { instance, error } => {
                self.failure(format!("{} failed", sanitize(&instance.to_string())), error);
            }
            Event::StepUnknown { instance, error } => {
                self.failure(format!("{} is unknown", sanitize(&instance.to_string())), error);
            }
            Event::ResourceLeft { instance, kind, id, error } => {
                let what = story::named(kind.as_deref(), None, id.as_deref());
                self.failure(format!("{} left {what}", sanitize(&instance.to_string())), error);
            }
            Event::StepStillWaiting { instance, tasks, waited_ms, until } => {
                let words = story::still_waiting(tasks, until.as_deref(), Duration::from_millis(*waited_ms));
                self.warn(format!("{}: {words}", sanitize(&instance.to_string())));
            }
            Event::Warned { message } => self.warn(sanitize(message).into_owned()),
            _ => {}
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        let mut collected = std::mem::take(&mut self.collected);
        collected.sort_by_key(|(rank, _)| *rank);
        for annotation in worst(collected.into_iter().map(|(_, annotation)| annotation).collect()) {
            match self.log.annotate(&annotation) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                written => {
                    written.map_err(|source| ReportError { what: "the annotations".to_owned(), source })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::report::testing::{Shared, error, failed, instance, stamped};
    use crate::stream::Stream;

    #[test]
    fn properties_and_message_are_escaped_each_in_its_way() {
        let annotation = Annotation {
            file: Some("./a,b:c.yaml".to_owned()),
            line: Some(2),
            column: Some(3),
            title: Some("50%: x".to_owned()),
            ..Annotation::new(Level::Warning, "one\r\ntwo: 100%")
        };
        assert_eq!(
            annotation.command().line(),
            "::warning file=a%2Cb%3Ac.yaml,line=2,col=3,title=50%25%3A x::one%0D%0Atwo: 100%25"
        );
        assert_eq!(Annotation::new(Level::Notice, "x").command().line(), "::notice::x");
    }

    #[test]
    fn columns_are_left_out_where_lines_differ() {
        let annotation = Annotation {
            line: Some(2),
            end_line: Some(4),
            column: Some(3),
            end_column: Some(1),
            ..Annotation::new(Level::Error, "x")
        };
        assert_eq!(annotation.command().line(), "::error line=2,endLine=4::x");
    }

    #[test]
    fn ten_of_a_level_the_worst_first() {
        let out = Shared::default();
        let mut reporter =
            Annotations::new(Log::new(Stream::new(out.clone(), true), Secrets::default(), "token-1"), "infra");
        for index in 0..15 {
            reporter.handle(&stamped(0, Event::Warned { message: format!("w{index}") }));
            reporter.handle(&stamped(0, failed(&format!("web[{index}]"), "no\n::error::forged")));
        }
        let unknown = StepError { effect: EffectKnown::Unknown, ..error("lost") };
        reporter.handle(&stamped(0, Event::StepUnknown { instance: instance("lb"), error: unknown }));
        reporter.finish().unwrap();
        let text = out.text();
        assert_eq!(text.lines().filter(|line| line.starts_with("::error ")).count(), 10);
        assert_eq!(text.lines().filter(|line| line.starts_with("::warning::")).count(), 10);
        assert_eq!(text.lines().count(), 20);
        let first: Vec<&str> = text.lines().take(2).collect();
        assert_data_eq!(
            first.join("\n"),
            str![[r#"
::error file=infra/deploy.yaml,line=23,col=5,title=lb is unknown::lost%0Acall: POST /cloud/v2/instances/1/7 (status 409, request req-1)%0Afield: `/flavor` is sold out%0Anow: not known whether the call was carried out%0Ahelp: raise the quota, or use a smaller flavor
::error file=infra/deploy.yaml,line=23,col=5,title=web[0] failed::no⏎::error::forged%0Acall: POST /cloud/v2/instances/1/7 (status 409, request req-1)%0Afield: `/flavor` is sold out%0Anow: the call changed nothing%0Ahelp: raise the quota, or use a smaller flavor
"#]]
        );
    }
}
