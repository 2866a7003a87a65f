//! Stops a run before it is done: the reasons, and what each of them still lets complete.

use std::time::Duration;

use tokio::sync::watch;

use crate::api::Shut;
use crate::exit::Exit;

/// The process ends within this (real) time after an interrupt.
const INTERRUPT_LIMIT: Duration = Duration::from_secs(5);
/// The part of [`INTERRUPT_LIMIT`] that is reserved for writing the record.
const RECORD_TIME: Duration = Duration::from_millis(500);
/// The part of `INTERRUPT_LIMIT` that is reserved for the last output, in case the reader of stdout or stderr has
/// stopped reading.
pub const OUTPUT_TIME: Duration = Duration::from_millis(250);
/// What remains of [`INTERRUPT_LIMIT`]: how long the answers of requests in flight are waited for, since synchronous
/// calls may take long.
pub const ANSWER_TIME: Duration = INTERRUPT_LIMIT.saturating_sub(RECORD_TIME).saturating_sub(OUTPUT_TIME);

/// Why no new work is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal: leave as soon as the requests in flight are on record.
    Interrupt(Signal),
    /// `--timeout` is over: like an interrupt, with another exit code.
    OutOfTime,
    /// `--fail-fast`: running steps are completed.
    NoNewSteps,
    /// No further call will be accepted by the API; running steps are completed.
    Shut(Shut),
    /// The store of the record cannot be reached: running steps are completed, and their ends kept on this machine.
    StoreUnreachable,
    /// Another process has taken over the lease of the record: leave at once.
    LeaseLost,
    /// The record cannot be written: leave as soon as the answers to the requests in flight are known.
    RecordLost,
}

/// A signal that ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Terminate,
    Hangup,
}

impl Signal {
    pub fn name(self) -> &'static str {
        match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
            Signal::Hangup => "SIGHUP",
        }
    }

    /// How a command ends that it interrupts.
    pub fn exit(self) -> Exit {
        match self {
            Signal::Interrupt => Exit::Interrupted,
            Signal::Terminate => Exit::Terminated,
            Signal::Hangup => Exit::HungUp,
        }
    }
}

impl Stop {
    /// The reason as text, for steps that were not started.
    pub fn words(self) -> &'static str {
        match self {
            Stop::Interrupt(_) => "the run was interrupted",
            Stop::OutOfTime => "the run reached its `--timeout`",
            Stop::NoNewSteps => "another step failed (`--fail-fast`)",
            Stop::Shut(Shut::Key) => "the API does not take the key",
            Stop::Shut(Shut::Connection) => "the API cannot be reached",
            Stop::StoreUnreachable => "the store of the record cannot be reached",
            Stop::LeaseLost => "another run took the environment over",
            Stop::RecordLost => "the record cannot be written",
        }
    }
}

/// The receiving side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopped(watch::Receiver<Option<Stop>>);

/// The sending side.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Option<Stop>>);

/// A connected pair, not stopped.
pub fn stopper() -> (Stopper, Stopped) {
    let (tell, listen) = watch::channel(None);
    (Stopper(tell), Stopped(listen))
}

impl Stop {
    /// Whether running steps are completed before the run ends.
    fn waits(self) -> bool {
        matches!(self, Stop::NoNewSteps | Stop::Shut(_) | Stop::StoreUnreachable)
    }
}

impl Stopper {
    /// Stops the run; a stop that leaves at once replaces one that lets running steps complete.
    pub fn stop(&self, stop: Stop) {
        self.0.send_if_modified(|current| {
            let replace = current.is_none_or(Stop::waits) && *current != Some(stop);
            if replace {
                *current = Some(stop);
            }
            replace
        });
    }
}

impl Stopped {
    pub fn now(&self) -> Option<Stop> {
        *self.0.borrow()
    }

    /// Ok while new steps may start.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn may_start(&self) -> Result<(), Stop> {
        self.now().map_or(Ok(()), Err)
    }

    /// Ok while work already begun may be completed, such as a rollback, even when no new step may start.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn may_go_on(&self) -> Result<(), Stop> {
        self.now().filter(|stop| !matches!(stop, Stop::NoNewSteps | Stop::Shut(_))).map_or(Ok(()), Err)
    }

    /// Resolves when waiting must end (not when running steps are to be completed).
    pub async fn leave(&self) -> Stop {
        let mut listen = self.0.clone();
        loop {
            if let Some(stop) = self.now().filter(|stop| !stop.waits()) {
                return stop;
            }
            if listen.changed().await.is_err() {
                // The sender is gone, so the run can no longer be stopped.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Runs `work`, unless the run must be left before it completes.
    ///
    /// # Errors
    ///
    /// Why the run is left.
    pub async fn or_leave<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            stop = self.leave() => Err(stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Stop; 10] = [
        Stop::Interrupt(Signal::Interrupt),
        Stop::Interrupt(Signal::Terminate),
        Stop::Interrupt(Signal::Hangup),
        Stop::OutOfTime,
        Stop::LeaseLost,
        Stop::RecordLost,
        Stop::NoNewSteps,
        Stop::Shut(Shut::Key),
        Stop::Shut(Shut::Connection),
        Stop::StoreUnreachable,
    ];

    #[test]
    fn a_stop_that_leaves_at_once_replaces_one_that_waits_and_no_other() {
        for first in ALL {
            for second in ALL {
                let (stopper, stopped) = stopper();
                assert_eq!((stopped.may_start(), stopped.may_go_on()), (Ok(()), Ok(())));
                stopper.stop(first);
                stopper.stop(second);
                let expected = if first.waits() { second } else { first };
                assert_eq!(
                    (stopped.now(), stopped.may_start()),
                    (Some(expected), Err(expected)),
                    "{first:?} {second:?}"
                );
                let goes_on = matches!(expected, Stop::NoNewSteps | Stop::Shut(_));
                assert_eq!(stopped.may_go_on(), if goes_on { Ok(()) } else { Err(expected) }, "{expected:?}");
            }
        }
    }

    #[tokio::test]
    async fn only_a_stop_that_leaves_at_once_ends_what_is_waited_for() {
        for stop in ALL {
            let (stopper, stopped) = stopper();
            stopper.stop(stop);
            let end = stopped.or_leave(async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            });
            assert_eq!(end.await, if stop.waits() { Ok(()) } else { Err(stop) });
        }
    }

    #[test]
    fn every_stop_and_every_signal_has_its_words() {
        let words: std::collections::BTreeSet<&str> = ALL.map(Stop::words).into_iter().collect();
        assert_eq!(words.len(), ALL.len() - 2, "signals share theirs");
        assert!(words.iter().all(|words| words.split(' ').count() >= 4), "{words:?}");
        let signals = [Signal::Interrupt, Signal::Terminate, Signal::Hangup];
        assert_eq!(signals.map(Signal::name), ["SIGINT", "SIGTERM", "SIGHUP"]);
        assert_eq!(signals.map(|signal| signal.exit().code()), [130, 143, 129]);
    }
}
