//! The record of an environment: intended calls, answers of the API, existing resources.
//!
//! `record` defines the records, one per line, with `intent`, `call` and `result` in them; `line` encodes (`json`) and decodes
//! one (`reader`), `text` a whole journal, and `blocks` a long one on several threads. `status` is the pure fold over records,
//! `fold` its part for one `instance`; `validate` checks the calls in a record, `redact` hides secrets in it. A
//! [`Journal`] (`handle`) puts records of many steps into a `queue`, and the `writer` answers each when its records are durable:
//! records that arrive during one sync share the next. Where lines are stored is defined in [`crate::store`].

mod ahead;
mod blocks;
mod call;
mod departed;
mod durations;
mod error;
mod few;
mod fold;
mod handle;
mod instance;
mod intent;
mod json;
mod json_text;
mod kinds;
mod line;
mod open_call;
mod owner;
mod owners;
mod queue;
mod reader;
mod record;
mod redact;
mod remembering_sink;
mod result;
mod sink;
mod status;
mod tagged;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod validate;
mod writer;

pub use call::{RecordedCall, fields_of, fields_of_mut};
pub use durations::Durations;
pub use error::{FileAction, JournalError, Locked};
pub use few::Few;
pub use fold::Impossible;
pub use handle::Journal;
pub use instance::{Asked, InstanceStatus, Phase};
pub use intent::{AnswerHead, Evidence, IntendedUndo, Intent, Mark, Unanswered};
pub use json_text::JsonText;
pub use kinds::Kinds;
pub use line::{BadLine, Checksum, Line, decode, is_record};
pub use open_call::{CallTextPart, Marks, OpenCall, OpenValue};
pub use owner::{Lease, RecordWriter};
pub use queue::NoMoreCalls;
pub use record::{Adopted, Amended, Header, Record, RecordedOutput, Started, Succeeded, VERSION};
pub use redact::redacted;
pub use result::{Drifted, RecordedResource, StepResult};
pub use sink::{Appending, Batch, MemorySink, Sink, Stored, Terms};
pub use status::{Status, give_name};
pub use text::{Contents, lines, read};
pub use validate::{id_text, is_id, is_identifier, may_undo, validate};
