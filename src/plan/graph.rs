//! The dependency graph of steps, as a pure structure: order and cycles.
//!
//! It has names only. Where several orders are possible, that of the file is kept, so that runs look alike.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::OnceLock;

use super::model::Plan;
use crate::hash::HashMap;
use crate::id::StepId;

/// A directed graph of steps.
#[derive(Debug, Clone)]
pub struct Graph {
    /// In file order.
    ids: Vec<StepId>,
    places: HashMap<StepId, usize>,
    /// By step: the steps it depends on; sorted.
    after: Vec<Box<[usize]>>,
    /// By step: its dependants; sorted. Made once they are asked for.
    before: OnceLock<Vec<Box<[usize]>>>,
}

impl Graph {
    /// The graph of an accepted plan.
    pub fn of(plan: &Plan) -> Self {
        Self::new(plan.steps.values().map(|step| (step.id.clone(), &*step.after)))
    }

    /// A graph of steps in file order, each with its dependencies. Unknown names are left out.
    pub fn new<'a>(steps: impl IntoIterator<Item = (StepId, &'a [StepId])>) -> Self {
        let (ids, names): (Vec<StepId>, Vec<&[StepId]>) = steps.into_iter().unzip();
        let places: HashMap<StepId, usize> = ids.iter().cloned().enumerate().map(|(at, id)| (id, at)).collect();
        let mut after: Vec<Box<[usize]>> = names
            .into_iter()
            .map(|names| names.iter().filter_map(|name| places.get(name).copied()).collect())
            .collect();
        after.iter_mut().for_each(|dependencies| dependencies.sort_unstable());
        Self { ids, places, after, before: OnceLock::new() }
    }

    fn before(&self) -> &[Box<[usize]>] {
        self.before.get_or_init(|| reversed(&self.after))
    }

    /// A topological order; among possible next steps, the first in the file. Steps on a cycle, and their dependants,
    /// are left out.
    pub fn order(&self) -> Vec<&StepId> {
        self.kahn().into_iter().map(|at| &self.ids[at]).collect()
    }

    /// The direct dependencies of a step.
    pub fn dependencies(&self, id: &StepId) -> impl Iterator<Item = &StepId> {
        self.neighbours(id, &self.after)
    }

    /// The direct dependants of a step.
    pub fn dependants(&self, id: &StepId) -> impl Iterator<Item = &StepId> {
        self.neighbours(id, self.before())
    }

    /// All dependencies of a step, direct and indirect, in file order.
    pub fn all_dependencies(&self, id: &StepId) -> Vec<&StepId> {
        self.reached(id, &self.after)
    }

    /// All dependants of a step, direct and indirect, in file order.
    pub fn all_dependants(&self, id: &StepId) -> Vec<&StepId> {
        self.reached(id, self.before())
    }

    fn reached(&self, id: &StepId, edges: &[Box<[usize]>]) -> Vec<&StepId> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = self.places.get(id).copied().into_iter().collect();
        while let Some(at) = open.pop() {
            open.extend(edges[at].iter().copied().filter(|&next| seen.insert(next)));
        }
        seen.into_iter().map(|at| &self.ids[at]).collect()
    }

    /// The cycles, each beginning with its first step in the file, in the direction of "depends on". No step is in
    /// two of them.
    pub fn cycles(&self) -> Vec<Vec<&StepId>> {
        let mut open = vec![true; self.ids.len()];
        for at in self.kahn() {
            open[at] = false;
        }
        // The remaining steps are on a cycle or depend on one; following dependencies leads to the cycle.
        let mut cycles = Vec::new();
        let mut seen_in = vec![0_usize; self.ids.len()];
        for start in 0..self.ids.len() {
            let mut path = Vec::new();
            let mut here = Some(start).filter(|&at| open[at]);
            while let Some(at) = here {
                if seen_in[at] == start + 1 {
                    let from = path.iter().position(|&step| step == at).unwrap_or_default();
                    cycles.push(rotated(&path[from..]));
                    break;
                }
                if seen_in[at] != 0 {
                    break;
                }
                seen_in[at] = start + 1;
                path.push(at);
                here = self.after[at].iter().copied().find(|&next| open[next]);
            }
        }
        cycles.into_iter().map(|cycle| cycle.into_iter().map(|at| &self.ids[at]).collect()).collect()
    }

    fn kahn(&self) -> Vec<usize> {
        let mut ready = ReadyQueue::new(&self.after);
        let mut order = Vec::with_capacity(self.ids.len());
        while let Some(at) = ready.take() {
            order.push(at);
            ready.done(at);
        }
        order
    }

    fn neighbours<'g>(&'g self, id: &StepId, edges: &'g [Box<[usize]>]) -> impl Iterator<Item = &'g StepId> + use<'g> {
        let found = self.places.get(id).map(|&at| &*edges[at]).unwrap_or_default();
        found.iter().map(|&at| &self.ids[at])
    }
}

/// Returns nodes in topological order as others are done; the first in the file first.
#[derive(Debug, Clone)]
pub struct ReadyQueue {
    /// By node: the number of dependencies that are not done.
    waiting: Vec<usize>,
    /// By node: its dependants.
    before: Vec<Box<[usize]>>,
    ready: BinaryHeap<Reverse<usize>>,
}

