//! How a command ends: the documented exit codes.

use serde::{Deserialize, Serialize};

/// How a command ended, from success to the gravest failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    Done,
    StepFailed,
    Usage,
    PlanWrong,
    NotAllowed,
    Quota,
    StillWaiting,
    Unknown,
    Locked,
    ChangesPending,
    TeardownIncomplete,
    RecordUnusable,
    Bug,
    /// SIGHUP.
    HungUp,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    const ALL: [Exit; 16] = [
        Exit::Done,
        Exit::StepFailed,
        Exit::Usage,
        Exit::PlanWrong,
        Exit::NotAllowed,
        Exit::Quota,
        Exit::StillWaiting,
        Exit::Unknown,
        Exit::Locked,
        Exit::ChangesPending,
        Exit::TeardownIncomplete,
        Exit::RecordUnusable,
        Exit::Bug,
        Exit::HungUp,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::StepFailed => 1,
            Exit::Usage => 2,
            Exit::PlanWrong => 3,
            Exit::NotAllowed => 4,
            Exit::Quota => 5,
            Exit::StillWaiting => 6,
            Exit::Unknown => 7,
            Exit::Locked => 8,
            Exit::ChangesPending => 10,
            Exit::TeardownIncomplete => 11,
            Exit::RecordUnusable => 12,
            Exit::Bug => 70,
            // 128 and the number of the signal, as of a command without a handler.
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// The exit for a code; other codes count as a bug.
    pub fn of(code: u8) -> Self {
        Self::ALL.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Bug)
    }

    /// The meaning as text.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::StepFailed => "a step failed",
            Exit::Usage => "wrong usage",
            Exit::PlanWrong => "the plan is wrong",
            Exit::NotAllowed => "not authenticated or not allowed",
            Exit::Quota => "quota or capacity exceeded",
            Exit::StillWaiting => "still waiting",
            Exit::Unknown => "an outcome is unknown",
            Exit::Locked => "locked by another run",
            Exit::ChangesPending => "changes pending",
            Exit::TeardownIncomplete => "teardown incomplete",
            Exit::RecordUnusable => "the record cannot be read or written",
            Exit::Bug => "a bug in plan",
            Exit::HungUp | Exit::Interrupted | Exit::Terminated => "interrupted",
        }
    }

    /// Whether a signal ended the command.
    pub fn is_by_signal(self) -> bool {
        matches!(self, Exit::HungUp | Exit::Interrupted | Exit::Terminated)
    }
}
