//! Compares recorded resources with the API: for `plan drift`, `--refresh` and `plan status --live`.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::instance::{ResourceColumns, shown};
use super::note;
use crate::api::Client;
use crate::catalog::Catalog;
use crate::context::Context;
use crate::engine::{DriftCheck, DriftState, NoAnswer, Refresh, drift_records};
use crate::error::Error;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::{Drifted, InstanceStatus, Phase, Status, fields_of, id_text};
use crate::kind::kind_name;
use crate::report::{count, sanitize};
use crate::secret::{hide_digests, stands_for_secret};

/// Compares every recorded resource with the API.
///
/// # Errors
///
/// When a missing resource may exist all the same.
pub(super) async fn compare(context: &Context, client: &Client, status: &Status) -> Result<Vec<DriftCheck>, Error> {
    let notice = |unseen: &[&InstanceId], longest: Duration| {
        let names = unseen.iter().map(|instance| format!("`{instance}`")).collect::<Vec<_>>().join(", ");
        let words = format!("made a moment ago, and not shown: {names}; looking again for {} s", longest.as_secs());
        drop(note(context, &words));
    };
    let (digest_key, notice) = (status.header.key.as_bytes(), &notice);
    let refresh = Refresh { client, catalog: Catalog::embedded(), status, digest_key, notice };
    let checks = refresh.look().await.map_err(|blind| match blind {
        NoAnswer::Read(error) => Error::Api { what: "the recorded resources cannot be read".to_owned(), error },
        NoAnswer::Project { id, error } => Error::Api {
            what: format!("project {id} cannot be read with this key, so that no resource in it counts as deleted"),
            error,
        },
    })?;
    for words in not_kept(&checks, status) {
        note(context, &format!("warning: {}", context.secrets.redact(&words)))?;
    }
    Ok(checks)
}

/// Warnings of fields that show once more what the last update corrected.
fn not_kept(checks: &[DriftCheck], status: &Status) -> Vec<String> {
    let mut found = Vec::new();
    for check in checks {
        let (DriftState::Changed { fields }, Some(known)) = (&check.found, status.instances.get(&check.instance))
        else {
            continue;
        };
        found.extend(fields.iter().filter(|field| known.corrected.contains(field)).map(|field| {
            let place = format!("body/{}", field.field);
            format!(
                "`{}`: the last update had no effect, or was undone: {}; `on_change: {{ ignore: [{place}] }}` leaves it",
                check.instance,
                difference_text(field, Some(known)),
            )
        }));
    }
    found
}

/// The status with what was found applied.
pub(super) fn refreshed(context: &Context, status: &Status, checks: &[DriftCheck]) -> Status {
    let records = drift_records(checks, status);
    let mut status = status.clone();
    for record in records {
        // A result of comparing a record can always be applied to that record.
        let _ = status.apply(context.now, record);
    }
    status
}

/// Drift on record that no run has corrected yet, of instances in which a comparison found nothing new.
#[derive(Default)]
pub(super) struct Uncorrected<'s> {
    /// Each with the ids of its resources that are gone.
    gone: Vec<(&'s InstanceId, &'s [Value])>,
    changed: Vec<(&'s InstanceId, &'s [Drifted])>,
}

