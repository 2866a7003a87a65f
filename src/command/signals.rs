//! Signals that end the program.

use std::io;

use crate::engine::Signal;
use crate::error::Error;

/// Handles signals from its creation on; before, the system's default applies.
pub struct Signals {
    #[cfg(unix)]
    streams: [(tokio::signal::unix::Signal, Signal); 3],
    #[cfg(windows)]
    control_c: tokio::signal::windows::CtrlC,
    #[cfg(windows)]
    control_break: tokio::signal::windows::CtrlBreak,
    #[cfg(windows)]
    close: tokio::signal::windows::CtrlClose,
}

/// Turns the end of the process at a file that grows too large into an error of the write. Where that is not possible, the
/// system's default applies.
pub fn survive_size_limits() {
    // A handler, which stays.
    #[cfg(unix)]
    drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_TOO_LARGE)));
}

/// SIGXFSZ: a file has grown to the limit of the shell (`ulimit -f`). By default it ends the process without a word, in
/// the middle of a record.
#[cfg(unix)]
const FILE_TOO_LARGE: i32 = 25;

impl Signals {
    /// # Errors
    ///
    /// When signals cannot be handled.
    pub fn listen() -> Result<Self, Error> {
        Self::new().map_err(|error| Error::System { what: "listen for signals", error })
    }

    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            streams: [
                (signal(SignalKind::interrupt())?, Signal::Interrupt),
                (signal(SignalKind::terminate())?, Signal::Terminate),
                (signal(SignalKind::hangup())?, Signal::Hangup),
            ],
        })
    }

    /// The next signal.
    #[cfg(unix)]
    pub async fn next(&mut self) -> Signal {
        let [(interrupt, first), (terminate, second), (hangup, third)] = &mut self.streams;
        tokio::select! {
            _ = interrupt.recv() => *first,
            _ = terminate.recv() => *second,
            _ = hangup.recv() => *third,
        }
    }

    #[cfg(windows)]
    fn new() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Ok(Self { control_c: ctrl_c()?, control_break: ctrl_break()?, close: ctrl_close()? })
    }

    /// The next signal.
    #[cfg(windows)]
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.control_c.recv() => Signal::Interrupt,
            _ = self.control_break.recv() => Signal::Terminate,
            _ = self.close.recv() => Signal::Hangup,
        }
    }
}
