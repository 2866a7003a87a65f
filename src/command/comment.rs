//! Keeps one comment on a pull request up to date, through GitHub's REST API with the token of the job.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::defaults::USER_AGENT;
use super::github_event;
use super::{note, warn};
use crate::api::{Answer, Http, Lost, Request, Transport};
use crate::catalog::Method;
use crate::context::Context;
use crate::error::Error;
use crate::order::sort_by_key;
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
    let Some(number) = github_event::pull_request(context, github) else {
        return note(context, "no pull request here: there is nothing to comment on");
    };
    let (Some(token), Some(repository)) = (&github.token, &github.repository) else {
        return Err(Error::usage("`--comment` needs `GITHUB_TOKEN`, and it is not set")
            .help("the action passes it on: `comment: true`; the job needs `permissions: { pull-requests: write }`"));
    };
    let base = github.api_url.as_deref().unwrap_or(GITHUB);
    let graphql = http(context, graphql_base(base), token)?;
    let comments = Comments { http: http(context, base, token)?, graphql, repository, number };
    match comments.keep(marker, body).await {
        Ok(told) => note(context, &told),
        Err(Refused::NotAllowed(why)) => warn(
            context,
            &format!(
                "the comment was not written, and an earlier one may be out of date: {why}; a pull request from a fork has \
                 a token that only reads, every other job needs `permissions: {{ pull-requests: write }}`"
            ),
        ),
        Err(Refused::Failed(why)) => Err(Error::Comment(why)),
    }
}

fn http(context: &Context, base: &str, token: &SecretString) -> Result<Http, Error> {
    Ok(Http::with_scheme(base, "Bearer", token, TIMEOUT, &super::connect::authorities(context)?)?)
}

/// The address below which the GraphQL API is, by that of the REST API. (GitHub Enterprise has them at `/api/graphql` and
/// `/api/v3`.)
fn graphql_base(rest: &str) -> &str {
    let rest = rest.trim_end_matches('/');
    rest.strip_suffix("/v3").unwrap_or(rest)
}

/// Why a comment was not written.
enum Refused {
    /// The token may not; with GitHub's words.
    NotAllowed(String),
    Failed(String),
}

struct Comments<'a> {
    http: Http,
    graphql: Http,
    repository: &'a str,
    number: u64,
}

/// The author of the comments that a job with `GITHUB_TOKEN` writes.
const JOB: &str = "github-actions[bot]";

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
            return Ok(format!("commented on pull request {}{}", self.number, comment_address(&made)));
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
        Ok(format!("the comment on pull request {} is up to date{}", self.number, comment_address(&changed)))
    }

    /// The login of the account that the token belongs to.
    async fn author(&self) -> Result<String, Refused> {
        match self.send(Method::Get, "/user", &[], None, TRIES).await {
            Ok(user) => Ok(text_at(&user, "/login").unwrap_or(JOB).to_owned()),
            // An app has no user.
            Err(Refused::NotAllowed(_)) => Ok(self.app().await.unwrap_or_else(|| JOB.to_owned())),
            Err(failed) => Err(failed),
        }
    }

    /// The login of the app that the token belongs to; `None` when GitHub does not say.
    async fn app(&self) -> Option<String> {
        let query = Request {
            body: Some(json!({ "query": "{ viewer { login } }" }).into()),
            ..Request::new(Method::Post, "/graphql")
        };
        let answer = judge(self.graphql.send(with_headers(query)).await).ok()?;
        text_at(&answer, "/data/viewer/login").map(str::to_owned)
    }

    /// The ids and texts of the comments with this marker that earlier jobs wrote, oldest first. Comments of others
    /// with the marker are not touched.
    async fn own_comments(&self, marker: &str, author: &str) -> Result<Vec<(u64, String)>, Refused> {
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
        sort_by_key(&mut found, |(id, _)| *id);
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
        let request = with_headers(request);
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

fn with_headers(request: Request) -> Request {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("accept", "application/vnd.github+json"),
        header("x-github-api-version", "2022-11-28"),
        header("user-agent", USER_AGENT),
    ];
    Request { headers, ..request }
}

