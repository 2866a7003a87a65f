//! Findings while a file is read: of one kind no more than can be of use, and how many there were besides.

use std::collections::HashMap;

use crate::diagnostic::Diagnostic;

/// Of one kind so many are kept.
const MOST: usize = 1000;

#[derive(Default)]
pub(super) struct Findings {
    kept: Vec<Diagnostic>,
    seen: HashMap<&'static str, usize>,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Diagnostic) {
        let seen = self.seen.entry(finding.code).or_default();
        *seen += 1;
        if *seen <= MOST {
            self.kept.push(finding);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.kept.iter()
    }

    /// What was kept, in the order of the file; and of each kind how many there were besides.
    pub(super) fn finish(mut self) -> (Vec<Diagnostic>, HashMap<&'static str, usize>) {
        // A problem that made reading stop is the last one found, but the first in the file may be another.
        self.kept.sort_by_key(|finding| finding.primary.start);
        let more = self.seen.into_iter().filter(|(_, seen)| *seen > MOST).map(|(code, seen)| (code, seen - MOST));
        (self.kept, more.collect())
    }
}
