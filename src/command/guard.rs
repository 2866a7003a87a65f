//! Searches the account for resources with an environment's stamp that its record does not have: before the first run with
//! an empty record, before a run that creates what the record does not have, before a teardown of an empty record says that
//! nothing is left, and after a teardown.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::patience::with_wait_note;
use super::recorded::words;
use super::settings::settings_of_record;
use super::{Account, load, warn};
use crate::api::{Client, ReadError, Request};
use crate::catalog::{Catalog, Operation};
use crate::cli::{ApiOptions, PlanOptions};
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{
    Settings, Spot, StampSearch, Stamped, spots_of, stampable, stamped, stamped_on_record, steps_with_new,
};
use crate::error::Error;
use crate::journal::{RecordedResource, Status, id_text};
use crate::plan::Plan;
use crate::report::{count, list};
use crate::store::EnvironmentRecord;

/// The most lists and resources in a message.
const NAMED: usize = 5;
/// A teardown that is done waits no longer than this for the search that follows it.
const SEARCH_AFTER: Duration = Duration::from_secs(30);

/// How much later a time may be on the server's clock than answers show, which have whole seconds.
const UNCERTAIN: SignedDuration = SignedDuration::from_secs(1);

/// What the account is searched for: the stamps of one environment, on what these creates make in these projects and
/// regions.
struct Search<'a> {
    catalog: &'a Catalog,
    operations: Vec<Arc<Operation>>,
    spots: Vec<Spot>,
    plan: &'a str,
    environment: &'a str,
}

impl<'a> Search<'a> {
    /// For what these creates of a plan make, in the projects and regions of its calls.
    fn of_plan(
        context: &Context,
        catalog: &'a Catalog,
        plan: &'a Plan,
        settings: &'a Settings,
        inputs: &BTreeMap<String, minijinja::Value>,
        operations: Vec<Arc<Operation>>,
    ) -> Self {
        let spots = spots_of(plan, settings, &context.secrets, inputs);
        Self { catalog, operations, spots, plan: &plan.name, environment: &settings.environment }
    }

    /// Reads one list per kind, project and region.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] when the key or the address fails for all.
    async fn look(self, context: &Context, client: &Client) -> Result<StampSearch, Error> {
        let Self { catalog, operations, spots, plan, environment } = self;
        if operations.is_empty() {
            return Ok(StampSearch::default());
        }
        let looking = stamped(client, catalog, operations, &spots, plan, environment);
        let what = "searching the account for resources of an earlier run";
        let looked = with_wait_note(context, client, what, looking).await?;
        if let Some(error) = client.shut_out() {
            return Err(Error::Api { what: "nothing was begun".to_owned(), error });
        }
        // An address that answers no read will answer no write either: a call would only be in doubt.
        let unanswered = looked.unread.iter().find(|(_, error)| error.meaning().is_none());
        if let (0, Some((_, error))) = (looked.lists, unanswered) {
            return Err(Error::Api { what: "nothing was begun".to_owned(), error: error.clone() });
        }
        Ok(looked)
    }
}

