//! What the plan says of a step besides its call, where the record has it otherwise: its `undo`, whether what it
//! adopted is its own, and what it comes after. A teardown takes all of this from the record alone, so that a run
//! records it, without a call.

use super::context::RunContext;
use super::instance::Instance;
use super::interruption::Interruption;
use super::made::made;
use super::operation::{operation_of, or_changes};
use super::own_undo::is_named_by_id;
use super::paths::encode;
use super::render::{CallParts, RenderContext, step_value};
use super::update::in_form_of;
use crate::catalog::{Catalog, Creates, DeleteCall, Operation};
use crate::id::{InstanceId, StepId};
use crate::journal::{
    Amended, InstanceStatus, IntendedUndo, Phase, Record, RecordedCall, RecordedResource, StepResult, id_text,
};
use crate::plan::{AdoptBy, Step, Undo};
use crate::template::value_of;

/// How the plan differs from the record besides the call.
#[derive(Debug, Default, PartialEq)]
pub struct Amendment {
    made: Option<RecordedResource>,
    after: Option<Vec<StepId>>,
    /// The differences that a run records: ``undo: `DELETE …` → none``.
    pub fields: Vec<String>,
    /// `adopt` of a step that has a resource already: reported, not recorded.
    pub said: Vec<String>,
    /// The drift that is settled where the call agrees with the record, or the plan ignores what differs.
    pub drift: Vec<String>,
}

impl Amendment {
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.said.is_empty() && self.drift.is_empty()
    }
}

/// The `adopt` of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Adopts {
    own: bool,
    by_id: bool,
    /// The id or name.
    which: String,
}

/// What the plan asks for; `None` where it cannot be evaluated.
struct Asked<'a> {
    undo: Option<IntendedUndo>,
    adopts: Option<Adopts>,
    after: &'a [StepId],
}

/// What a run would record of an instance that is done, besides its call.
pub fn amendment(
    catalog: &Catalog,
    step: &Step,
    known: &InstanceStatus,
    surroundings: &RenderContext<'_>,
) -> Amendment {
    if known.phase != Phase::Succeeded || known.result.is_none() {
        return Amendment::default();
    }
    let is_plain = matches!(step.undo, Undo::Default) && step.adopt.is_none();
    let drift = known
        .drifted
        .iter()
        .map(|drifted| format!("drift of `body/{}`: the plan says the same, or ignores it", drifted.field))
        .collect();
    if is_plain && same_steps(&known.after, &step.after) && is_usual(step.operation.as_deref(), known) {
        return Amendment { drift, ..Amendment::default() };
    }
    let adopts = step.adopt.as_ref().and_then(|adopt| {
        let which = adopt.by.template().evaluate_text(&surroundings.scope()).ok()?;
        Some(Adopts { own: adopt.own, by_id: matches!(adopt.by, AdoptBy::Id(_)), which })
    });
    let asked = Asked { undo: undo_of_plan(step, known, surroundings), adopts, after: &step.after };
    Amendment { drift, ..compared(catalog, known, &asked) }
}

/// The plan's undo with the values of the result; `None` when it cannot be evaluated, or needs a secret.
fn undo_of_plan(step: &Step, known: &InstanceStatus, surroundings: &RenderContext<'_>) -> Option<IntendedUndo> {
    let template = match &step.undo {
        Undo::Default => return Some(IntendedUndo::Default),
        Undo::Keep => return Some(IntendedUndo::Keep),
        Undo::Call(template) => template,
    };
    // The recorded answer lacks its secrets, so that an undo which needs more of it stays as it was recorded then.
    let result = StepResult { response: None, ..known.result.clone()? };
    let own = value_of(&step_value(&result, None));
    let parts = CallParts { headers: None, ..CallParts::of_template(template, step) };
    let rendered = surroundings.render(&parts, Some(&own)).ok()?;
    let has_secret = RunContext::request(&rendered.recorded) != rendered.request;
    (!has_secret).then(|| IntendedUndo::Call(rendered.recorded.into_owned().into()))
}

/// Whether the recorded undo is the default one: the catalogue's delete, or none where the call makes nothing.
fn is_usual(operation: Option<&Operation>, known: &InstanceStatus) -> bool {
    let Some(made) = known.main_made() else { return true };
    let creates = operation.and_then(|operation| operation.creates.as_ref());
    let delete = creates.and_then(|creates| creates.resource.as_ref()?.delete.as_ref());
    match (&made.undo, delete) {
        (Some(undo), Some(delete)) => {
            let is_its_own = creates.is_none_or(|creates| names_its_id(undo, creates, made))
                && operation
                    .zip(known.agreed())
                    .is_none_or(|(create, call)| is_in_its_place(create, call, delete, undo));
            undo.method == delete.method && fits(&delete.path, &undo.path) && is_its_own
        }
        // Of what was adopted, and of what the plan kept, only the latter may become the plan's to delete.
        (None, Some(_)) => !known.called,
        (undo, None) => undo.is_none(),
    }
}

