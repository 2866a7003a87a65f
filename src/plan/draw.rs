//! The dependencies of a plan as a diagram: Mermaid for Markdown, DOT for Graphviz.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::graph::Graph;
use super::model::Plan;

/// Writes a Mermaid flowchart with an arrow from each step to its dependants.
///
/// # Errors
///
/// When `out` cannot be written to.
pub fn mermaid(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "flowchart TD")?;
    for step in plan.steps.values() {
        // Ids of our own before each name, because `end` and `class` are keywords of Mermaid.
        let (open, close) = if step.for_each.is_some() { ("[[", "]]") } else { ("[", "]") };
        let label = format!("{}<br/>{}", mermaid_text(step.id.as_str()), mermaid_text(&called(step)));
        writeln!(out, "  s_{}{open}\"{label}\"{close}", step.id)?;
    }
    for (from, to) in arrows(plan) {
        writeln!(out, "  s_{from} --> s_{to}")?;
    }
    Ok(())
}

/// Writes a DOT digraph with an arrow from each step to its dependants.
///
/// # Errors
///
/// When `out` cannot be written to.
pub fn dot(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph {} {{", dot_text(&plan.name))?;
    writeln!(out, "  node [shape=box];")?;
    for step in plan.steps.values() {
        let many = if step.for_each.is_some() { ", peripheries=2" } else { "" };
        let label = dot_text(&format!("{}\n{}", step.id, called(step)));
        writeln!(out, "  {} [label={label}{many}];", dot_text(step.id.as_str()))?;
    }
    for (from, to) in arrows(plan) {
        writeln!(out, "  {} -> {};", dot_text(from), dot_text(to))?;
    }
    writeln!(out, "}}")
}

/// The label of a step: its name, or its call.
fn called(step: &super::model::Step) -> String {
    match &step.name {
        Some(name) => name.to_string(),
        None => format!("{} {}", step.call.method, step.call.written),
    }
}

/// An arrow from each step to each of its dependants; both in the order of the file, so that the layout is always the
/// same.
fn arrows(plan: &Plan) -> Vec<(&str, &str)> {
    let graph = Graph::of(plan);
    let mut arrows = Vec::new();
    for step in plan.steps.values() {
        for dependant in graph.dependants(&step.id) {
            if let Some(dependant) = plan.steps.get(dependant) {
                arrows.push((step.id.as_str(), dependant.id.as_str()));
            }
        }
    }
    arrows
}

/// Text between quotes in Mermaid, with special characters as entities.
fn mermaid_text(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '"' | '<' | '>' | '&' | '#' | '`' | '{' | '}' | '[' | ']' | '|' | '\\' => {
                let _ = write!(out, "#{};", u32::from(character));
            }
            control if control.is_control() => out.push(' '),
            plain => out.push(plain),
        }
    }
    out
}

fn dot_text(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control.is_control() => out.push(' '),
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}
