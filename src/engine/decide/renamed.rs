//! Steps that seem to have been renamed, or moved into or out of `for_each`: an instance that the plan does not have was
//! made by the same call as a planned instance without a record.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::hash::HashMap;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, RecordedCall, Status};
use crate::shell::quoted;

/// Recorded instances that the plan does not have, by their call with their key, and by their call with their step.
#[derive(Debug, Default)]
pub struct FormerSteps(HashMap<u64, Vec<InstanceId>>);

impl FormerSteps {
    pub fn of(status: &Status, mut is_planned: impl FnMut(&InstanceId) -> bool) -> Self {
        let mut former = Self::default();
        for (instance, known) in status.instances.iter().filter(|(_, known)| known.has_effect()) {
            let Some(call) = call_of(known).filter(|_| !is_planned(instance)) else { continue };
            for digest in digests(instance, call, call.body.as_deref()) {
                former.0.entry(digest).or_default().push(instance.clone());
            }
        }
        former
    }

    /// The message about an instance that seems to have had another name; `flags` as for [`words`].
    pub fn words_about(
        &self,
        status: &Status,
        instance: &InstanceId,
        call: &RecordedCall,
        flags: impl fmt::Display,
    ) -> Option<String> {
        let former = self.name_of(status, instance, call)?;
        let has_resource = status.instances.get(&former).is_some_and(|known| known.may_exist());
        Some(words(has_resource, instance, &former, flags))
    }

    /// The former name that an instance seems to have had: that of the only one with its call, and its key or step. Of
    /// a recovered instance only the path of its call is known.
    pub fn name_of(&self, status: &Status, instance: &InstanceId, call: &RecordedCall) -> Option<InstanceId> {
        if self.0.is_empty() {
            return None;
        }
        let known = |former: &&InstanceId| status.instances.get(*former).is_some_and(|known| is_made_by(known, call));
        let without_body = call.body.is_some().then_some(None);
        let mut bodies = [call.body.as_deref()].into_iter().chain(without_body);
        // One whose call is known is likelier than those of which only its path is.
        bodies.find_map(|body| {
            let digests = digests(instance, call, body).into_iter();
            let mut found = digests.filter_map(|digest| self.0.get(&digest)).flatten().filter(known);
            found.next().map(|first| found.next().is_none().then(|| first.clone()))
        })?
    }
}

/// What an instance has in common with one that makes this call, and has its key or its step.
fn digests(instance: &InstanceId, call: &RecordedCall, body: Option<&Value>) -> [u64; 2] {
    let mut by_key = DefaultHasher::new();
    (call.method, &call.path, body).hash(&mut by_key);
    let mut by_step = by_key.clone();
    (0, &instance.key).hash(&mut by_key);
    (1, &instance.step).hash(&mut by_step);
    [by_key.finish(), by_step.finish()]
}

/// The call of an instance, as it stands now.
fn call_of(known: &InstanceStatus) -> Option<&RecordedCall> {
    known.agrees.as_deref().or(known.intent.as_ref().map(|intent| &*intent.call))
}

fn is_made_by(known: &InstanceStatus, call: &RecordedCall) -> bool {
    // Of a recovered instance, whose step the plan did not have, no body is known.
    let is_unknown = |made: &RecordedCall| known.agrees.is_none() && made.body.is_none();
    let is_same = |made: &RecordedCall| match is_unknown(made) {
        true => made.method == call.method && made.path == call.path,
        false => made == call,
    };
    known.has_effect() && call_of(known).is_some_and(is_same)
}

