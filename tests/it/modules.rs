//! The dependencies between the modules inside a room: no module uses itself through others.
//!
//! What a file uses of a module that contains it is not counted as a dependency.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Module = Vec<String>;

/// Every module that is not a test, with its code.
fn modules() -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    gather(&[env!("CARGO_MANIFEST_DIR"), "src"].iter().collect::<PathBuf>(), &Vec::new(), &mut found);
    found
}

fn gather(folder: &Path, around: &Module, found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.contains("test") || around.is_empty() && ["lib", "main"].contains(&name.as_str()) {
            continue;
        }
        let module = match name.as_str() {
            "mod" => around.clone(),
            _ => around.iter().cloned().chain([name]).collect(),
        };
        if path.is_dir() {
            gather(&path, &module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(module, code(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The text without comments and tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

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

/// The module that a path leads to or into.
fn target(path: &[&str], from: &Module, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let up = path.iter().take_while(|segment| **segment == "super").count();
    let (base, skip) = match path[0] {
        "crate" => (Vec::new(), 1),
        "self" => (from.clone(), 1),
        _ => (from[..from.len().checked_sub(up)?].to_vec(), up),
    };
    let all: Module = base.into_iter().chain(path[skip..].iter().map(|&segment| segment.to_owned())).collect();
    (1..=all.len()).rev().map(|length| all[..length].to_vec()).find(|module| modules.contains_key(module))
}

/// What each module uses, besides the modules around it.
fn arrows() -> BTreeMap<Module, BTreeSet<Module>> {
    let modules = modules();
    let uses = |(module, code): (&Module, &String)| {
        let targets = paths(code).into_iter().filter_map(|path| target(&path, module, &modules));
        (module.clone(), targets.filter(|target| !module.starts_with(target)).collect())
    };
    modules.iter().map(uses).collect()
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

#[test]
fn no_module_uses_itself_through_others() {
    let left = circles(arrows());
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
