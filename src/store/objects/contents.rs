//! The records in an object of a log.

use jiff::Timestamp;

use crate::journal::{Record, RecordWriter, decode};
use crate::store::log::Entry;

/// The owner whose lease begins with this object.
pub fn owner_in(entry: &Entry) -> Option<RecordWriter> {
    records_of(entry).into_iter().find_map(|(_, record)| match record {
        Record::Leased(lease) => Some(lease.owner),
        _ => None,
    })
}

/// Its records, with their times.
pub fn records_of(entry: &Entry) -> Vec<(Timestamp, Record)> {
    entry.text.lines().filter_map(|line| decode(line.as_bytes()).ok()).map(|line| (line.at, line.record)).collect()
}
