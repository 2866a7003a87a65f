//! Tells apart several resources that carry the stamp of one instance. Tags can be copied: another client clones a
//! volume, or takes over the tags of a machine. Pure.

use super::super::trail::Maker;

/// What is known of a resource with the stamp.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// The attempt that the stamp names; empty when it names none.
    pub nonce: String,
    /// The task that made it.
    pub task: Option<String>,
    pub maker: Maker,
}

/// Of each resource, why it may not be ours; `None` when it is.
///
/// An attempt makes all that it makes with one task. Several attempts have several nonces, and each may have been
/// carried out; two resources with one nonce and different tasks have one original and one copy.
pub(super) fn objections(all: &[Facts]) -> Vec<Option<&'static str>> {
    let objection = |at: usize| {
        let facts = &all[at];
        let others = all.iter().enumerate().filter(|(other, facts)| *other != at && facts.maker != Maker::Another);
        let others: Vec<&Facts> = others.map(|(_, facts)| facts).collect();
        let is_one_call = |other: &Facts| other.task.is_some() && other.task == facts.task;
        match facts.maker {
            Maker::Another => Some("the audit log names another client as its maker"),
            Maker::Ours => None,
            Maker::Unknown if others.is_empty() => None,
            Maker::Unknown if facts.nonce.is_empty() => {
                Some("its stamp names no attempt, and another resource has the same")
            }
            Maker::Unknown if others.iter().any(|other| other.nonce == facts.nonce && !is_one_call(other)) => {
                Some("another one carries the same stamp, and one of them is a copy")
            }
            Maker::Unknown => None,
        }
    };
    (0..all.len()).map(objection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_resources_with_one_stamp_the_audit_log_decides_and_then_the_attempt() {
        use Maker::{Another, Ours, Unknown};
        // By resource: nonce, task, maker, and whether it is ours.
        type Case = (&'static str, &'static str, Maker, bool);
        let cases: [&[Case]; 12] = [
            &[("n1", "t1", Unknown, true)],
            &[("", "", Unknown, true)],
            // The only one, and a copy: what it was copied from is gone.
            &[("n1", "t1", Another, false)],
            &[("n1", "t1", Ours, true), ("n1", "t2", Another, false)],
            &[("n1", "t1", Unknown, true), ("n1", "t2", Another, false)],
            &[("n1", "t1", Ours, true), ("n1", "t2", Unknown, false)],
            // Which is the copy is not known.
            &[("n1", "t1", Unknown, false), ("n1", "t2", Unknown, false)],
            &[("n1", "", Unknown, false), ("n1", "", Unknown, false)],
            // Two attempts, and two resources of one attempt.
            &[("n1", "t1", Unknown, true), ("n2", "t2", Unknown, true)],
            &[("n1", "t1", Unknown, true), ("n1", "t1", Unknown, true)],
            // Only the tag that names the step was copied.
            &[("n1", "t1", Unknown, true), ("", "t2", Unknown, false)],
            &[("", "t1", Unknown, false), ("", "t2", Unknown, false)],
        ];
        for case in cases {
            let task = |task: &str| (!task.is_empty()).then(|| task.to_owned());
            let facts = case.iter().map(|(nonce, by, maker, _)| Facts {
                nonce: (*nonce).to_owned(),
                task: task(by),
                maker: *maker,
            });
            let ours: Vec<bool> = objections(&facts.collect::<Vec<_>>()).iter().map(Option::is_none).collect();
            assert_eq!(ours, case.iter().map(|(_, _, _, ours)| *ours).collect::<Vec<_>>(), "{case:?}");
        }
    }
}
