//! The table of how often each way found what a literal finds.

use super::*;

#[derive(Default, Clone, Copy)]
struct Count {
    right: usize,
    false_alarms: usize,
    wrong: usize,
    found: usize,
}

/// The results, one line for each way of wrapping.
#[derive(Default)]
pub(super) struct Table {
    counts: BTreeMap<&'static str, Count>,
    missed: Vec<String>,
}

impl Table {
    /// Counts a valid value; its errors are false alarms.
    pub(super) fn right(&mut self, wrapper: &'static str, errors: &[Diagnostic], plan: impl FnOnce() -> String) {
        let count = self.counts.entry(wrapper).or_default();
        count.right += 1;
        if let Some(error) = errors.first() {
            count.false_alarms += 1;
            self.missed.push(format!("{wrapper}: false alarm: {}: {}", error.message, shortened(&plan())));
        }
    }

    /// Counts an invalid value, and whether an error was found.
    pub(super) fn wrong(
        &mut self,
        wrapper: &'static str,
        expected: &[String],
        errors: &[Diagnostic],
        plan: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry(wrapper).or_default();
        count.wrong += 1;
        // The other values are valid, so that any error is about this one.
        if errors.iter().any(|error| CODES.contains(&error.code) || error.code == "bad-call") {
            count.found += 1;
            return;
        }
        let instead = errors.first().map_or("nothing", |error| error.message.as_str());
        let wanted = &expected[0];
        self.missed.push(format!("{wrapper}: missed: {wanted}; found {instead}: {}", shortened(&plan())));
    }

    /// Prints the table, with examples of missed errors.
    #[expect(clippy::disallowed_macros, reason = "the test harness shows what a test prints, no job's runner does")]
    pub(super) fn close(&self) {
        const SHOWN: usize = 40;
        let mut told = String::new();
        let (mut wrong, mut found, mut alarms, mut right) = (0, 0, 0, 0);
        for (wrapper, count) in &self.counts {
            let _ = writeln!(
                told,
                "{wrapper:<34} right {:>6} false alarms {:>4}   wrong {:>6} found {:>6}",
                count.right, count.false_alarms, count.wrong, count.found
            );
            wrong += count.wrong;
            found += count.found;
            alarms += count.false_alarms;
            right += count.right;
        }
        let _ = writeln!(told, "all: {right} right, {alarms} false alarms; {found} of {wrong} wrong ones found");
        for missed in self.missed.iter().take(SHOWN) {
            let _ = writeln!(told, "{missed}");
        }
        println!("{told}");
        assert_eq!(alarms, 0, "{told}");
        assert!(found * 1000 >= wrong * 995, "{told}");
    }
}

fn shortened(plan: &str) -> String {
    const LONGEST: usize = 500;
    let start = plan.find(r#"{"id":"it""#).unwrap_or_default();
    plan[start..].chars().take(LONGEST).collect()
}

pub(super) fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
