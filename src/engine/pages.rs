//! Lists that come page by page.

use serde_json::Value;

use crate::api::{Client, ReadError, Request};

/// The longest page that the API gives.
const LONGEST: usize = 1000;
/// A list of more pages than this has no end: a server that always has more would keep a run for ever.
const MOST: usize = 1000;

/// Everything that a list holds. `items_at`: where an answer has its items, as a JSON pointer; one that is a bare array is
/// taken whole. `paged`: the list takes `limit` and `offset`.
///
/// # Errors
///
/// [`ReadError`] of the first page that cannot be read, and when the list does not end.
pub async fn pages(client: &Client, request: &Request, items_at: &str, paged: bool) -> Result<Vec<Value>, ReadError> {
    let mut found: Vec<Value> = Vec::new();
    for _ in 0..MOST {
        let mut page = request.clone();
        if paged {
            page = page.query("limit", LONGEST).query("offset", found.len());
        }
        let answer = client.read(page).await?;
        let items = answer.pointer(items_at).or(answer.as_array().map(|_| &answer)).and_then(Value::as_array);
        let items = items.cloned().unwrap_or_default();
        let length = items.len();
        found.extend(items);
        let is_last = match answer.get("count").and_then(Value::as_u64) {
            Some(count) => found.len() as u64 >= count,
            None => length < LONGEST,
        };
        if !paged || length == 0 || is_last {
            return Ok(found);
        }
    }
    Err(ReadError::Failed { cause: format!("the list does not end: {} items so far", found.len()), attempts: 1 })
}
