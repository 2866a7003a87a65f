//! A journal as text: parses its lines, and finds where the last complete one ends.

use std::path::Path;

use super::JournalError;
use super::record::{Line, VERSION};
use super::status::Status;
use super::validate::validate;

/// A parsed journal.
#[derive(Debug)]
pub struct Contents {
    pub lines: Vec<Line>,
    pub status: Status,
    /// The length in bytes of all complete lines; a torn line may follow.
    pub whole: u64,
}

/// Parses the text of a whole journal; `path` is for errors.
///
/// # Errors
///
/// [`JournalError::Newer`] when a newer `plan` wrote it; [`JournalError::Damaged`] with file and line when there is not even a header, when anything but the last line cannot be
/// read, when records are missing or cannot follow one another.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, JournalError> {
    let damaged = |line: usize, why: String| JournalError::unreadable(path.to_owned(), line + 1, why);
    let mut lines = Vec::new();
    let mut whole = 0;
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let (text, after) = (&rest[..end], &rest[end + 1..]);
        match decode(text) {
            Ok(line) => lines.push(line),
            // The blocks of one write may reach the disk in any order, so that everything after the last complete
            // line may be torn. It was never acknowledged, and no readable line follows it.
            Err(_) if is_torn(rest) => break,
            Err(why) => return Err(damaged(lines.len(), why)),
        }
        whole += end as u64 + 1;
        rest = after;
    }
    if lines.is_empty() {
        // A journal is created together with its header: a file without one has lost it.
        return Err(damaged(0, headless(bytes).to_owned()));
    }
    let status = Status::of(&lines).map_err(|(index, why)| damaged(index, why.to_string()))?;
    validate(&status).map_err(|(instance, why)| JournalError::Foreign { path: path.to_owned(), instance, why })?;
    Ok(Contents { lines, status, whole })
}

/// Parses one line, without its line break.
///
/// # Errors
///
/// A message about what is wrong with it.
pub fn decode(text: &[u8]) -> Result<Line, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not text".to_owned())?;
    check_version(text)?;
    Line::decode(text)
}

fn headless(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        "it is empty"
    } else if bytes.iter().all(|&byte| byte == 0) {
        "it holds nothing but zeros"
    } else {
        "it has no header"
    }
}

/// Whether nothing in `rest` can be parsed as a line, so that it is a torn end.
fn is_torn(rest: &[u8]) -> bool {
    rest.contains(&0)
        && !rest
            .split(|&byte| byte == b'\n')
            .any(|text| std::str::from_utf8(text).is_ok_and(|text| Line::decode(text).is_ok()))
}

/// How the words begin that say of a line that this `plan` is too old for it.
pub(super) const NEWER: &str = "it was written by a newer `plan`";

fn check_version(text: &str) -> Result<(), String> {
    // Checked before the record is parsed, because a later version may have records that this one does not know.
    if !text.contains("\"record\":\"header\"") {
        return Ok(());
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version > u64::from(VERSION) => {
            Err(format!("{NEWER} (journal version {version}, this one reads up to {VERSION})"))
        }
        _ => Ok(()),
    }
}
