//! Orphans: instances that were made from a resource which does not exist any more.

use serde_json::Value;

use super::References;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::{JsonText, RecordedCall, Status};

/// Ids shorter than this may occur in a call by coincidence.
const SHORTEST_ID: usize = 8;

/// Instances whose calls mention the id of a resource found to be gone, and the instances that depend on those.
pub fn orphans(status: &Status) -> HashSet<InstanceId> {
    let lost: Vec<&str> = status.instances.values().flat_map(|known| &known.lost).filter_map(Value::as_str).collect();
    if lost.is_empty() {
        return HashSet::default();
    }
    let named = status.instances.iter().filter(|(_, known)| {
        known.agreed().is_some_and(|call| lost.iter().any(|id| id.len() >= SHORTEST_ID && names(call, id)))
    });
    let direct: Vec<InstanceId> = named.map(|(id, _)| id.clone()).collect();
    let references = References::of(status);
    direct.iter().flat_map(|orphan| references.dependants(orphan)).chain(direct.iter().cloned()).collect()
}

fn names(call: &RecordedCall, id: &str) -> bool {
    let body = call.body.as_ref().map(JsonText::text).unwrap_or_default();
    call.path.contains(id) || body.contains(id) || call.query.iter().any(|(_, value)| value.contains(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;
    use crate::id::StepId;
    use crate::journal::{Header, InstanceStatus};

    fn status(lost: &str, calls: &[(&str, RecordedCall, &[&str])]) -> Status {
        let mut status = Status::new(Header::new("demo", "default"), jiff::Timestamp::UNIX_EPOCH);
        let gone = InstanceStatus { lost: vec![json!(lost)].into(), ..InstanceStatus::default() };
        status.instances.insert(InstanceId::new(StepId::new("net"), None), gone.into());
        for (name, call, after) in calls {
            let known = InstanceStatus {
                agrees: Some(call.clone().into()),
                after: after.iter().map(|step| StepId::new(*step)).collect(),
                ..InstanceStatus::default()
            };
            status.instances.insert(InstanceId::new(StepId::new(*name), None), known.into());
        }
        status
    }

    fn names(found: HashSet<InstanceId>) -> Vec<String> {
        let mut names: Vec<String> = found.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn whatever_names_a_lost_id_was_made_from_it() {
        let call = RecordedCall::new(Method::Post, "/cloud/v1/subnets/1/7");
        let with_body = |id: &str| RecordedCall { body: Some(json!({ "network_id": id }).into()), ..call.clone() };
        let with_path = RecordedCall::new(Method::Post, "/cloud/v1/networks/1/7/lost-network");
        let with_query = RecordedCall { query: vec![("network".into(), "lost-network".into())].into(), ..call.clone() };
        for (own, orphans) in [
            (with_body("lost-network"), vec!["later", "sub"]),
            (with_path, vec!["later", "sub"]),
            (with_query, vec!["later", "sub"]),
            (with_body("another-network"), vec![]),
            (call, vec![]),
        ] {
            let later = RecordedCall::new(Method::Post, "/x");
            let status = status("lost-network", &[("sub", own.clone(), &[]), ("later", later, &["sub"])]);
            assert_eq!(names(super::orphans(&status)), orphans, "{own:?}");
        }
    }

    #[test]
    fn a_short_id_names_nothing() {
        let call = |id: &str| RecordedCall::new(Method::Post, format!("/dns/v2/zones/{id}"));
        assert_eq!(names(orphans(&status("1234567", &[("zone", call("1234567"), &[])]))), Vec::<String>::new());
        assert_eq!(names(orphans(&status("12345678", &[("zone", call("12345678"), &[])]))), ["zone"]);
        assert_eq!(names(orphans(&status("12345678", &[("zone", call("a-name"), &[])]))), Vec::<String>::new());
    }
}
