//! Reads lists page by page.

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::api::{Client, ReadError, Request};
use crate::catalog::{ListCall, Operation};

/// The longest page that the API allows.
const MAX_PAGE_LENGTH: usize = 1000;
/// The most pages that are read; a server that always answers another page would keep the run for ever.
const MAX_PAGES: usize = 1000;
/// The JSON pointer to the items of a list's answer.
const RESULTS: &str = "/results";

/// How the next page of a list is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// The list comes in one answer.
    Single,
    /// By `limit`, at most this number, and `offset`.
    Offset(usize),
    /// By page number, from 1; the length of a page is not documented.
    Numbered,
}

impl Paging {
    /// Paging of the Cloud API.
    pub const CLOUD: Paging = Paging::Offset(MAX_PAGE_LENGTH);

    pub fn of(list: &ListCall) -> Self {
        match (list.paged, list.numbered) {
            (true, _) => Paging::Offset(list.longest_page.unwrap_or(MAX_PAGE_LENGTH)),
            (false, true) => Paging::Numbered,
            (false, false) => Paging::Single,
        }
    }

    /// The request for a page: by its number, and after `came` items.
    fn page(self, request: &Request, number: usize, came: usize) -> Request {
        match self {
            Paging::Single => request.clone(),
            Paging::Offset(longest) if number == 1 => request.clone().query("limit", longest),
            Paging::Offset(longest) => request.clone().query("limit", longest).query("offset", came),
            Paging::Numbered if number == 1 => request.clone(),
            Paging::Numbered => request.clone().query("page", number),
        }
    }
}

/// Where answers state the total number of items.
const TOTALS: [&str; 4] = ["/count", "/total_amount", "/total_count", "/meta/total_count"];

/// All items of a list. `items_at` is the JSON pointer to the items in an answer; an answer that is an array is the
/// list itself.
///
/// # Errors
///
/// [`ReadError`] of the first page that cannot be read, or when there are more pages than the limit.
pub async fn pages(
    client: &Client,
    request: &Request,
    items_at: &str,
    paging: Paging,
) -> Result<Vec<Value>, ReadError> {
    let mut found = Vec::new();
    match each_page(client, request, items_at, paging, MAX_PAGES, |items| found.extend(items)).await? {
        Pages::Read => Ok(found),
        Pages::More { .. } => Err(endless(found.len())),
    }
}

/// Whether a list was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    Read,
    /// It has more pages than were to be read: at least so many.
    More {
        pages: usize,
    },
}

/// The items of a list, page by page; no more than `most` pages, and only the first when its answer states that there
/// are more.
///
/// # Errors
///
/// [`ReadError`] of the first page that cannot be read.
pub async fn each_page(
    client: &Client,
    request: &Request,
    items_at: &str,
    paging: Paging,
    most: usize,
    mut take: impl FnMut(Vec<Value>),
) -> Result<Pages, ReadError> {
    let (mut found, mut first) = (0, Vec::new());
    for number in 1..=most.min(MAX_PAGES) {
        let answer = client.read(paging.page(request, number, found)).await?;
        let told = count(&answer);
        let Some(items) = listed(answer, items_at, &request.path) else {
            return Err(ReadError::not_a_list(&request.path));
        };
        let length = items.len();
        match (paging, number) {
            (Paging::Numbered, 1) => first.clone_from(&items),
            // A server without page numbers answers every request with the first page.
            (Paging::Numbered, _) if items.iter().all(|item| first.contains(item)) => return Ok(Pages::Read),
            _ => {}
        }
        found += length;
        take(items);
        let is_over = match (told, paging) {
            (_, Paging::Single) => true,
            (None, Paging::Numbered) => length == 0,
            (told, Paging::Offset(longest)) => is_last(told, found, length, longest),
            (Some(count), Paging::Numbered) => found as u64 >= count,
        };
        if length == 0 || is_over {
            return Ok(Pages::Read);
        }
        let stated = told.map_or(0, |count| usize::try_from(count.div_ceil(length as u64)).unwrap_or(usize::MAX));
        if number == 1 && stated > most {
            return Ok(Pages::More { pages: stated });
        }
    }
    Ok(Pages::More { pages: most + 1 })
}

/// Whether a list may be answered by its only item: the API's document shows one topic where it lists topics.
fn may_be_one(path: &str) -> bool {
    path.contains("/laas/") && path.ends_with("/topics")
}

/// The items in an answer; `None` when it is no list. An answer without items is not an empty list, unless it says so:
/// it would say of every resource that it does not exist.
pub fn listed(mut answer: Value, items_at: &str, path: &str) -> Option<Vec<Value>> {
    let is_empty = count(&answer) == Some(0);
    match answer.pointer_mut(items_at).map(Value::take) {
        Some(Value::Array(items)) => Some(items),
        Some(Value::Null) => Some(Vec::new()),
        None if is_empty => Some(Vec::new()),
        None => match answer {
            // The object that has the list may be in a list itself.
            Value::Array(items) if items.iter().all(|item| item.pointer(items_at).is_none()) => Some(items),
            one if may_be_one(path) && one.get("name").is_some_and(Value::is_string) => Some(vec![one]),
            _ => None,
        },
        Some(_) => None,
    }
}

/// The complete answer to a GET step.
#[derive(Debug, Clone, PartialEq)]
pub struct CompleteAnswer {
    pub status: u16,
    /// The first answer, with the items of all pages in it.
    pub answer: Value,
    /// Set when fewer items came than the answer states.
    pub missing: Option<Missing>,
}

/// The items that are missing from a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub came: usize,
    pub count: u64,
}