/// Whether a delete has project and region of the call that made what it removes.
fn is_in_its_place(create: &Operation, call: &RecordedCall, delete: &DeleteCall, undo: &RecordedCall) -> bool {
    // Below the path of the call, as most are.
    let is_below = undo.path.strip_prefix(&*call.path).is_some_and(|rest| rest.starts_with('/'));
    is_below
        || PLACE.iter().all(|name| {
            let own = segment(&create.route.path, &call.path, name);
            own.is_none() || own == segment(&delete.path, &undo.path, name).or(own)
        })
}

/// Project and region in documented paths.
const PLACE: [&str; 2] = ["{project_id}", "{region_id}"];

/// The segment of a path that stands for this parameter of the documented one.
fn segment<'p>(documented: &str, path: &'p str, name: &str) -> Option<&'p str> {
    documented.split('/').zip(path.split('/')).find(|(one, _)| *one == name).map(|(_, other)| other)
}

/// Whether a delete names what it removes, where the API gave it the id by which paths name it.
fn names_its_id(undo: &RecordedCall, creates: &Creates, made: &RecordedResource) -> bool {
    let Some(id) = made.id.as_deref().filter(|_| is_named_by_id(creates)) else { return true };
    let id = encode(&id_text(id));
    undo.path.split('/').any(|segment| segment == id)
}

/// Whether a path is one of these, of whatever version of the API.
fn fits(documented: &str, path: &str) -> bool {
    let is_version = |word: &[u8]| word.len() > 1 && word.starts_with(b"v") && word[1..].iter().all(u8::is_ascii_digit);
    let is_one =
        |one: &[u8], other: &[u8]| one == other || one.starts_with(b"{") || (is_version(one) && is_version(other));
    let is_slash = |byte: &u8| *byte == b'/';
    let (mut documented, mut path) = (documented.as_bytes().split(is_slash), path.as_bytes().split(is_slash));
    loop {
        match (documented.next(), path.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if is_one(one, other) => {}
            _ => return false,
        }
    }
}

fn same_steps(one: &[StepId], other: &[StepId]) -> bool {
    one == other || (one.iter().all(|step| other.contains(step)) && other.iter().all(|step| one.contains(step)))
}

fn compared(catalog: &Catalog, known: &InstanceStatus, asked: &Asked<'_>) -> Amendment {
    let mut amendment = Amendment::default();
    if !same_steps(&known.after, asked.after) {
        amendment.after = Some(asked.after.to_vec());
        amendment.fields.push(format!("comes after: {} → {}", names(&known.after), names(asked.after)));
    }
    amendment.said.extend(without_effect(known, asked.adopts.as_ref()));
    if let Some(now) = made_now(catalog, known, asked) {
        let before = known.main_made();
        let undo = |made: Option<&RecordedResource>| {
            made.and_then(|made| made.undo.as_ref()).map_or("none".to_owned(), |undo| format!("`{undo}`"))
        };
        amendment.fields.push(format!("undo: {} → {}", undo(before), undo(Some(&now))));
        amendment.made = Some(now);
    }
    amendment
}

fn names(steps: &[StepId]) -> String {
    match steps {
        [] => "nothing".to_owned(),
        steps => steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", "),
    }
}

/// Whether an `adopt` names what the record has; by a name this may be unknown, since a run may have changed that.
fn names_it(known: &InstanceStatus, adopts: &Adopts) -> Option<bool> {
    let result = known.result.as_ref()?;
    let is_it = result.id.as_deref().map(id_text).as_ref() == Some(&adopts.which)
        || result.name.as_ref() == Some(&adopts.which);
    (is_it || adopts.by_id).then_some(is_it)
}

/// What of an `adopt` has no effect, because the step has a resource already.
fn without_effect(known: &InstanceStatus, adopts: Option<&Adopts>) -> Option<String> {
    let adopts = adopts?;
    let id = known.result.as_ref()?.id.as_deref().map(id_text)?;
    let remedy = "to adopt that one, take this one off the record first (`state forget`)";
    match names_it(known, adopts) {
        Some(true) if known.called && !adopts.own => Some(format!(
            "`adopt` has no effect: the step made {id} itself, and a destroy removes it (`undo: none` keeps it)"
        )),
        Some(false) => Some(format!("`adopt` names {}, and has no effect: the step has {id}; {remedy}", adopts.which)),
        None if known.called => Some(format!("`adopt` has no effect: the step made {id} itself; {remedy}")),
        _ => None,
    }
}

