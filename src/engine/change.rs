//! What a step does when its call differs from the recorded one (`on_change`), and when the API answers that the
//! resource exists already (`on_conflict`).

use std::time::Duration;

use serde_json::Value;

use super::call::Write;
use super::called::Called;
use super::called_again::{Former, former};
use super::collection::adoptable;
use super::context::RunContext;
use super::decide::{self, Allowed, ChangeKind, ReplaceBlocker};
use super::differences::differences;
use super::evidence::tags::stamp_value;
use super::instance::Instance;
use super::interruption::Interruption;
use super::operation;
use super::refresh::recovered;
use super::remade::ReplacementCheck;
use super::render::{CallParts, Rendered, step_value};
use super::resolve::InDoubt;
use super::results;
use super::turn::TurnEnd;
use super::update::{Changing, Difference, InPlace, NotFound, looked_up, wanted_call};
use crate::api::{ReadError, Request};
use crate::clock::millis;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::id::InstanceId;
use crate::journal::{
    Amended, Evidence, InstanceStatus, IntendedUndo, Intent, JournalError, Mark, Record, RecordedCall,
    RecordedResource, Status, StepResult, Succeeded,
};
use crate::plan::{CallTemplate, OnChange, OnConflict};
use crate::shared::Shared;
use crate::template::value_of;

impl Instance {
    /// The write of this step. `update` is given when the call is an update: the plan's call that the resource agrees
    /// with once the update has succeeded.
    pub(super) fn write_of(&self, id: &InstanceId, rendered: &Rendered, update: Option<Shared<RecordedCall>>) -> Write {
        let step = self.step();
        Write {
            operation: rendered.operation.clone(),
            parameters: rendered.parameters.clone(),
            request: rendered.request.clone(),
            intent: Intent {
                instance: id.clone(),
                call: rendered.recorded.clone(),
                attempt: 0,
                nonce: String::new(),
                stamped: false,
                after: step.after.to_vec(),
                undo: self.intended_undo(rendered),
                timeout_ms: step.wait.timeout.map(millis),
                secret: step.secret,
                mark: Mark::none(),
                update,
            },
            about: self.about(&rendered.recorded),
            retry: step.retry.as_deref().cloned(),
            stamp: !step.unstamped,
        }
    }

    /// The write of a recorded intent without an answer; `None` when it was an update that the plan no longer asks
    /// for.
    pub(super) fn write_again(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        intent: &Intent,
    ) -> Result<Option<Write>, Interruption> {
        match (&intent.update, &self.step().on_change) {
            (None, _) => Ok(Some(self.write_of(id, rendered, None))),
            (Some(_), Some(OnChange::Update(template))) => self.update_of(id, rendered, known, template).map(Some),
            (Some(_), Some(OnChange::Ignore | OnChange::Rerun | OnChange::Error)) => Ok(None),
            (Some(_), None | Some(OnChange::Auto | OnChange::Replace)) => {
                let Some(mut next) = self.difference(known, rendered).split.calls.into_iter().next() else {
                    return Ok(None);
                };
                let recorded = operation::operation_of(self.run.context.catalog, &intent.call);
                if let Some((operation, parameters)) = recorded
                    && !next.lookups.is_empty()
                    && operation.route == next.operation.route
                    && intent.update.as_deref() == Some(&next.agrees)
                {
                    // What had to be read for it is on record, and may not be there any more.
                    let (recorded, sent) = (RecordedCall::clone(&intent.call), intent.call.body.as_deref().cloned());
                    next = InPlace { recorded, sent, parameters, ..next };
                }
                Ok(Some(next).filter(|next| next.recorded == *intent.call).map(|next| self.in_place(id, &next)))
            }
        }
    }

    /// Where the recorded call and the plan's call differ, and which of these differences the API can change in
    /// place.
    pub(super) fn difference(&self, known: &InstanceStatus, rendered: &Rendered) -> Difference {
        let step = self.step();
        Difference::of(self.run.context.catalog, step, known, &rendered.recorded, rendered.request.body.as_deref())
    }

    pub(super) fn agrees(&self, known: &InstanceStatus, call: &Shared<RecordedCall>) -> bool {
        let ignored = &self.step().ignored_changes;
        known.agrees.as_ref().is_some_and(|before| {
            // Equal as they are, for the most part: nothing is copied to compare them.
            before == call || wanted_call(before, call, ignored) == **before
        })
    }

