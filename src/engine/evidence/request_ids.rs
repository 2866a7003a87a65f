//! Request ids as evidence: every task has the id of the request that started it (`observed.md` §7).

use super::{AttemptMarks, Verdict};
use crate::api::{Task, same_id};
use crate::journal::Evidence;

/// Compares a task's request id with the one in the head of our answer, and with the trace id that we sent.
///
/// A different id excludes the task only when ours is certain: from the head of a successful answer (a gateway that
/// timed out may have its own id for the request), or because the API uses our trace ids.
pub fn verdict_of_task(task: &Task, attempt: &AttemptMarks<'_>) -> Verdict {
    let Some(id) = &task.request_id else { return Verdict::CannotTell };
    let sent = attempt.intent.mark.trace.as_deref();
    if attempt.answered_id.is_some_and(|(request_id, _)| same_id(request_id, id))
        || sent.is_some_and(|sent| same_id(sent, id))
    {
        return Verdict::Ours(Evidence::RequestId);
    }
    Verdict::not_if(match attempt.answered_id {
        Some((_, carried_out)) => carried_out,
        None => attempt.traces_taken && sent.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{attempt, intent, task};
    use super::*;

    const SENT: &str = "28536e57697b07ebb5c343d75a956e32";

    #[test]
    fn an_equal_request_id_is_ours_and_a_different_one_excludes_when_ours_is_known() {
        let mut intent = intent(json!({}));
        intent.mark.trace = Some(SENT.to_owned());
        let ours = Verdict::Ours(Evidence::RequestId);
        for (id, answered_id, traces_taken, expected) in [
            (json!(null), None, true, Verdict::CannotTell),
            (json!("other"), None, false, Verdict::CannotTell),
            (json!("other"), None, true, Verdict::NotOurs),
            (json!(SENT), None, false, ours),
            (json!("28536E57-697B-07EB-B5C3-43D75A956E32"), None, true, ours),
            (json!("told"), Some(("told", true)), false, ours),
            (json!("told"), Some(("told", false)), false, ours),
            (json!("other"), Some(("told", true)), false, Verdict::NotOurs),
            (json!("other"), Some(("told", false)), false, Verdict::CannotTell),
        ] {
            let attempt = AttemptMarks { answered_id, traces_taken, ..attempt(&intent) };
            assert_eq!(
                verdict_of_task(&task(json!({ "request_id": id })), &attempt),
                expected,
                "{id} {answered_id:?} {traces_taken}"
            );
        }
    }

    #[test]
    fn a_record_of_an_earlier_version_has_no_trace_to_miss() {
        let intent = intent(json!({}));
        let attempt = AttemptMarks { traces_taken: true, ..attempt(&intent) };
        assert_eq!(verdict_of_task(&task(json!({ "request_id": "other" })), &attempt), Verdict::CannotTell);
    }
}
