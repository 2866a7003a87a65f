//! Reporters: what people and programs see of a run.
//!
//! Reporters turn [`events`](crate::event) into output. They are equals behind one [`Fanout`], fed by one consumer;
//! each has its own state and a writer that it was given. None of them reads the environment, the clock or the
//! terminal: paths, colour, width and time are arguments. Text from the API is untrusted until it has passed
//! [`sanitize`] or the escaping of the format.
//!
//! ```text
//! Stamped → Fanout → human      lines for people (no terminal)
//!                  → progress   the same lines, and a live table under them (terminal)
//!                  → events     NDJSON for programs
//!                  → github     groups, annotations, job summary
//! ```

pub mod annotation;
mod board;
pub mod diagnostics;
mod doing;
mod events;
pub mod github;
mod human;
mod live;
mod markdown;
pub mod outputs;
pub mod page;
mod palette;
mod progress;
mod reporter;
pub mod shape;
mod sink;
mod story;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod width;
mod words;

use std::time::Duration;

pub use events::Events;
pub use human::Human;
pub use live::TerminalSize;
pub use palette::{Color, Palette};
pub use progress::Progress;
pub use reporter::{Reporter, Verbosity};
pub use sink::{ReportError, Sink};
pub use story::reason;
pub use text::{sanitize, sanitize_lines};
pub use words::{MOST_NAMES, clock, count, duration, list, natural, plural, span};

use crate::event::Stamped;

/// All reporters of a run; each receives every event, in the order in which they were added.
#[derive(Default)]
pub struct Fanout {
    reporters: Vec<Box<dyn Reporter>>,
}

impl Fanout {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with(mut self, reporter: impl Reporter + 'static) -> Self {
        self.add(Box::new(reporter));
        self
    }

    pub fn add(&mut self, reporter: Box<dyn Reporter>) {
        self.reporters.push(reporter);
    }

    /// Hands an event to every reporter.
    pub fn handle(&mut self, event: &Stamped) {
        self.reporters.iter_mut().for_each(|reporter| reporter.handle(event));
    }

    /// Tells every reporter the time of the run, so that it can draw again.
    pub fn tick(&mut self, elapsed: Duration) {
        self.reporters.iter_mut().for_each(|reporter| reporter.tick(elapsed));
    }

    /// Finishes all reporters, even after one of them has failed.
    pub fn finish(&mut self) -> Vec<ReportError> {
        self.reporters.iter_mut().filter_map(|reporter| reporter.finish().err()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::testing::{Broken, SharedOutput, failed, stamped, started};
    use super::*;
    use crate::secret::Secrets;

    fn lines(out: impl std::io::Write + Send + 'static) -> Human {
        Human::new(Sink::new("the log", Box::new(out), Secrets::default()), Verbosity::Normal, Color::Off)
    }

    #[test]
    fn one_broken_reporter_silences_no_other() {
        let (out, events) = (SharedOutput::default(), SharedOutput::default());
        let mut fanout = Fanout::new()
            .with(lines(Broken(ErrorKind::BrokenPipe)))
            .with(Events::new(Box::new(Broken(ErrorKind::StorageFull)), Secrets::default()))
            .with(lines(out.clone()))
            .with(Events::new(Box::new(events.clone()), Secrets::default()));
        fanout.handle(&stamped(0, started()));
        fanout.tick(Duration::from_secs(1));
        fanout.handle(&stamped(9, failed("web", "no")));
        let errors = fanout.finish();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().starts_with("cannot write the events: "), "{}", errors[0]);
        assert!(out.text().contains("failed: no"));
        assert_eq!(events.text().lines().count(), 2);
    }
}
