//! `plan state mv`: renames steps or instances in a record, without any call.

use std::time::Duration;

use super::note;
use super::recorded::named;
use super::records::{open, read};
use crate::context::Context;
use crate::engine::{merges, moves};
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::{self, Moved, Selection};
use crate::report::count;
use crate::source::Span;
use crate::store::EnvironmentRecord;

/// Renames a step with all its instances, or one instance.
///
/// # Errors
///
/// When the old name is not recorded, or the new one is.
pub(super) async fn rename(
    context: &Context,
    environment: &EnvironmentRecord,
    from: &str,
    to: &str,
    patience: Duration,
) -> Result<Exit, Error> {
    named(&read(environment).await?, from)?;
    let nowhere = Span::at(0);
    let (from_id, to_id) = (Selection::name(from), Selection::name(to));
    if to_id.key.as_deref() == Some("") {
        return Err(Error::usage(format!("`{to}` names no instance: its key is empty")).help("`web[0]`, or `web`"));
    }
    if !plan::is_identifier(to_id.step.as_str()) {
        let error = Error::usage(format!("`{}` is no id for a step", to_id.step.as_str()));
        return Err(error.help("letters, digits and `_`, no digit first"));
    }
    let moved = [Moved { from: from_id.clone(), from_span: nowhere, to: to_id.clone(), to_span: nowhere }];
    let journal = open(context, environment, "state mv", patience).await?;
    let records = journal.with_status(|status| moves(status, &moved));
    let many = records.len();
    // Once the instances have one name, their resources cannot be told apart.
    let merged = journal.with_status(|status| merges(status, &from_id, &to_id));
    if merged > 0 {
        journal.close().await?;
        let error = Error::usage(format!("`{to}` is on record already, with {}", count(merged, "instance")));
        let help = "rename or forget that first, or say which instance it becomes: `web[0]`";
        return Err(error.help(help));
    }
    let written = if records.is_empty() { Ok(()) } else { journal.append(records).await };
    journal.close().await?;
    written?;
    if many == 0 {
        return Err(Error::usage(format!("`{from}` holds nothing, or `{to}` is on record already")));
    }
    note(context, &format!("`{from}` is `{to}` now ({})", count(many, "instance")))?;
    Ok(Exit::Done)
}