fn text_at<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The JSON of an answer; for an error also whether it may be temporary.
fn judge(answer: Result<Answer, Lost>) -> Result<Value, (Refused, bool)> {
    let answer = answer.map_err(|lost| (Refused::Failed(format!("GitHub cannot be reached: {lost}")), true))?;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let status = answer.status;
    if (200..=299).contains(&status) {
        return Ok(value);
    }
    let message = text_at(&value, "/message").map(|text| format!(": {text}")).unwrap_or_default();
    let why = format!("GitHub answered {status}{message}");
    let waits = answer.header("retry-after").is_some();
    // <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>: an hour's limit is a 403 as well.
    let is_limit = waits || answer.header("x-ratelimit-remaining") == Some("0");
    match status {
        403 | 404 if !is_limit => Err((Refused::NotAllowed(why), false)),
        _ => Err((Refused::Failed(why), waits || status == 429 || status >= 500)),
    }
}

/// The id and text of a comment, when an earlier job of this author wrote it.
fn own_comment(comment: &Value, marker: &str, author: &str) -> Option<(u64, String)> {
    let login = text_at(comment, "/user/login")?;
    // GraphQL names an app without the end that its login has.
    let is_app = text_at(comment, "/user/type") == Some("Bot") && login.strip_suffix("[bot]") == Some(author);
    let body = text_at(comment, "/body")?;
    // GitHub may have changed the line breaks.
    let begins = body.lines().next() == Some(marker);
    let is_own = begins && (login == author || is_app);
    is_own.then(|| Some((comment.get("id")?.as_u64()?, body.replace("\r\n", "\n"))))?
}

fn comment_address(comment: &Value) -> String {
    comment.get("html_url").and_then(Value::as_str).map(|url| format!(": {url}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_of_ours_are_replaced() {
        let marker = "<!-- gcore-plan preview web/default -->";
        let comment = |kind: &str, login: &str, body: &str| json!({ "id": 5, "user": { "type": kind, "login": login }, "body": body });
        let ours = format!("{marker}\r\n### Preview");
        for (comment, author, is_ours) in [
            (comment("Bot", JOB, &ours), JOB, true),
            (comment("Bot", JOB, &ours), "github-actions", true),
            (comment("Bot", "dependabot[bot]", &ours), JOB, false),
            (comment("User", "github-actions", &ours), JOB, false),
            (comment("User", "mallory", &ours), JOB, false),
            (comment("User", "me", &ours), "me", true),
            (comment("User", "mallory", &ours), "me", false),
            (comment("Bot", JOB, &format!("> {marker}")), JOB, false),
            (comment("Bot", JOB, "<!-- gcore-plan preview web/default2 -->\n"), JOB, false),
        ] {
            assert_eq!(own_comment(&comment, marker, author).is_some(), is_ours, "{comment}");
        }
    }

    #[test]
    fn the_graphql_api_is_beside_the_other() {
        assert_eq!(graphql_base("https://api.github.com/"), "https://api.github.com");
        assert_eq!(graphql_base("https://git.example.com/api/v3"), "https://git.example.com/api");
    }

    #[test]
    fn a_token_that_may_not_is_no_failure_and_a_limit_passes() {
        let answer = |status, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            judge(Ok(Answer { status, headers, body: br#"{"message":"no"}"#.to_vec() }))
        };
        assert!(matches!(answer(403, &[]), Err((Refused::NotAllowed(why), false)) if why == "GitHub answered 403: no"));
        let limited = answer(403, &[("x-ratelimit-remaining", "0")]);
        assert!(matches!(limited, Err((Refused::Failed(why), false)) if why == "GitHub answered 403: no"));
        assert!(matches!(answer(403, &[("retry-after", "60")]), Err((Refused::Failed(_), true))));
        assert!(matches!(answer(502, &[]), Err((Refused::Failed(_), true))));
        assert!(matches!(answer(422, &[]), Err((Refused::Failed(why), false)) if why == "GitHub answered 422: no"));
        assert!(answer(201, &[]).is_ok());
    }
}