/// The message about it, with the remedy. `has_resource`: the former call made one; `flags`: those that name the record to
/// `plan state`.
pub fn words(has_resource: bool, instance: &InstanceId, former: &InstanceId, flags: impl fmt::Display) -> String {
    let effect = match has_resource {
        true => {
            "lets it keep its resource; otherwise a second one is made, and the first stays until `--prune` or a destroy"
        }
        false => "counts it as done; otherwise the call is sent again",
    };
    format!(
        "`{former}` is not in the plan, and `{instance}` makes the same call: if it was renamed, `plan state mv{flags} {} {}` \
         {effect}",
        quoted(&former.to_string()),
        quoted(&instance.to_string())
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;
    use crate::journal::{Header, Phase, RecordedResource};
    use crate::plan::Selection;

    fn call(name: &str) -> RecordedCall {
        RecordedCall {
            body: Some(json!({ "name": name }).into()),
            ..RecordedCall::new(Method::Post, "/cloud/v1/networks/1/7")
        }
    }

    #[test]
    fn the_remedy_names_the_record_and_what_the_call_would_do() {
        let [network, net] = ["network", "net"].map(Selection::name);
        for (has_resource, end) in
            [(true, "until `--prune` or a destroy"), (false, "counts it as done; otherwise the call is sent again")]
        {
            let told = words(has_resource, &network, &net, " --plan demo --environment prod --state /var/records");
            let command = "`plan state mv --plan demo --environment prod --state /var/records net network`";
            assert!(told.contains(command) && told.ends_with(end), "{told}");
        }
        let told = words(true, &Selection::name("v[it's]"), &net, "");
        assert!(told.contains(r"`plan state mv net 'v[it'\''s]'`"), "{told}");
    }

    /// Its tasks run, so that nothing agrees with it yet.
    #[test]
    fn a_call_under_way_is_the_same_only_with_the_same_body() {
        for (sent, former) in [(Some("one"), true), (Some("two"), false), (None, true)] {
            let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
            let bare = RecordedCall::new(Method::Post, "/cloud/v1/networks/1/7");
            let intended = sent.map_or(bare, call);
            let intent = crate::engine::stamps::intent_of(&Selection::name("net"), intended, "n1".to_owned());
            let known = InstanceStatus {
                phase: Phase::Accepted { tasks: vec!["t1".to_owned()], recovered: false, status: None },
                intent: Some(intent.into()),
                ..InstanceStatus::default()
            };
            status.instances.insert(Selection::name("net"), known.into());
            let found = FormerSteps::of(&status, |_| false);
            let found = found.name_of(&status, &Selection::name("network"), &call("one"));
            assert_eq!(found.is_some(), former, "{sent:?}");
        }
    }

    #[test]
    fn only_one_lost_step_with_the_same_key_and_call_was_renamed() {
        for (recorded, asked, former) in [
            (&[("net", "one")][..], "network", Some("net")),
            (&[("net", "two")], "network", None),
            (&[("kept", "one")], "network", None),
            (&[("net[a]", "one")], "network", None),
            (&[("net[a]", "one")], "net", Some("net[a]")),
            (&[("net", "one")], "net[a]", Some("net")),
            (&[("net[a]", "one")], "net[b]", Some("net[a]")),
            (&[("net[a]", "one"), ("old[b]", "one")], "net[b]", None),
            (&[("kept[a]", "one")], "kept[b]", None),
            (&[("net[a]", "one"), ("net[b]", "one")], "network[b]", Some("net[b]")),
            (&[("net", "one"), ("other", "one")], "network", None),
            // Of a recovered one the body is not known.
            (&[("net", "?")], "network", Some("net")),
            (&[("net", "one"), ("other", "?")], "network", Some("net")),
            (&[("net", "?"), ("other", "?")], "network", None),
            // It made nothing, and changed something.
            (&[("act", "one")], "network", Some("act")),
        ] {
            let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
            for (name, body) in recorded {
                let bare = RecordedCall::new(Method::Post, "/cloud/v1/networks/1/7");
                let intent = crate::engine::stamps::intent_of(&Selection::name(name), bare, "n1".to_owned());
                let is_known = *body != "?";
                let known = InstanceStatus {
                    phase: Phase::Succeeded,
                    made: if *name == "act" { vec![] } else { vec![RecordedResource::default()] },
                    intent: (!is_known).then(|| intent.into()),
                    agrees: is_known.then(|| call(body).into()),
                    ..InstanceStatus::default()
                };
                status.instances.insert(Selection::name(name), known.into());
            }
            let former_steps = FormerSteps::of(&status, |one| one.step.as_str() == "kept");
            let found = former_steps.name_of(&status, &Selection::name(asked), &call("one"));
            assert_eq!(found, former.map(Selection::name), "{recorded:?} {asked}");
        }
    }
}
