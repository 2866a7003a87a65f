//! What is drawn: the path that decided how long a run took, and where the steps of the graph stand.

use std::collections::HashMap;

use serde::Serialize;

use super::collect::Shape;
use super::model::{Instance, Report, State, Step};

/// Size of a step in the graph and the room between two.
const WIDTH: usize = 176;
const HEIGHT: usize = 44;
const BETWEEN_COLUMNS: usize = 56;
const BETWEEN_ROWS: usize = 14;
const MARGIN: usize = 8;
/// Characters of a name that fit into a step.
const FITTING: usize = 21;
/// More steps than this are no picture.
const MOST_STEPS: usize = 200;

/// Says of each instance when its turn had come, and marks the chain that the run's end depended on.
pub(super) fn follow(instances: &mut [Instance], shape: &Shape) {
    // The last to end of each step: what comes after it waited for that one.
    let mut last: HashMap<String, usize> = HashMap::new();
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

/// The graph as it is drawn, in pixels.
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
    /// How many instances, when there is more than one.
    many: Option<usize>,
    state: State,
    word: &'static str,
}

#[derive(Debug, Serialize)]
struct Edge {
    x1: usize,
    y1: usize,
    /// Between both ends: where the line bends.
    middle: usize,
    x2: usize,
    y2: usize,
}

/// Steps in columns, each to the right of all it comes after; `None` when there is nothing to see.
pub(super) fn graph(report: &Report) -> Option<Graph> {
    let steps = &report.steps;
    if steps.len() < 2 || steps.len() > MOST_STEPS {
        return None;
    }
    let columns = columns(steps);
    let mut rows: HashMap<&str, (usize, usize)> = HashMap::new();
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
        let label: String = match step.id.chars().count() > FITTING {
            true => step.id.chars().take(FITTING - 1).chain(['…']).collect(),
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

/// Ids by column, in each ordered by where what they come after stands, so that fewer lines cross.
fn columns(steps: &[Step]) -> Vec<Vec<&str>> {
    let known: HashMap<&str, &Step> = steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let mut depths: HashMap<&str, usize> = HashMap::new();
    // Each round settles at least one more column; a plan has no cycles, and what has one ends all the same.
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
    let mut rows: HashMap<&str, usize> = HashMap::new();
    for column in &mut columns {
        column.sort_by_key(|id| {
            let before = known.get(id).map(|step| step.after.as_slice()).unwrap_or_default();
            let places: Vec<usize> = before.iter().filter_map(|id| rows.get(id.as_str()).copied()).collect();
            // In halves, and in the order of the plan where nothing decides.
            if places.is_empty() { 0 } else { 2 * places.iter().sum::<usize>() / places.len() }
        });
        rows.extend(column.iter().enumerate().map(|(row, id)| (*id, row)));
    }
    columns.retain(|column| !column.is_empty());
    columns
}
