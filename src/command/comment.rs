//! Keeps one comment on a pull request up to date, through GitHub's REST API with the token of the job.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::defaults::USER_AGENT;
use super::note;
use crate::api::{Answer, Http, Lost, Request, Transport};
use crate::catalog::Method;
use crate::context::{Context, GitHub};
use crate::error::Error;
use crate::shared::Shared;

/// The address of the API, unless the runner names another (GitHub Enterprise).
const GITHUB: &str = "https://api.github.com";
const TIMEOUT: Duration = Duration::from_secs(30);
/// The comments of a page.
const PAGE: usize = 100;
/// The most pages of comments that are read.
const MOST_PAGES: usize = 100;
/// The attempts of an idempotent request.
const TRIES: u32 = 3;
/// The pause between two of them.
const PAUSE: Duration = Duration::from_secs(2);

/// Replaces the comment that begins with the same marker, or adds one. When the token may not comment, as for a pull
/// request from a fork, that is reported and is not an error.
///
/// # Errors
///
/// When there is no token, GitHub cannot be reached, or it refuses for another reason, so that an existing comment
/// may be out of date.
pub(super) async fn keep(context: &Context, marker: &str, body: &str) -> Result<(), Error> {
    let Some(github) = &context.environment.github else {
        return note(context, "warning: `--comment` has an effect in a GitHub Actions job only");
    };
    let Some(number) = pull_request(context, github) else {
        return note(context, "no pull request here: there is nothing to comment on");
    };
    let (Some(token), Some(repository)) = (&github.token, &github.repository) else {
        return Err(Error::usage("`--comment` needs `GITHUB_TOKEN`, and it is not set")
            .help("the action passes it on: `comment: true`; the job needs `permissions: { pull-requests: write }`"));
    };
    let base = github.api_url.as_deref().unwrap_or(GITHUB);
    let comments = Comments { http: http(context, base, token)?, repository, number };
    match comments.keep(marker, body).await {
        Ok(told) => note(context, &told),
        Err(Refused::NotAllowed(status)) => note(
            context,
            &format!(
                "warning: the comment was not written: GitHub answered {status}; a pull request from a fork has a token that \
                 only reads, every other job needs `permissions: {{ pull-requests: write }}`"
            ),
        ),
        Err(Refused::Failed(why)) => Err(Error::Comment(why)),
    }
}

fn http(context: &Context, base: &str, token: &SecretString) -> Result<Http, Error> {
    Ok(Http::with_scheme(base, "Bearer", token, TIMEOUT, &super::connect::authorities(context)?)?)
}

/// The number of the job's pull request.
fn pull_request(context: &Context, github: &GitHub) -> Option<u64> {
    let of_reference = github.reference.as_deref().and_then(number_in);
    let of_event = || {
        let text = std::fs::read_to_string(context.resolve(github.event.as_ref()?)).ok()?;
        let event: Value = serde_json::from_str(&text).ok()?;
        let is_pull_request = event.pointer("/issue/pull_request").is_some();
        let issue = event.pointer("/issue/number").filter(|_| is_pull_request);
        event.pointer("/pull_request/number").or(issue)?.as_u64()
    };
    of_reference.or_else(of_event)
}

/// `refs/pull/7/merge`
fn number_in(reference: &str) -> Option<u64> {
    reference.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok()
}

/// Why a comment was not written.
enum Refused {
    /// The token may not.
    NotAllowed(u16),
    Failed(String),
}

struct Comments<'a> {
    http: Http,
    repository: &'a str,
    number: u64,
}

/// The author whose comments may be replaced.
enum Author {
    /// The token belongs to a user.
    Login(String),
    /// The token belongs to an app, which cannot ask for its own name.
    Bot,
}

