//! Records that are being written: not durable yet, so that no event may be based on them, but they determine which
//! records may follow.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::fold::Impossible;
use super::record::Record;
use super::status::Status;
use crate::id::InstanceId;

/// Records that wait to be written, oldest first.
pub struct Ahead {
    records: VecDeque<(Timestamp, Arc<Record>)>,
    /// How many of them are about each instance.
    about: HashMap<InstanceId, usize>,
    leased: bool,
}

impl Ahead {
    /// Nothing waits; this is what is written.
    pub fn of(status: &Status) -> Self {
        Self { records: VecDeque::new(), about: HashMap::new(), leased: status.lease.is_some() }
    }

    /// Whether the record has a lease, once all of these are written.
    pub fn is_leased(&self) -> bool {
        self.leased
    }

    /// One more waits, behind the others, which come after what `status` says.
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

    /// The oldest is written.
    pub fn written(&mut self) {
        let Some((_, record)) = self.records.pop_front() else { return };
        for id in instances(&record) {
            if let Some(number) = self.about.get_mut(id) {
                *number -= 1;
                if *number == 0 {
                    self.about.remove(id);
                }
            }
        }
    }

    fn check(&self, status: &Status, record: &Record) -> Result<(), Impossible> {
        if !instances(record).any(|id| self.about.contains_key(id)) {
            return status.check(record);
        }
        // Rare: a step waits for what it wrote before it writes more.
        let mut then = status.of_instances(instances(record));
        for (at, waiting) in &self.records {
            if instances(waiting).any(|id| instances(record).any(|other| other == id)) {
                then.apply(*at, Record::clone(waiting))?;
            }
        }
        then.check(record)
    }
}

/// The instances whose standing it changes.
fn instances(record: &Record) -> impl Iterator<Item = &InstanceId> {
    let renamed = match record {
        Record::Moved { to, .. } => Some(to),
        _ => None,
    };
    record.instance().into_iter().chain(renamed)
}