    /// Completes a call with the values that have to be read for it.
    async fn looked_up(&self, call: &InPlace) -> Result<InPlace, Interruption> {
        let context = &self.run.context;
        let read = context.stopped.or_leave(looked_up(context, call.clone())).await.map_err(Interruption::Stopped)?;
        read.map_err(|why| {
            let about = self.about(&call.recorded.clone().into());
            let mut error = match why {
                NotFound::Read(ReadError::Refused(error)) => context.refusal(&about, &error),
                NotFound::Read(error) => {
                    context.error(&about, EffectKnown::NotApplied, ErrorClass::Unreachable, error.to_string())
                }
                NotFound::Which(words) => context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words),
            };
            error.message = format!("what `{}` needs could not be read: {}", call.recorded, error.message);
            error.place = Some(self.run.plan_span(self.step().call.span).place());
            Interruption::Failed(error)
        })
    }

    /// The write that makes one change in place.
    fn in_place(&self, id: &InstanceId, call: &InPlace) -> Write {
        let request = Request { body: call.sent.clone().map(Shared::from), ..RunContext::request(&call.recorded) };
        let rendered = Rendered {
            operation: Some(call.operation.clone()),
            parameters: call.parameters.clone(),
            request,
            recorded: call.recorded.clone().into(),
        };
        self.write_of(id, &rendered, Some(call.agrees.clone().into()))
    }

    /// Resolves the outcome of an update that will not be sent again.
    pub(super) async fn give_up_update(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        in_doubt: &InDoubt,
        started: Duration,
    ) -> Result<Option<StepResult>, Interruption> {
        let write = Write { intent: Intent::clone(&in_doubt.attempt.intent), ..self.write_of(id, rendered, None) };
        if let Some(called) = write.find(&self.run.context, in_doubt).await? {
            let intended = self.intended(&in_doubt.attempt.intent);
            return self.finish(known, intended, called, Provenance::Recovered, started).await;
        }
        let words = "an update was never answered, and nothing was found of it";
        let error = self.run.context.error(&write.about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
        let record = crate::journal::Record::NotApplied { instance: id.clone(), error, unanswered: false };
        self.run.context.journal.append(vec![record]).await?;
        Ok(None)
    }

    fn update_of(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        template: &CallTemplate,
    ) -> Result<Write, Interruption> {
        let own = value_of(&step_value(&known.result.clone().unwrap_or_default(), None));
        let parts = CallParts::of_template(template, self.step());
        let update =
            self.surroundings().render(&parts, Some(&own)).map_err(|error| self.run.template_failed(&error))?;
        Ok(self.write_of(id, &update, Some(rendered.recorded.clone())))
    }

    /// Carries out what was decided where the recorded call differs from the plan's or `--replace` was given.
    pub(super) async fn changed(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        change: &Changing<'_>,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<TurnEnd, Interruption> {
        match (change.kind, &self.step().on_change) {
            (ChangeKind::Replace, _) => self.replace(id, provenance).await.map(|()| TurnEnd::Again),
            (ChangeKind::Ignore, _) => Ok(known.result.clone().into()),
            (ChangeKind::Update, Some(OnChange::Update(template))) => {
                *provenance = Provenance::Updated;
                let write = self.update_of(id, rendered, known, template)?;
                self.make(&write, known, None, provenance, started).await
            }
            (ChangeKind::Rerun, _) => self.rerun(id, rendered, known, provenance, started).await,
            (ChangeKind::Update, None | Some(OnChange::Auto | OnChange::Replace)) => {
                let next = change.split.calls.first();
                let Some(next) = next.filter(|next| known.agrees.as_deref() != Some(&next.agrees)) else {
                    return Err(Interruption::Failed(self.change_refused(rendered, known, change)));
                };
                *provenance = Provenance::Updated;
                let next = self.looked_up(next).await?;
                self.make(&self.in_place(id, &next), known, None, provenance, started).await
            }
            // What cannot be changed as a whole is not changed in part.
            (ChangeKind::Error | ChangeKind::Update, _) => {
                Err(Interruption::Failed(self.change_refused(rendered, known, change)))
            }
        }
    }

    /// The status of an instance that was recovered, and not compared with the plan yet.
    pub(super) fn recovered(&self, id: &InstanceId, rendered: &Rendered) -> Option<Shared<InstanceStatus>> {
        let context = &self.run.context;
        let known = context.journal.with_status(|status| recovered(context.catalog, status, id, &rendered.recorded));
        known.map(Shared::from)
    }

    /// Records the call that a recovered resource agrees with.
    pub(super) async fn record_recovered(&self, id: &InstanceId, known: &InstanceStatus) -> Result<(), Interruption> {
        let record = Record::Succeeded(Box::new(Succeeded {
            instance: id.clone(),
            provenance: Provenance::Recovered,
            result: known.result.clone().unwrap_or_default(),
            made: RecordedResource::default(),
            duration_ms: 0,
            durations: Vec::new(),
            evidence: Some(Evidence::Stamp),
            agrees: known.agrees.clone(),
            existed_on: None,
        }));
        Ok(self.run.context.journal.append(vec![record]).await?)
    }

    async fn rerun(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<TurnEnd, Interruption> {
        *provenance = Provenance::Called;
        let undo = self.undo_of_action(rendered);
        let (catalog, call) = (self.run.context.catalog, &rendered.recorded);
        match former(catalog, known, call, undo.as_ref(), self.run.is_orphan(id)) {
            Former::Same => {}
            Former::TakenBack => {
                self.take_back(id).await?;
                return Ok(TurnEnd::Again);
            }
            Former::Moot => {
                let nothing = Some(RecordedResource::default());
                let amended = Amended { instance: id.clone(), made: nothing, after: None };
                let records = known.made.iter().map(|_| Record::Amended(Box::new(amended.clone()))).collect();
                self.run.context.journal.append(records).await?;
            }
        }
        self.make(&self.write_of(id, rendered, None), known, None, provenance, started).await
    }

    /// Takes back what an action did, before it is called for something else.
    async fn take_back(&self, id: &InstanceId) -> Result<(), Interruption> {
        match self.run.remove(id).await {
            Err(Interruption::Failed(mut error)) => {
                error.message = format!("the undo of its former call failed: {}", error.message);
                error.help = vec!["if what it did is gone, run with `--refresh`".to_owned()];
                Err(Interruption::Failed(error))
            }
            done => done,
        }
    }

    /// Removes the resource of this step, and before it the recorded dependants, which this run makes again or prunes.
    async fn replace(&self, id: &InstanceId, provenance: &mut Provenance) -> Result<(), Interruption> {
        let dependants = self.run.recorded_dependants(id);
        if let Some((dependant, bar)) = self.barred(id, &dependants) {
            let mut error = self.run.context.error(
                &self.about(&self.step_call(id)),
                EffectKnown::NotApplied,
                ErrorClass::Rejected,
                format!("it cannot be replaced: {}", bar.words(&dependant)),
            );
            let forget = self.run.context.settings.state_command("forget", &dependant, "");
            error.help.push(bar.help(&dependant, &id.step, !self.run.options.target.is_empty(), &forget));
            return Err(Interruption::Failed(error));
        }
        *provenance = Provenance::Called;
        let mut all = dependants;
        all.push(id.clone());
        self.run.remove_all(&all).await
    }

    /// What may not be removed where the resource of this step is to be replaced, and why: itself, or a dependant.
    fn barred(&self, id: &InstanceId, dependants: &[InstanceId]) -> Option<(InstanceId, ReplaceBlocker)> {
        let (run, options) = (&self.run, &self.run.options);
        let look = |status: &Status| (decide::orphans(status), decide::staying(status, id, dependants));
        let (orphans, staying) = run.context.journal.with_status(look);
        let (target, replace, prune) = (&options.target, &options.replace, options.prune);
        let turn = ReplacementCheck {
            allowed: Allowed { plan: &run.plan, target, replace, prune, orphans: &orphans },
            replaced: id,
            staying: staying.as_ref(),
            surroundings: run.surroundings(&self.values, None),
            is_known: &|reference| self.values.contains_key(&reference.step),
        };
        turn.barred(dependants).map(|(barred, bar)| (barred.clone(), bar))
    }

    fn step_call(&self, id: &InstanceId) -> Shared<RecordedCall> {
        let written = || RecordedCall::new(self.step().call.method, &*self.step().call.written).into();
        self.known(id).agrees.clone().unwrap_or_else(written)
    }

    /// The error for a change that the plan does not allow: what differs, and which fields need a new resource.
    pub(super) fn change_refused(
        &self,
        rendered: &Rendered,
        known: &InstanceStatus,
        change: &Changing<'_>,
    ) -> StepError {
        let differing = known.agrees.as_ref().map(|agrees| differences(agrees, &rendered.recorded)).unwrap_or_default();
        let forced: Vec<String> =
            change.split.forced.iter().map(|forced| format!("`{}`: {}", forced.field, forced.reason)).collect();
        let by_others: Vec<(&str, &Value)> =
            change.split.forced.iter().filter_map(|forced| changed_by_others(known, &forced.field)).collect();
        let is_recovered = self.known(&self.id()).agrees.is_none();
        let message = match forced.as_slice() {
            forced if is_recovered => format!(
                "what was recovered differs from the plan's call, and would have to be replaced: {} ({})",
                differing.join("; "),
                forced.join("; ")
            ),
            [] => {
                format!(
                    "the plan's call differs from the recorded one, and may not change the resource: {}",
                    differing.join("; ")
                )
            }
            forced if by_others.len() == forced.len() => format!(
                "another client changed it, and the API cannot change it back: {} ({})",
                differing.join("; "),
                forced.join("; ")
            ),
            forced => format!(
                "the plan's call differs from the recorded one, which needs a new resource: {} ({})",
                differing.join("; "),
                forced.join("; ")
            ),
        };
        let about = self.about(&rendered.recorded);
        let mut error = self.run.context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, message);
        let fields: Vec<&str> = change.split.forced.iter().map(|forced| forced.field.as_str()).collect();
        let ignore = match fields.as_slice() {
            [] | ["call"] => "`on_change: ignore`".to_owned(),
            fields => format!("`on_change: {{ ignore: [{}] }}`", fields.join(", ")),
        };
        error.help.extend(by_others.iter().map(|(field, now)| {
            let words = format!("leave it as it is now: write `{field}: {now}` in the plan");
            self.run.context.secrets.redact(&words).into_owned()
        }));
        let step = &self.step().id;
        error.help.extend(match is_recovered {
            true => [format!("keep it as it is: {ignore}"), format!("replace it: `--replace {step}`")],
            false => [
                format!("keep it as it is: {ignore}; change it: `on_change: {{ update: {{ call: … }} }}`"),
                format!("replace it: `on_change: replace`, or `--replace {step}`"),
            ],
        });
        error
    }

    /// Handles a refusal because the resource exists already or is in use, as `on_conflict` says.
    pub(super) async fn conflict(
        &self,
        write: &Write,
        mut refusal: StepError,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<Option<StepResult>, Interruption> {
        let context = &self.run.context;
        let id = &write.intent.instance;
        if let Some(holder) = self.holder(write) {
            return Err(Interruption::Failed(self.held_by(&holder, id, refusal)));
        }
        let Some(operation) = write.operation.as_deref().filter(|_| self.step().on_conflict == OnConflict::Adopt)
        else {
            return Err(match write.open_attempts(&self.known(id)).pop() {
                Some(open) => self.stands_in_the_way(open.intent.attempt, id, refusal).await?,
                None => Interruption::Failed(refusal),
            });
        };
        let owner = stamp_value(&context.settings.plan, &context.settings.environment, id);
        match adoptable(context, operation, &write.intent.call, &write.parameters, &owner).await {
            Ok((item, ours)) => {
                *provenance = Provenance::Adopted;
                // A resource that this plan did not create is used, and never deleted.
                let undo = if ours { write.intent.undo.clone() } else { IntendedUndo::Keep };
                let intent = Intent { undo, ..write.intent.clone() };
                self.finish(
                    &self.known(id),
                    self.intended(&intent),
                    Called::Found { item, evidence: None },
                    Provenance::Adopted,
                    started,
                )
                .await
            }
            Err(why) => {
                refusal.message = format!("{}; it cannot be adopted: {why}", refusal.message);
                Err(Interruption::Failed(refusal))
            }
        }
    }

    /// Records that an attempt without an answer may have made what a later one was refused for, though nothing was found of
    /// it: the outcome is in doubt, and a refusal says nothing about that attempt.
    async fn stands_in_the_way(
        &self,
        attempt: u32,
        id: &InstanceId,
        refusal: StepError,
    ) -> Result<Interruption, JournalError> {
        let words = format!("{}; attempt {attempt}, which was never answered, may have made that", refusal.message);
        let resolve = |decision: &str| self.run.context.settings.state_command("resolve", id, decision);
        let help = vec![
            format!("decide with {} (it made that)", resolve("--id ID")),
            format!("or {} (it made nothing)", resolve("--not-applied")),
        ];
        let error = StepError { effect: EffectKnown::Unknown, message: words, help, ..refusal };
        let found = Record::Found { instance: id.clone(), attempt };
        let unknown = Record::Unknown { instance: id.clone(), error: error.clone() };
        self.run.context.journal.append(vec![found, unknown]).await?;
        Ok(Interruption::Unknown(error))
    }

    /// The error for a call that asks for what another instance of this record has.
    fn held_by(&self, holder: &InstanceId, id: &InstanceId, mut error: StepError) -> StepError {
        error.message = format!("{}; `{holder}` of this record has it", error.message);
        error.help = vec![self.rename_help(holder, id)];
        error
    }

    /// How an instance takes over what another instance of this record has.
    pub(super) fn rename_help(&self, holder: &InstanceId, id: &InstanceId) -> String {
        let flags = &self.run.context.settings.record_flags;
        format!(
            "rename it: `moved: [{{ from: '{holder}', to: '{id}' }}]` in the plan, or `plan state mv{flags} '{holder}' '{id}'`"
        )
    }

    /// Refuses a call that would change the resource of an instance that is no longer in the plan, as after a rename:
    /// the API would not refuse it, and `--prune` would then delete the resource.
    pub(super) fn refuse_if_held(&self, write: &Write) -> Result<(), Interruption> {
        let id = &write.intent.instance;
        if !operation::or_changes(write.operation.as_deref()) {
            return Ok(());
        }
        let is_former = |holder: &InstanceId| holder.step == id.step || !self.run.plan.steps.contains_key(&holder.step);
        match self.holder(write).filter(is_former) {
            Some(holder) => {
                let words = "it would change an existing resource";
                let error = self.run.context.error(&write.about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
                Err(Interruption::Failed(self.held_by(&holder, id, error)))
            }
            None => Ok(()),
        }
    }

    /// Another instance of this record that has the resource which the call would change or create: of the same kind
    /// and name in the same collection, or at the same path where that identifies it (a record set). With two owners,
    /// the removal of one would delete the resource of the other.
    fn holder(&self, write: &Write) -> Option<InstanceId> {
        let call = &write.intent.call;
        let asked = results::of_answer(write.operation.as_deref(), call, 0, Value::Null);
        let has_it = |known: &InstanceStatus| {
            let made = known.result.as_ref().filter(|_| !known.made.is_empty());
            let by_key = |made: &StepResult| match &asked.name {
                Some(_) => made.name == asked.name,
                None => made.id == asked.id,
            };
            made.is_some_and(|made| made.kind == asked.kind && by_key(made))
                && known.agreed().is_some_and(|made_by| made_by.path == call.path)
        };
        write.operation.as_ref()?.creates.as_ref()?;
        if asked.name.is_none() && asked.id.is_none() {
            return None;
        }
        self.run.context.journal.with_status(|status| {
            let others = status.instances.iter().filter(|(other, _)| **other != write.intent.instance);
            others.filter(|(_, known)| has_it(known)).map(|(other, _)| other.clone()).next()
        })
    }
}

/// The top field of a place, and the value that another client gave it; `None` without drift, and when the field is
/// absent now.
fn changed_by_others<'c>(known: &'c InstanceStatus, place: &'c str) -> Option<(&'c str, &'c Value)> {
    let field = place.strip_prefix("body/").filter(|field| !field.contains('/'))?;
    let drifted = known.drifted.iter().find(|drifted| drifted.field == field)?;
    Some((field, drifted.now.as_ref()?))
}
