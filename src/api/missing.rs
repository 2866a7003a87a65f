//! Whether a 404 is the API's word that a resource is not there.
//!
//! An answer of the Cloud API has a mark of its own ([`Form`](super::Form)). Other products have none: the 404 of a
//! gateway that has no route to a service for a moment looks like theirs, and may be JSON or empty. It is believed when
//! its words are about a resource, or when the API shows what is above the resource, and the resource still not.

use super::{ApiError, Client, Request, json_of};
use crate::catalog::{CLOUD, root_of};

/// What the words of a product say of a missing resource. "Not found" alone is the name of the status.
const WORDS: [&str; 4] = ["not found", "not exist", "doesn't exist", "no such"];
/// The names of the status 404, as servers and gateways spell them.
const STATUS_NAMES: [&str; 3] = ["not found", "404 not found", "404 page not found"];

impl Client {
    /// Whether the 404 that a GET was answered with means that nothing is there.
    pub(super) async fn is_missing(&self, request: &Request, error: &ApiError) -> bool {
        if root_of(&request.path) == CLOUD || error.request_id.is_some() || is_about_resource(&error.message) {
            return true;
        }
        self.shows_what_is_above(&request.path).await
            && matches!(self.send(request.clone()).await, Ok(answer) if answer.status == 404)
    }

    async fn shows_what_is_above(&self, path: &str) -> bool {
        for above in above(path) {
            let shown = self.send(Request::get(above)).await;
            if shown.is_ok_and(|answer| answer.is_success() && json_of(&answer).is_some_and(|shown| !shown.is_null())) {
                return true;
            }
        }
        false
    }
}

/// Whether a message of a 404 is about a resource: a gateway says that there is no route, or only the name of the
/// status.
pub fn is_about_resource(message: &str) -> bool {
    let message = message.trim().trim_end_matches('.').to_lowercase();
    !STATUS_NAMES.contains(&message.as_str()) && WORDS.iter().any(|words| message.contains(words))
}

/// The paths above one, from the nearest to the list of the product's resources. A path has at least two segments.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    let ends = path.rmatch_indices('/').map(|(end, _)| end);
    ends.map(|end| &path[..end]).take_while(|above| above.matches('/').count() >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{answer, client};
    use crate::api::{Answer, ReadError};

    #[test]
    fn only_words_about_a_resource_are_believed_at_once() {
        for (message, is_about_one) in [
            ("zone not found", true),
            ("Origin group does not exist.", true),
            ("No such key", true),
            ("Not found.", false),
            ("Not Found", false),
            ("404 page not found", false),
            ("no Route matched with those values", false),
            ("the answer gives no reason", false),
        ] {
            assert_eq!(is_about_resource(message), is_about_one, "{message}");
        }
    }

    #[test]
    fn what_is_above_begins_with_the_nearest() {
        assert_eq!(
            above("/dns/v2/zones/our.example/www/A").collect::<Vec<_>>(),
            ["/dns/v2/zones/our.example/www", "/dns/v2/zones/our.example", "/dns/v2/zones", "/dns/v2"]
        );
        assert_eq!(above("/cdn/origin_groups/5").collect::<Vec<_>>(), ["/cdn/origin_groups"]);
        assert_eq!(above("/cdn/origin_groups").count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_404_without_words_is_believed_when_the_api_shows_what_is_above() {
        let (bare, list) = (answer(404, &[], "{}"), answer(200, &[], r#"[{"id": 6}]"#));
        let group = answer(200, &[], r#"{"id": 5}"#);
        let own = answer(404, &[], r#"{"detail":"Origin group not found"}"#);
        let is_missing = |read: &Result<_, ReadError>| read.as_ref().is_err_and(ReadError::is_not_found);
        for (answers, missing, requests) in [
            (vec![own], true, 1),
            (vec![bare.clone(), list.clone(), bare.clone()], true, 3),
            // The gateway had no route for a moment.
            (vec![bare.clone(), list.clone(), group.clone(), group.clone()], false, 4),
            (vec![bare.clone(), bare.clone(), group.clone()], false, 3),
        ] {
            let client = client(answers.iter().rev().cloned().collect::<Vec<Answer>>()).await;
            let read = client.read(Request::get("/cdn/origin_groups/5")).await;
            assert_eq!((is_missing(&read), client.counts().0), (missing, requests), "{answers:?}");
            assert!(missing || read.is_ok(), "{read:?}");
        }
        // A list of all resources is never missing.
        let client = client(vec![bare; 20]).await;
        let read = client.read(Request::get("/cdn/origin_groups")).await;
        assert!(matches!(read, Err(ReadError::Failed { .. })), "{read:?}");
    }
}