/// The main resource with the undo of the plan; `None` when the record has that undo already, or when the record does
/// not show that the step's own call made the resource: only an `own: true` that names it makes such a resource
/// deletable.
fn made_now(catalog: &Catalog, known: &InstanceStatus, asked: &Asked<'_>) -> Option<RecordedResource> {
    let (call, result) = (known.agreed()?, known.result.as_ref()?);
    let matched = operation_of(catalog, call);
    let creates = matched.as_ref().is_none_or(|(operation, _)| operation.creates.is_some());
    let before = known.main_made();
    let undo_before = before.and_then(|made| made.undo.as_ref());
    let is_meant = |adopts: &&Adopts| !known.called && names_it(known, adopts) != Some(false);
    let adopted = asked.adopts.as_ref().filter(is_meant);
    let may_be_deleted = match adopted {
        Some(adopts) => adopts.own && names_it(known, adopts) == Some(true),
        // What a PUT found there stays.
        None => known.called && !matched.as_ref().is_some_and(|(operation, _)| or_changes(Some(operation))),
    };
    let undo = match asked.undo.as_ref()? {
        _ if adopted.is_some_and(|adopts| !adopts.own) => &IntendedUndo::Keep,
        undo => undo,
    };
    if !creates {
        // A call that makes nothing is reverted by the plan's undo alone.
        return match (undo, undo_before) {
            (IntendedUndo::Call(now), before) if before != Some(&**now) => Some(made(catalog, call, result, undo)),
            (IntendedUndo::Call(_), _) | (_, None) => None,
            (_, Some(_)) => Some(RecordedResource::default()),
        };
    }
    let before = before?;
    let stays = match (undo, undo_before) {
        // Of a call that is not known here (`--spec`) the usual undo is not known either.
        (IntendedUndo::Default, _) if matched.is_none() => true,
        (IntendedUndo::Keep, before) => before.is_none(),
        (_, None) => !may_be_deleted,
        (IntendedUndo::Call(now), Some(before)) => **now == *before,
        (IntendedUndo::Default, Some(_)) => is_usual(matched.as_ref().map(|(operation, _)| &**operation), known),
        (IntendedUndo::Open(_), _) => true,
    };
    if stays {
        return None;
    }
    let now = made(catalog, call, result, undo);
    let now = RecordedResource { undo: now.undo, secondary: now.secondary, ..before.clone() };
    (now.undo.as_ref() != undo_before).then_some(now)
}

impl Instance {
    /// How the plan differs from what the record has of this instance, besides the call.
    pub(super) fn amendment(&self, known: &InstanceStatus) -> Amendment {
        if self.run.options.import.is_some() {
            return Amendment::default();
        }
        amendment(self.run.context.catalog, self.step(), known, &self.surroundings())
    }

    /// Records what the plan now says of an instance that is done, and warns of what has no effect. Returns the name that
    /// the resource has by drift that is settled.
    pub(super) async fn amend(&self, id: &InstanceId) -> Result<Option<String>, Interruption> {
        let known = self.known(id);
        let amendment = self.amendment(&known);
        for words in &amendment.said {
            self.run.context.warn(format!("`{id}`: {words}"));
        }
        let settled = !amendment.drift.is_empty();
        if amendment.fields.is_empty() && !settled {
            return Ok(None);
        }
        let Amendment { made, after, .. } = amendment;
        let record = Record::Amended(Box::new(Amended { instance: id.clone(), made, after, settled, agrees: None }));
        self.run.context.journal.append(vec![record]).await?;
        Ok(known.drifted_name().map(str::to_owned))
    }

    /// Records the call of an instance with its values in the plan's form, where one is the digest of the other; returns
    /// whether any is.
    pub(super) async fn amend_form(
        &self,
        id: &InstanceId,
        known: &InstanceStatus,
        call: &RecordedCall,
    ) -> Result<bool, Interruption> {
        let Some(InstanceStatus { agrees, .. }) = in_form_of(known, call, &self.run.context.digest_key) else {
            return Ok(false);
        };
        let record = Record::Amended(Box::new(Amended {
            instance: id.clone(),
            made: None,
            after: None,
            settled: false,
            agrees,
        }));
        self.run.context.journal.append(vec![record]).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
