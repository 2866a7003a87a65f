//! Whether a task or resource is the work of an attempt whose answer was lost: one pure function for each kind of
//! evidence, over answers of the API. This module sends no request, waits for nothing and claims nothing.
//!
//! | | says *ours* | says *another's* |
//! |---|---|---|
//! | `request_ids` | its task has our request id | it has another one, and ours is known |
//! | `tags` | it has the tag of our attempt | it has another attempt's tag, or none although ours was sent |
//! | `audit` | the log has our `User-Agent` | the log has another client's |
//! | `lists` | never | it was there before the call, or is older than it |
//! | `tasks` | never | it is of another type, or older |
//! | `likeness` | never | a field that both have differs |
//!
//! Otherwise a kind of evidence is silent. Only what is certainly ours is claimed; what is certainly another's is
//! excluded; while a candidate remains that is neither, the outcome is undecided, and nothing is sent. A candidate that
//! nothing but its age excludes, by less than the clocks of the API may differ, is never claimed, and stays undecided.

pub mod audit;
pub mod likeness;
pub mod lists;
pub mod request_ids;
pub mod tags;
pub mod tasks;

use jiff::{SignedDuration, Timestamp};

use crate::journal::{Evidence, Intent};

/// The longest time for which a request can be held back on the way and carried out then: proxies give up within
/// minutes.
pub const HELD_BACK: SignedDuration = SignedDuration::from_mins(15);

/// The clocks behind one API may differ by so much: what seems to be older than a call by less than that may be its work. The more
/// it is, the more of other clients' resources stay undecided.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(45);

/// What one kind of evidence, or all together, says of a task or resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Ours(Evidence),
    NotOurs,
    CannotTell,
}

impl Verdict {
    /// Combines verdicts: one certain verdict decides, and *ours* outweighs *not ours*, which may rest on appearance.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        verdicts.into_iter().fold(Verdict::CannotTell, |known, next| match (known, next) {
            (Verdict::Ours(_), _) => known,
            (_, Verdict::Ours(_)) => next,
            (Verdict::NotOurs, _) | (_, Verdict::NotOurs) => Verdict::NotOurs,
            _ => Verdict::CannotTell,
        })
    }

    fn not_if(others: bool) -> Self {
        if others { Verdict::NotOurs } else { Verdict::CannotTell }
    }
}

/// What is known of the attempt.
#[derive(Debug, Clone)]
pub struct AttemptMarks<'a> {
    pub intent: &'a Intent,
    /// Path parameters of its call, by name.
    pub parameters: &'a [(String, String)],
    /// The task types that its operation can start; empty when not known.
    pub task_types: &'a [String],
    /// The request id in the head of its answer, and whether that head had a success status.
    pub answered_id: Option<(&'a str, bool)>,
    /// Whether the API uses our trace ids as its request ids.
    pub traces_taken: bool,
    /// By the server's clock: no task or resource older than this can be the attempt's.
    pub since: Timestamp,
    /// By the server's clock: the name of a resource younger than this is no evidence.
    pub until: Timestamp,
}

#[cfg(test)]
pub(in crate::engine) mod testing {
    use serde_json::Value;

    use super::*;
    use crate::api::Task;
    use crate::catalog::{ListCall, Method};
    use crate::id::{InstanceId, StepId};
    use crate::journal::{IntendedUndo, Mark, RecordedCall};

    pub const SINCE: &str = "2026-05-23T05:00:00Z";

    pub fn intent(body: Value) -> Intent {
        Intent {
            instance: InstanceId::new(StepId::new("step"), None),
            call: RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, "/cloud/v1/things/1/7") }
                .into(),
            attempt: 1,
            nonce: "0ddba11".to_owned(),
            stamped: false,
            after: Vec::new(),
            undo: IntendedUndo::Default,
            timeout_ms: None,
            secret: false,
            mark: Mark::none(),
            update: None,
        }
    }

    pub fn attempt(intent: &Intent) -> AttemptMarks<'_> {
        AttemptMarks {
            intent,
            parameters: &[],
            task_types: &[],
            answered_id: None,
            traces_taken: false,
            since: SINCE.parse().unwrap(),
            until: SINCE.parse::<Timestamp>().unwrap() + HELD_BACK,
        }
    }

    pub fn task(fields: Value) -> Task {
        let mut task = serde_json::json!({ "id": "task", "state": "RUNNING" });
        let (Value::Object(task), Value::Object(fields)) = (&mut task, fields) else { panic!("an object") };
        task.extend(fields);
        Task::read(&Value::Object(task.clone())).unwrap()
    }

    pub fn list() -> ListCall {
        ListCall {
            path: "/cloud/v1/things/{project_id}/{region_id}".to_owned(),
            name_parameter: None,
            by_tag: false,
            paged: true,
            longest_page: None,
            numbered: false,
            items_at: "/results".to_owned(),
            id_field: "id".to_owned(),
            name_field: Some("name".to_owned()),
            creator_task: true,
            tags: true,
            tags_field: Some("tags".to_owned()),
            remark_field: None,
        }
    }

    #[test]
    fn one_certain_verdict_decides() {
        let ours = Verdict::Ours(Evidence::Stamp);
        for (verdicts, expected) in [
            (vec![], Verdict::CannotTell),
            (vec![Verdict::CannotTell, Verdict::CannotTell], Verdict::CannotTell),
            (vec![Verdict::CannotTell, Verdict::NotOurs, Verdict::CannotTell], Verdict::NotOurs),
            (vec![Verdict::NotOurs, ours, Verdict::NotOurs], ours),
            (vec![ours, Verdict::Ours(Evidence::AuditLog)], ours),
        ] {
            assert_eq!(Verdict::of(verdicts.clone()), expected, "{verdicts:?}");
        }
    }
}
