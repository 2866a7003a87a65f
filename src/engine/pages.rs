//! Lists that come page by page.

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::api::{Client, ReadError, Request};
use crate::catalog::{ListCall, Operation};

/// The longest page that the API gives.
const LONGEST: usize = 1000;
/// A list of more pages than this has no end: a server that always has more would keep a run for ever.
const MOST: usize = 1000;
/// Where the answer of a collection has its items.
const RESULTS: &str = "/results";

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
        let is_over = match (count(&answer), paging) {
            (_, Paging::Whole) => true,
            (None, Paging::Numbered) => length == 0,
            (told, Paging::Offset(longest)) => is_last(told, found.len(), length, longest),
            (Some(count), Paging::Numbered) => found.len() as u64 >= count,
        };
        if length == 0 || is_over {
            return Ok(found);
        }
    }
    Err(endless(found.len()))
}

/// A GET of a plan, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    pub status: u16,
    /// The first answer, with the items of all pages in it.
    pub answer: Value,
    /// How many items there are, where more are told of than came.
    pub missing: Option<Missing>,
}

/// Items that a list says it has and that did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub came: usize,
    pub count: u64,
}

/// Why a GET of a plan has no answer.
#[derive(Debug)]
pub enum Unread {
    Read(ReadError),
    /// The list has more items than are allowed to come.
    TooMany {
        most: usize,
        count: u64,
    },
}

impl From<ReadError> for Unread {
    fn from(error: ReadError) -> Self {
        Unread::Read(error)
    }
}

/// How GETs of a plan are made.
#[derive(Clone, Copy)]
pub struct Getting<'g> {
    pub client: &'g Client,
    /// Statuses that pass, beyond the usual.
    pub repeat: &'g [u16],
    /// Each request takes one of these.
    pub places: Option<&'g Semaphore>,
    /// The most items that may come.
    pub most: usize,
}

impl Getting<'_> {
    /// Makes a GET, and follows the pages of a collection to its end: unless the request says itself which page it wants.
    ///
    /// # Errors
    ///
    /// [`Unread`].
    pub async fn whole(&self, request: &Request, operation: Option<&Operation>) -> Result<Whole, Unread> {
        let page = operation.and_then(|operation| page_of(operation, request));
        let first = match page {
            Some(limit) => request.clone().query("limit", limit),
            None => request.clone(),
        };
        let (status, mut answer) = self.client.read_answer(first, self.repeat, self.places).await?;
        let Some(mut came) = items(&answer).map(Vec::len) else {
            return Ok(Whole { status, answer, missing: None });
        };
        let told = count(&answer);
        // A list that is all of the answer comes whole.
        let mut is_over = came == 0 || answer.is_array() || page.is_none_or(|limit| is_last(told, came, came, limit));
        for _ in 0..MOST {
            if came > self.most || !is_over && told.is_some_and(|count| count > self.most as u64) {
                return Err(Unread::TooMany { most: self.most, count: told.unwrap_or_default().max(came as u64) });
            }
            let Some(limit) = page.filter(|_| !is_over) else { break };
            let next = request.clone().query("limit", limit).query("offset", came);
            let (_, mut next) = self.client.read_answer(next, self.repeat, self.places).await?;
            let told = count(&next);
            let more = next.pointer_mut(RESULTS).map(Value::take);
            let Some(Value::Array(more)) = more else {
                is_over = true;
                break;
            };
            let length = more.len();
            came += length;
            if let Some(all) = answer.pointer_mut(RESULTS).and_then(Value::as_array_mut) {
                all.extend(more);
            }
            is_over = length == 0 || is_last(told, came, length, limit);
        }
        if !is_over {
            return Err(endless(came).into());
        }
        let missing = told.filter(|count| *count > came as u64).map(|count| Missing { came, count });
        Ok(Whole { status, answer, missing })
    }
}

/// The items of an answer, when it is a list: `results`, all of it, or the only list in it, as other products have it.
pub fn items(answer: &Value) -> Option<&Vec<Value>> {
    if let Some(items) = answer.pointer(RESULTS).unwrap_or(answer).as_array() {
        return Some(items);
    }
    let mut lists = answer.as_object()?.values().filter_map(Value::as_array);
    lists.next().filter(|_| lists.next().is_none())
}

/// The length of a page to ask for; `None` when the list is not paged, or the request names its page.
fn page_of(operation: &Operation, request: &Request) -> Option<usize> {
    let parameter = |name: &str| operation.query_parameters.iter().find(|parameter| parameter.name == name);
    let limit = parameter("limit")?;
    parameter("offset")?;
    if request.query.iter().any(|(name, _)| name == "limit" || name == "offset") {
        return None;
    }
    let largest = limit.schema.maximum.as_ref().and_then(|bound| bound.value.as_u64());
    let largest = largest.and_then(|most| usize::try_from(most).ok()).unwrap_or(LONGEST);
    Some(largest.clamp(1, LONGEST))
}

fn count(answer: &Value) -> Option<u64> {
    TOTALS.iter().find_map(|at| answer.pointer(at)?.as_u64())
}

/// Whether a page is the last one: all there is came, or, where nobody says how much that is, the page is not full.
fn is_last(count: Option<u64>, came: usize, length: usize, limit: usize) -> bool {
    match count {
        Some(count) => came as u64 >= count,
        None => length < limit,
    }
}

fn endless(came: usize) -> ReadError {
    ReadError::Failed { cause: format!("the list does not end: {came} items so far"), attempts: 1 }
}
