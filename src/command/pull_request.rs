//! What a preview tells a GitHub Actions job: its summary, its outputs, and a comment on the pull request.

use super::comment;
use super::preview_text::words_of;
use crate::context::Context;
use crate::engine::{Action, Change, Symbol};
use crate::error::Error;
use crate::plan::Plan;
use crate::report::github::append;
use crate::report::github::preview::{Counts, LONGEST_COMMENT, PreviewPage, Row};

/// Tells the job what a run would do; nothing outside of one.
///
/// # Errors
///
/// When one of the job's files cannot be written, or the comment that was asked for is not.
pub(super) async fn tell(
    context: &Context,
    plan: &Plan,
    environment: &str,
    changes: &[Change],
    wants_comment: bool,
) -> Result<(), Error> {
    let github = context.environment.github.as_ref();
    let hidden = |text: String| context.secrets.redact(&text).into_owned();
    let rows: Vec<Row> =
        changes.iter().filter(|change| change.is_pending()).map(|change| row(change, &hidden)).collect();
    let page = PreviewPage {
        plan: &plan.name,
        environment,
        counts: counts(changes),
        rows: &rows,
        kept: changes.iter().filter(|change| change.action == Action::Keep).count(),
        commit: github.and_then(|github| github.commit.as_deref()),
    };
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

fn counts(changes: &[Change]) -> Counts {
    let mut counts =
        Counts { changes: changes.iter().filter(|change| change.is_pending()).count(), ..Counts::default() };
    for change in changes.iter().filter(|change| change.is_pending()) {
        match change.symbol() {
            Symbol::Make => counts.create += 1,
            Symbol::Update => counts.update += 1,
            Symbol::Replace => counts.replace += 1,
            Symbol::Remove => counts.remove += 1,
            _ => {}
        }
    }
    counts
}

fn row(change: &Change, hidden: &dyn Fn(String) -> String) -> Row {
    let (mark, words) = (change.symbol().sign(), words_of(change));
    let fields = match &change.action {
        Action::Change { fields, .. } => fields.iter().map(|field| hidden(field.clone())).collect(),
        _ => Vec::new(),
    };
    Row {
        mark,
        instance: hidden(change.instance.to_string()),
        words: hidden(words),
        call: hidden(change.call.as_ref().map(ToString::to_string).unwrap_or_default()),
        fields,
    }
}
