//! Reports a preview to a GitHub Actions job: summary, outputs, and a comment on the pull request.

use super::comment;
use super::github_event;
use super::preview_text::{details_of, words_of};
use crate::context::Context;
use crate::engine::{Change, ChangeCounts};
use crate::error::Error;
use crate::plan::Plan;
use crate::report::github::append;
use crate::report::github::preview::{ChangeRow, Counts, LONGEST_COMMENT, PreviewPage};

/// Reports to the job what a run would do; does nothing outside of a job.
///
/// # Errors
///
/// When one of the job's files cannot be written, or the requested comment could not be made.
pub(super) async fn print(
    context: &Context,
    plan: &Plan,
    environment: &str,
    changes: &[Change],
    wants_comment: bool,
) -> Result<(), Error> {
    let github = context.environment.github.as_ref();
    let rows = rows(context, changes);
    let page = page(context, plan, environment, changes, &rows);
    if let Some(path) = github.and_then(|github| github.step_summary.as_ref()) {
        append(path, "the job summary", &context.secrets.redact(&page.page(LONGEST_COMMENT)))?;
    }
    if let Some(path) = github.and_then(|github| github.output.as_ref()) {
        append(path, "GITHUB_OUTPUT", &context.secrets.redact(&page.counts.outputs()))?;
    }
    if wants_comment {
        comment::keep(context, &page.marker(), &page.comment()).await?;
    }
    Ok(())
}

/// The page of a preview as Markdown.
pub(super) fn markdown(context: &Context, plan: &Plan, environment: &str, changes: &[Change]) -> String {
    let rows = rows(context, changes);
    page(context, plan, environment, changes, &rows).page(LONGEST_COMMENT)
}

fn page<'p>(
    context: &'p Context,
    plan: &'p Plan,
    environment: &'p str,
    changes: &[Change],
    rows: &'p [ChangeRow],
) -> PreviewPage<'p> {
    let tally = ChangeCounts::of(changes);
    let counts = Counts {
        changes: rows.len(),
        create: tally.to_create,
        update: tally.to_update + tally.to_amend,
        replace: tally.to_replace,
        remove: tally.to_remove,
        forget: tally.to_forget,
    };
    let commit = context.environment.github.as_ref().and_then(|github| github_event::commit(context, github));
    PreviewPage { plan: &plan.name, environment, counts, rows, kept: tally.kept, commit }
}

fn rows(context: &Context, changes: &[Change]) -> Vec<ChangeRow> {
    let hidden = |text: String| context.secrets.redact(&text).into_owned();
    let row = |change: &Change| ChangeRow {
        mark: change.symbol().sign(),
        instance: hidden(change.instance.to_string()),
        words: hidden(words_of(change)),
        call: hidden(change.call.as_ref().map(ToString::to_string).unwrap_or_default()),
        fields: details_of(change).into_iter().map(hidden).collect(),
    };
    changes.iter().filter(|change| change.is_pending()).map(row).collect()
}