/// Why a GET step has no answer.
#[derive(Debug)]
pub enum ReadFailure {
    Read(ReadError),
    /// The list has more items than `max_items` allows.
    TooMany {
        most: usize,
        count: u64,
    },
}

impl From<ReadError> for ReadFailure {
    fn from(error: ReadError) -> Self {
        ReadFailure::Read(error)
    }
}

/// How the requests of GET steps are sent.
#[derive(Clone, Copy)]
pub struct ListReader<'g> {
    pub client: &'g Client,
    /// HTTP statuses that are retried in addition to the usual ones.
    pub retried_statuses: &'g [u16],
    /// Each request takes one of these permits.
    pub permits: Option<&'g Semaphore>,
    /// The most items that are accepted.
    pub most_items: usize,
}

impl ListReader<'_> {
    /// Sends a GET, and reads the following pages of a collection, unless the request itself names a page.
    ///
    /// # Errors
    ///
    /// [`ReadFailure`].
    pub async fn read_all(
        &self,
        request: &Request,
        operation: Option<&Operation>,
    ) -> Result<CompleteAnswer, ReadFailure> {
        let paging = operation.map_or(Paging::Single, |operation| paging_of(operation, request));
        let (status, mut answer) =
            self.client.read_answer(paging.page(request, 1, 0), self.retried_statuses, self.permits).await?;
        let Some(first) = items(&answer) else { return Ok(CompleteAnswer { status, answer, missing: None }) };
        let mut came = first.len();
        let told = count(&answer);
        let mut is_over = match paging {
            _ if came == 0 => true,
            Paging::Single => true,
            // An answer that is a bare array is the complete list.
            Paging::Offset(limit) => answer.is_array() || is_last(told, came, came, limit),
            Paging::Numbered => told.is_some_and(|count| came as u64 >= count),
        };
        let first = if is_over { Vec::new() } else { first.clone() };
        for number in 2..=MAX_PAGES {
            if came > self.most_items || !is_over && told.is_some_and(|count| count > self.most_items as u64) {
                return Err(ReadFailure::TooMany {
                    most: self.most_items,
                    count: told.unwrap_or_default().max(came as u64),
                });
            }
            if is_over {
                break;
            }
            let page = paging.page(request, number, came);
            let (_, mut next) = self.client.read_answer(page, self.retried_statuses, self.permits).await?;
            let told = count(&next);
            let more = items_mut(&mut next).map(std::mem::take).unwrap_or_default();
            // A server without page numbers answers every request with the first page.
            if more.is_empty() || paging == Paging::Numbered && more.iter().all(|item| first.contains(item)) {
                is_over = true;
                break;
            }
            let length = more.len();
            came += length;
            if let Some(all) = items_mut(&mut answer) {
                all.extend(more);
            }
            is_over = match paging {
                Paging::Single => true,
                Paging::Offset(limit) => is_last(told, came, length, limit),
                Paging::Numbered => told.is_some_and(|count| came as u64 >= count),
            };
        }
        if !is_over {
            return Err(endless(came).into());
        }
        let missing = told.filter(|count| *count > came as u64).map(|count| Missing { came, count });
        Ok(CompleteAnswer { status, answer, missing })
    }
}

/// The items of an answer when it is a list: `results`, the answer itself, or the only array in it (other products).
pub fn items(answer: &Value) -> Option<&Vec<Value>> {
    if let Some(items) = answer.pointer(RESULTS).unwrap_or(answer).as_array() {
        return Some(items);
    }
    let mut lists = answer.as_object()?.values().filter_map(Value::as_array);
    lists.next().filter(|_| lists.next().is_none())
}

/// The list of [`items`], to append items to.
fn items_mut(answer: &mut Value) -> Option<&mut Vec<Value>> {
    if answer.is_array() {
        return answer.as_array_mut();
    }
    let fields = answer.as_object_mut()?;
    if fields.get("results").is_some_and(Value::is_array) {
        return fields.get_mut("results").and_then(Value::as_array_mut);
    }
    let mut lists = fields.values_mut().filter_map(Value::as_array_mut);
    let only = lists.next();
    only.filter(|_| lists.next().is_none())
}

/// How the pages of a GET step's list are requested; one request when the step itself names a page.
fn paging_of(operation: &Operation, request: &Request) -> Paging {
    let parameter = |name: &str| operation.query_parameters.iter().find(|parameter| parameter.name == name);
    let is_given = |name: &str| request.query.iter().any(|(given, _)| given == name);
    match (parameter("limit"), parameter("offset"), parameter("page")) {
        (Some(limit), Some(_), _) if !is_given("limit") && !is_given("offset") => {
            let largest = limit.schema.maximum.as_ref().and_then(|bound| bound.value.as_u64());
            let largest = largest.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_PAGE_LENGTH);
            Paging::Offset(largest.clamp(1, MAX_PAGE_LENGTH))
        }
        (_, None, Some(_)) if !is_given("page") => Paging::Numbered,
        _ => Paging::Single,
    }
}

fn count(answer: &Value) -> Option<u64> {
    TOTALS.iter().find_map(|at| answer.pointer(at)?.as_u64())
}

/// Whether a page is the last: all items of the stated total came, or, without a total, the page is not full.
fn is_last(count: Option<u64>, came: usize, length: usize, limit: usize) -> bool {
    match count {
        Some(count) => came as u64 >= count,
        None => length < limit,
    }
}

/// The error for a list of more pages than the limit.
pub fn endless(came: usize) -> ReadError {
    ReadError::Failed { cause: format!("the list does not end: {came} items so far"), attempts: 1 }
}

#[cfg(test)]
mod tests;
