//! Searches the account for resources with an environment's stamp that its record does not have: before the first run
//! with an empty record, before a run that makes something, before a teardown with nothing to remove says that nothing
//! is left, and after a teardown.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::patience::with_wait_note;
use super::recorded::words;
use super::settings::settings_of_record;
use super::{Account, load, warn};
use crate::api::{Client, ReadError, Request};
use crate::catalog::{CLOUD, Catalog, Operation, root_of};
use crate::cli::{ApiOptions, PlanOptions};
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{
    Makes, Preview, ProjectRegionIds, Reads, Settings, StampSearch, Stamped, project_regions_of, stampable, stamped,
    stamped_on_record,
};
use crate::error::Error;
use crate::journal::{InstanceStatus, Phase, RecordedResource, Status, id_text};
use crate::plan::{Plan, Selection};
use crate::report::{count, list};
use crate::store::EnvironmentRecord;

const NO_KEY: &str = "there is no API key";
/// The most lists and resources in a message.
const MOST_NAMES: usize = 5;
/// A teardown that is done waits no longer than this for the search that follows it.
const SEARCH_AFTER: Duration = Duration::from_secs(30);

/// How much later a time may be on the server's clock than answers show, which have whole seconds.
const UNCERTAIN: SignedDuration = SignedDuration::from_secs(1);

/// What the account is searched for: the stamps of one environment, on what these creates make in these projects and
/// regions.
struct GuardSearch<'a> {
    catalog: &'a Catalog,
    operations: Vec<Arc<Operation>>,
    project_regions: Vec<ProjectRegionIds>,
    plan: &'a str,
    environment: &'a str,
}

impl<'a> GuardSearch<'a> {
    /// For what these creates of a plan make, in the projects and regions of its calls.
    fn of_plan(
        context: &Context,
        catalog: &'a Catalog,
        plan: &'a Plan,
        settings: &'a Settings,
        inputs: &BTreeMap<String, minijinja::Value>,
        operations: Vec<Arc<Operation>>,
    ) -> Self {
        let project_regions = project_regions_of(plan, settings, &context.secrets, inputs);
        Self { catalog, operations, project_regions, plan: &plan.name, environment: &settings.environment }
    }

