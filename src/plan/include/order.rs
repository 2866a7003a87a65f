//! The order in which the modules of one file are read: one may be given the output of another.

use std::collections::BTreeSet;

use crate::hash::HashMap;

/// Modules that wait for others, by their numbers in the file.
pub(super) struct Order {
    ready: BTreeSet<usize>,
    /// By module: for how many others it waits.
    waits: Vec<usize>,
    /// The modules that wait for a module.
    waiting: HashMap<String, Vec<usize>>,
}

impl Order {
    /// `wanted`: for each, the modules whose outputs it is given.
    pub(super) fn new(wanted: impl Iterator<Item = BTreeSet<String>>) -> Self {
        let mut order = Self { ready: BTreeSet::new(), waits: Vec::new(), waiting: HashMap::default() };
        for (nth, modules) in wanted.enumerate() {
            order.waits.push(modules.len());
            if modules.is_empty() {
                order.ready.insert(nth);
            }
            modules.into_iter().for_each(|module| order.waiting.entry(module).or_default().push(nth));
        }
        order
    }

    /// The first module in the file that waits for no other.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop_first()
    }

    /// A module was read, or cannot be.
    pub(super) fn settled(&mut self, module: &str) {
        for nth in self.waiting.remove(module).into_iter().flatten() {
            self.waits[nth] -= 1;
            if self.waits[nth] == 0 {
                self.ready.insert(nth);
            }
        }
    }

    /// Whether [`Self::next`] never returned the module: it is in a cycle, or waits for one that is.
    pub(super) fn is_stuck(&self, nth: usize) -> bool {
        self.waits[nth] > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_comes_after_those_whose_outputs_it_is_given_and_else_in_the_order_of_the_file() {
        let names = ["a", "b", "c", "d", "e"];
        let wanted = [&["c"][..], &[], &["d"], &[], &["e"]];
        let sets = wanted.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let mut order = Order::new(sets.into_iter());
        let mut read = Vec::new();
        while let Some(nth) = order.next() {
            read.push(names[nth]);
            order.settled(names[nth]);
        }
        assert_eq!(read, ["b", "d", "c", "a"]);
        assert!(order.is_stuck(4) && !order.is_stuck(0));
    }
}
