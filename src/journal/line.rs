//! One line of a journal.
//!
//! ```text
//! {"crc":"1f2e3d4c","n":0,"at":"…","record":"header","version":2,…}
//! {"crc":"…","n":1,"at":"…","record":"intent","instance":{"step":"network"},…}
//! ```
//!
//! `crc` is the CRC-32C of the rest of the line, in eight hexadecimal digits. Version 1 has `sum` in its place: the
//! first eight digits of the SHA-256. Both detect damage and neither detects forgery: whoever may write to a record can
//! write a checksum as well. Lines are numbered without gaps.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::de::Error;
use sha2::{Digest, Sha256};

use super::reader;
use super::record::{Header, Record, VERSION};
use super::tagged::{self, Tagged};
use crate::secret::hex;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub n: u64,
    pub at: Timestamp,
    pub record: Record,
}

/// How damaged lines are detected. A journal keeps the kind of checksum that it began with, so that the version that
/// began it can still read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksum {
    /// Version 1.
    Sha256,
    /// Version 2.
    #[default]
    Crc32c,
}

const ALL: [Checksum; 2] = [Checksum::Crc32c, Checksum::Sha256];
const LENGTH: usize = NO_SUM.len();
/// Stands in the place of a checksum until it is known.
const NO_SUM: &str = "00000000";

impl Checksum {
    /// The checksum of the lines of a journal with this header.
    pub fn of(header: &Header) -> Self {
        if header.version < 2 { Checksum::Sha256 } else { Checksum::Crc32c }
    }

    /// What a line begins with.
    fn open(self) -> &'static str {
        match self {
            Checksum::Sha256 => "{\"sum\":\"",
            Checksum::Crc32c => "{\"crc\":\"",
        }
    }

    fn sum(self, rest: &str) -> u32 {
        match self {
            Checksum::Sha256 => {
                let [a, b, c, d, ..] = Sha256::digest(rest.as_bytes()).0;
                u32::from_be_bytes([a, b, c, d])
            }
            Checksum::Crc32c => crc32c::crc32c(rest.as_bytes()),
        }
    }
}

impl Line {
    /// The line as this version writes it, with its line break.
    pub fn encode(&self) -> String {
        self.encode_for(Checksum::default())
    }

    /// The line with its line break, as a journal is continued: with this checksum.
    pub fn encode_for(&self, checksum: Checksum) -> String {
        let mut text = String::new();
        write(&mut text, checksum, self.n, self.at, &tagged::json(&self.record));
        text
    }

    /// Reads one line, without its line break.
    ///
    /// # Errors
    ///
    /// In words: what is wrong with it.
    pub fn decode(text: &str) -> Result<Self, String> {
        let opened = ALL.into_iter().find_map(|checksum| Some((checksum, text.strip_prefix(checksum.open())?)));
        let (checksum, inside) = opened.ok_or("it does not start with a checksum")?;
        let (found, rest) = inside
            .split_at_checked(LENGTH)
            .and_then(|(found, rest)| Some((found, rest.strip_prefix("\",")?)))
            .ok_or("its checksum is cut off")?;
        if Some(checksum.sum(rest)) != written_sum(found) {
            return Err("its checksum does not match".to_owned());
        }
        Self::read(text).map_err(|error| format!("it is not a known record: {error}"))
    }

    fn read(text: &str) -> serde_json::Result<Self> {
        let Tagged { n, at, record } = reader::from_str(text)?;
        let n = n.ok_or_else(|| serde_json::Error::missing_field("n"))?;
        let at = at.ok_or_else(|| serde_json::Error::missing_field("at"))?;
        Ok(Self { n, at, record })
    }
}

/// Whether a file that begins with these bytes is a record.
pub fn is_record(beginning: &[u8]) -> bool {
    ALL.into_iter().any(|checksum| beginning.starts_with(checksum.open().as_bytes()))
}

/// A checksum as it is written: in lower-case digits.
fn written_sum(digits: &str) -> Option<u32> {
    let is_written = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    u32::from_str_radix(digits, 16).ok().filter(|_| is_written)
}

/// Writes the line of a record, whose JSON this is, with its line break.
pub(super) fn write(text: &mut String, checksum: Checksum, n: u64, at: Timestamp, json: &str) {
    text.push_str(checksum.open());
    let sum = text.len()..text.len() + LENGTH;
    text.push_str(NO_SUM);
    let _ = write!(text, "\",\"n\":{n},\"at\":\"{at}\",");
    let rest = sum.end + "\",".len();
    text.push_str(json.strip_prefix('{').unwrap_or(json));
    let found = checksum.sum(&text[rest..]).to_be_bytes();
    text.replace_range(sum, &hex(&found));
    text.push('\n');
}

/// Reads one line, without its line break.
///
/// # Errors
///
/// In words: what is wrong with it.
pub fn decode(text: &[u8]) -> Result<Line, BadLine> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not text".to_owned())?;
    match Line::decode(text) {
        Ok(Line { record: Record::Header(header), .. }) if header.version > VERSION => {
            Err(BadLine::Newer { version: header.version.into() })
        }
        Ok(line) => Ok(line),
        // A later version may have another checksum, and fields that this one does not know.
        Err(why) => Err(newer_version(text).map_or(BadLine::Damaged(why), |version| BadLine::Newer { version })),
    }
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadLine {
    /// A newer `plan` wrote the journal, in this version of the format.
    Newer {
        version: u64,
    },
    Damaged(String),
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadLine::Newer { version } => write!(
                f,
                "it was written by a newer `plan` (journal version {version}, this one reads up to {VERSION})"
            ),
            BadLine::Damaged(why) => f.write_str(why),
        }
    }
}

impl From<String> for BadLine {
    fn from(why: String) -> Self {
        BadLine::Damaged(why)
    }
}

impl From<&str> for BadLine {
    fn from(why: &str) -> Self {
        BadLine::Damaged(why.to_owned())
    }
}

/// The kind of a record stands within this many bytes of its line.
pub(super) const KIND_WITHIN: usize = 128;

/// The version in a header, when this one does not know it.
fn newer_version(text: &str) -> Option<u64> {
    let head = text.get(..KIND_WITHIN).unwrap_or(text);
    let is_header = head.contains("\"record\":\"header\"");
    let header: serde_json::Value = is_header.then(|| serde_json::from_str(text).ok()).flatten()?;
    header.get("version")?.as_u64().filter(|version| *version > u64::from(VERSION))
}
