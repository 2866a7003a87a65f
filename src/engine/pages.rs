//! Lists that come page by page.

use serde_json::Value;

use crate::api::{Client, ReadError, Request};
use crate::catalog::ListCall;

/// The longest page that the API gives.
const LONGEST: usize = 1000;
/// A list of more pages than this has no end: a server that always has more would keep a run for ever.
const MOST: usize = 1000;

/// How a list is asked for its next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// It comes whole.
    Whole,
    /// It takes `limit`, up to this, and `offset`.
    Offset(usize),
    /// It takes the number of a page, from 1; nobody says how long one is.
    Numbered,
}

impl Paging {
    /// Pages of the Cloud API.
    pub const CLOUD: Paging = Paging::Offset(LONGEST);

    pub fn of(list: &ListCall) -> Self {
        match (list.paged, list.numbered) {
            (true, _) => Paging::Offset(list.longest_page.unwrap_or(LONGEST)),
            (false, true) => Paging::Numbered,
            (false, false) => Paging::Whole,
        }
    }
}

/// Names under which answers tell how much there is in all.
const TOTALS: [&str; 4] = ["/count", "/total_amount", "/total_count", "/meta/total_count"];

/// Everything that a list holds. `items_at`: where an answer has its items, as a JSON pointer; one that is a bare array is
/// taken whole.
///
/// # Errors
///
/// [`ReadError`] of the first page that cannot be read, and when the list does not end.
pub async fn pages(
    client: &Client,
    request: &Request,
    items_at: &str,
    paging: Paging,
) -> Result<Vec<Value>, ReadError> {
    let mut found: Vec<Value> = Vec::new();
    for number in 1..=MOST {
        let page = match paging {
            Paging::Whole => request.clone(),
            Paging::Offset(longest) => request.clone().query("limit", longest).query("offset", found.len()),
            Paging::Numbered => request.clone().query("page", number),
        };
        let answer = client.read(page).await?;
        let items = answer.pointer(items_at).or(answer.as_array().map(|_| &answer)).and_then(Value::as_array);
        let items = items.cloned().unwrap_or_default();
        let length = items.len();
        // A server that knows no page numbers gives the first one again and again.
        let again = paging == Paging::Numbered && number > 1 && items.iter().all(|item| found.contains(item));
        if again {
            return Ok(found);
        }
        found.extend(items);
        let total = TOTALS.iter().find_map(|at| answer.pointer(at)?.as_u64());
        let is_last = match (total, paging) {
            (Some(total), _) => found.len() as u64 >= total,
            (None, Paging::Offset(longest)) => length < longest,
            (None, Paging::Numbered) => false,
            (None, Paging::Whole) => true,
        };
        if paging == Paging::Whole || length == 0 || is_last {
            return Ok(found);
        }
    }
    Err(ReadError::Failed { cause: format!("the list does not end: {} items so far", found.len()), attempts: 1 })
}
