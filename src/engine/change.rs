//! What a step does when its call differs from the recorded one (`on_change`), and when the API answers that the
//! resource exists already (`on_conflict`).

mod of_another;
mod refused;

use std::time::Duration;

use super::call::Write;
use super::called::Called;
use super::called_again::{Former, former};
use super::context::RunContext;
use super::decide::{self, Allowed, ChangeKind, ReplaceBlocker};
use super::instance::Instance;
use super::interruption::Interruption;
use super::operation;
use super::refresh::recovered;
use super::remade::ReplacementCheck;
use super::render::{CallParts, Rendered, step_value};
use super::resolve::InDoubt;
use super::turn::TurnEnd;
use super::update::{Changing, Difference, InPlace, Lookup, NotFound, looked_up, wanted_call};
use crate::api::{ReadError, Request};
use crate::clock::millis;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::id::InstanceId;
use crate::journal::{
    Amended, Evidence, InstanceStatus, Intent, Mark, Record, RecordedCall, RecordedResource, Status, StepResult,
    Succeeded,
};
use crate::plan::{CallTemplate, OnChange};
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
    pub(super) async fn write_again(
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
                if next.lookups.iter().any(|lookup| matches!(lookup, Lookup::Others(_))) {
                    // What others have in the list may have changed since.
                    let Some(complete) = self.looked_up(id, &next).await? else { return Ok(None) };
                    next = complete;
                } else if let Some((operation, parameters)) = recorded
                    && !next.lookups.is_empty()
                    && operation.route == next.operation.route
                    && intent.update.as_deref() == Some(&next.agrees)
                {
                    // The recorded call has the values that were read for it, which may not exist any more.
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
            // They are mostly equal, and then nothing is copied for the comparison.
            before == call || wanted_call(before, call, ignored) == **before
        })
    }

    /// Completes a call with the values that have to be read for it; `None` when the part that it detaches is gone.
    async fn looked_up(&self, id: &InstanceId, call: &InPlace) -> Result<Option<InPlace>, Interruption> {
        let context = &self.run.context;
        let read =
            context.stopped.or_leave(looked_up(context, id, call.clone())).await.map_err(Interruption::Stopped)?;
        read.map_err(|why| {
            let recorded = call.recorded.clone().into();
            let about = self.about(&recorded);
            let mut error = match why {
                NotFound::OfAnother(maker) => return self.of_another(id, &self.known(id), &recorded, &maker),
                NotFound::Read(ReadError::Refused(error)) => context.refusal(&about, &error),
                NotFound::Read(error) => {
                    context.error(&about, EffectKnown::NotApplied, ErrorClass::Unreachable, error.to_string())
                }
                NotFound::NotOne(words) => {
                    let error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
                    let (step, fields) = (&self.step().id, call.fields.join(", body/"));
                    let help = [
                        "change back what another client changed, then run again".to_owned(),
                        format!("or keep it as it is: `on_change: {{ ignore: [body/{fields}] }}`"),
                        format!("or replace it: `--replace {step}`"),
                    ];
                    StepError { help: help.into(), ..error }
                }
            };
            if context.journal.with_status(Status::changed_since_started).contains(id) {
                error.help.insert(0, "what was changed before this call stays, and is on record".to_owned());
            }
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
                self.refuse_of_another(id, known, &write.intent.call).await?;
                self.make(&write, known, None, provenance, started).await
            }
            (ChangeKind::Rerun, _) => self.rerun(id, rendered, known, provenance, started).await,
            (ChangeKind::Update, None | Some(OnChange::Auto | OnChange::Replace)) => {
                let next = change.split.calls.first();
                let Some(next) = next.filter(|next| known.agrees.as_deref() != Some(&next.agrees)) else {
                    return Err(Interruption::Failed(self.change_refused(rendered, known, change)));
                };
                *provenance = Provenance::Updated;
                let recorded = next.recorded.clone().into();
                if !next.lookups.iter().any(|lookup| matches!(lookup, Lookup::Others(_))) {
                    self.refuse_of_another(id, known, &recorded).await?;
                }
                if let Some(next) = self.looked_up(id, next).await? {
                    return self.make(&self.in_place(id, &next), known, None, provenance, started).await;
                }
                let moot = self.in_place(id, next).intent;
                self.finish(known, self.intended(&moot), Called::done(), *provenance, started).await.map(TurnEnd::from)
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
                let amended =
                    Amended { instance: id.clone(), made: nothing, after: None, settled: false, agrees: None };
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
        let blockers = self.blockers(id, &dependants);
        if let Some((dependant, blocker)) = blockers.first() {
            let mut error = self.run.context.error(
                &self.about(&self.step_call(id)),
                EffectKnown::NotApplied,
                ErrorClass::Rejected,
                format!("it cannot be replaced: {}", blocker.words(dependant)),
            );
            let forget = self.run.context.settings.state_command("forget", dependant, "");
            let alike = blockers.iter().filter(|(_, other)| other == blocker).map(|(dependant, _)| dependant);
            let targeted = !self.run.options.target.is_empty();
            error.help.push(blocker.help(&alike.cloned().collect::<Vec<_>>(), &id.step, targeted, &forget));
            return Err(Interruption::Failed(error));
        }
        *provenance = Provenance::Called;
        let mut all = dependants;
        all.push(id.clone());
        self.run.remove_all(&all).await
    }

    /// The instances that keep the resource of this step from being replaced, and why: itself, or dependants.
    fn blockers(&self, id: &InstanceId, dependants: &[InstanceId]) -> Vec<(InstanceId, ReplaceBlocker)> {
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
        turn.blockers(dependants).into_iter().map(|(instance, blocker)| (instance.clone(), blocker)).collect()
    }

    fn step_call(&self, id: &InstanceId) -> Shared<RecordedCall> {
        let written = || RecordedCall::new(self.step().call.method, &*self.step().call.written).into();
        self.known(id).agrees.clone().unwrap_or_else(written)
    }
}
