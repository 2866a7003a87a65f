//! The failures of a run as messages that GitHub shows at the lines of a file.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use super::log::Log;
use crate::event::{Activity, EffectKnown, Event, Stamped, StepError};
use crate::order::sort_by_key;
use crate::report::annotation::{Annotation, AnnotationLevel, worst};
use crate::report::story::{self, Story};
use crate::report::{ReportError, Reporter, sanitize};

/// A reporter that shows the failures of a run as annotations at the lines of the plan.
pub struct Annotations {
    log: Log,
    /// The working folder relative to the repository, put before relative file names.
    folder: PathBuf,
    command: Option<Activity>,
    /// Each with its rank; the lowest is the gravest.
    collected: Vec<(u8, Annotation)>,
}

impl Annotations {
    /// `folder` is the working folder, relative to the repository or absolute below it; empty when they are the same.
    pub fn new(log: Log, folder: impl Into<PathBuf>) -> Self {
        Self { log, folder: folder.into(), command: None, collected: Vec::new() }
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
        let facts = story.facts.into_iter().map(|fact| (fact.label(), fact.text));
        for (label, text) in facts.chain(help) {
            message.push_str(&format!("\n{label}: {text}"));
        }
        let mut annotation = Annotation { title: Some(title), ..Annotation::new(AnnotationLevel::Error, message) };
        if let Some(place) = &error.place {
            annotation.file = Some(place.file.clone());
            annotation.line = Some(place.line);
            annotation.column = Some(place.column);
        }
        self.collected.push((rank, annotation.below(&self.folder)));
    }

    fn warn(&mut self, message: String) {
        self.collected.push((0, Annotation::new(AnnotationLevel::Warning, message)));
    }
}

impl Reporter for Annotations {
    fn handle(&mut self, event: &Stamped) {
        match &event.event {
            Event::RunStarted(run) => self.command = Some(run.command),
            Event::StepFailed { instance, error } => {
                self.failure(format!("{} failed", sanitize(&instance.to_string())), error);
            }
            Event::StepUnknown { instance, error } => {
                self.failure(format!("{} is unknown", sanitize(&instance.to_string())), error);
            }
            Event::ResourceLeft { instance, kind, id, error } => {
                let left = story::left(kind.as_deref(), id.as_deref());
                self.failure(format!("{} {left}", sanitize(&instance.to_string())), error);
            }
            Event::StepStillWaiting { instance, tasks, waited_ms, until, unread } => {
                let words = story::still_waiting(
                    self.command,
                    tasks,
                    until.as_deref(),
                    unread.as_deref(),
                    Duration::from_millis(*waited_ms),
                );
                self.warn(format!("{}: {words}", sanitize(&instance.to_string())));
            }
            Event::Warned { message } => self.warn(sanitize(message).into_owned()),
            _ => {}
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        let mut collected = std::mem::take(&mut self.collected);
        sort_by_key(&mut collected, |(rank, _)| *rank);
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
    use crate::report::testing::{SharedOutput, error, failed, instance, stamped};
    use crate::secret::Secrets;
    use crate::stream::Stream;

    #[test]
    fn ten_of_a_level_the_worst_first() {
        let out = SharedOutput::default();
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
