//! A journal as text: what its lines say, and where the last whole one ends.

use std::io::{self, Read};
use std::path::Path;

use super::blocks;
use super::fold::Impossible;
use super::line::{BadLine, Line};
use super::status::Status;
use super::validate::validate;
use super::{FileAction, JournalError};

/// A journal that was read.
#[derive(Debug)]
pub struct Contents {
    pub status: Status,
    /// How many lines there are.
    pub lines: u64,
    /// Bytes that count; what follows is a torn line.
    pub whole: u64,
}

/// Reads a whole journal; `path` names it in errors.
///
/// # Errors
///
/// [`JournalError::Newer`] when a newer `plan` wrote it; [`JournalError::Damaged`] with file and line when there is not
/// even a header, when anything but the last line cannot be read, when records are missing or cannot follow one
/// another; [`JournalError::Io`].
pub fn read(path: &Path, from: impl Read + Send) -> Result<Contents, JournalError> {
    let mut status = None;
    let (lines, whole) = each_line(path, from, |n, line| Status::follow(&mut status, n, line))?;
    // The header, which is the first line, creates it.
    let status = status.ok_or_else(|| damaged(path, 0, missing_header(&[])))?;
    validate(&status).map_err(|(instance, why)| JournalError::Foreign { path: path.to_owned(), instance, why })?;
    Ok(Contents { status, lines, whole })
}

/// The lines of a journal, which [`read`] finds right.
///
/// # Errors
///
/// As [`read`].
pub fn lines(path: &Path, bytes: &[u8]) -> Result<Vec<Line>, JournalError> {
    read(path, bytes)?;
    let mut lines = Vec::new();
    each_line(path, bytes, |_, line| {
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

/// Reads line by line; returns the number of lines, and how many bytes they take.
fn each_line(
    path: &Path,
    from: impl Read + Send,
    mut take: impl FnMut(u64, Line) -> Result<(), Impossible>,
) -> Result<(u64, u64), JournalError> {
    let (mut lines, mut whole) = (0, 0);
    let end = blocks::each_line(from, |line, length| {
        take(lines, line).map_err(|why| Unread::Journal(damaged(path, lines, why.to_string())))?;
        lines += 1;
        whole += length as u64;
        Ok(())
    });
    let end = end.map_err(|why| match why {
        Unread::Journal(error) => error,
        Unread::Io(error) => JournalError::io(FileAction::Read, path, error),
    })?;
    match end.wrong {
        // A journal is created together with its header: one without a header is damaged, and not torn.
        _ if lines == 0 && (end.wrong.is_none() || end.rest.contains(&0)) => {
            Err(damaged(path, 0, missing_header(&end.rest)))
        }
        // No write leaves zeros: lines that were acknowledged may have been in their place.
        _ if end.rest.contains(&0) => Err(damaged(path, lines, "zeros are in the place of what was written")),
        Some(why) => Err(damaged(path, lines, why)),
        None => Ok((lines, whole)),
    }
}

/// Why a journal is not read to its end.
enum Unread {
    Journal(JournalError),
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Unread::Io(error)
    }
}

fn damaged(path: &Path, line: u64, why: impl Into<BadLine>) -> JournalError {
    let line = usize::try_from(line + 1).unwrap_or(usize::MAX);
    JournalError::unreadable(path.to_owned(), line, why.into())
}

fn missing_header(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        "it is empty"
    } else if bytes.iter().all(|&byte| byte == 0) {
        "it holds nothing but zeros"
    } else {
        "it has no header"
    }
}
