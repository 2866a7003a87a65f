//! Runs a checked plan against the API, and takes down what earlier runs made.
//!
//! `dispatch` owns the state of a run and decides which instances may start. `step` takes one instance from its
//! templates to its result: `render` evaluates the call, `call` sends it, `resolve` finds the outcome of a write
//! whose answer was lost, `finish` waits for the tasks and records the result, `ended` emits the end. One `watch` polls
//! the tasks of all steps. `remove` deletes the resources of one instance, `teardown` those of many in dependency
//! order. All of them share one [`RunContext`].
//!
//! Order is always: journal, then state, then event. An event is emitted only once its record is on disk.

mod accepted;
mod access;
mod adopt;
mod amend;
mod before;
mod call;
mod called;
mod called_again;
mod change;
mod collection;
mod commands;
mod conceal;
mod context;
mod counts;
mod decide;
mod departed;
mod did;
mod differences;
mod dispatch;
mod effect;
mod ended;
mod evidence;
mod find;
mod finish;
mod gates;
mod given;
mod holder;
mod instance;
mod intents;
mod interruption;
mod leased;
mod leftover;
mod listings;
mod lock;
mod look_up;
mod looked_for;
mod made;
mod maker;
mod makes;
mod measure;
mod names;
mod objection;
mod open_undo;
mod operation;
mod own_undo;
mod ownership;
mod pages;
mod paths;
mod permits;
mod placeholder;
mod plan_undo;
mod preview;
mod project_region;
mod prove;
mod ready;
mod record_flags;
mod recovery;
mod refresh;
mod remade;
mod removals;
mod remove;
mod render;
mod repeated;
mod resolve;
mod results;
mod reused;
mod run;
mod runner;
mod search;
mod secondary;
mod send;
mod stamps;
mod step;
mod stop;
mod teardown;
#[cfg(test)]
mod tests;
mod turn;
mod unanswered;
mod undo;
mod unrecorded;
mod unseen;
mod update;
mod uploads;
mod watch;

pub use access::Access;
pub use call::in_the_way;
pub use conceal::{hide_data, hide_once_shown, without_sensitive};
pub use context::{Events, RunContext, Settings};
pub use counts::{first_missing, instance_counts, keys_of};
pub use decide::{
    ChangeKind, FormerSteps, NO_UNDO, ReplaceBlocker, merges, missing, moves, reads as is_read, recorded_of,
    removal_order, renamed_words, shifted, shifted_words, stuck, unsendable,
};
pub use find::{FoundItem, ListSearch, NotOne};
pub use gates::Gates;
pub use given::{Given, given, stamped_by_another};
pub use leased::Leased;
pub use listings::Listings;
pub use looked_for::{LookedFor, looked_for};
pub use made::{Before, made, result_of_tasks};
pub use makes::Makes;
pub use operation::operation_of;
pub use ownership::{Claimable, OtherRecords, Ownership};
pub use pages::{ListReader, ReadFailure, items};
pub use paths::encode;
pub use placeholder::{has_placeholder, is_known_later};
pub use preview::{Action, Change, ChangeCounts, Preview, Reads, Symbol};
pub use project_region::{ProjectRegion, is_project_or_region};
pub use record_flags::RecordFlags;
pub use recovery::{Recovered, RecoveryInput, is_left_in_doubt, is_settled, project_regions_of, recover};
pub use refresh::{DriftCheck, DriftState, NoAnswer, Refresh, records as drift_records};
pub use removals::RemovedToReplace;
pub use remove::created_before;
pub use run::{Import, Run, RunOptions};
pub use runner::{RunEnd, RunOutput, destroy, missing_words, report_finished, run};
pub use stamps::{ProjectRegionIds, StampSearch, Stamped, stampable, stamped, stamped_on_record};
pub use stop::{OUTPUT_TIME, Signal, Stop, Stopped, Stopper, stopper};
pub use watch::{Awaited, TaskEnd, Warn, Watcher};
