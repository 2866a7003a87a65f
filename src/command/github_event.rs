//! What a GitHub Actions job says about the pull request that it is for.

use serde_json::Value;

use crate::context::{Context, GitHub};

/// The number of the job's pull request; `None` when it is for none.
pub(super) fn pull_request(context: &Context, github: &GitHub) -> Option<u64> {
    let of_reference = github.reference.as_deref().and_then(number_in);
    let of_event = || {
        let event = event(context, github)?;
        let is_pull_request = event.pointer("/issue/pull_request").is_some();
        let issue = event.pointer("/issue/number").filter(|_| is_pull_request);
        event.pointer("/pull_request/number").or(issue)?.as_u64()
    };
    of_reference.or_else(of_event)
}

/// The commit that the job is about. For a pull request it is the newest of its branch: the commit that is checked out
/// is a merge of it, which the pull request does not show.
pub(super) fn commit(context: &Context, github: &GitHub) -> Option<String> {
    let head = || event(context, github)?.pointer("/pull_request/head/sha")?.as_str().map(str::to_owned);
    head().or_else(|| github.commit.clone())
}

/// The event that triggered the workflow.
fn event(context: &Context, github: &GitHub) -> Option<Value> {
    let text = std::fs::read_to_string(context.resolve(github.event.as_ref()?)).ok()?;
    serde_json::from_str(&text).ok()
}

/// `refs/pull/7/merge`
fn number_in(reference: &str) -> Option<u64> {
    reference.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_known_by_the_reference_of_its_job() {
        assert_eq!(number_in("refs/pull/7/merge"), Some(7));
        assert_eq!(number_in("refs/heads/main"), None);
        assert_eq!(number_in("refs/pull/x/merge"), None);
    }
}
