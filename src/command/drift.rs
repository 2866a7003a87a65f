//! `plan drift`: prints how recorded resources differ from the API, and records the drift.

use serde_json::{Value, json};

use super::compared::{Uncorrected, compare, drifted, lines, summary};
use super::connect::client_of;
use super::records::{find_record, open, read};
use super::{Account, note, print_json, print_text};
use crate::cli::{DriftArguments, ResultFormat};
use crate::context::Context;
use crate::engine::{DriftCheck, drift_records};
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::Status;

/// Compares, records what is gone or changed, and reports it.
///
/// # Errors
///
/// When there is no record or no key, or a missing resource may exist all the same.
pub(super) async fn drift(context: &Context, arguments: &DriftArguments) -> Result<Exit, Error> {
    let environment = find_record(context, arguments.file.as_deref(), &arguments.record).await?;
    read(&environment).await?;
    let client = client_of(context, &Account::of(context, &arguments.api)?)?;
    let journal = open(context, &environment, "drift", arguments.lock.lock_timeout).await?;
    let status = journal.with_status(Status::clone);
    let found = compare(context, &client, &status).await;
    let written = match &found {
        Ok(checks) => match drift_records(checks, &status) {
            records if records.is_empty() => Ok(()),
            records => journal.append(records).await,
        },
        Err(_) => Ok(()),
    };
    journal.close().await?;
    written?;
    let checks = found?;
    let before = Uncorrected::of(&status, &checks);
    match arguments.format {
        ResultFormat::Json => print_json(context, &to_json(context, &checks, &before))?,
        ResultFormat::Human => {
            print_text(context, &context.secrets.redact(&lines(&checks, &status)))?;
            note(context, &summary(&checks, &before))?;
        }
    }
    let has_drift = drifted(&checks).next().is_some() || !before.is_empty();
    Ok(if arguments.exit_code && has_drift { Exit::ChangesPending } else { Exit::Done })
}

fn to_json(context: &Context, checks: &[DriftCheck], before: &Uncorrected<'_>) -> Value {
    let hidden = |value: Value| context.secrets.redact_value(&value);
    let (found, before) = (hidden(json!(checks)), hidden(before.to_json()));
    json!({ "version": 1, "drifted": drifted(checks).count(), "resources": found, "uncorrected": before })
}