impl Comments<'_> {
    /// Writes the comment; returns a message about what was done.
    async fn keep(&self, marker: &str, body: &str) -> Result<String, Refused> {
        let author = self.author().await?;
        let mut own = self.own_comments(marker, &author).await?.into_iter();
        let content = json!({ "body": body });
        let Some((id, old)) = own.next() else {
            let path = format!("/repos/{}/issues/{}/comments", self.repository, self.number);
            // Not retried: a duplicate would remain until the next preview.
            let made = self.send(Method::Post, &path, &[], Some(content), 1).await?;
            return Ok(format!("commented on pull request {}{}", self.number, at(&made)));
        };
        let path = |id: u64| format!("/repos/{}/issues/comments/{id}", self.repository);
        // Another job may have added a comment at the same time.
        for (id, _) in own {
            self.send(Method::Delete, &path(id), &[], None, TRIES).await?;
        }
        if old == body {
            return Ok(format!("the comment on pull request {} says so already", self.number));
        }
        let changed = self.send(Method::Patch, &path(id), &[], Some(content), TRIES).await?;
        Ok(format!("the comment on pull request {} is up to date{}", self.number, at(&changed)))
    }

    async fn author(&self) -> Result<Author, Refused> {
        match self.send(Method::Get, "/user", &[], None, TRIES).await {
            Ok(user) => match user.get("login").and_then(Value::as_str) {
                Some(login) => Ok(Author::Login(login.to_owned())),
                None => Ok(Author::Bot),
            },
            Err(Refused::NotAllowed(_)) => Ok(Author::Bot),
            Err(failed) => Err(failed),
        }
    }

    /// The ids and texts of the comments with this marker that earlier jobs wrote, oldest first. Comments of others
    /// with the marker are not touched.
    async fn own_comments(&self, marker: &str, author: &Author) -> Result<Vec<(u64, String)>, Refused> {
        let path = format!("/repos/{}/issues/{}/comments", self.repository, self.number);
        let mut found = Vec::new();
        for page in 1..=MOST_PAGES {
            let query = [("per_page", PAGE.to_string()), ("page", page.to_string())];
            let answer = self.send(Method::Get, &path, &query, None, TRIES).await?;
            let comments = answer.as_array().cloned().unwrap_or_default();
            found.extend(comments.iter().filter_map(|comment| own_comment(comment, marker, author)));
            if comments.len() < PAGE {
                break;
            }
        }
        found.sort_unstable_by_key(|(id, _)| *id);
        Ok(found)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<Value>,
        tries: u32,
    ) -> Result<Value, Refused> {
        let mut request = Request { body: body.map(Shared::from), ..Request::new(method, path) };
        request.query = query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        request.headers = vec![
            header("accept", "application/vnd.github+json"),
            header("x-github-api-version", "2022-11-28"),
            header("user-agent", USER_AGENT),
        ];
        let mut attempt = 1;
        loop {
            let answer = self.http.send(request.clone()).await;
            match judge(answer) {
                Err((Refused::Failed(_), true)) if attempt < tries => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err((refused, _)) => return Err(refused),
                Ok(value) => return Ok(value),
            }
        }
    }
}

/// The JSON of an answer; for an error also whether it may be temporary.
fn judge(answer: Result<Answer, Lost>) -> Result<Value, (Refused, bool)> {
    let answer = answer.map_err(|lost| (Refused::Failed(format!("GitHub cannot be reached: {lost}")), true))?;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        200..=299 => Ok(value),
        status @ (403 | 404) if answer.header("retry-after").is_none() => Err((Refused::NotAllowed(status), false)),
        status => {
            let message =
                value.get("message").and_then(Value::as_str).map(|text| format!(": {text}")).unwrap_or_default();
            Err((
                Refused::Failed(format!("GitHub answered {status}{message}")),
                status == 429 || status == 403 || status >= 500,
            ))
        }
    }
}

/// The id and text of a comment, when an earlier job wrote it.
fn own_comment(comment: &Value, marker: &str, author: &Author) -> Option<(u64, String)> {
    let is_own = match author {
        Author::Login(login) => comment.pointer("/user/login").and_then(Value::as_str) == Some(login),
        Author::Bot => comment.pointer("/user/type").and_then(Value::as_str) == Some("Bot"),
    };
    let body = comment.get("body").and_then(Value::as_str)?;
    // GitHub may have changed the line breaks.
    let begins = body.lines().next() == Some(marker);
    (is_own && begins).then(|| Some((comment.get("id")?.as_u64()?, body.replace("\r\n", "\n"))))?
}

fn at(comment: &Value) -> String {
    comment.get("html_url").and_then(Value::as_str).map(|url| format!(": {url}")).unwrap_or_default()
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

    #[test]
    fn only_comments_of_ours_are_replaced() {
        let marker = "<!-- gcore-plan preview web/default -->";
        let comment = |kind: &str, login: &str, body: &str| json!({ "id": 5, "user": { "type": kind, "login": login }, "body": body });
        let ours = format!("{marker}\r\n### Preview");
        for (comment, author, is_ours) in [
            (comment("Bot", "github-actions[bot]", &ours), Author::Bot, true),
            (comment("User", "mallory", &ours), Author::Bot, false),
            (comment("User", "me", &ours), Author::Login("me".to_owned()), true),
            (comment("User", "mallory", &ours), Author::Login("me".to_owned()), false),
            (comment("Bot", "github-actions[bot]", &format!("> {marker}")), Author::Bot, false),
            (comment("Bot", "github-actions[bot]", "<!-- gcore-plan preview web/default2 -->\n"), Author::Bot, false),
        ] {
            assert_eq!(own_comment(&comment, marker, &author).is_some(), is_ours, "{comment}");
        }
    }

    #[test]
    fn a_token_that_may_not_is_no_failure_and_a_limit_passes() {
        let answer = |status, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            judge(Ok(Answer { status, headers, body: br#"{"message":"no"}"#.to_vec() }))
        };
        assert!(matches!(answer(403, &[]), Err((Refused::NotAllowed(403), false))));
        assert!(matches!(answer(403, &[("retry-after", "60")]), Err((Refused::Failed(_), true))));
        assert!(matches!(answer(502, &[]), Err((Refused::Failed(_), true))));
        assert!(matches!(answer(422, &[]), Err((Refused::Failed(why), false)) if why == "GitHub answered 422: no"));
        assert!(answer(201, &[]).is_ok());
    }
}