impl<'s> Uncorrected<'s> {
    /// `status`: the record as it was before the comparison.
    pub fn of(status: &'s Status, checks: &[DriftCheck]) -> Self {
        let new: HashSet<&InstanceId> = drifted(checks).map(|check| &check.instance).collect();
        let others = || status.instances.iter().filter(|(id, _)| !new.contains(id));
        let gone = others().filter(|(_, known)| known.is_gone());
        let changed = others().filter(|(_, known)| !known.drifted.is_empty());
        Self {
            // Once all was taken down, nothing is missing.
            gone: if is_taken_down(status) {
                Vec::new()
            } else {
                gone.map(|(id, known)| (id, &known.lost[..])).collect()
            },
            changed: changed.map(|(id, known)| (id, &known.drifted[..])).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.changed.is_empty()
    }

    /// One line for each instance.
    fn lines(&self) -> String {
        let fields = |changed: &[Drifted]| {
            changed.iter().map(|one| format!("`body/{}`", one.field)).collect::<Vec<_>>().join(", ")
        };
        let gone = self.gone.iter().map(|(id, lost)| {
            let ids = lost.iter().map(id_text).collect::<Vec<_>>().join(", ");
            format!("-  {id}  {ids}  is gone, as recorded before")
        });
        let changed = self.changed.iter().map(|(id, of)| format!("~  {id}  {}, as recorded before", fields(of)));
        gone.chain(changed).map(|line| format!("{}\n", sanitize(&line))).collect()
    }

    pub fn to_json(&self) -> Value {
        let gone = self.gone.iter().map(|(id, lost)| json!({ "instance": id, "found": "gone", "ids": lost }));
        let changed = self.changed.iter().map(|(id, of)| json!({ "instance": id, "found": "changed", "fields": of }));
        gone.chain(changed).collect()
    }
}

/// Whether nothing exists any more, and something was removed by `plan`.
fn is_taken_down(status: &Status) -> bool {
    let was_removed = |known: &InstanceStatus| known.phase == Phase::Absent && known.finished_at.is_some();
    status.existing().next().is_none() && status.instances.values().any(|known| was_removed(known))
}

pub(super) fn drifted(checks: &[DriftCheck]) -> impl Iterator<Item = &DriftCheck> {
    checks.iter().filter(|check| matches!(check.found, DriftState::Gone | DriftState::Changed { .. }))
}

/// One line for each resource that is gone, changed, or not readable, with its fields below; then drift on record.
pub(super) fn lines(checks: &[DriftCheck], status: &Status) -> String {
    let mut text = String::new();
    for one in checks {
        let known = status.instances.get(&one.instance).map(|known| &**known);
        let ResourceColumns { kind, id, name } = known.map(shown).unwrap_or_default();
        let name = name.map(|name| format!("`{name}` ")).unwrap_or_default();
        let what = format!("{} {name}{}", kind.map(kind_name).unwrap_or_default(), id.map(id_text).unwrap_or_default());
        let line = match &one.found {
            DriftState::Same => continue,
            DriftState::Gone => format!("-  {}  {what}  is gone", one.instance),
            DriftState::Changed { .. } => format!("~  {}  {what}", one.instance),
            DriftState::CannotTell { why } => format!("?  {}  {what}  {why}", one.instance),
        };
        let _ = writeln!(text, "{}", sanitize(&line));
        if one.found == DriftState::Gone {
            for left in known.iter().flat_map(|known| known.outliving()) {
                let (kind, id) = (left.kind.as_deref().map(kind_name), left.id.as_deref().map(id_text));
                let line = format!("{} {} stays on record", kind.unwrap_or_default(), id.unwrap_or_default());
                let _ = writeln!(text, "      {}", sanitize(&line));
            }
        }
        if let DriftState::Changed { fields } = &one.found {
            for field in fields {
                let _ = writeln!(text, "      {}", sanitize(&difference_text(field, known)));
            }
        }
    }
    text + &Uncorrected::of(status, checks).lines()
}

/// ``body/size: `9` → `20` ``
fn difference_text(drifted: &Drifted, known: Option<&InstanceStatus>) -> String {
    let body = known.and_then(|known| known.agreed()?.body.as_deref());
    let was = body.and_then(fields_of).and_then(|fields| fields.get(&drifted.field));
    let element = if body.is_some_and(Value::is_array) { "0/" } else { "" };
    let value = |value: Option<&Value>| match value {
        None => "(absent)".to_owned(),
        Some(Value::String(text)) if stands_for_secret(text) => hide_digests(text),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    };
    format!("body/{element}{}: {} → {}", drifted.field, value(was), value(drifted.now.as_ref()))
}

pub(super) fn summary(checks: &[DriftCheck], before: &Uncorrected<'_>) -> String {
    let resources = checks.iter().filter(|check| check.of.is_none()).count();
    let gone = checks.iter().filter(|check| check.found == DriftState::Gone).count();
    let changed = checks.iter().filter(|check| matches!(check.found, DriftState::Changed { .. }));
    let changed = changed.map(|check| check.of.as_ref().unwrap_or(&check.instance)).collect::<HashSet<_>>().len();
    let unclear = checks.iter().filter(|check| matches!(check.found, DriftState::CannotTell { .. })).count();
    let compared = format!("{} compared", count(resources, "resource"));
    let unclear = if unclear > 0 { format!(", {unclear} unclear") } else { String::new() };
    let found = match (gone, changed, unclear.as_str()) {
        (0, 0, "") => format!("{compared}: as recorded"),
        (0, 0, unclear) => format!("{compared}: none gone or changed{unclear}"),
        (gone, changed, unclear) => format!("{compared}: {gone} gone, {changed} changed{unclear}"),
    };
    let known = match before.is_empty() {
        true => String::new(),
        false => format!("; {} gone and {} changed before, not corrected yet", before.gone.len(), before.changed.len()),
    };
    match gone + changed > 0 || !before.is_empty() {
        true => format!("{found}{known}; `plan preview` shows what a run does about it"),
        false => found,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::id::{InstanceId, StepId};
    use crate::journal::{Header, RecordedCall, RecordedResource};

    #[test]
    fn drift_on_record_counts_until_it_is_corrected() {
        let id = |name: &str| InstanceId::new(StepId::new(name), None);
        let gone = InstanceStatus { lost: vec![json!("v")].into(), ..InstanceStatus::default() };
        let renamed = vec![Drifted { field: "name".to_owned(), now: Some(json!("other")) }];
        let changed = InstanceStatus { phase: Phase::Succeeded, drifted: renamed.into(), ..InstanceStatus::default() };
        let removed = InstanceStatus { finished_at: Some(Timestamp::UNIX_EPOCH), ..InstanceStatus::default() };
        let off = InstanceStatus { finished_at: Some(Timestamp::UNIX_EPOCH), ..gone.clone() };
        let status = |instances: &[(&str, &InstanceStatus)]| {
            let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
            status.instances.extend(instances.iter().map(|(name, known)| (id(name), (*known).clone().into())));
            status
        };
        let both = status(&[("disk", &gone), ("net", &changed)]);
        let lines = "-  disk  v  is gone, as recorded before\n~  net  `body/name`, as recorded before\n";
        assert_eq!(Uncorrected::of(&both, &[]).lines(), lines);
        let words = "0 resources compared: as recorded; 1 gone and 1 changed before, not corrected yet; `plan preview` \
                     shows what a run does about it";
        assert_eq!(summary(&[], &Uncorrected::of(&both, &[])), words);
        let new = [DriftCheck { instance: id("net"), found: DriftState::Gone, of: None }];
        assert_eq!(Uncorrected::of(&both, &new).lines(), "-  disk  v  is gone, as recorded before\n");
        assert!(Uncorrected::of(&status(&[("disk", &removed)]), &[]).is_empty());
        assert!(Uncorrected::of(&status(&[("disk", &gone), ("net", &removed)]), &[]).is_empty(), "all was taken down");
        assert!(!Uncorrected::of(&status(&[("disk", &gone)]), &[]).is_empty());
        let exists = InstanceStatus { made: vec![RecordedResource::default()], ..InstanceStatus::default() };
        assert!(!Uncorrected::of(&status(&[("disk", &gone), ("net", &exists)]), &[]).is_empty());
        assert!(Uncorrected::of(&status(&[("disk", &off), ("net", &exists)]), &[]).is_empty(), "taken off the record");
    }

    #[test]
    fn what_an_update_corrected_and_shows_again_is_told() {
        let name = |now: &str| Drifted { field: "name".to_owned(), now: Some(json!(now)) };
        let step = InstanceId::new(StepId::new("net"), None);
        for (corrected, found, told) in [
            (vec![name("NET")], vec![name("NET")], true),
            (vec![name("NET")], vec![name("other")], false),
            (vec![], vec![name("NET")], false),
        ] {
            let body = Some(json!({ "name": "net" }).into());
            let agrees = RecordedCall { body, ..RecordedCall::new(crate::catalog::Method::Post, "/x") };
            let known = InstanceStatus {
                agrees: Some(agrees.into()),
                corrected: corrected.into(),
                ..InstanceStatus::default()
            };
            let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
            status.instances.insert(step.clone(), known.into());
            let check = DriftCheck { instance: step.clone(), found: DriftState::Changed { fields: found }, of: None };
            let words = "`net`: the last update had no effect, or was undone: body/name: `net` → `NET`; \
                         `on_change: { ignore: [body/name] }` leaves it";
            let expected: &[&str] = if told { &[words] } else { &[] };
            assert_eq!(not_kept(&[check], &status), expected);
        }
    }

    #[test]
    fn a_summary_says_as_recorded_only_of_what_was_compared() {
        let unclear = || DriftState::CannotTell { why: "no".to_owned() };
        for (found, words) in [
            (vec![DriftState::Same, DriftState::Same], "2 resources compared: as recorded"),
            (vec![unclear()], "1 resource compared: none gone or changed, 1 unclear"),
            (
                vec![DriftState::Gone, unclear(), DriftState::Same],
                "3 resources compared: 1 gone, 0 changed, 1 unclear; `plan preview` shows what a run does about it",
            ),
        ] {
            let check = |(number, found)| {
                let instance = InstanceId::new(StepId::new(format!("s{number}")), None);
                DriftCheck { instance, found, of: None }
            };
            let checks: Vec<DriftCheck> = found.into_iter().enumerate().map(check).collect();
            assert_eq!(summary(&checks, &Uncorrected::default()), words);
        }
    }
}
