//! Work on the parts of a list, on several threads.

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread::{self, Builder};

/// The stack of a thread that evaluates plans, in bytes: templates and deeply nested plans need recursion, and the
/// system's stack may be small.
pub const STACK: usize = 16 * 1024 * 1024;

/// Divides `0..number` into at most as many parts as there are processors, each but the last of at least `least` items;
/// returns what `work` returns for each part, in order. The caller's thread does the first part, and each part for
/// which no thread can be started. A panic of `work` is passed on.
pub fn in_parts<R: Send>(number: usize, least: usize, work: impl Fn(Range<usize>) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let size = number.div_ceil(threads).max(least).max(1);
    let mut parts = (0..number).step_by(size).map(|from| from..number.min(from + size));
    let Some(first) = parts.next() else { return Vec::new() };
    let work = &work;
    thread::scope(|scope| {
        let spawned = parts.map(|part| {
            let own = part.clone();
            (part, Builder::new().stack_size(STACK).spawn_scoped(scope, move || work(own)))
        });
        let others: Vec<_> = spawned.collect();
        let mut all = vec![work(first)];
        all.extend(others.into_iter().map(|(part, thread)| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => work(part),
        }));
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_whole_in_order() {
        for number in [0, 1, 2, 7, 100, 1001] {
            for least in [0, 1, 10, 5000] {
                let parts = in_parts(number, least, |part| part);
                let whole: Vec<usize> = parts.iter().cloned().flatten().collect();
                assert!(whole.iter().copied().eq(0..number), "{number}, {least}: {parts:?}");
                let (_, others) = parts.split_last().unwrap_or((&(0..0), &[]));
                assert!(others.iter().all(|part| part.len() >= least), "{number}, {least}: {parts:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "the last one")]
    fn a_panic_in_a_part_is_the_callers() {
        in_parts(1001, 1, |part| assert!(part.end < 1001, "the last one"));
    }
}
