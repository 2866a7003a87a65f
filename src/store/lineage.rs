//! How two copies of one record stand to each other: may one take the other's place?
//!
//! The key in the header is drawn when a record is made and goes wherever it goes: whoever has another is another record.
//! Of two with the same key one goes on where the other ended, or each went its own way.

use crate::journal::{Line, Record, Status};

/// How what is brought stands to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Nothing was ever made by what is there.
    NothingThere,
    Same,
    /// It goes on where what is there ended.
    Newer,
    /// What is there goes on where it ended.
    Older,
    /// Both went on since they were one.
    Diverged,
    /// They were never one.
    Another,
}

/// A record as it can be moved: what it says, and the lines that led there, as far back as they are kept.
#[derive(Debug, Clone)]
pub struct History {
    pub status: Status,
    lines: Vec<Line>,
}

impl History {
    /// From lines that begin with a header; `None` when they do not, or cannot follow one another. A header in their midst
    /// begins anew: what stands before it is said again by what follows.
    pub fn of(mut lines: Vec<Line>) -> Option<Self> {
        lines.drain(..lines.iter().rposition(|line| matches!(line.record, Record::Header(_)))?);
        let status = fold(&lines, |_| false)?;
        Some(Self { status, lines })
    }

    /// Its lines, numbered from 0.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        self.lines.iter().enumerate().map(|(n, line)| Line { n: n as u64, ..line.clone() })
    }

    fn went_through(&self, other: &Status) -> bool {
        fold(&self.lines, |status| is_same(status, other)).is_some_and(|status| is_same(&status, other))
    }
}

/// What lines say, up to where `is_enough`.
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

/// How `brought` stands to what is `there`.
pub fn relation(brought: &History, there: &History) -> Relation {
    let (new, old) = (&brought.status, &there.status);
    if new.header.key != old.header.key {
        return if old.instances.is_empty() { Relation::NothingThere } else { Relation::Another };
    }
    match (is_same(new, old), brought.went_through(old), there.went_through(new)) {
        (true, _, _) => Relation::Same,
        (_, true, _) => Relation::Newer,
        (_, _, true) => Relation::Older,
        _ => Relation::Diverged,
    }
}

/// They say the same of everything that was made. Attempts, times and marks are part of that: what two runs did apart is
/// never the same.
pub fn is_same(one: &Status, other: &Status) -> bool {
    one.instances == other.instances && one.tasks == other.tasks
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::id::{InstanceId, StepId};
    use crate::journal::{Header, InstanceStatus, Phase};

    /// A record that made these steps, one after another.
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

    #[test]
    fn only_what_goes_on_where_the_other_ended_may_take_its_place() {
        for (brought, there, expected) in [
            (made("k", &["a"]), made("x", &[]), Relation::NothingThere),
            (made("k", &["a"]), made("x", &["a"]), Relation::Another),
            (made("k", &["a"]), made("k", &[]), Relation::Newer),
            (made("k", &["a", "b"]), made("k", &["a"]), Relation::Newer),
            (made("k", &["a"]), made("k", &["a"]), Relation::Same),
            (made("k", &["a"]), made("k", &["a", "b"]), Relation::Older),
            (made("k", &[]), made("k", &["a"]), Relation::Older),
            (made("k", &["a", "c"]), made("k", &["a", "b"]), Relation::Diverged),
            // Where the lines before are compacted away, what cannot be shown does not count.
            (snapshot(&made("k", &["a", "b"])), snapshot(&made("k", &["a", "b"])), Relation::Same),
            (snapshot(&made("k", &["a", "b"])), made("k", &["c"]), Relation::Diverged),
        ] {
            let made = [&brought, &there].map(|history| history.status.instances.len());
            assert_eq!(relation(&brought, &there), expected, "{made:?}");
        }
    }
}
