//! What exists before a create is sent. For kinds that have neither our tags nor the id of the creating task, only this
//! excludes a resource of another client after a lost answer.
//!
//! Creates of one run share the reading of a list ([`Listings`](crate::engine::Listings)). A list excludes by what it
//! shows and never by what it lacks, so that an older reading excludes less: a resource that another client makes
//! between the reading and our call stays a candidate, and a candidate without other evidence is not claimed. In two
//! cases the lack of a resource counts as well, and the reading is one that begins after the create asked: a kind with
//! unique names (`Evidence::OwnKey`), and products without an audit log (`Evidence::OnlyNew`). Where one request reads
//! the very resource, or a call may change what is there (`Creates::or_changes`), nothing is shared.

use std::sync::Arc;

use serde_json::Value;

use super::Write;
use crate::catalog::{CLOUD, Creates, IdAt, ListCall, Operation, root_of};
use crate::engine::collection::{item_id, items, list_call, name_asked_for, named_items, own_path};
use crate::engine::context::RunContext;
use crate::engine::evidence::likeness::contradicts;
use crate::engine::listings::{Freshness, Listed, Listing};
use crate::engine::made::resource_of;
use crate::engine::pages::{Pages, Paging, each_page, endless};
use crate::engine::refresh::agreement;
use crate::engine::results::named_in_path;
use crate::journal::{Intent, Mark, RecordedCall, id_text};

/// Up to this number of creates in a run (or the number of pages of a list that is too long to be read), each sends a
/// request filtered by its name, where the API has such a filter; more of them share one reading of the whole list.
const FEW: usize = 3;

/// What exists before the first attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Existing {
    /// See [`Mark::before`].
    pub before: Option<Vec<String>>,
    /// See [`Mark::secondary_before`].
    pub secondary_before: Option<Vec<String>>,
}

impl Existing {
    pub fn recorded(mark: &Mark) -> Self {
        Self { before: mark.before.clone(), secondary_before: mark.secondary_before.clone() }
    }
}

impl Write {
    /// Reads the resources that exist before the call is sent.
    pub(super) async fn existing(&self, context: &RunContext) -> Existing {
        Existing {
            before: self.existing_before(context).await,
            secondary_before: self.secondary_existing_before(context).await,
        }
    }

    /// What existed before an attempt of an earlier command that was not answered. Where nothing was at the path of a call
    /// that may change an existing resource, another client may have created one since: it counts as existing, too.
    pub(super) async fn still_existing(&self, context: &RunContext, attempt: &Intent) -> Existing {
        let recorded = Existing::recorded(&attempt.mark);
        if !self.or_changes() || !recorded.before.as_ref().is_some_and(Vec::is_empty) {
            return recorded;
        }
        Existing { before: self.made_since(context, &attempt.call).await, ..recorded }
    }

    /// The ids of what another client has made at the path of this call; `None` when that cannot be read. `attempted`: the call of
    /// the attempt, from which the plan's may differ by now.
    async fn made_since(&self, context: &RunContext, attempted: &RecordedCall) -> Option<Vec<String>> {
        let operation = self.operation.as_deref()?;
        let creates = operation.creates.as_ref()?;
        let list = creates.resource.as_ref()?.list.as_ref()?;
        let _place = context.gates.request().await;
        let found = named_items(context, creates, list, self.call(), &self.parameters).await.ok()?;
        let is_anothers = |item: &&Value| {
            let agrees = |call| {
                context
                    .journal
                    .with_status(|status| agreement(status, self.instance(), call, operation, item))
                    .is_some()
            };
            !agrees(attempted) && !agrees(self.call())
        };
        let others = found.iter().filter(is_anothers).filter_map(|item| item_id(operation, list, self.call(), item));
        Some(others.map(|id| id_text(&id)).collect())
    }

