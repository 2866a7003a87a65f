//! The lineage of two copies of one record: may one replace the other?
//!
//! The key in the header is random, and copied with the record: a different key means a different record. Of two
//! copies with the same key, one continues the other, or both have diverged.

use crate::journal::{Line, Record, Status};

/// The relation of a new copy to the existing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The existing record has made nothing.
    NothingThere,
    Same,
    /// It continues the existing one.
    Newer,
    /// The existing one continues it.
    Older,
    /// Both continued a common ancestor.
    Diverged,
    /// One continues the other, or both an ancestor: the lines that would show which are not kept.
    Undetermined,
    /// The two are different records.
    Another,
}

/// A record as it is copied: its status, and its lines as far back as they are kept.
#[derive(Debug, Clone)]
pub struct History {
    pub status: Status,
    lines: Vec<Line>,
}

impl History {
    /// From lines that begin with a header; `None` when they do not, or cannot follow one another. A later header
    /// begins a compacted record of what precedes it.
    pub fn of(mut lines: Vec<Line>) -> Option<Self> {
        lines.drain(..lines.iter().rposition(|line| matches!(line.record, Record::Header(_)))?);
        let status = fold(&lines, |_| false)?;
        Some(Self { status, lines })
    }

    /// The lines, numbered from 0.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        self.lines.iter().enumerate().map(|(n, line)| Line { n: n as u64, ..line.clone() })
    }

    /// Whether it begins with a status in place of the lines that led to it, as a copy or a compacted record does.
    fn is_cut(&self) -> bool {
        self.lines.iter().any(|line| matches!(line.record, Record::Compacted { .. }))
    }

    /// The status that it begins with.
    fn start(&self) -> Option<Status> {
        // The outputs are the last of the records that stand for former lines.
        let last = self.lines.iter().position(|line| matches!(line.record, Record::Outputs { .. }));
        let last = last.filter(|_| self.is_cut());
        fold(self.lines.get(..=last.unwrap_or_default())?, |_| false)
    }

    fn had_status(&self, other: &Status) -> bool {
        fold(&self.lines, |status| is_same(status, other)).is_some_and(|status| is_same(&status, other))
    }
}

/// The status after the lines up to the first for which `is_enough` holds.
fn fold(lines: &[Line], is_enough: impl Fn(&Status) -> bool) -> Option<Status> {
    let (first, rest) = lines.split_first()?;
    let Record::Header(header) = &first.record else { return None };
    let mut status = Status::new(header.clone(), first.at);
    for line in rest {
        if is_enough(&status) {
            break;
        }
        status.apply(line.at, line.record.clone()).ok()?;
    }
    Some(status)
}

/// The relation of `brought` to `there`.
pub fn relation(brought: &History, there: &History) -> Relation {
    let (new, old) = (&brought.status, &there.status);
    if new.header.key != old.header.key {
        return if old.instances.is_empty() { Relation::NothingThere } else { Relation::Another };
    }
    match (is_same(new, old), brought.had_status(old), there.had_status(new)) {
        (true, _, _) => Relation::Same,
        (_, true, _) => Relation::Newer,
        (_, _, true) => Relation::Older,
        _ if there.is_cut() && has_all_of(old, new) => Relation::Older,
        _ if began_alike(there, brought) || began_alike(brought, there) => Relation::Diverged,
        _ => Relation::Undetermined,
    }
}

/// Whether two statuses agree in all that was made, including attempts, times and marks: what two separate runs did
/// is never equal.
pub fn is_same(one: &Status, other: &Status) -> bool {
    one.instances == other.instances && one.tasks == other.tasks
}

/// Whether `one` once had the status that `other` begins with. Where `one` is cut, an empty beginning proves nothing.
fn began_alike(one: &History, other: &History) -> bool {
    let start = other.start().filter(|start| !start.instances.is_empty() || !one.is_cut());
    start.is_some_and(|start| one.had_status(&start))
}

/// Whether a status has all that another one knows, as it knows it.
fn has_all_of(whole: &Status, part: &Status) -> bool {
    let has = |(instance, known)| whole.instances.get(instance) == Some(known);
    part.instances.iter().all(has) && part.tasks.is_subset(&whole.tasks)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::id::{InstanceId, StepId};
    use crate::journal::{Header, InstanceStatus, Phase};

    /// A record of a run that made these steps in order.
    fn made(key: &str, steps: &[&str]) -> History {
        let header = Header { key: key.to_owned(), ..Header::new("demo", "default") };
        let made = |step: &&str| Record::Kept {
            instance: InstanceId::new(StepId::new(*step), None),
            status: Box::new(InstanceStatus { phase: Phase::Succeeded, attempts: 1, ..InstanceStatus::default() }),
        };
        let records = std::iter::once(Record::Header(header)).chain(steps.iter().map(made));
        let lines = records.enumerate().map(|(n, record)| Line { n: n as u64, at: Timestamp::UNIX_EPOCH, record });
        History::of(lines.collect()).unwrap()
    }

    fn snapshot(history: &History) -> History {
        let lines = history.status.compacted().into_iter().enumerate();
        History::of(lines.map(|(n, (at, record))| Line { n: n as u64, at, record }).collect()).unwrap()
    }

    /// A copy in which another step was made since.
    fn continued(history: &History, step: &str) -> History {
        let (start, more) = (snapshot(history), made("k", &[step]));
        History::of(start.lines.into_iter().chain(more.lines.into_iter().skip(1)).collect()).unwrap()
    }

    #[test]
    fn only_a_record_that_continues_another_may_replace_it() {
        for (brought, there, expected) in [
            (made("k", &["a"]), made("x", &[]), Relation::NothingThere),
            (made("k", &["a"]), made("x", &["a"]), Relation::Another),
            (made("k", &["a"]), made("k", &[]), Relation::Newer),
            (made("k", &["a", "b"]), made("k", &["a"]), Relation::Newer),
            (made("k", &["a"]), made("k", &["a"]), Relation::Same),
            (made("k", &["a"]), made("k", &["a", "b"]), Relation::Older),
            (made("k", &[]), made("k", &["a"]), Relation::Older),
            (made("k", &["a", "c"]), made("k", &["a", "b"]), Relation::Diverged),
            // Where earlier lines were compacted, a relation that cannot be shown does not count.
            (snapshot(&made("k", &["a", "b"])), snapshot(&made("k", &["a", "b"])), Relation::Same),
            (snapshot(&made("k", &["a", "b"])), made("k", &["c"]), Relation::Undetermined),
            (continued(&made("k", &["a"]), "b"), continued(&made("k", &["a"]), "c"), Relation::Diverged),
            (made("k", &["c"]), snapshot(&made("k", &["a", "b"])), Relation::Undetermined),
            // What knows nothing of its own is older.
            (made("k", &["a"]), snapshot(&made("k", &["a", "b"])), Relation::Older),
        ] {
            let made = [&brought, &there].map(|history| history.status.instances.len());
            assert_eq!(relation(&brought, &there), expected, "{made:?}");
        }
    }
}
