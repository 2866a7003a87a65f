//! What the documentation shows, done.

use std::path::PathBuf;

use crate::support::Folder;

fn page(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "docs", name].iter().collect();
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The insides of fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let parts = page.split(&opening).skip(1);
    parts.map(|part| part.split("\n```").next().unwrap_or_default().to_owned() + "\n").collect()
}

#[test]
fn every_recipe_checks_and_rehearses() {
    let recipes: Vec<String> =
        blocks(&page("recipes.md"), "yaml").into_iter().filter(|block| block.starts_with("name:")).collect();
    assert!(recipes.len() >= 12, "{}", recipes.len());
    for recipe in recipes {
        let folder = Folder::new().with("plan.yaml", &recipe);
        folder.run(&["check", "plan.yaml", "--strict"]).with_code(0);
        folder.run(&["rehearse", "plan.yaml", "--speed", "5000"]).with_code(0);
    }
}

/// Samples whose output is the same everywhere. `…` at the end of a block stands for the rest.
#[test]
fn samples_that_are_the_same_everywhere_are_what_is_printed_now() {
    let mut compared = 0;
    for name in ["commands.md", "getting-started.md", "finding-ids.md"] {
        for block in blocks(&page(name), "text") {
            let Some((command, shown)) = block.split_once('\n') else { continue };
            let words: Vec<&str> = command.strip_prefix("$ plan ").unwrap_or_default().split(' ').collect();
            if !matches!(words[0], "ops" | "init") || command.contains('\'') {
                continue;
            }
            let ended = Folder::new().run(&words).with_code(0);
            let printed = format!("{}{}", ended.stderr, ended.stdout);
            match shown.trim_end().strip_suffix('…') {
                Some(start) => assert!(printed.starts_with(start.trim_end()), "{name}: {command}\n{printed}"),
                None => assert_eq!(printed, shown, "{name}: {command}"),
            }
            compared += 1;
        }
    }
    assert!(compared >= 3, "{compared}");
}

#[test]
fn every_exit_code_has_its_part_in_troubleshooting() {
    let page = page("troubleshooting.md");
    for code in [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 70, 130] {
        assert!(page.contains(&format!("\n## {code}: ")), "{code}");
    }
}

#[test]
fn every_page_is_listed() {
    let list = page("README.md");
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "docs"].iter().collect();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "README.md" {
            assert!(list.contains(&format!("({name})")), "{name} is not listed in docs/README.md");
        }
    }
}
