//! Before the first run with an empty record, and before a teardown of one says that nothing is left: searches the
//! account for resources of an earlier run.

use std::collections::BTreeMap;

use std::path::Path;

use super::defaults::{MAX_ITEMS, RESOLVE_TIME, USER_AGENT};
use super::patience::with_wait_note;
use super::shell_words::record_flags;
use super::{Account, load, warn};
use crate::api::{Client, ReadError};
use crate::catalog::Catalog;
use crate::cli::{ApiOptions, PlanOptions};
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{Settings, spots_of, stampable, stamped};
use crate::error::Error;
use crate::plan::Plan;
use crate::report::{count, list};
use crate::store::EnvironmentRecord;

/// The most lists in a message.
const NAMED: usize = 5;

/// Searches for the stamps of this environment, with one list per kind and region.
///
/// # Errors
///
/// When there are any: the record is lost, and a run would create everything again. Also when the API cannot be read.
pub async fn guard(
    context: &Context,
    client: &Client,
    catalog: &Catalog,
    plan: &Plan,
    settings: &Settings,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Result<(), Error> {
    let unread = search(context, client, catalog, plan, settings, inputs).await?;
    for (path, why) in &unread {
        warn(context, &format!("`{path}` cannot be searched for resources of an earlier run: {why}"))?;
    }
    Ok(())
}

/// Returns the lists that could not be read, and why.
async fn search(
    context: &Context,
    client: &Client,
    catalog: &Catalog,
    plan: &Plan,
    settings: &Settings,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Result<Vec<(String, ReadError)>, Error> {
    let operations = stampable(plan);
    if operations.is_empty() {
        return Ok(Vec::new());
    }
    let spots = spots_of(plan, settings, &context.secrets, inputs);
    let looking = stamped(client, catalog, operations, &spots, &plan.name, &settings.environment);
    let looked =
        with_wait_note(context, client, "searching the account for resources of an earlier run", looking).await?;
    if let Some(error) = client.shut_out() {
        return Err(Error::Api { what: "nothing was begun".to_owned(), error });
    }
    // An address that answers no read will answer no write either: a call would only be in doubt.
    if let (0, Some((_, error))) = (looked.lists, looked.unread.iter().find(|(_, error)| error.meaning().is_none())) {
        return Err(Error::Api { what: "nothing was begun".to_owned(), error: error.clone() });
    }
    match looked.found.len() {
        0 => Ok(looked.unread),
        found => Err(Error::RecordEmpty {
            found: count(found, "resource"),
            plan: plan.name.clone(),
            environment: settings.environment.clone(),
        }),
    }
}

/// The same for a teardown of an environment without a call on record, given its plan file. Returns why the account was
/// not searched, or not all of it.
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
    let Some(file) = file else { return Ok(Some("its plan file is not named".to_owned())) };
    let account = match Account::of(context, api) {
        Err(Error::NoKey { .. }) => return Ok(Some("there is no API key".to_owned())),
        account => account?,
    };
    let Ok(loaded) = load::load_plan(context, file, None) else {
        return Ok(Some(format!("`{}` is no plan to tell what its calls make", file.display())));
    };
    if stampable(&loaded.plan).is_empty() {
        return Ok(Some("nothing that its plan makes can be found by a stamp".to_owned()));
    }
    let options = PlanOptions { environment: Some(record.environment().to_owned()), ..PlanOptions::default() };
    let inputs = load::known_inputs(context, &loaded.plan, &options);
    let places = load::places(context, &loaded.plan, &inputs, record.environment(), api, &account);
    let (project_id, region_id) = places.unwrap_or((account.project_id, account.region_id));
    let settings = Settings {
        plan: record.plan().to_owned(),
        environment: record.environment().to_owned(),
        project_id,
        region_id,
        stamp: false,
        resolve_time: RESOLVE_TIME,
        max_items: MAX_ITEMS,
        records: None,
        record_flags: record_flags(record),
        user_agent: USER_AGENT.to_owned(),
    };
    if spots_of(&loaded.plan, &settings, &context.secrets, &inputs).is_empty() {
        return Ok(Some("its project and region are not known: give `--project-id` and `--region-id`".to_owned()));
    }
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let unread = search(context, &client, loaded.catalog, &loaded.plan, &settings, &inputs).await?;
    let unread: Vec<String> = unread.iter().map(|(path, why)| format!("`{path}` ({why})")).collect();
    Ok((!unread.is_empty()).then(|| format!("not to be read: {}", list(unread, NAMED))))
}
