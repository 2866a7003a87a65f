//! Records that are being written: not durable yet, so that no event may be based on them, but they determine which
//! records may follow.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::fold::Impossible;
use super::record::Record;
use super::status::Status;
use crate::hash::{HashMap, HashSet};
use crate::id::InstanceId;

/// Records that wait to be written, oldest first.
pub struct Ahead {
    records: VecDeque<(Timestamp, Arc<Record>)>,
    /// How many of them are about each instance.
    about: HashMap<InstanceId, usize>,
    leased: bool,
}

impl Ahead {
    /// No record waits; `status`: of the durable ones.
    pub fn of(status: &Status) -> Self {
        Self { records: VecDeque::new(), about: HashMap::default(), leased: status.lease.is_some() }
    }

    /// Whether the record has a lease, once all of these are written.
    pub fn is_leased(&self) -> bool {
        self.leased
    }

    /// Adds a record behind the waiting ones, which follow the durable `status`.
    ///
    /// # Errors
    ///
    /// [`Impossible`] when it cannot follow.
    pub fn add(&mut self, status: &Status, at: Timestamp, record: &Arc<Record>) -> Result<(), Impossible> {
        self.check(status, record)?;
        match &**record {
            Record::Leased(_) => self.leased = true,
            Record::Released | Record::Finished { .. } => self.leased = false,
            _ => {}
        }
        for id in instances(record) {
            *self.about.entry(id.clone()).or_default() += 1;
        }
        self.records.push_back((at, record.clone()));
        Ok(())
    }

    /// The records, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (Timestamp, &Record)> {
        self.records.iter().map(|(at, record)| (*at, &**record))
    }

    /// Removes the oldest record, which is durable now.
    pub fn written(&mut self) {
        if let Some((_, record)) = self.records.pop_front() {
            self.forget(&record);
        }
    }

    /// Removes the newest records, which will not be written. `leased`: whether the record had a lease before them.
    pub fn take_back(&mut self, number: usize, leased: bool) {
        let kept = self.records.len().saturating_sub(number);
        for (_, record) in self.records.split_off(kept) {
            self.forget(&record);
        }
        self.leased = leased;
    }

    fn forget(&mut self, record: &Record) {
        for id in instances(record) {
            if let Some(number) = self.about.get_mut(id) {
                *number -= 1;
                if *number == 0 {
                    self.about.remove(id);
                }
            }
        }
    }

    /// Whether the record can follow the durable status and those of the waiting records that are about the same
    /// instances.
    fn check(&self, status: &Status, record: &Record) -> Result<(), Impossible> {
        if !instances(record).any(|id| self.about.contains_key(id)) {
            return status.check(record);
        }
        // Rare: a step waits for its records before it writes more. A waiting `Moved` is about two instances, so that
        // earlier records about either count.
        let mut involved: HashSet<&InstanceId> = instances(record).collect();
        let mut earlier = Vec::new();
        for waiting in self.records.iter().rev() {
            if instances(&waiting.1).any(|id| involved.contains(id)) {
                involved.extend(instances(&waiting.1));
                earlier.push(waiting);
            }
        }
        let mut then = status.of_instances(involved.into_iter());
        for (at, waiting) in earlier.into_iter().rev() {
            then.apply(*at, Record::clone(waiting))?;
        }
        then.check(record)
    }
}

/// The instances whose status a record changes.
fn instances(record: &Record) -> impl Iterator<Item = &InstanceId> {
    let renamed = match record {
        Record::Moved { to, .. } => Some(to),
        _ => None,
    };
    record.instance().into_iter().chain(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StepId;
    use crate::journal::{Header, InstanceStatus, Lease, Phase, RecordWriter};

    fn id(name: &str) -> InstanceId {
        InstanceId::new(StepId::new(name), None)
    }

    fn moved(from: &str, to: &str) -> Arc<Record> {
        Arc::new(Record::Moved { instance: id(from), to: id(to) })
    }

    fn removed(name: &str) -> Arc<Record> {
        Arc::new(Record::Removed { instance: id(name) })
    }

    /// A record with these instances, each of which may exist.
    fn status(names: &[&str]) -> Status {
        let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        for name in names {
            status.put(id(name), InstanceStatus { phase: Phase::Removing, ..InstanceStatus::default() });
        }
        status
    }

    #[test]
    fn waiting_records_count_for_what_may_follow_until_they_are_written() {
        let mut status = status(&["a", "b"]);
        let mut ahead = Ahead::of(&status);
        let written = status.clone();
        let add = |ahead: &mut Ahead, record: &Arc<Record>| ahead.add(&written, Timestamp::UNIX_EPOCH, record).is_ok();
        assert!(!add(&mut ahead, &moved("a", "b")), "`b` may exist");
        assert!(add(&mut ahead, &removed("b")) && add(&mut ahead, &moved("a", "b")), "it will be removed");
        assert!(!add(&mut ahead, &moved("a", "c")) && add(&mut ahead, &removed("b")), "`a` will be `b`");
        assert_eq!(ahead.about.get(&id("b")), Some(&3));
        // A record counts in the status once it is written, and no longer as waiting.
        for record in [removed("b"), moved("a", "b"), removed("b")] {
            status.apply(Timestamp::UNIX_EPOCH, Record::clone(&record)).unwrap();
            ahead.written();
        }
        assert!(ahead.about.is_empty() && ahead.records.is_empty(), "{:?}", ahead.about);
        ahead.written();
        assert!(ahead.add(&status, Timestamp::UNIX_EPOCH, &removed("a")).is_err(), "there is no `a`");
    }

    #[test]
    fn a_lease_is_held_until_it_is_released_or_the_command_ends() {
        let status = status(&[]);
        let owner = RecordWriter { pid: 7, command: "run".to_owned(), since: Timestamp::UNIX_EPOCH, job: None };
        let lease = Lease { epoch: 1, writer: "w".to_owned(), owner };
        let mut ahead = Ahead::of(&status);
        let mut add = |record: Record| {
            ahead.add(&status, Timestamp::UNIX_EPOCH, &Arc::new(record)).unwrap();
            ahead.is_leased()
        };
        assert!(add(Record::Leased(lease.clone())) && add(Record::Beat) && !add(Record::Released));
        assert!(add(Record::Leased(lease)) && !add(Record::Finished { exit: 0 }));
    }
}