    /// Reads one list per kind, project and region.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] when the key or the address fails for all.
    async fn look(self, context: &Context, client: &Client) -> Result<StampSearch, Error> {
        let Self { catalog, operations, project_regions, plan, environment } = self;
        if operations.is_empty() {
            return Ok(StampSearch::default());
        }
        let looking = stamped(client, catalog, operations, &project_regions, plan, environment);
        let what = "searching the account for resources of an earlier run";
        let looked = with_wait_note(context, client, what, looking).await?;
        if let Some(error) = client.shut_out() {
            return Err(Error::Api { what: "nothing was begun".to_owned(), error });
        }
        // An address that answers no read will answer no write either: a call would only be in doubt. What lists of
        // other products answer is known by documents alone.
        let is_of_cloud = |path: &str| root_of(path) == CLOUD;
        let unanswered = looked.unread.iter().find(|(path, error)| is_of_cloud(path) && error.meaning().is_none());
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
    let search = GuardSearch::of_plan(context, catalog, plan, settings, inputs, operations);
    let looked = search.look(context, client).await?;
    warn_of_unread(context, &none_found(looked, &plan.name, &settings.environment, false)?)
}

fn warn_of_unread(context: &Context, unread: &[(String, ReadError)]) -> Result<(), Error> {
    unread.iter().try_for_each(|(path, why)| {
        warn(context, &format!("`{path}` cannot be searched for resources of an earlier run: {why}"))
    })
}

/// Before another run: searches the kinds of which it would create resources for the stamps of the environment. A
/// resource was created without this record when it is younger than the last line about its instance, where the run
/// would create that ([`is_later`]); or than the last line of all, where it is of another instance: the run would
/// create it again under a new name. A resource that is on record as gone and exists is an error as well. Warns of
/// lists that cannot be read.
///
/// `fresh`: the record with what a refresh found.
///
/// # Errors
///
/// When it finds such resources: the record is an older copy, or another one has its name. Also when no list can be
/// read.
#[expect(clippy::too_many_arguments, reason = "a run's plan, values and record; a struct for them would have one user")]
pub async fn guard_older(
    context: &Context,
    client: &Client,
    catalog: &Catalog,
    plan: &Plan,
    settings: &Settings,
    inputs: &BTreeMap<String, minijinja::Value>,
    (recorded, fresh): (&Status, &Status),
    replace: &Selection,
) -> Result<(), Error> {
    let makes = Makes::of(&Preview {
        plan,
        catalog,
        settings,
        secrets: &context.secrets,
        digest_key: recorded.header.key.as_bytes(),
        inputs,
        status: Some(fresh),
        replace,
        target: &Selection::default(),
        prune: false,
        reads: &Reads::default(),
    });
    let operations = stampable(plan.steps.values().filter(|step| makes.has(&step.id)));
    if operations.is_empty() {
        return Ok(());
    }
    let search = GuardSearch::of_plan(context, catalog, plan, settings, inputs, operations);
    let looked = search.look(context, client).await?;
    let mut found = Vec::new();
    let is_lost = |id: &Value| fresh.instances.values().any(|known| known.lost.contains(id));
    for stamped in &looked.found {
        let Some(made) = stamped.status.main_made() else { continue };
        // Almost all are on record: the checks below look at every instance.
        if stamped.id().is_some_and(|id| fresh.owners_of(id).next().is_some()) {
            continue;
        }
        if stamped.id().is_some_and(is_lost) && still_exists(client, Some(made)).await {
            return Err(Error::NotGone { found: words(made) });
        }
        let is_remade = makes.covers(&stamped.instance);
        if is_later(client, stamped, recorded, is_remade)
            && (is_remade || !is_copy(stamped, &looked.found, recorded))
            && still_exists(client, Some(made)).await
        {
            found.push(words(made));
        }
    }
    match found.len() {
        0 => warn_of_unread(context, &looked.unread),
        number => Err(Error::RecordOlder {
            found: format!("{} ({})", count(number, "resource"), list(found, MOST_NAMES)),
            plan: plan.name.to_string(),
            environment: settings.environment.clone(),
            teardown: false,
        }),
    }
}

/// Whether a resource on record has the tags of the same attempt: another client copied it, with its tags.
fn is_copy(stamped: &Stamped, all: &[Stamped], recorded: &Status) -> bool {
    let is_original = |other: &Stamped| {
        nonce_of(other) == nonce_of(stamped) && other.id().is_some_and(|id| is_on_record(recorded, id))
    };
    all.iter().any(|other| other.instance == stamped.instance && is_original(other))
}

/// Whether a resource is not on record and was made after the last line about its instance, by the server's clock; or,
/// where that line does not tell a time or does not count (`own_line`), after the last line of all. Not counted are
/// resources that were taken off the record (`state forget`), whatever the clock that wrote that line, and what an
/// attempt on record made: the one that may still be carried out, or one whose resource was copied with its tags; a
/// step renamed since has it under another name.
fn is_later(client: &Client, stamped: &Stamped, recorded: &Status, own_line: bool) -> bool {
    let known = recorded.instances.get(&stamped.instance).map(|known| &**known);
    let is_at_rest = |known: &&InstanceStatus| matches!(known.phase, Phase::Absent | Phase::Succeeded);
    let made_by = |known: &InstanceStatus| {
        let earlier = known.earlier.iter().map(|attempt| &*attempt.intent.nonce);
        known
            .intent
            .iter()
            .map(|intent| &*intent.nonce)
            .chain(earlier)
            .any(|attempt| Some(attempt) == nonce_of(stamped))
    };
    let may_be_under_way = |known: &InstanceStatus| !is_at_rest(&known) || !known.earlier.is_empty();
    let is_of_an_attempt = match nonce_of(stamped) {
        Some(_) => recorded.instances.values().any(|known| made_by(known)),
        None => known.is_some_and(may_be_under_way),
    };
    if is_of_an_attempt {
        return false;
    }
    let own =
        known.filter(|known| own_line && is_at_rest(known)).and_then(|known| known.finished_at.max(known.intended_at));
    let ended = client.server_time(own.unwrap_or(recorded.updated));
    let ended = ended.checked_add(UNCERTAIN).unwrap_or(ended);
    let is_forgotten = |id: &Value| recorded.instances.values().any(|known| known.forgotten.contains(id));
    stamped.created.is_some_and(|created| created > ended)
        && stamped.id().is_some_and(|id| !is_on_record(recorded, id) && !is_forgotten(id))
}

/// The attempt that made a resource, by its tag.
fn nonce_of(stamped: &Stamped) -> Option<&str> {
    stamped.status.intent.as_ref().map(|intent| intent.nonce.as_str()).filter(|nonce| !nonce.is_empty())
}

fn is_on_record(recorded: &Status, id: &Value) -> bool {
    let mut stay = recorded.instances.values().flat_map(|known| &known.stays);
    recorded.owners_of(id).next().is_some()
        || recorded.knows(&id_text(id))
        || stay.any(|resource| resource.id.as_deref() == Some(id))
}

/// The lists that could not be read, and why; an error when the search found resources. `teardown`: they would stay,
/// rather than be created twice.
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

/// What a plan file says of where its resources are: the account, the creates whose resources a stamp finds, and the
/// projects and regions. Otherwise why these are not known.
type OfFile = Result<(Account, Vec<Arc<Operation>>, Vec<ProjectRegionIds>), String>;

fn of_file(
    context: &Context,
    file: Option<&Path>,
    api: &ApiOptions,
    record: &EnvironmentRecord,
    recorded: Option<&Status>,
) -> Result<OfFile, Error> {
    let Some(file) = file else { return Ok(Err("its plan file is not known".to_owned())) };
    let account = match Account::of(context, api) {
        Err(Error::NoKey { .. }) => return Ok(Err(NO_KEY.to_owned())),
        account => account?,
    };
    let checked = load::read_and_check(context, file, Catalog::embedded()).ok();
    let Some(plan) = checked.and_then(|(_, checked)| checked.plan) else {
        return Ok(Err(format!("`{}` is no valid plan, which would name the kinds of its resources", file.display())));
    };
    let operations = stampable(plan.steps.values());
    if operations.is_empty() {
        return Ok(Err("no resource of its plan can be found by a stamp".to_owned()));
    }
    let options = PlanOptions { environment: Some(record.environment().to_owned()), ..PlanOptions::default() };
    let inputs = load::known_inputs(context, &plan, &options);
    let places = load::places(context, &plan, &inputs, record.environment(), api, &account);
    let settings = settings_of_record(record, places.unwrap_or((account.project_id, account.region_id)));
    let mut project_regions = project_regions_of(&plan, &settings, &context.secrets, &inputs);
    if project_regions.is_empty() {
        let last = recorded.and_then(|recorded| recorded.started.as_ref()).map(|(_, started)| started);
        project_regions.extend(last.and_then(|last| last.project_id.zip(last.region_id)));
    }
    if project_regions.is_empty() {
        return Ok(Err("its project and region are not known: give `--project-id` and `--region-id`".to_owned()));
    }
    Ok(Ok((account, operations, project_regions)))
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
    let (account, operations, project_regions) = match of_file(context, file, api, record, None)? {
        Ok(of_file) => of_file,
        Err(why) => return Ok(Some(why)),
    };
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let (plan, environment) = (record.plan(), record.environment());
    let search = GuardSearch { catalog: Catalog::embedded(), operations, project_regions, plan, environment };
    let unread = none_found(search.look(context, &client).await?, plan, environment, true)?;
    let unread: Vec<String> = unread.iter().map(|(path, why)| format!("`{path}` ({why})")).collect();
    Ok((!unread.is_empty()).then(|| format!("cannot be read: {}", list(unread, MOST_NAMES))))
}

/// Before a teardown with nothing to remove says so: the search that follows a teardown, with its warnings. Returns why
/// the account was not searched.
///
/// # Errors
///
/// When some of what is found was made after the last line about its instance: the record is an older copy, and they
/// would stay. Also when stderr cannot be written.
pub async fn guard_nothing_left(
    context: &Context,
    file: Option<&Path>,
    api: &ApiOptions,
    record: &EnvironmentRecord,
    recorded: &Status,
) -> Result<Option<String>, Error> {
    let catalog = Catalog::embedded();
    let (mut operations, mut project_regions) = stamped_on_record(catalog, recorded);
    let unsearched = |error: &Error| Ok(Some(context.secrets.redact(&error.to_string()).into_owned()));
    let account = match of_file(context, file, api, record, Some(recorded)) {
        Ok(Ok((account, more, places))) => {
            operations.extend(more);
            project_regions.extend(
                places
                    .into_iter()
                    .filter(|project_region| !project_regions.contains(project_region))
                    .collect::<Vec<_>>(),
            );
            Ok(account)
        }
        Ok(Err(why)) if operations.is_empty() => return Ok(Some(why)),
        Ok(Err(_)) => Account::of(context, api),
        Err(error) => Err(error),
    };
    let account = match account {
        Ok(account) => account,
        Err(Error::NoKey { .. }) => return Ok(Some(NO_KEY.to_owned())),
        Err(error) => return unsearched(&error),
    };
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let (plan, environment) = (record.plan(), record.environment());
    let search = GuardSearch { catalog, operations, project_regions, plan, environment };
    let found = match tokio::time::timeout(SEARCH_AFTER, unrecorded(context, &client, search, &[recorded])).await {
        Ok(Ok(found)) => found,
        Ok(Err(Error::Api { error, .. })) => return Ok(Some(context.secrets.redact(&error.to_string()).into_owned())),
        Ok(Err(error)) => return unsearched(&error),
        Err(_) => return Ok(Some("no answer in time".to_owned())),
    };
    if found.later > 0 {
        return Err(Error::RecordOlder {
            found: count(found.later, "resource"),
            plan: plan.to_owned(),
            environment: environment.to_owned(),
            teardown: true,
        });
    }
    found.warn(context, file, record)?;
    Ok(None)
}

/// Resources with the stamp of an environment that are not on its record.
struct Unrecorded {
    /// Kind, name and id of each.
    words: Vec<String>,
    /// How many of them were made after the last line about their instance.
    later: usize,
    /// The lists that could not be read, and why.
    unread: Vec<(String, ReadError)>,
}

impl Unrecorded {
    fn warn(self, context: &Context, file: Option<&Path>, record: &EnvironmentRecord) -> Result<(), Error> {
        if !self.unread.is_empty() {
            let unread = self.unread.iter().map(|(path, why)| format!("`{path}` ({why})"));
            warn_not_searched(context, &format!("cannot be read: {}", list(unread, MOST_NAMES)))?;
        }
        if self.words.is_empty() {
            return Ok(());
        }
        let (plan, environment) = (record.plan(), record.environment());
        let found = count(self.words.len(), "resource");
        let recover = context.typed.or_file(file).with_plan("state recover", &["--dry-run".to_owned()]);
        let words = format!(
            "the account holds {found} with the stamp of `{plan}/{environment}` that this record does not have, and that \
             stay: {}. Another record has that name, or this one was an older copy; `{recover}` shows them",
            list(self.words, MOST_NAMES)
        );
        warn(context, &context.secrets.redact(&words))
    }
}

/// Searches for what has the stamp and was never on this record, as it was at these times; the first is the oldest.
async fn unrecorded(
    context: &Context,
    client: &Client,
    search: GuardSearch<'_>,
    recorded: &[&Status],
) -> Result<Unrecorded, Error> {
    let looked = search.look(context, client).await?;
    let (mut words_of_all, mut later) = (Vec::new(), 0);
    for stamped in &looked.found {
        let Some(made) = stamped.status.main_made() else { continue };
        let is_known = |id: &Value| recorded.iter().any(|recorded| is_on_record(recorded, id));
        if made.id.as_deref().is_some_and(is_known) || !still_exists(client, Some(made)).await {
            continue;
        }
        words_of_all.push(words(made));
        later += usize::from(recorded.first().is_some_and(|recorded| is_later(client, stamped, recorded, true)));
    }
    Ok(Unrecorded { words: words_of_all, later, unread: looked.unread })
}

fn warn_not_searched(context: &Context, why: &str) -> Result<(), Error> {
    let words = "the account was not searched for resources of this environment that its record does not have";
    warn(context, &format!("{words}: {why}"))
}

/// After a teardown: warns of resources with the stamp of the environment that were never on its record, and so were
/// not removed, or keep others from being removed. `before` and `after`: the record before and after the teardown;
/// `file`: the plan file, for the kinds of resources that the record does not have.
///
/// # Errors
///
/// When stderr cannot be written.
pub async fn warn_of_unrecorded(
    context: &Context,
    file: Option<&Path>,
    api: &ApiOptions,
    record: &EnvironmentRecord,
    (before, after): (&Status, &Status),
) -> Result<(), Error> {
    let catalog = Catalog::embedded();
    let (mut operations, project_regions) = stamped_on_record(catalog, before);
    if operations.is_empty() {
        return Ok(());
    }
    let checked = file.and_then(|file| load::read_and_check(context, file, catalog).ok());
    operations
        .extend(checked.and_then(|(_, checked)| checked.plan).iter().flat_map(|plan| stampable(plan.steps.values())));
    let (plan, environment) = (record.plan(), record.environment());
    let looking = async {
        let client = Account::of(context, api)?.client(context, Clock::starting_at(context.now, 1.0))?;
        unrecorded(
            context,
            &client,
            GuardSearch { catalog, operations, project_regions, plan, environment },
            &[before, after],
        )
        .await
    };
    let not_searched = |why: &str| warn_not_searched(context, why);
    match tokio::time::timeout(SEARCH_AFTER, looking).await {
        Ok(Ok(found)) => found.warn(context, file, record),
        Ok(Err(Error::Api { error, .. })) => not_searched(&context.secrets.redact(&error.to_string())),
        Ok(Err(error)) => not_searched(&context.secrets.redact(&Error::to_string(&error))),
        Err(_) => not_searched("no answer in time"),
    }
}

/// Whether a listed resource can be read: lists may show for a while what was deleted.
async fn still_exists(client: &Client, made: Option<&RecordedResource>) -> bool {
    let Some(undo) = made.and_then(|made| made.undo.as_ref()) else { return true };
    !matches!(client.read(Request::get(&undo.path)).await, Err(error) if error.is_not_found())
}
