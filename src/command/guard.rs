//! Before the first run with an empty record: searches the account for resources of an earlier run.

use std::collections::BTreeMap;

use super::patience::with_wait_note;
use super::warn;
use crate::api::Client;
use crate::catalog::Catalog;
use crate::context::Context;
use crate::engine::{Settings, spots_of, stampable, stamped};
use crate::error::Error;
use crate::plan::Plan;
use crate::report::count;

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
    let operations = stampable(plan);
    if operations.is_empty() {
        return Ok(());
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
    for (path, why) in &looked.unread {
        warn(context, &format!("`{path}` cannot be searched for resources of an earlier run: {why}"))?;
    }
    match looked.found.len() {
        0 => Ok(()),
        found => Err(Error::RecordEmpty {
            found: count(found, "resource"),
            plan: plan.name.clone(),
            environment: settings.environment.clone(),
        }),
    }
}
