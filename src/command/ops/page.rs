//! The description of an operation: route, effect, parameters and body.

use crate::catalog::{BodyUse, Description, Field, Route};
use crate::kind::kind_name;
use crate::report::Palette;

/// The description of one operation.
pub(super) fn page(described: &Description, palette: Palette) -> String {
    let mut text = format!("{}\n", palette.name(&described.route));
    let mut line = |name: &str, words: String| text.push_str(&format!("  {:<10} {words}\n", name));
    line("section", described.tag.clone());
    match (&described.successor, described.deprecated) {
        (Some(successor), _) => line("deprecated", format!("use {successor}")),
        (None, true) => line("deprecated", "there is no successor".to_owned()),
        (None, false) => {}
    }
    line(
        "answers",
        match (described.asynchronous, &described.task_types[..]) {
            (false, _) => "at once".to_owned(),
            (true, []) => "with tasks".to_owned(),
            (true, types) => format!("with a task: {}", types.join(" or ")),
        },
    );
    if let Some(creates) = &described.creates {
        let by_name = creates.resource.as_ref().is_some_and(|resource| resource.by_name);
        let mut words = format!("{} (`steps.<id>.id`", kind_name(&creates.kind));
        words += if by_name { "; its own calls want `steps.<id>.name`)" } else { ")" };
        if !creates.also.is_empty() {
            words += &format!(", maybe with {}", creates.also.join(", "));
        }
        line("makes", words);
    }
    line("undo", described.undo.as_ref().map_or("none known: write `undo` in the step".to_owned(), Route::to_string));
    for (title, fields) in [("path", &described.path), ("query", &described.query)] {
        section(&mut text, title, fields, palette);
    }
    if !described.media_types.is_empty() && !described.form {
        let kinds = described.media_types.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
        let words = format!("a file, {kinds}: name it by `body_file`");
        text.push_str(&format!("\n{}\n  {words}\n", palette.name("body")));
    }
    match described.body_use {
        BodyUse::None => {}
        _ if described.form => {
            section(&mut text, "body, sent as a form with the files at these paths", &described.body, palette);
        }
        BodyUse::Optional => section(&mut text, "body (optional)", &described.body, palette),
        BodyUse::Required => section(&mut text, "body", &described.body, palette),
    }
    text.push_str(&format!("\nplan new '{}' prints a step to paste\n", described.route));
    text
}

fn section(text: &mut String, title: &str, fields: &[Field], palette: Palette) {
    if fields.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", palette.name(title)));
    write(text, &tree(fields), 0, palette);
}

/// A field with its children.
#[derive(Debug, Clone)]
struct Node<'f> {
    field: &'f Field,
    below: Vec<Node<'f>>,
}

impl Node<'_> {
    /// Whether two fields are described alike, in whatever branch of a union.
    fn is_like(&self, other: &Node<'_>) -> bool {
        self.field.name == other.field.name
            && self.field.required == other.field.required
            && field_text(self.field) == field_text(other.field)
            && self.below.len() == other.below.len()
            && self.below.iter().zip(&other.below).all(|(own, other)| own.is_like(other))
    }

    /// Whether the field only names the branch, as the branch's title does.
    fn is_title(&self) -> bool {
        self.field.when.as_deref() == Some(&format!("{}: {}", self.field.name, self.field.wanted.trim_matches('`')))
    }
}

/// The fields as a tree, from a depth-first list.
fn tree(fields: &[Field]) -> Vec<Node<'_>> {
    let Some(depth) = fields.first().map(|field| field.depth) else { return Vec::new() };
    let mut nodes = Vec::new();
    let mut rest = fields;
    while let Some((field, after)) = rest.split_first() {
        let below = after.iter().take_while(|below| below.depth > depth).count();
        nodes.push(Node { field, below: tree(&after[..below]) });
        rest = &after[below..];
    }
    nodes
}

