//! The journal as a file: read whole, appended to and synced, replaced at once when compacted.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::record::{Header, Line, Record, VERSION};
use super::status::Status;
use super::validate::validate;
use super::{JournalError, Sink};
use crate::files;

/// A journal shorter than this is not worth compacting.
const COMPACT_ABOVE: usize = 2_000;
/// Nor is one with fewer lines than this for each instance.
const COMPACT_RATIO: usize = 12;

/// A journal that was read: what it says, and where the last whole line ends.
#[derive(Debug)]
pub struct Contents {
    pub lines: Vec<Line>,
    pub status: Status,
    /// Bytes that count; what follows is a torn line.
    pub whole: u64,
}

/// Reads a journal. `None` when there is none, or none that got as far as its header.
///
/// # Errors
///
/// [`JournalError::Damaged`] with file and line when anything but the last line cannot be read, when records are missing or
/// cannot follow one another; an I/O error with the path.
pub fn read(path: &Path) -> Result<Option<Contents>, JournalError> {
    let bytes = match files::read_regular(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JournalError::io("read", path, error)),
    };
    parse(path, &bytes)
}

pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Contents>, JournalError> {
    let damaged = |line: usize, why: String| JournalError::Damaged { path: path.to_owned(), line: line + 1, why };
    let mut lines = Vec::new();
    let mut whole = 0;
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let (text, after) = (&rest[..end], &rest[end + 1..]);
        let decoded = std::str::from_utf8(text).map_err(|_| "it is not text".to_owned()).and_then(|text| {
            check_version(text)?;
            Line::decode(text)
        });
        match decoded {
            Ok(line) => lines.push(line),
            // Blocks of one write may reach the disk in any order: what follows the last whole line may be torn anywhere,
            // but never was acknowledged, and never is followed by a line that can be read.
            Err(_) if is_torn(rest) => break,
            Err(why) => return Err(damaged(lines.len(), why)),
        }
        whole += end as u64 + 1;
        rest = after;
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let status = Status::of(&lines).map_err(|(index, why)| damaged(index, why.to_string()))?;
    validate(&status).map_err(|(instance, why)| JournalError::Foreign { path: path.to_owned(), instance, why })?;
    Ok(Some(Contents { lines, status, whole }))
}

/// Nothing in `rest` can be read as a line: the end of the file, torn.
fn is_torn(rest: &[u8]) -> bool {
    rest.contains(&0)
        && !rest
            .split(|&byte| byte == b'\n')
            .any(|text| std::str::from_utf8(text).is_ok_and(|text| Line::decode(text).is_ok()))
}

fn check_version(text: &str) -> Result<(), String> {
    // Before the record is read as ours: a later version may hold records this one does not know.
    if !text.contains("\"record\":\"header\"") {
        return Ok(());
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version > u64::from(VERSION) => {
            Err(format!("it was written by a newer `plan` (journal version {version}, this one reads up to {VERSION})"))
        }
        _ => Ok(()),
    }
}

/// An open journal file at its end.
#[derive(Debug)]
pub struct JournalFile {
    file: File,
    path: PathBuf,
}

impl JournalFile {
    /// Opens the journal for appending, making it with `header` when there is none, cutting off a torn last line, and
    /// compacting it when it has grown far beyond what it says. Also tells the number of lines. The caller holds the lock.
    ///
    /// # Errors
    ///
    /// As [`read`].
    pub fn open(
        path: &Path,
        header: impl FnOnce() -> Header,
        now: Timestamp,
    ) -> Result<(Self, Status, u64), JournalError> {
        let wrong = |error| JournalError::io("write", path, error);
        let Some(contents) = read(path)? else {
            let header = header();
            let first = Line { n: 0, at: now, record: Record::Header(header.clone()) };
            files::replace(path, first.encode().as_bytes()).map_err(wrong)?;
            return Ok((Self::at_end(path)?, Status::new(header, now), 1));
        };
        if contents.lines.len() > COMPACT_ABOVE.max(contents.status.instances.len() * COMPACT_RATIO) {
            let records = contents.status.compacted();
            let lines = records.len() as u64;
            let text: String = records
                .into_iter()
                .enumerate()
                .map(|(n, (at, record))| Line { n: n as u64, at, record }.encode())
                .collect();
            let compacted = parse(path, text.as_bytes())?.map(|compacted| compacted.status);
            if let Some(status) = compacted.filter(|status| status.instances == contents.status.instances) {
                files::replace(path, text.as_bytes()).map_err(wrong)?;
                return Ok((Self::at_end(path)?, status, lines));
            }
        }
        let journal = Self::at_end(path)?;
        if journal.file.metadata().map_err(wrong)?.len() != contents.whole {
            journal.file.set_len(contents.whole).map_err(wrong)?;
            journal.file.sync_all().map_err(wrong)?;
        }
        Ok((journal, contents.status, contents.lines.len() as u64))
    }

    fn at_end(path: &Path) -> Result<Self, JournalError> {
        let file = files::open_regular(path, OpenOptions::new().append(true))
            .map_err(|error| JournalError::io("open", path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }
}

impl Sink for JournalFile {
    fn append(&mut self, text: &[u8]) -> Result<(), JournalError> {
        let wrong = |error| JournalError::io("write", &self.path, error);
        self.file.write_all(text).map_err(wrong)?;
        self.file.sync_data().map_err(wrong)
    }
}
