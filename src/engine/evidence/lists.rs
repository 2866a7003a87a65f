//! Lists as evidence: that a resource was there before the call, or its age.

use jiff::Timestamp;
use serde_json::Value;

use super::{AttemptMarks, Verdict};
use crate::api::timestamp;
use crate::journal::id_text;

/// Fields with the time of creation.
const MADE: [&str; 3] = ["created_at", "created_on", "created"];

/// Not ours when the resource was listed before the first attempt was sent, or is older than it.
pub fn verdict_of_item(item: &Value, id: &Value, attempt: &AttemptMarks<'_>) -> Verdict {
    let seen = attempt.intent.mark.before.as_ref().is_some_and(|before| before.contains(&id_text(id)));
    Verdict::not_if(seen || made(item).is_some_and(|made| made < attempt.since))
}

/// The time of creation that an item of a list shows.
pub fn made(item: &Value) -> Option<Timestamp> {
    MADE.iter().find_map(|field| item.get(*field)?.as_str()).and_then(timestamp)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{attempt, intent};
    use super::*;

    #[test]
    fn an_existing_resource_is_not_ours_and_a_new_one_is_undecided() {
        let mut known = intent(json!({}));
        known.mark.before = Some(vec!["old".to_owned(), "7".to_owned()]);
        let blind = intent(json!({}));
        for (item, seen, unseen) in [
            (json!({ "id": "old" }), Verdict::NotOurs, Verdict::CannotTell),
            (json!({ "id": 7 }), Verdict::NotOurs, Verdict::CannotTell),
            (json!({ "id": "new" }), Verdict::CannotTell, Verdict::CannotTell),
            (json!({ "id": "new", "created_at": "2026-05-23T04:59:59+0000" }), Verdict::NotOurs, Verdict::NotOurs),
            (
                json!({ "id": "new", "created_at": "2026-05-23T05:00:00+0000" }),
                Verdict::CannotTell,
                Verdict::CannotTell,
            ),
            (json!({ "id": "new", "created_on": "2026-05-23T05:00:09" }), Verdict::CannotTell, Verdict::CannotTell),
            (json!({ "id": "new", "created": "soon" }), Verdict::CannotTell, Verdict::CannotTell),
        ] {
            assert_eq!(verdict_of_item(&item, &item["id"], &attempt(&known)), seen, "{item}");
            assert_eq!(verdict_of_item(&item, &item["id"], &attempt(&blind)), unseen, "{item}");
        }
    }
}