impl ReadyQueue {
    /// `after`: for each node, the indices of its dependencies, without duplicates.
    pub fn new(after: &[impl AsRef<[usize]>]) -> Self {
        let waiting: Vec<usize> = after.iter().map(|dependencies| dependencies.as_ref().len()).collect();
        let ready = (0..after.len()).filter(|&at| waiting[at] == 0).map(Reverse).collect();
        Self { waiting, before: reversed(after), ready }
    }

    /// The next ready node; `None` when all others wait for nodes that are not done.
    pub fn take(&mut self) -> Option<usize> {
        self.ready.pop().map(|Reverse(at)| at)
    }

    /// Marks a node as done, which may make dependants ready.
    pub fn done(&mut self, at: usize) {
        for &dependant in &self.before[at] {
            self.waiting[dependant] -= 1;
            if self.waiting[dependant] == 0 {
                self.ready.push(Reverse(dependant));
            }
        }
    }
}

/// For each node, the nodes that lead to it; sorted.
fn reversed(edges: &[impl AsRef<[usize]>]) -> Vec<Box<[usize]>> {
    let ends = || edges.iter().flat_map(|ends| ends.as_ref().iter().copied());
    let mut number = vec![0; edges.len()];
    ends().for_each(|end| number[end] += 1);
    // Each at its own size: most have few.
    let mut reversed: Vec<Vec<usize>> = number.into_iter().map(Vec::with_capacity).collect();
    for (at, ends) in edges.iter().enumerate() {
        ends.as_ref().iter().for_each(|&end| reversed[end].push(at));
    }
    reversed.into_iter().map(Vec::into_boxed_slice).collect()
}

/// The cycle rotated to begin with its first step in the file.
fn rotated(cycle: &[usize]) -> Vec<usize> {
    let first = cycle.iter().enumerate().min_by_key(|(_, at)| **at).map_or(0, |(position, _)| position);
    let mut reversed = cycle.to_vec();
    reversed.rotate_left(first);
    reversed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let steps: Vec<(StepId, Vec<StepId>)> = edges
            .iter()
            .map(|(id, after)| (StepId::new(*id), after.iter().copied().map(StepId::new).collect()))
            .collect();
        Graph::new(steps.iter().map(|(id, after)| (id.clone(), after.as_slice())))
    }

    fn names(ids: Vec<&StepId>) -> String {
        ids.into_iter().map(StepId::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn independent_steps_keep_the_order_of_the_file() {
        let graph = graph(&[("vm", &["net", "key"]), ("b", &[]), ("net", &[]), ("key", &["net"]), ("a", &[])]);
        assert_eq!(names(graph.order()), "b net key vm a");
        assert_eq!(names(graph.dependants(&StepId::new("net")).collect()), "vm key");
        assert_eq!(names(graph.all_dependencies(&StepId::new("vm"))), "net key");
        assert_eq!(names(graph.all_dependants(&StepId::new("net"))), "vm key");
    }

    #[test]
    fn every_circle_is_found_once_and_whole() {
        let graph = graph(&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("me", &["me"]), ("ok", &[])]);
        let cycles: Vec<String> = graph.cycles().into_iter().map(names).collect();
        assert_eq!(cycles, ["a b c", "me"]);
        assert_eq!(names(graph.order()), "ok");
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_steps_has_an_order() {
        let ids: Vec<StepId> = (0..100_000).map(|at| StepId::new(format!("s{at}"))).collect();
        let after: Vec<Vec<StepId>> = (0..ids.len())
            .map(|at| at.checked_sub(1).map(|before| ids[before].clone()).into_iter().collect())
            .collect();
        let graph = Graph::new(ids.iter().cloned().zip(after.iter().map(Vec::as_slice)).rev());
        let order = graph.order();
        assert_eq!(order.len(), ids.len());
        assert_eq!(order[0], &ids[0]);
        assert!(graph.cycles().is_empty());
    }

    proptest! {
        #[test]
        fn order_respects_every_edge_or_there_is_a_circle(edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..30)) {
            let ids: Vec<StepId> = (0..12).map(|at| StepId::new(format!("s{at}"))).collect();
            let mut after = vec![BTreeSet::new(); 12];
            for &(from, to) in &edges {
                after[from].insert(ids[to].clone());
            }
            let after: Vec<Vec<StepId>> = after.into_iter().map(|ids| ids.into_iter().collect()).collect();
            let graph = Graph::new(ids.iter().cloned().zip(after.iter().map(Vec::as_slice)));
            let order = graph.order();
            for (at, id) in order.iter().enumerate() {
                for dependency in graph.dependencies(id) {
                    prop_assert!(order[..at].contains(&dependency));
                }
            }
            let cycles = graph.cycles();
            prop_assert_eq!(order.len() == 12, cycles.is_empty());
            for cycle in cycles {
                for (at, id) in cycle.iter().enumerate() {
                    let next = cycle[(at + 1) % cycle.len()];
                    prop_assert!(graph.dependencies(id).any(|dependency| dependency == next));
                }
            }
        }
    }
}
