//! Events for programs: one JSON object per line, versioned by its first line (`run-started` carries `version`).

use std::io::Write;

use super::{ReportError, Reporter, Sink};
use crate::event::Stamped;
use crate::secret::Secrets;

/// Writes NDJSON, for `--events FILE`.
pub struct Events {
    sink: Sink,
}

impl Events {
    pub fn new(out: Box<dyn Write + Send>, secrets: Secrets) -> Self {
        Self { sink: Sink::new("the events", out, secrets) }
    }
}

impl Reporter for Events {
    fn handle(&mut self, event: &Stamped) {
        // The event is redacted as a value, since redacting the text could change its JSON syntax.
        match serde_json::to_value(event).map(|event| self.sink.secrets().seal(event)) {
            Ok(event) => self.sink.raw(&event.map(|event| format!("{event}\n"))),
            Err(error) => self.sink.fail(error.into()),
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::{Delay, Event, SkipReason};
    use crate::exit::Exit;
    use crate::id::StepId;
    use crate::report::testing::{SharedOutput, accepted, done, failed, finished, instance, stamped, started};

    fn lines(secrets: Secrets, events: impl IntoIterator<Item = Event>) -> Vec<Value> {
        let out = SharedOutput::default();
        let mut reporter = Events::new(Box::new(out.clone()), secrets);
        events.into_iter().enumerate().for_each(|(index, event)| reporter.handle(&stamped(index as u64, event)));
        reporter.finish().unwrap();
        out.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_event_is_one_object_on_one_line() {
        let skipped = |reason| Event::StepSkipped { instance: instance("a"), reason };
        let delayed = |reason| Event::CallDelayed { instance: instance("a"), reason, pause_ms: 5 };
        let events = [
            started(),
            Event::StepExpanded { step: StepId::new("web"), instances: 2 },
            Event::CallStarted { instance: instance("web[0]"), call: "POST /x".into(), attempt: 1 },
            delayed(Delay::RateLimited),
            delayed(Delay::Locked { task: None }),
            delayed(Delay::NotSent { cause: "refused".into() }),
            accepted("web[0]", 1, 2),
            Event::ResolvingStarted { instance: instance("web[0]"), reason: "reset".into() },
            Event::ReadinessAwaited { instance: instance("web[0]"), until: "`status` is `active`".into(), shown: None },
            Event::ReadinessReached { instance: instance("web[0]"), waited_ms: 20_000 },
            done("web[0]", "instances", "vm\nforged"),
            Event::ResourceExists { instance: instance("a"), kind: None, id: "7".into(), name: None },
            failed("a", "no"),
            Event::StepStillWaiting { instance: instance("a"), tasks: vec![], waited_ms: 1, until: None, unread: None },
            skipped(SkipReason::Condition),
            skipped(SkipReason::Dependency { step: instance("b") }),
            skipped(SkipReason::NotStarted { why: "interrupted".into() }),
            Event::InterruptReceived { signal: "SIGINT".into(), in_flight: 1 },
            Event::Warned { message: "careful".into() },
            Event::RunFinished(finished(Exit::Done)),
        ];
        let number = events.len();
        let lines = lines(Secrets::default(), events);
        assert_eq!(lines.len(), number);
        assert!(
            lines.iter().all(|line| line["event"].is_string() && line["elapsed_ms"].is_u64() && line["at"].is_string())
        );
        assert_eq!((&lines[0]["event"], &lines[0]["version"]), (&"run-started".into(), &1.into()));
        assert_eq!(lines[10]["result"]["name"], "vm\nforged");
        assert_eq!(lines[19]["exit"], "done");
    }

    #[test]
    fn no_secret_gets_into_the_file() {
        let secrets = Secrets::default();
        secrets.hide("hunter \"22\"");
        let lines = lines(secrets, [failed("a", "no: hunter \"22\"")]);
        assert_eq!(lines[0]["error"]["message"], "no: [secret]");
    }
}
