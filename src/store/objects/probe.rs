//! Tests the one guarantee that records need from a store: of several concurrent creates of one object, exactly one
//! succeeds.
//!
//! Tested once per store; the result is stored in it.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::log::patiently;

/// Marks a store as tested.
const MARKER: &str = "plan-store.json";
/// The folder of the test, beside those of the plans; no plan can have this name.
const FOLDER: &str = ".probe";
const RACERS: usize = 8;
const ROUNDS: usize = 3;
/// How often a create is repeated that is refused although nothing is there.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

/// The contents of the marker.
#[derive(Serialize, Deserialize)]
struct Marker {
    store: u32,
    tool: String,
}

/// The guarantee that the store does not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    pub code: &'static str,
    pub why: String,
}

/// Why a store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeError {
    Unfit(Unfit),
    /// It cannot be reached.
    Failed(String),
}

impl From<String> for ProbeError {
    fn from(words: String) -> Self {
        ProbeError::Failed(words)
    }
}

/// Whether the store was tested before.
///
/// # Errors
///
/// A message, when it cannot be reached.
pub async fn is_known(bucket: &Bucket) -> Result<bool, String> {
    Ok(get(bucket, MARKER).await?.is_some())
}

/// Tests the store and marks it. `false` when it was tested before.
///
/// # Errors
///
/// [`ProbeError`].
pub async fn init(bucket: &Bucket, token: &str) -> Result<bool, ProbeError> {
    if is_known(bucket).await? {
        return Ok(false);
    }
    let folder = format!("{FOLDER}/{token}");
    let tried = try_all(bucket, &folder).await;
    // Left-over objects are harmless, and deleting may not be allowed.
    for name in bucket.list(&folder, None).await.unwrap_or_default() {
        let _ = bucket.delete(&format!("{folder}/{name}")).await;
    }
    tried?;
    let marker = Marker { store: 1, tool: concat!("plan ", env!("CARGO_PKG_VERSION")).to_owned() };
    let marker = serde_json::to_vec(&marker).map_err(|error| error.to_string())?;
    // Another process may have tested it at the same time.
    patiently(|| bucket.create(MARKER, marker.clone())).await?;
    Ok(true)
}

async fn try_all(bucket: &Bucket, folder: &str) -> Result<(), ProbeError> {
    create_twice(bucket, folder).await?;
    for round in 0..ROUNDS {
        race(bucket, &format!("{folder}/race-{round}")).await?;
    }
    list_after_write(bucket, folder).await
}

fn unfit(code: &'static str, why: impl Into<String>) -> Result<(), ProbeError> {
    Err(ProbeError::Unfit(Unfit { code, why: why.into() }))
}

/// Creates an object if absent, and returns whether it is ours: the request may have been carried out before, with its
/// answer lost, or twice. Refused although nothing is there, as in a race, it is repeated.
async fn create(bucket: &Bucket, name: &str, bytes: &[u8]) -> Result<bool, String> {
    for _ in 0..TRIES {
        if patiently(|| bucket.create(name, bytes.to_vec())).await? {
            return Ok(true);
        }
        if let Some(there) = get(bucket, name).await? {
            return Ok(there == bytes);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

async fn get(bucket: &Bucket, name: &str) -> Result<Option<Vec<u8>>, String> {
    patiently(|| bucket.get(name)).await
}

/// Checks that a second create is refused, also for an object with several versions: some stores check only the first
/// one.
async fn create_twice(bucket: &Bucket, folder: &str) -> Result<(), ProbeError> {
    let name = format!("{folder}/twice");
    if !create(bucket, &name, b"1").await? {
        return unfit("store-refuses-new", "a conditional create of a new object is refused");
    }
    if create(bucket, &name, b"2").await? {
        return unfit("store-overwrites", "a conditional create overwrites an existing object");
    }
    patiently(|| bucket.put(&name, b"3".to_vec())).await?;
    if create(bucket, &name, b"4").await? {
        return unfit("store-overwrites-versions", "a conditional create overwrites an object with several versions");
    }
    match get(bucket, &name).await?.as_deref() {
        Some(b"3") => Ok(()),
        _ => unfit("store-reads-late", "a read after a write does not return what was written"),
    }
}

/// Checks that of several concurrent conditional creates of one object exactly one succeeds.
async fn race(bucket: &Bucket, name: &str) -> Result<(), ProbeError> {
    let bytes = |at: usize| at.to_string().into_bytes();
    let racer = |at: usize| async move { patiently(|| bucket.create(name, bytes(at))).await };
    let ended = join_all((0..RACERS).map(racer)).await;
    let winners: Vec<usize> = (0..RACERS).filter(|at| ended[*at] == Ok(true)).collect();
    let there = get(bucket, name).await?;
    match (&winners[..], there) {
        ([winner], Some(there)) if there == bytes(*winner) => Ok(()),
        // The winner's answer may be lost, or the second one to a request that was carried out twice.
        ([], Some(there)) if (0..RACERS).any(|at| there == bytes(at)) => Ok(()),
        ([], _) => unfit("store-races", format!("of {RACERS} concurrent creates of one object none succeeded")),
        (winners, _) => unfit(
            "store-races",
            format!("of {RACERS} concurrent creates of one object {} succeeded, instead of one", winners.len()),
        ),
    }
}

async fn list_after_write(bucket: &Bucket, folder: &str) -> Result<(), ProbeError> {
    let listed = patiently(|| bucket.list(folder, None)).await?;
    if listed.len() == 1 + ROUNDS && patiently(|| bucket.list(folder, Some("race-0"))).await?.len() == ROUNDS {
        return Ok(());
    }
    unfit("store-lists-late", "a list does not show what was written right before")
}