/// Writes required fields first, then those shared by all branches of a union, then each branch with its own.
fn write(text: &mut String, nodes: &[Node<'_>], indent: usize, palette: Palette) {
    let mut branches: Vec<(&str, Vec<&Node<'_>>)> = Vec::new();
    for node in nodes {
        match node.field.when.as_deref() {
            None => write_node(text, node, indent, palette),
            Some(when) => match branches.iter_mut().find(|(known, _)| *known == when) {
                Some((_, of_branch)) => of_branch.push(node),
                None => branches.push((when, vec![node])),
            },
        }
    }
    let (shared, branches) = shared(&branches);
    for node in shared {
        write_node(text, node, indent, palette);
    }
    for (when, nodes) in branches {
        text.push_str(&format!("{}{}\n", "  ".repeat(indent + 1), palette.name(format!("with `{when}`:"))));
        if nodes.is_empty() {
            text.push_str(&format!("{}{}\n", "  ".repeat(indent + 3), palette.faint("nothing more")));
        }
        for node in nodes {
            write_node(text, node, indent + 1, palette);
        }
    }
}

type Branches<'n, 'f> = Vec<(&'n str, Vec<&'n Node<'f>>)>;

/// The fields described alike in every branch, and the branches without these and without title fields.
fn shared<'n, 'f>(branches: &Branches<'n, 'f>) -> (Vec<&'n Node<'f>>, Branches<'n, 'f>) {
    let has = |nodes: &[&Node<'_>], node: &Node<'_>| nodes.iter().any(|other| other.is_like(node));
    let everywhere = |node: &Node<'_>| branches.len() > 1 && branches.iter().all(|(_, nodes)| has(nodes, node));
    let first = branches.first().map(|(_, nodes)| nodes.as_slice()).unwrap_or_default();
    let shared = first.iter().copied().filter(|node| everywhere(node)).collect();
    let rest = branches.iter().map(|(when, nodes)| {
        let own = nodes.iter().copied().filter(|node| !everywhere(node) && !node.is_title());
        (*when, own.collect())
    });
    (shared, rest.collect())
}

fn write_node(text: &mut String, node: &Node<'_>, indent: usize, palette: Palette) {
    let mark = if node.field.required { "*" } else { " " };
    let name = palette.busy(&node.field.name);
    text.push_str(&format!("  {}{mark} {name}  {}\n", "  ".repeat(indent), palette.faint(field_text(node.field))));
    write(text, &node.below, indent + 1, palette);
}

fn field_text(field: &Field) -> String {
    let mut words = vec![field.wanted.clone()];
    if !field.limits.is_empty() {
        words.push(field.limits.clone());
    }
    if field.nullable {
        words.push("or null".to_owned());
    }
    words.extend(field.default.as_ref().map(|default| format!("default {default}")));
    if field.deprecated {
        words.push("deprecated".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::report::Color;

    fn page_of(route: &str) -> String {
        let catalog = Catalog::embedded();
        let operation = catalog.find(&Route::parse(route).unwrap()).unwrap();
        page(&catalog.describe(&operation), Palette::new(Color::Off))
    }

    #[test]
    fn a_page_shows_fields_and_undo() {
        let page = page_of("POST /cloud/v1/networks/{project_id}/{region_id}");
        assert!(page.contains("undo       DELETE /cloud/v1/networks/"), "{page}");
        assert!(page.contains("* name"), "{page}");
    }

    #[test]
    fn branches_of_a_union_are_listed_after_shared_fields() {
        let page = page_of("POST /cloud/v2/instances/{project_id}/{region_id}");
        let volumes = page.split("* volumes").nth(1).unwrap();
        let (shared, image) = volumes.split_once("with `source: image`:\n").unwrap();
        assert!(shared.contains("delete_on_termination"), "{shared}");
        let image = image.split("with `source").next().unwrap();
        assert!(image.contains("* image_id") && !image.contains("delete_on_termination"), "{image}");
        assert!(!page.contains(", with "), "{page}");
    }

    #[test]
    fn every_field_of_every_operation_is_on_its_page() {
        for operation in Catalog::embedded().operations() {
            let described = Catalog::embedded().describe(&operation);
            let page = page(&described, Palette::new(Color::Off));
            for field in &described.body {
                assert!(page.contains(&field.name), "{}: {}", operation.route, field.path);
            }
        }
    }
}
