//! How a run is told to end early.

use std::time::Duration;

use tokio::sync::watch;

use crate::api::Shut;

/// After an interrupt the process is gone within five seconds (real time).
const GONE: Duration = Duration::from_secs(5);
/// So much of that is for writing down what is known.
const WRITING: Duration = Duration::from_millis(500);
/// The last words have this long when nobody reads them.
pub const LAST_WORDS: Duration = Duration::from_millis(250);
/// What is left is for the answers of requests in flight: synchronous calls may take long.
pub const GRACE: Duration = GONE.saturating_sub(WRITING).saturating_sub(LAST_WORDS);

/// Why nothing new is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal came: leave as soon as what is in flight is on record.
    Interrupt(Signal),
    /// `--timeout` is over: the same, with another exit code.
    OutOfTime,
    /// `--fail-fast`: what runs is waited for, nothing new is started.
    NoNewSteps,
    /// The same, for no call will be accepted.
    Shut(Shut),
    /// The store of the record is away: what runs is waited for, and its end kept on this machine.
    StoreAway,
    /// Somebody else writes to the record now: leave at once.
    LeaseLost,
}

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
}

impl Stop {
    /// In words, for steps that were not started.
    pub fn words(self) -> &'static str {
        match self {
            Stop::Interrupt(_) => "the run was interrupted",
            Stop::OutOfTime => "the time of the run was over",
            Stop::NoNewSteps => "another step failed (`--fail-fast`)",
            Stop::Shut(Shut::Key) => "the API does not take the key",
            Stop::Shut(Shut::Connection) => "there is no way to the API",
            Stop::StoreAway => "the store of the record is away",
            Stop::LeaseLost => "another run took the environment over",
        }
    }
}

/// The side that listens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopped(watch::Receiver<Option<Stop>>);

/// The side that tells.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Option<Stop>>);

/// A pair that has not been stopped.
pub fn stopper() -> (Stopper, Stopped) {
    let (tell, listen) = watch::channel(None);
    (Stopper(tell), Stopped(listen))
}

impl Stop {
    /// Something new may not be started, and what runs is waited for.
    fn waits(self) -> bool {
        matches!(self, Stop::NoNewSteps | Stop::Shut(_) | Stop::StoreAway)
    }
}

impl Stopper {
    /// Stops; a stop that leaves at once replaces one that only starts nothing new.
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

    /// Something new may be started.
    pub fn may_start(&self) -> Result<(), Stop> {
        self.now().map_or(Ok(()), Err)
    }

    /// What was begun may be brought to its end: a rollback, although nothing new is started any more.
    pub fn may_go_on(&self) -> Result<(), Stop> {
        self.now().filter(|stop| !matches!(stop, Stop::NoNewSteps | Stop::Shut(_))).map_or(Ok(()), Err)
    }

    /// Resolves when waiting must end (not when what runs is waited for).
    pub async fn leave(&self) -> Stop {
        let mut listen = self.0.clone();
        loop {
            if let Some(stop) = self.now().filter(|stop| !stop.waits()) {
                return stop;
            }
            if listen.changed().await.is_err() {
                // Nobody is left who could stop the run.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Runs `work` unless the run is left before it is done.
    pub async fn or_leave<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            stop = self.leave() => Err(stop),
        }
    }
}
