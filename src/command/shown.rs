//! What a preview shows: what a run would do, by plan, values and record.

use super::defaults::{MAX_ITEMS, RESOLVE_TIME, USER_AGENT};
use super::note;
use super::values::PlanValues;
use crate::api::Client;
use crate::catalog::Catalog;
use crate::context::Context;
use crate::engine::{
    Change, ListReader, Preview, ReadFailure, Reads, RecordFlags, RunContext, RunOptions, Settings, operation_of,
};
use crate::error::Error;
use crate::journal::Status;
use crate::plan::Plan;

/// The data for a preview: plan, values and record.
pub(super) struct PreviewInput<'a> {
    pub plan: &'a Plan,
    pub catalog: &'static Catalog,
    pub values: &'a PlanValues,
    /// `None` without a record.
    pub status: Option<&'a Status>,
    pub options: &'a RunOptions,
}

impl PreviewInput<'_> {
    /// The settings of the run that is shown.
    pub fn settings(&self) -> Settings {
        Settings {
            plan: self.plan.name.clone(),
            environment: self.values.environment.clone(),
            project_id: self.values.project_id,
            region_id: self.values.region_id,
            stamp: true,
            resolve_time: RESOLVE_TIME,
            max_items: MAX_ITEMS,
            records: self.values.records.clone(),
            record_flags: RecordFlags::default(),
            user_agent: USER_AGENT.to_owned(),
        }
    }

    /// What a run would do; `key` is the key of the digests for secrets, `client` sends reads.
    ///
    /// # Errors
    ///
    /// When a warning cannot be written.
    pub async fn changes(&self, context: &Context, key: &str, client: Option<&Client>) -> Result<Vec<Change>, Error> {
        let settings = self.settings();
        let mut reads = Reads::default();
        loop {
            let preview = Preview {
                plan: self.plan,
                catalog: self.catalog,
                settings: &settings,
                secrets: &context.secrets,
                digest_key: key.as_bytes(),
                inputs: &self.values.inputs,
                status: self.status,
                replace: &self.options.replace,
                target: &self.options.target,
                prune: self.options.prune,
                reads: &reads,
            };
            let (changes, wanted) = preview.changes();
            let Some(client) = client.filter(|_| !wanted.is_empty()) else { return Ok(changes) };
            for call in wanted {
                let operation = operation_of(Catalog::embedded(), &call).map(|(operation, _)| operation);
                let reader = ListReader { client, retried_statuses: &[], permits: None, most_items: MAX_ITEMS };
                let read = reader.read_all(&RunContext::request(&call), operation.as_deref()).await;
                let is_missing = matches!(&read, Err(ReadFailure::Read(error)) if error.is_not_found());
                let answer = match read {
                    Ok(complete) => Some((complete.status, complete.answer)),
                    Err(unread) => {
                        let why = match unread {
                            ReadFailure::Read(error) => error.to_string(),
                            ReadFailure::TooMany { most, count } => format!("it has {count} items, more than {most}"),
                        };
                        let words =
                            format!("warning: `{call}` could not be read, and what depends on it is not known: {why}");
                        note(context, &context.secrets.redact(&words))?;
                        None
                    }
                };
                match is_missing {
                    true => reads.learn_missing(&call),
                    false => reads.learn(&call, answer),
                }
            }
        }
    }
}
