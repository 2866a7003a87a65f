//! A journal as text: what its lines say, and where the last whole one ends.

use std::path::Path;

use super::JournalError;
use super::line::Line;
use super::record::VERSION;
use super::status::{Impossible, Status};
use super::validate::validate;

/// A journal that was read.
#[derive(Debug)]
pub struct Contents {
    pub status: Status,
    /// How many lines there are.
    pub lines: u64,
    /// Bytes that count; what follows is a torn line.
    pub whole: u64,
}

/// Reads the text of a whole journal; `path` names it in errors.
///
/// # Errors
///
/// [`JournalError::Newer`] when a newer `plan` wrote it; [`JournalError::Damaged`] with file and line when there is not
/// even a header, when anything but the last line cannot be read, when records are missing or cannot follow one another.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, JournalError> {
    let mut status = None;
    let (lines, whole) = each_line(path, bytes, |n, line| Status::follow(&mut status, n, line))?;
    let status = status.ok_or_else(|| damaged(path, 0, headless(bytes)))?;
    validate(&status).map_err(|(instance, why)| JournalError::Foreign { path: path.to_owned(), instance, why })?;
    Ok(Contents { status, lines, whole })
}

/// The lines of a journal, which [`parse`] finds right.
///
/// # Errors
///
/// As [`parse`].
pub fn lines(path: &Path, bytes: &[u8]) -> Result<Vec<Line>, JournalError> {
    parse(path, bytes)?;
    let mut lines = Vec::new();
    each_line(path, bytes, |_, line| {
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

/// Reads line by line. Tells how many there are, and how many bytes they take.
fn each_line(
    path: &Path,
    bytes: &[u8],
    mut tell: impl FnMut(u64, Line) -> Result<(), Impossible>,
) -> Result<(u64, u64), JournalError> {
    let (mut lines, mut whole) = (0, 0);
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let (text, after) = (&rest[..end], &rest[end + 1..]);
        match decode(text) {
            Ok(line) => tell(lines, line).map_err(|why| damaged(path, lines, why))?,
            // Blocks of one write may reach the disk in any order: what follows the last whole line may be torn anywhere,
            // but never was acknowledged, and never is followed by a line that can be read.
            Err(_) if is_torn(rest) => break,
            Err(why) => return Err(damaged(path, lines, why)),
        }
        lines += 1;
        whole += end as u64 + 1;
        rest = after;
    }
    // A journal comes into being with its header, at once: one without was whole before.
    if lines == 0 { Err(damaged(path, 0, headless(bytes))) } else { Ok((lines, whole)) }
}

fn damaged(path: &Path, line: u64, why: impl ToString) -> JournalError {
    let line = usize::try_from(line + 1).unwrap_or(usize::MAX);
    JournalError::unreadable(path.to_owned(), line, why.to_string())
}

/// Reads one line, without its line break.
///
/// # Errors
///
/// In words: what is wrong with it.
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

/// Nothing in `rest` can be read as a line: the end of the file, torn.
fn is_torn(rest: &[u8]) -> bool {
    rest.contains(&0)
        && !rest
            .split(|&byte| byte == b'\n')
            .any(|text| std::str::from_utf8(text).is_ok_and(|text| Line::decode(text).is_ok()))
}

/// The first words of the error for a line that a newer version wrote.
pub(super) const NEWER: &str = "it was written by a newer `plan`";

fn check_version(text: &str) -> Result<(), String> {
    // Before the record is read as ours: a later version may hold records this one does not know.
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