/// Before a first run: searches for the stamps of this environment. Warns of lists that cannot be read.
///
/// # Errors
///
/// When there are any: the record is lost, and a run would create everything again. Also when no list can be read.
pub async fn guard(
    context: &Context,
    client: &Client,
    catalog: &Catalog,
    plan: &Plan,
    settings: &Settings,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Result<(), Error> {
    let operations = stampable(plan.steps.values());
    let search = Search::of_plan(context, catalog, plan, settings, inputs, operations);
    let looked = search.look(context, client).await?;
    warn_of_unread(context, &none_found(looked, &plan.name, &settings.environment, false)?)
}

fn warn_of_unread(context: &Context, unread: &[(String, ReadError)]) -> Result<(), Error> {
    unread.iter().try_for_each(|(path, why)| {
        warn(context, &format!("`{path}` cannot be searched for resources of an earlier run: {why}"))
    })
}

/// Before another run: searches for the stamps of steps of which the record does not have every instance, so that they would
/// be created. What was made after the last line of the record, by the server's clock, was made without it. Resources that
/// were taken off the record (`state forget`) are older than that line. Warns of lists that cannot be read.
///
/// # Errors
///
/// When there are any: the record is an older copy, or another one has its name, and the run would create them again. Also
/// when no list can be read.
pub async fn guard_older(
    context: &Context,
    client: &Client,
    catalog: &Catalog,
    plan: &Plan,
    settings: &Settings,
    inputs: &BTreeMap<String, minijinja::Value>,
    recorded: &Status,
) -> Result<(), Error> {
    let operations = stampable(steps_with_new(plan, settings, &context.secrets, inputs, recorded));
    if operations.is_empty() {
        return Ok(());
    }
    let search = Search::of_plan(context, catalog, plan, settings, inputs, operations);
    let looked = search.look(context, client).await?;
    let ended = client.server_time(recorded.updated);
    let ended = ended.checked_add(UNCERTAIN).unwrap_or(ended);
    let is_newer = |stamped: &&Stamped| {
        plan.steps.contains_key(&stamped.instance.step)
            && !recorded.instances.contains_key(&stamped.instance)
            && stamped.created.is_some_and(|created| created > ended)
            && stamped.id().is_some_and(|id| recorded.owners_of(id).next().is_none())
    };
    match looked.found.iter().filter(is_newer).count() {
        0 => warn_of_unread(context, &looked.unread),
        found => Err(Error::RecordOlder {
            found: count(found, "resource"),
            plan: plan.name.to_string(),
            environment: settings.environment.clone(),
            updated: recorded.updated,
        }),
    }
}

/// The lists that could not be read, and why. `teardown`: nothing would be removed, in place of made twice.
fn none_found(
    looked: StampSearch,
    plan: &str,
    environment: &str,
    teardown: bool,
) -> Result<Vec<(String, ReadError)>, Error> {
    match looked.found.len() {
        0 => Ok(looked.unread),
        found => Err(Error::RecordEmpty {
            found: count(found, "resource"),
            plan: plan.to_owned(),
            environment: environment.to_owned(),
            teardown,
        }),
    }
}

/// Before a teardown of an environment without a call on record, given its plan file: the same search. Returns why the
/// account was not searched, or not all of it.
///
/// # Errors
///
/// When there are any: the record is lost, and they would stay. Also when the API cannot be read.
pub async fn guard_teardown(
    context: &Context,
    file: Option<&Path>,
    api: &ApiOptions,
    record: &EnvironmentRecord,
) -> Result<Option<String>, Error> {
    let Some(file) = file else { return Ok(Some("its plan file is not known".to_owned())) };
    let account = match Account::of(context, api) {
        Err(Error::NoKey { .. }) => return Ok(Some("there is no API key".to_owned())),
        account => account?,
    };
    let Ok(loaded) = load::load_plan(context, file, None) else {
        return Ok(Some(format!("`{}` is no valid plan, which would name the kinds of its resources", file.display())));
    };
    let operations = stampable(loaded.plan.steps.values());
    if operations.is_empty() {
        return Ok(Some("no resource of its plan can be found by a stamp".to_owned()));
    }
    let options = PlanOptions { environment: Some(record.environment().to_owned()), ..PlanOptions::default() };
    let inputs = load::known_inputs(context, &loaded.plan, &options);
    let places = load::places(context, &loaded.plan, &inputs, record.environment(), api, &account);
    let settings = settings_of_record(record, places.unwrap_or((account.project_id, account.region_id)));
    let spots = spots_of(&loaded.plan, &settings, &context.secrets, &inputs);
    if spots.is_empty() {
        return Ok(Some("its project and region are not known: give `--project-id` and `--region-id`".to_owned()));
    }
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let (plan, environment) = (loaded.plan.name.as_str(), record.environment());
    let search = Search { catalog: loaded.catalog, operations, spots, plan, environment };
    let unread = none_found(search.look(context, &client).await?, plan, environment, true)?;
    let unread: Vec<String> = unread.iter().map(|(path, why)| format!("`{path}` ({why})")).collect();
    Ok((!unread.is_empty()).then(|| format!("cannot be read: {}", list(unread, NAMED))))
}

/// After a teardown: warns of resources with the stamp of the environment that were never on its record, and so were not
/// removed. `before`: the record before the teardown; `file`: the plan file, for the kinds of resources that the record
/// does not have.
///
/// # Errors
///
/// When stderr cannot be written.
pub async fn warn_of_unrecorded(
    context: &Context,
    file: Option<&Path>,
    api: &ApiOptions,
    record: &EnvironmentRecord,
    before: &Status,
) -> Result<(), Error> {
    let catalog = Catalog::embedded();
    let (mut operations, spots) = stamped_on_record(catalog, before);
    if operations.is_empty() {
        return Ok(());
    }
    let checked = file.and_then(|file| load::read_and_check(context, file, catalog).ok());
    operations
        .extend(checked.and_then(|(_, checked)| checked.plan).iter().flat_map(|plan| stampable(plan.steps.values())));
    let (plan, environment) = (record.plan(), record.environment());
    let looking = async {
        let client = Account::of(context, api)?.client(context, Clock::starting_at(context.now, 1.0))?;
        let looked = Search { catalog, operations, spots, plan, environment }.look(context, &client).await?;
        let mut unrecorded = Vec::new();
        for made in looked.found.iter().filter_map(|stamped| stamped.status.main_made()) {
            let is_on_record = made
                .id
                .as_deref()
                .is_some_and(|id| before.owners_of(id).next().is_some() || before.knows(&id_text(id)));
            if !is_on_record && still_exists(&client, made).await {
                unrecorded.push(words(made));
            }
        }
        Ok((unrecorded, looked.unread))
    };
    let not_searched = |why: &str| {
        let words = "the account was not searched for resources of this environment that its record does not have";
        warn(context, &format!("{words}: {why}"))
    };
    let (unrecorded, unread) = match tokio::time::timeout(SEARCH_AFTER, looking).await {
        Ok(Ok(found)) => found,
        Ok(Err(Error::Api { error, .. })) => return not_searched(&context.secrets.redact(&error.to_string())),
        Ok(Err(error)) => return not_searched(&context.secrets.redact(&Error::to_string(&error))),
        Err(_) => return not_searched("no answer in time"),
    };
    if !unread.is_empty() {
        let unread = unread.iter().map(|(path, why)| format!("`{path}` ({why})"));
        not_searched(&format!("cannot be read: {}", list(unread, NAMED)))?;
    }
    if unrecorded.is_empty() {
        return Ok(());
    }
    let found = count(unrecorded.len(), "resource");
    let recover = context.typed.or_file(file).with_plan("state recover", &["--dry-run".to_owned()]);
    let words = format!(
        "the account holds {found} with the stamp of `{plan}/{environment}` that this record does not have, and that stay: {}. \
         Another record has that name, or this one was an older copy; `{recover}` shows them",
        list(unrecorded, NAMED)
    );
    warn(context, &context.secrets.redact(&words))
}

/// Whether a listed resource can be read: lists may show for a while what was deleted.
async fn still_exists(client: &Client, made: &RecordedResource) -> bool {
    let Some(undo) = &made.undo else { return true };
    !matches!(client.read(Request::get(&undo.path)).await, Err(error) if error.is_not_found())
}
