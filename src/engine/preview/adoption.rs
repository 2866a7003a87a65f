//! What a run would adopt and then change, as far as the resource was read.

use serde_json::Value;

use super::continued::{OfPlan, changed};
use super::unknown::KnownValues;
use super::{Action, Preview};
use crate::catalog::{Creates, ListCall, Method, Operation, Resource};
use crate::engine::adopt::{AdoptKey, Adoptable, shown_in, taken_words};
use crate::engine::conceal::hide_once_shown;
use crate::engine::decide::{self, Decision, Wanted};
use crate::engine::find::NotOne;
use crate::engine::holder::one_step_help;
use crate::engine::operation::{Parameters, operation_of};
use crate::engine::pages::listed;
use crate::engine::placeholder::{has_placeholder, is_known_later};
use crate::engine::refresh::as_it_stands;
use crate::engine::update::Difference;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall, id_text};
use crate::plan::{AdoptBy, Step};
use crate::source::Span;
use crate::template::Each;

/// What was read of the resource to adopt.
enum Seen {
    /// It was not read.
    Nothing,
    /// The one resource.
    One(Value),
    NotOne(NotOne),
}

impl Preview<'_> {
    /// How a run adopts: what it changes of the resource, or why it fails.
    pub(super) fn adoption(
        &self,
        step: &Step,
        id: &InstanceId,
        each: Option<&Each>,
        call: &RecordedCall,
        known: &mut KnownValues,
    ) -> Action {
        let unread = Action::Adopt { then: None };
        let operation = operation_of(self.catalog, call);
        let creates = operation.as_ref().and_then(|(create, _)| create.creates.as_ref());
        let (Some(adopt), Some((create, parameters)), Some(creates)) = (&step.adopt, &operation, creates) else {
            return unread;
        };
        let (AdoptBy::Id(template) | AdoptBy::Name(template)) = &adopt.by;
        if known.unknown_in(template.references()).is_some() {
            return unread;
        }
        let by = match AdoptKey::of(&adopt.by, &self.surroundings(known, each).scope()) {
            Ok(by) => by,
            // A value that is known later may not be what the template takes it for.
            Err(_) if known.unsettled_among(&step.after).next().is_some() => return unread,
            Err(error) => return self.failing(&error.message, error.span, error.help),
        };
        if let AdoptKey::Id(wanted) = &by
            && let Some(taken) = self.taken(id, creates, wanted, template.span, known)
        {
            return taken;
        }
        // What an earlier step of the run makes or changes is not there yet.
        let is_settled = known.unsettled_among(&step.after).next().is_none();
        let has_place = !is_known_later(&call.path) && !call.path.contains('{');
        let is_whole = has_place && !call.body.as_deref().is_some_and(has_placeholder);
        let Some(resource) = creates.resource.as_ref().filter(|_| is_settled && is_whole) else { return unread };
        let item = match self.seen((create, parameters), resource, &by, known) {
            Seen::Nothing => return unread,
            Seen::NotOne(not_one) => return self.failing(&not_one.message, template.span, not_one.help),
            Seen::One(item) => item,
        };
        hide_once_shown(self.secrets, &item);
        let agrees = || {
            let is_owned = |other: &Value| self.status.is_some_and(|status| status.is_made_by_another(id, other));
            as_it_stands(self.digest_key, &is_owned, call, create, &item)
        };
        let found = match Adoptable::of(&by, create, call, &item, agrees) {
            Ok(found) => found,
            Err(why) => return self.failing(&why, template.span, None),
        };
        if let (AdoptKey::Name(_), Some(wanted)) = (&by, found.result.id.as_deref().map(id_text))
            && let Some(taken) = self.taken(id, creates, &wanted, template.span, known)
        {
            return taken;
        }
        if let Some(why) = found.obstacle(self.catalog, call) {
            return self.failing(&why, step.call.span, None);
        }
        Action::Adopt { then: Some(Box::new(self.after_adoption(step, found, call))) }
    }

    /// What the run does with the resource once it is on record.
    fn after_adoption(&self, step: &Step, found: Adoptable, call: &RecordedCall) -> Action {
        let done = InstanceStatus {
            phase: Phase::Succeeded,
            agrees: Some(found.agrees.into()),
            result: Some(found.result),
            ..InstanceStatus::default()
        };
        let Difference { kind, split } = Difference::of(self.catalog, step, &done, call, None);
        let wanted = Wanted { always: false, ..Wanted::of(step, false, false, false) };
        match decide::instance(&wanted, Some(&done), kind) {
            Decision::Change(how) => {
                let none = OfPlan { update: None, undo: None };
                let calls = none.calls(self.catalog, &done, call, how, false);
                changed(step, &done, call, (how, split), calls)
            }
            _ => Action::Keep,
        }
    }

    /// The existing resource, by the read that the run sends.
    fn seen(
        &self,
        (create, parameters): (&Operation, &Parameters),
        resource: &Resource,
        by: &AdoptKey,
        known: &mut KnownValues,
    ) -> Seen {
        if let Some(path) = by.own_path(resource, parameters) {
            let read = RecordedCall::new(Method::Get, path);
            return match self.reads.asked(&read, &mut known.wanted) {
                Some((_, answer)) => Seen::One(shown_in(create, answer.clone())),
                None if self.reads.is_missing(&read) => Seen::NotOne(by.no_such_one()),
                None => Seen::Nothing,
            };
        }
        let request = resource.list.as_ref().and_then(|list| Some((list, by.list_request(list, parameters)?)));
        let Some((list, request)) = request else { return Seen::Nothing };
        let read = RecordedCall { query: request.query.into(), ..RecordedCall::new(Method::Get, request.path) };
        let Some(found) = self.listed(list, &read, known) else { return Seen::Nothing };
        let none_fits = !found.iter().any(|item| by.fits(list, item));
        if none_fits && !read.query.is_empty() {
            // The list was filtered by name: the help names what an unfiltered one has.
            let all = RecordedCall::new(Method::Get, read.path);
            return Seen::NotOne(by.none(list, &self.listed(list, &all, known).unwrap_or_default()));
        }
        by.one_of(list, found).map_or_else(Seen::NotOne, Seen::One)
    }

    /// The resources of a list, where it was read; none when its parent does not exist.
    fn listed(&self, list: &ListCall, read: &RecordedCall, known: &mut KnownValues) -> Option<Vec<Value>> {
        match self.reads.asked(read, &mut known.wanted) {
            Some((_, answer)) => listed(answer.clone(), &list.items_at, &read.path).map(|items| list.resources(items)),
            None => self.reads.is_missing(read).then(Vec::new),
        }
    }

    /// The failure of an instance that adopts what another one has or adopts.
    fn taken(
        &self,
        id: &InstanceId,
        creates: &Creates,
        wanted: &str,
        span: Span,
        known: &mut KnownValues,
    ) -> Option<Action> {
        let value = creates.id_value(wanted);
        let by_name = creates.resource.as_ref().is_none_or(|resource| resource.by_name);
        let holder = self.status.filter(|_| !by_name);
        let holder = holder.and_then(|status| status.other_owner(id, &creates.kind, &value)).cloned();
        let key = format!("{} {wanted}", creates.kind);
        let holder = holder.or_else(|| known.adopted.get(&key).filter(|_| !by_name).cloned());
        let Some(holder) = holder else {
            known.adopted.insert(key, id.clone());
            return None;
        };
        let help = self.plan.steps.contains_key(&holder.step).then(|| one_step_help(&holder, id));
        Some(self.failing(&taken_words(wanted, &format!("step `{holder}`")), span, help))
    }
}
