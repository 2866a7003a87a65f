//! The dependencies between the modules inside a room: no module uses itself through others.
//!
//! What a file uses of a module that contains it is not counted as a dependency.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Module, modules};

/// The paths in a text that begin with `crate`, `super` or `self`; those of a group in braces one by one.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if !before.is_some_and(|before| before.is_alphanumeric() || "_:$".contains(before)) {
                path(&text[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Reads one path, or the group of them that it ends with; returns what follows it.
fn path<'t>(text: &'t str, begun: &[&'t str], found: &mut Vec<Vec<&'t str>>) -> &'t str {
    let (mut segments, mut rest) = (begun.to_vec(), text.trim_start());
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            while !group.trim_start().starts_with('}') {
                let after = path(group, &segments, found);
                let Some(at) = after.find([',', '}']) else { return "" };
                group = after[at..].trim_start_matches(',');
            }
            return &group.trim_start()[1..];
        }
        let end = rest.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(rest.len());
        segments.push(&rest[..end]);
        match rest[end..].strip_prefix("::") {
            Some(more) => rest = more,
            None => {
                found.push(segments);
                return &rest[end..];
            }
        }
    }
}

/// The paths of the `use` statements in a text, each with the name that it is known by.
fn imports(text: &str) -> Vec<(Vec<&str>, &str)> {
    let mut found = Vec::new();
    let statements = text.match_indices("use ").filter(|(at, _)| {
        let before = text[..*at].rsplit('\n').next().unwrap_or_default().trim();
        before.is_empty() || before.starts_with("pub")
    });
    for statement in statements.filter_map(|(at, found)| text[at + found.len()..].split(';').next()) {
        let renamed = statement.split([',', '{', '}']).filter_map(|part| part.trim().split_once(" as "));
        let renamed: BTreeMap<&str, &str> =
            renamed.map(|(path, name)| (path.rsplit("::").next().unwrap_or(path), name)).collect();
        let mut paths = Vec::new();
        path(statement, &[], &mut paths);
        found.extend(paths.into_iter().filter_map(|path| {
            let last = *path.last()?;
            Some((path, renamed.get(last).copied().unwrap_or(last)))
        }));
    }
    found
}

/// The module of the item that a path leads to, also where another module passes the item on.
fn target(path: &[&str], from: &Module, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let up = path.iter().take_while(|segment| **segment == "super").count();
    let (base, skip) = match path[0] {
        "crate" => (Vec::new(), 1),
        "self" => (from.clone(), 1),
        _ => (from[..from.len().checked_sub(up)?].to_vec(), up),
    };
    let all: Module = base.into_iter().chain(path[skip..].iter().map(|&segment| segment.to_owned())).collect();
    let length = (1..=all.len()).rev().find(|length| modules.contains_key(&all[..*length]))?;
    let (module, rest) = (all[..length].to_vec(), &all[length..]);
    let Some(item) = rest.first() else { return Some(module) };
    let passed_on = imports(&modules[&module]).into_iter().find(|(_, name)| name == item).and_then(|(path, _)| {
        let known = ["crate", "super", "self"].contains(&path[0]);
        let path = if known { path } else { [&["self"], &path[..]].concat() };
        let next = target(&path, &module, modules);
        // A name of another crate leads no further than here.
        next.filter(|next| known || next.len() > module.len())
    });
    passed_on.or(Some(module))
}

/// What each module uses, besides the modules around it.
fn arrows(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let uses = |(module, code): (&Module, &String)| {
        let targets = paths(code).into_iter().filter_map(|path| target(&path, module, modules));
        (module.clone(), targets.filter(|target| !module.starts_with(target)).collect())
    };
    modules.iter().map(uses).collect()
}

/// What the folders and files of each room use of one another.
fn between_folders(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<Module, BTreeSet<Module>> {
    let folder = |module: &Module| module.iter().take(2).cloned().collect::<Module>();
    let mut found: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, uses) in arrows {
        let from = folder(module);
        let others = uses.iter().map(folder).filter(|to| !from.starts_with(to));
        found.entry(from.clone()).or_default().extend(others);
    }
    found
}

/// Takes away what uses nothing of the rest, and what nothing of the rest uses, until only circles are left.
fn circles(mut left: BTreeMap<Module, BTreeSet<Module>>) -> BTreeMap<Module, BTreeSet<Module>> {
    loop {
        let used: BTreeSet<Module> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|module, uses| !uses.is_empty() && used.contains(module));
        let rest: BTreeSet<Module> = left.keys().cloned().collect();
        left.values_mut().for_each(|uses| uses.retain(|module| rest.contains(module)));
        if left.len() == before && left.values().all(|uses| !uses.is_empty()) {
            return left;
        }
    }
}

/// Fails with what uses itself through others.
fn assert_no_circle(arrows: BTreeMap<Module, BTreeSet<Module>>) {
    let left = circles(arrows);
    let lines: Vec<String> = left
        .iter()
        .map(|(module, uses)| {
            let uses: Vec<String> = uses.iter().map(|module| module.join("/")).collect();
            format!("{} uses {}", module.join("/"), uses.join(", "))
        })
        .collect();
    assert!(lines.is_empty(), "these use one another:\n{}", lines.join("\n"));
}

#[test]
fn no_module_uses_itself_through_others() {
    assert_no_circle(arrows(&modules()));
}

#[test]
fn no_folder_of_a_room_uses_itself_through_others() {
    assert_no_circle(between_folders(&arrows(&modules())));
}

#[test]
fn an_item_that_is_passed_on_is_used_where_it_is_declared() {
    let code = [
        ("a", "mod b;\nmod c;\npub use b::{One, Two as Other};\npub use self::c::Three;\nuse serde_json::Value;"),
        ("a/b", "use super::{Other, Three, Value};"),
        ("a/c", "use super::One;\nuse crate::d::Four;"),
        ("d", "pub use crate::a::Other as Four;"),
    ];
    let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
    let modules = code.into_iter().map(|(path, code)| (module(path), code.to_owned())).collect();
    let arrows = arrows(&modules);
    assert_eq!(arrows[&module("a/b")], BTreeSet::from([module("a/c")]));
    assert_eq!(arrows[&module("a/c")], BTreeSet::from([module("a/b")]));
    assert_eq!(arrows[&module("d")], BTreeSet::from([module("a/b")]));
    assert!(!between_folders(&arrows)[&module("a/b")].contains(&module("a")));
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let text = "use super::{a::{B, c}, d};\nuse crate::x::y::Z; let w = self::k::f(1); my_crate::q::r;";
    let mut read: Vec<String> = paths(text).into_iter().map(|path| path.join("::")).collect();
    read.sort();
    assert_eq!(read, ["crate::x::y::Z", "self::k::f", "super::a::B", "super::a::c", "super::d"]);
}

#[test]
fn a_circle_is_found_whatever_leads_to_it_or_from_it() {
    let module = |name: &str| vec![name.to_owned()];
    let arrows = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("d", "")];
    let arrows = arrows.iter().fold(BTreeMap::<Module, BTreeSet<Module>>::new(), |mut all, (from, to)| {
        all.entry(module(from)).or_default().extend((!to.is_empty()).then(|| module(to)));
        all
    });
    let left: Vec<Module> = circles(arrows).into_keys().collect();
    assert_eq!(left, [module("b"), module("c")]);
}
