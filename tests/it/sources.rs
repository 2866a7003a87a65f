//! The modules of the program with their code, as the compiler finds them from `lib.rs`; without those for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The names that lead to a module, from its room on.
pub type Module = Vec<String>;

/// Every module that is not for tests, with its code.
pub fn modules() -> BTreeMap<Module, String> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "src"].iter().collect();
    let mut found = BTreeMap::new();
    for name in declared(&fs::read_to_string(folder.join("lib.rs")).unwrap()) {
        gather(&folder, vec![name], &mut found);
    }
    found
}

fn gather(folder: &Path, module: Module, found: &mut BTreeMap<Module, String>) {
    let name = module.last().unwrap();
    let (file, below) = (folder.join(format!("{name}.rs")), folder.join(name));
    let file = if file.is_file() { file } else { below.join("mod.rs") };
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for inner in declared(&text) {
        gather(&below, module.iter().cloned().chain([inner]).collect(), found);
    }
    found.insert(module, code(&text));
}

/// The modules that a text declares in files of their own, and not for tests only.
fn declared(text: &str) -> Vec<String> {
    let mut for_tests = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            for_tests |= line == "#[cfg(test)]";
            continue;
        }
        let name = line.strip_suffix(';').and_then(|line| line.split_once("mod ")).filter(|(before, _)| {
            before.is_empty() || before.starts_with("pub") && before.ends_with(' ') && !before.contains('=')
        });
        found.extend(name.filter(|_| !for_tests).map(|(_, name)| name.to_owned()));
        for_tests = false;
    }
    found
}

/// The text without comments and tests.
fn code(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once("#[cfg(test)]\n") {
        kept += before;
        // A module in braces; anything else is one item, which may be read.
        let is_module = after.lines().next().is_some_and(|line| line.contains("mod ") && line.ends_with('{'));
        rest = if is_module { after.split_once("\n}").map_or("", |(_, rest)| rest) } else { after };
    }
    kept += rest;
    kept.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_module_for_tests_is_none_of_the_program_whatever_its_name() {
    let text =
        "pub mod a;\n#[cfg(test)]\nmod b;\npub(crate) mod c;\n#[cfg(test)]\npub mod d {\n    mod e;\n}\nmod f;\n";
    assert_eq!(declared(text), ["a", "c", "f"]);
    assert!(!code(text).contains("mod e") && code(text).contains("mod f"));
    let modules = modules();
    let is_there = |module: &str| modules.contains_key(&module.split('/').map(str::to_owned).collect::<Module>());
    assert!(is_there("plan/check") && is_there("journal/line") && is_there("word"));
    assert!(!is_there("plan/through_templates") && !is_there("store/log/model") && !is_there("report/testing"));
}
