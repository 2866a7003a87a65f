//! Owns a run.
//!
//! `dispatch` decides what may start, `step` runs one instance through `render`, `call`, `resolve` and `finish`, `watch`
//! waits for all tasks of the run, `remove` and `teardown` take things away again. Every step works through [`RunContext`].
//! Order is always: journal, then state, then event. Nothing is told that is not on disk.

mod adopt;
mod before;
mod call;
mod change;
mod collection;
mod context;
mod decide;
mod dispatch;
mod evidence;
mod find;
mod finish;
mod gates;
mod interruption;
mod leased;
mod leftover;
mod lock;
mod look_up;
mod looked_for;
mod made;
mod ownership;
mod pages;
mod preview;
mod prove;
mod ready;
mod recovery;
mod refresh;
mod remove;
mod render;
mod resolve;
mod results;
mod run;
mod search;
mod send;
mod sight;
mod stamps;
mod step;
mod stop;
mod teardown;
#[cfg(test)]
mod tests;
mod turn;
mod unanswered;
mod undo;
mod update;
mod watch;

pub use adopt::Import;
pub use context::{Events, RunContext, Settings};
pub use decide::{ChangeKind, moves, removal_order, shifted, shifted_words};
pub use find::{ListSearch, NotOne, Thing};
pub use gates::Gates;
pub use leased::Leased;
pub use looked_for::{LookedFor, looked_for};
pub use made::{Before, made};
pub use ownership::{Neighbours, Ownership};
pub use pages::{Getting, Unread, items};
pub use preview::{Action, Change, Preview, Reads, Symbol, Tally, holds_later, is_known_later};
pub use recovery::{Recovered, Search, recover, spots_of};
pub use refresh::{Blind, Fate, Found, Refresh, records as drift_records};
pub use results::{encode, hide_data, hide_once_shown, id_text, of_tasks, operation_of, without_sensitive};
pub use run::{Run, RunEnd, RunOptions, RunOutput, destroy, report_finished, run};
pub use sight::Sight;
pub use stamps::{is_findable, stamped};
pub use stop::{LAST_WORDS, Signal, Stop, Stopped, Stopper, stopper};
pub use watch::{Awaited, Place as TaskPlace, TaskEnd, Warn, Watcher};
