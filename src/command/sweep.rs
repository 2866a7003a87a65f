//! `plan sweep`: destroys expired environments.

use serde_json::{Value, json};

use super::destroy::{TeardownOptions, destroy_environment};
use super::records::{existing_store, print_failure};
use super::status::{environment_row, expires};
use super::table::table;
use super::{confirm, note, print_json, print_text, warn};
use crate::cli::{ResultFormat, SweepArguments};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::{JournalError, Status};
use crate::report::{Palette, count};
use crate::store::EnvironmentRecord;

/// `plan sweep`: destroys the environments whose `ttl` has passed.
///
/// # Errors
///
/// When the records cannot be listed.
pub(super) async fn sweep(context: &Context, arguments: &SweepArguments) -> Result<Exit, Error> {
    let mut worst = Exit::Done;
    let expired = find_expired(context, arguments, &mut worst).await?;
    list(context, arguments.format, &expired)?;
    if expired.is_empty() || arguments.dry_run {
        return Ok(worst);
    }
    // The expiry was set by the user; confirmation is asked for only on a terminal.
    let question = format!("destroy {}?", count(expired.len(), "environment"));
    if context.interactive && !confirm(context, &question, arguments.yes)? {
        note(context, "nothing was destroyed")?;
        return Ok(worst);
    }
    let options = TeardownOptions {
        parallelism: arguments.parallelism,
        timeout: None,
        lock_timeout: arguments.lock.lock_timeout,
        events: None,
        report: None,
        api: &arguments.api,
        // Without a terminal a destroy asks for it, and a sweep does not.
        yes: arguments.yes || !context.interactive,
    };
    for (record, _) in &expired {
        let exit = match destroy_environment(context, record, &options).await {
            Ok((exit, _)) => exit,
            Err(error) => print_failure(context, record, &error)?,
        };
        worst = worst.max(exit);
        if exit.is_by_signal() {
            break;
        }
    }
    Ok(worst)
}

/// Expired environments with existing resources. A record that cannot be read does not prevent others from being
/// swept.
async fn find_expired(
    context: &Context,
    arguments: &SweepArguments,
    worst: &mut Exit,
) -> Result<Vec<(EnvironmentRecord, Status)>, Error> {
    let mut expired = Vec::new();
    let store = existing_store(context, &arguments.state, None).await?;
    for name in store.environments().await? {
        if arguments.plan.as_deref().is_some_and(|plan| plan != name.plan) {
            continue;
        }
        let record = EnvironmentRecord { store: store.clone(), name };
        let status = match record.read().await {
            Ok(Some(status)) => status,
            Ok(None) => continue,
            // Its resources are those of the record that it is a copy of.
            Err(error @ JournalError::Misplaced { .. }) => {
                warn(context, &format!("{error}: it is left alone"))?;
                continue;
            }
            Err(error) => {
                *worst = (*worst).max(print_failure(context, &record, &error.into())?);
                continue;
            }
        };
        let over = expires(&status).is_some_and(|expires| expires <= context.now);
        if over && status.existing().next().is_some() {
            expired.push((record, status));
        }
    }
    Ok(expired)
}

fn list(context: &Context, format: ResultFormat, expired: &[(EnvironmentRecord, Status)]) -> Result<(), Error> {
    match format {
        ResultFormat::Json => {
            let all = expired.iter().map(|(record, status)| {
                json!({
                    "plan": record.plan(),
                    "environment": record.environment(),
                    "state": record.place(),
                    "expires": expires(status),
                    "existing": status.existing().count(),
                })
            });
            print_json(context, &Value::Array(all.collect()))
        }
        ResultFormat::Human if expired.is_empty() => note(context, "no environment is past its `ttl`"),
        ResultFormat::Human => {
            let rows: Vec<_> =
                expired.iter().map(|(record, status)| environment_row(record, status, false, context.now)).collect();
            let palette = Palette::new(context.color(&context.stdout));
            let head = ["PLAN", "ENVIRONMENT", "AGE", "CHANGED", "EXPIRED", "EXISTING", "STATE"];
            print_text(context, &context.secrets.redact(&table(&head, &rows, palette)))
        }
    }
}
