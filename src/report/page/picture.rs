//! The drawings of a report: the critical path of a run, and the layout of the graph.

use serde::Serialize;

use super::model::{GraphNode, Instance, InstanceState, Report};
use crate::hash::HashMap;
use crate::order::sort_by_key;
use crate::report::shape::Shape;

/// The size of a step in the graph, and the space between two, in pixels.
const WIDTH: usize = 176;
const HEIGHT: usize = 44;
const BETWEEN_COLUMNS: usize = 56;
const BETWEEN_ROWS: usize = 14;
const MARGIN: usize = 8;
/// The most characters of a name in a step.
const LONGEST_NAME: usize = 21;
/// The most steps of a graph.
const MOST_STEPS: usize = 200;

/// Sets when each instance could begin, and marks the critical path.
pub(super) fn mark_critical_path(instances: &mut [Instance], shape: &Shape) {
    // The last instance to end of each step: dependants waited for it.
    let mut last: HashMap<String, usize> = HashMap::default();
    for (at, instance) in instances.iter().enumerate() {
        let Some(ended) = instance.ended_ms else { continue };
        let later = last.get(&instance.step).is_none_or(|known| instances[*known].ended_ms < Some(ended));
        if later {
            last.insert(instance.step.clone(), at);
        }
    }
    let before = |instance: &Instance| -> Option<usize> {
        let planned = shape.steps.get(&instance.step)?;
        let ends = planned.after.iter().filter_map(|step| last.get(step).copied());
        ends.max_by_key(|at| instances[*at].ended_ms)
    };
    let waited_for: Vec<Option<usize>> = instances.iter().map(before).collect();
    let end = last.values().copied().max_by_key(|at| (instances[*at].ended_ms, std::cmp::Reverse(*at)));
    let mut critical = Vec::new();
    let mut next = end;
    while let Some(at) = next.filter(|at| !critical.contains(at)) {
        critical.push(at);
        next = waited_for[at];
    }
    let ends: Vec<Option<u64>> = instances.iter().map(|instance| instance.ended_ms).collect();
    for (at, instance) in instances.iter_mut().enumerate() {
        let turn = waited_for[at].and_then(|before| ends[before]).unwrap_or(0);
        instance.eligible_ms = instance.called_ms.map(|called| turn.min(called));
        instance.critical = critical.contains(&at);
    }
}

/// The layout of the graph, in pixels.
#[derive(Debug, Serialize)]
pub(super) struct Graph {
    width: usize,
    height: usize,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize)]
struct Node {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    name: String,
    label: String,
    /// The number of instances, when there are several.
    many: Option<usize>,
    state: InstanceState,
    word: &'static str,
}

#[derive(Debug, Serialize)]
struct Edge {
    x1: usize,
    y1: usize,
    /// Half-way between both ends, where the line bends.
    middle: usize,
    x2: usize,
    y2: usize,
}

/// The steps in columns, each to the right of its dependencies; `None` when there is nothing to draw.
pub(super) fn graph(report: &Report) -> Option<Graph> {
    let steps = &report.steps;
    if steps.len() < 2 || steps.len() > MOST_STEPS {
        return None;
    }
    let columns = columns(steps);
    let mut rows: HashMap<&str, (usize, usize)> = HashMap::default();
    for (column, ids) in columns.iter().enumerate() {
        for (row, id) in ids.iter().enumerate() {
            rows.insert(id, (column, row));
        }
    }
    let place = |id: &str| {
        let (column, row) = rows.get(id)?;
        Some((MARGIN + column * (WIDTH + BETWEEN_COLUMNS), MARGIN + row * (HEIGHT + BETWEEN_ROWS)))
    };
    let nodes = steps.iter().filter_map(|step| {
        let (x, y) = place(&step.id)?;
        let label: String = match step.id.chars().count() > LONGEST_NAME {
            true => step.id.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
            false => step.id.clone(),
        };
        let many = (step.instances > 1).then_some(step.instances);
        let (name, state) = (step.id.clone(), step.state);
        Some(Node { x, y, width: WIDTH, height: HEIGHT, name, label, many, state, word: state.word() })
    });
    let edges = steps.iter().flat_map(|step| step.after.iter().map(move |before| (before, &step.id)));
    let edges = edges.filter_map(|(from, to)| {
        let ((x1, y1), (x2, y2)) = (place(from)?, place(to)?);
        let (x1, y1, y2) = (x1 + WIDTH, y1 + HEIGHT / 2, y2 + HEIGHT / 2);
        Some(Edge { x1, y1, middle: x1.midpoint(x2), x2, y2 })
    });
    let deepest = columns.iter().map(Vec::len).max().unwrap_or(0);
    Some(Graph {
        width: 2 * MARGIN + columns.len() * (WIDTH + BETWEEN_COLUMNS) - BETWEEN_COLUMNS,
        height: 2 * MARGIN + deepest * (HEIGHT + BETWEEN_ROWS) - BETWEEN_ROWS,
        nodes: nodes.collect(),
        edges: edges.collect(),
    })
}

/// Ids by column, each ordered by the places of their dependencies, to avoid crossing lines.
fn columns(steps: &[GraphNode]) -> Vec<Vec<&str>> {
    let known: HashMap<&str, &GraphNode> = steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let mut depths: HashMap<&str, usize> = HashMap::default();
    // Each round places at least one more column. A plan has no cycles; with one, the loop would end nevertheless.
    for _ in 0..steps.len() {
        let mut settled = true;
        for step in steps {
            let before = step.after.iter().filter(|id| known.contains_key(id.as_str()));
            let depth = before.map(|id| depths.get(id.as_str()).map_or(0, |depth| depth + 1)).max().unwrap_or(0);
            let depth = depth.min(steps.len());
            settled &= depths.insert(&step.id, depth) == Some(depth);
        }
        if settled {
            break;
        }
    }
    let mut columns: Vec<Vec<&str>> = Vec::new();
    for step in steps {
        let depth = depths.get(step.id.as_str()).copied().unwrap_or(0);
        columns.resize_with(columns.len().max(depth + 1), Vec::new);
        columns[depth].push(&step.id);
    }
    let mut rows: HashMap<&str, usize> = HashMap::default();
    for column in &mut columns {
        sort_by_key(column, |id| {
            let before = known.get(id).map(|step| step.after.as_slice()).unwrap_or_default();
            let places: Vec<usize> = before.iter().filter_map(|id| rows.get(id.as_str()).copied()).collect();
            // In half steps; in plan order where this does not decide.
            if places.is_empty() { 0 } else { 2 * places.iter().sum::<usize>() / places.len() }
        });
        rows.extend(column.iter().enumerate().map(|(row, id)| (*id, row)));
    }
    columns.retain(|column| !column.is_empty());
    columns
}
