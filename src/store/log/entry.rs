//! One object of a log: a head that ties it to the one before, and the lines of one sync.
//!
//! ```text
//! {"entry":1,"first":12,"count":2,"epoch":3,"writer":"…","previous":"…"}
//! {"sum":"…","n":12,…}
//! {"sum":"…","n":13,…}
//! ```

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::secret::hex;

/// The version written. Readers know it and every earlier one.
const FORMAT: u32 = 1;

/// One object of a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Number of its first line, and its name.
    pub first: u64,
    pub count: u64,
    /// Of the lease it was written under.
    pub epoch: u64,
    /// Who held that.
    pub writer: String,
    /// Hash of the whole object before; empty for the first.
    pub previous: String,
    /// Its lines say everything: what stands before need not be read.
    pub fresh: bool,
    /// Whole lines of the journal.
    pub text: String,
}

/// The first line of an object.
#[derive(Serialize, Deserialize)]
pub struct Head {
    entry: u32,
    first: u64,
    pub count: u64,
    pub epoch: u64,
    writer: String,
    previous: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fresh: bool,
}

impl Entry {
    /// The object as it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let head = Head {
            entry: FORMAT,
            first: self.first,
            count: self.count,
            epoch: self.epoch,
            writer: self.writer.clone(),
            previous: self.previous.clone(),
            fresh: self.fresh,
        };
        let head = serde_json::to_string(&head).expect("a head is made of types JSON can hold");
        format!("{head}\n{}", self.text).into_bytes()
    }

    /// Reads an object.
    ///
    /// # Errors
    ///
    /// In words: what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match Self::decode_first(bytes)? {
            (entry, []) => Ok(entry),
            _ => Err("it holds more lines than its head says".to_owned()),
        }
    }

    /// The head alone, when that much can be read: of a damaged object.
    pub fn decode_head(bytes: &[u8]) -> Option<Head> {
        serde_json::from_slice(bytes.split(|&byte| byte == b'\n').next()?).ok()
    }

    /// Reads the first of several objects that stand one after another, and says what follows it.
    ///
    /// # Errors
    ///
    /// As [`Entry::decode`].
    pub fn decode_first(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let end = bytes.iter().position(|&byte| byte == b'\n').ok_or("it has no head")?;
        let (head, mut rest) = (&bytes[..end], &bytes[end + 1..]);
        let version: serde_json::Value = serde_json::from_slice(head).map_err(|_| "its head cannot be read")?;
        match version.get("entry").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(FORMAT) => {
                return Err(format!(
                    "it was written by a newer `plan` (log version {version}, this one reads {FORMAT})"
                ));
            }
            Some(_) => {}
            None => return Err("its head cannot be read".to_owned()),
        }
        let head: Head = serde_json::from_value(version).map_err(|error| format!("its head is wrong: {error}"))?;
        let lines = rest;
        for _ in 0..head.count {
            let end = rest.iter().position(|&byte| byte == b'\n').ok_or("it is cut off")?;
            rest = &rest[end + 1..];
        }
        let text = std::str::from_utf8(&lines[..lines.len() - rest.len()]).map_err(|_| "it is not text")?.to_owned();
        let Head { first, count, epoch, writer, previous, fresh, .. } = head;
        Ok((Self { first, count, epoch, writer, previous, fresh, text }, rest))
    }
}

/// What ties an object to the next one.
pub fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
