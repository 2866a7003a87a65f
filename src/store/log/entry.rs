//! One object of a log: a head that links it to the previous object, and the lines of one sync.
//!
//! ```text
//! {"entry":1,"first":12,"count":2,"epoch":3,"writer":"…","previous":"…"}
//! {"sum":"…","n":12,…}
//! {"sum":"…","n":13,…}
//! ```

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::secret::hex;

/// The version that is written. It and every earlier one can be read.
const FORMAT: u32 = 1;

/// One object of a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The number of its first line, which is also its name.
    pub first: u64,
    pub count: u64,
    /// The epoch of the lease that it was written under.
    pub epoch: u64,
    /// The holder of that lease.
    pub writer: String,
    /// The hash of the whole previous object; empty for the first.
    pub previous: String,
    /// Its lines are the whole compacted record: earlier objects need not be read.
    pub fresh: bool,
    /// Complete lines of the journal.
    pub text: String,
}

/// The first line of an object.
#[derive(Serialize, Deserialize)]
pub struct EntryHeader {
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
    /// The bytes of the object.
    pub fn encode(&self) -> Vec<u8> {
        let head = EntryHeader {
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

    /// Parses an object.
    ///
    /// # Errors
    ///
    /// A message about what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match Self::decode_first(bytes)? {
            (entry, []) => Ok(entry),
            _ => Err("it holds more lines than its head says".to_owned()),
        }
    }

    /// Parses the head of a damaged object, when that is possible.
    pub fn decode_head(bytes: &[u8]) -> Option<EntryHeader> {
        serde_json::from_slice(bytes.split(|&byte| byte == b'\n').next()?).ok()
    }

    /// Parses the first of several concatenated objects; returns the rest as well.
    ///
    /// # Errors
    ///
    /// As for [`Entry::decode`].
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
        let head: EntryHeader =
            serde_json::from_value(version).map_err(|error| format!("its head is wrong: {error}"))?;
        let lines = rest;
        for _ in 0..head.count {
            let end = rest.iter().position(|&byte| byte == b'\n').ok_or("it is cut off")?;
            rest = &rest[end + 1..];
        }
        let text = std::str::from_utf8(&lines[..lines.len() - rest.len()]).map_err(|_| "it is not text")?.to_owned();
        let EntryHeader { first, count, epoch, writer, previous, fresh, .. } = head;
        Ok((Self { first, count, epoch, writer, previous, fresh, text }, rest))
    }
}

/// The SHA-256 of an object, in hexadecimal: the next object names it as `previous`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