    /// Ids of existing resources that could later be mistaken for what this call makes. They are listed only for
    /// kinds without our tag and without the id of the creating task. `None` when they are not listed or cannot be:
    /// then a lost answer cannot be resolved, and the step ends as unknown.
    async fn existing_before(&self, context: &RunContext) -> Option<Vec<String>> {
        let operation = self.operation.as_deref()?;
        let creates = operation.creates.as_ref()?;
        let list = creates.resource.as_ref()?.list.as_ref()?;
        if list.creator_task || (self.is_stamped(context) && list.tags) {
            return None;
        }
        let is_shared = !creates.or_changes && own_path(creates, &self.parameters).is_none();
        if is_shared && let Some(listed) = self.listed(context, creates, list).await? {
            return Some(self.ids_alike(&listed, operation, creates, list));
        }
        let _place = context.gates.request().await;
        let found = named_items(context, creates, list, self.call(), &self.parameters).await.ok()?;
        let alike = found.iter().filter(|item| creates.or_changes || !contradicts(item, self.call(), &[]));
        Some(alike.filter_map(|item| item_id(operation, list, self.call(), item)).map(|id| id_text(&id)).collect())
    }

    /// The whole list, from a reading that creates share. `None`: it cannot be read. `Some(None)`: a request filtered
    /// by the name is cheaper.
    async fn listed(&self, context: &RunContext, creates: &Creates, list: &ListCall) -> Option<Option<Arc<Listed>>> {
        let request = list_call(list, &self.parameters)?;
        let shared = context.listings.list(&request.path);
        let asked = shared.ask();
        let is_filtered = list.name_parameter.is_some() && name_asked_for(creates, self.call()).is_some();
        if is_filtered && asked <= shared.pages().max(FEW) {
            return Some(None);
        }
        // With a filter for names, no more requests than it would take.
        let most = if is_filtered { asked } else { usize::MAX };
        let reading = async {
            let mut listed = Listed::default();
            let _place = context.gates.request().await;
            let take = |elements| listed.add(list, list.resources(elements));
            match each_page(&context.client, &request, &list.items_at, Paging::of(list), most, take).await {
                Ok(Pages::Read) => Ok(Listing::Whole(listed)),
                Ok(Pages::More { pages }) if is_filtered => Ok(Listing::Long(pages)),
                Ok(Pages::More { .. }) => Err(endless(listed.ids().count())),
                // The parent does not exist any more, and so neither do its items.
                Err(error) if error.is_not_found() => Ok(Listing::Whole(Listed::default())),
                Err(error) => Err(error),
            }
        };
        let counts_what_is_missing = creates.unique || root_of(&self.call().path) != CLOUD;
        let freshness = if counts_what_is_missing { Freshness::Own } else { Freshness::Recent };
        shared.items(asked, freshness, context.clock(), reading).await.ok()
    }

    /// The ids of existing resources that a search could mistake for the one that this call makes.
    fn ids_alike(&self, listed: &Listed, operation: &Operation, creates: &Creates, list: &ListCall) -> Vec<String> {
        if let IdAt::Path(names) = &creates.id_at {
            let own = named_in_path(operation, self.call(), names).map(|id| id_text(&id));
            return own.into_iter().filter(|own| listed.ids().any(|id| id == own)).collect();
        }
        match name_asked_for(creates, self.call()) {
            Some(name) => listed.ids_named(list, &id_text(&name)).map(str::to_owned).collect(),
            None if list.name_field.is_some() => listed.ids().map(str::to_owned).collect(),
            None => {
                let alike = listed.items().iter().filter(|item| !contradicts(item, self.call(), &[]));
                alike.filter_map(|item| item_id(operation, list, self.call(), item)).map(|id| id_text(&id)).collect()
            }
        }
    }

    /// Ids of what exists already of the kinds of secondary resources that this call may make; `None` when it makes
    /// none there, or they cannot be listed.
    async fn secondary_existing_before(&self, context: &RunContext) -> Option<Vec<String>> {
        let creates = self.operation.as_deref()?.creates.as_ref()?;
        let body = self.call().body.as_ref();
        let mut lists = Vec::new();
        for side in &creates.secondary {
            if body.and_then(|body| body.get(&side.unless)).is_none() {
                lists.push(resource_of(context.catalog, &side.kind)?.list?);
            }
        }
        let mut ids = (!lists.is_empty()).then(Vec::new)?;
        for list in lists {
            let _place = context.gates.request().await;
            let found = items(context, &list, list_call(&list, &self.parameters)?).await.ok()?;
            ids.extend(found.iter().filter_map(|item| item.get(&list.id_field)).map(id_text));
        }
        Some(ids)
    }
}
