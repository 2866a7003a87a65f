//! The samples in the documentation, executed.

use std::path::PathBuf;

use crate::server::Served;
use crate::support::Folder;

fn page(name: &str) -> String {
    root(&format!("docs/{name}"))
}

fn root(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), name].iter().collect();
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The contents of fenced blocks with a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let parts = page.split(&opening).skip(1);
    parts.map(|part| part.split("\n```").next().unwrap_or_default().to_owned() + "\n").collect()
}

#[test]
fn every_recipe_checks_and_rehearses() {
    let recipes: Vec<String> =
        blocks(&page("recipes.md"), "yaml").into_iter().filter(|block| block.starts_with("name:")).collect();
    assert!(recipes.len() >= 20, "{}", recipes.len());
    for recipe in recipes {
        let folder = Folder::new().with("plan.yaml", &recipe).with("app.wasm", "\0asm\x01\0\0\0");
        let folder = folder.with("letter.pdf", "%PDF-1.7");
        folder.run(&["check", "plan.yaml", "--strict"]).with_code(0);
        folder.run(&["rehearse", "plan.yaml"]).with_code(0);
    }
}

/// The words of a command; single quotes group.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    let quoted = |(at, part): (usize, &str)| match at % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(str::to_owned).collect(),
    };
    parts.flat_map(quoted).collect()
}

/// The text without numbers and ids, since durations can change.
fn wording(text: &str) -> String {
    let mut wording = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if rest.get(..36).is_some_and(is_uuid) {
            wording.push_str("id");
            rest = &rest[36..];
            continue;
        }
        match character {
            '0'..='9' | '.' if wording.ends_with('0') => {}
            '0'..='9' => wording.push('0'),
            other => wording.push(other),
        }
        rest = &rest[character.len_utf8()..];
    }
    wording
}

fn is_uuid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.bytes().enumerate().all(fits)
}

/// Whether a sample matches the output; a line `…` stands for omitted lines.
fn shows(sample: &str, printed: &str) -> bool {
    let mut lines = printed.trim_end().lines().map(wording);
    let mut leaves_out = false;
    for line in sample.trim_end().lines() {
        let found = match line.trim() {
            "…" => true,
            _ if leaves_out => lines.any(|printed| printed == wording(line)),
            _ => lines.next() == Some(wording(line)),
        };
        leaves_out = line.trim() == "…";
        if !found {
            return false;
        }
    }
    leaves_out || lines.next().is_none()
}

/// The plan of the samples of `plan check`.
const BROKEN: &str = "\
name: broken
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { nmae: web }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: web, network_id: \"{{ steps.netwrk.id }}\", cidr: 10.0.0.0/24 }
";

/// Samples with a deterministic output. With `SAMPLES=overwrite` in the environment they are rewritten, unless they
/// omit lines.
#[test]
fn deterministic_samples_match_the_output() {
    let readme = root("README.md");
    let plan = blocks(&readme, "yaml").into_iter().find(|block| block.starts_with("name: web-demo")).unwrap();
    let overwrite = std::env::var_os("SAMPLES").is_some_and(|value| value == "overwrite");
    let mut compared = 0;
    let pages =
        ["README.md", "docs/commands.md", "docs/getting-started.md", "docs/finding-ids.md", "docs/how-it-works.md"];
    for name in pages {
        let mut text = root(name);
        for block in blocks(&text, "text") {
            let Some((command, shown)) = block.split_once('\n') else { continue };
            let words = words(command.strip_prefix("$ plan ").unwrap_or_default());
            let first = words.first().map(String::as_str).unwrap_or_default();
            if !matches!(first, "ops" | "init" | "rehearse" | "check" | "new") || command.contains('"') {
                continue;
            }
            let mut folder = Folder::new();
            if !first.contains("init") {
                folder = folder.with("deploy.yaml", &plan).with("broken.yaml", BROKEN);
            }
            for example in ["examples/web-server.yaml", "examples/cloud-init/web-server.yaml"] {
                folder = folder.with(example, &root(example));
            }
            let ended = folder.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let printed = format!("{}{}", ended.stderr, ended.stdout);
            if overwrite && !shown.contains('…') {
                text = text.replace(&block, &format!("{command}\n{}\n", printed.trim_end()));
            } else {
                assert!(shows(shown, &printed), "{name}: {command}\n{printed}");
            }
            compared += 1;
        }
        if overwrite {
            std::fs::write([env!("CARGO_MANIFEST_DIR"), name].iter().collect::<PathBuf>(), text).unwrap();
        }
    }
    assert!(compared >= 6, "{compared}");
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

/// The lines of a sample, sorted and without durations and repeated spaces: which instance ends first may differ.
fn said(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.trim_end().lines().map(|line| without_times(&wording(line))).collect();
    lines.sort();
    lines
}

fn without_times(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_unit = |word: &str| ["ms", "s", "0m", "0h"].contains(&word.trim_end_matches([',', ';', ':']));
    let kept = words.iter().enumerate().filter(|(at, word)| {
        let is_number = **word == "0" && words.get(at + 1).is_some_and(|next| is_unit(next));
        !is_number && !is_unit(word)
    });
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

/// What commands print about one environment, from its first run to its end.
#[test]
fn the_life_of_an_environment_is_shown_as_it_is_printed() {
    let plan =
        blocks(&root("README.md"), "yaml").into_iter().find(|block| block.starts_with("name: web-demo")).unwrap();
    let folder = Folder::new().with("deploy.yaml", &plan);
    let cloud = Served::start(&folder, &["--speed", "100"]);
    let account = [("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "7")];
    let samples = blocks(&page("commands.md"), "text");
    for command in [
        "run deploy.yaml",
        "status deploy.yaml",
        "output --format env",
        "preview deploy.yaml --set replicas=3",
        "state show 'disk[0]'",
        "destroy deploy.yaml --yes",
    ] {
        let first = format!("$ plan {command}\n");
        let sample = samples.iter().find_map(|sample| sample.strip_prefix(&first));
        let sample = sample.unwrap_or_else(|| panic!("no sample of `{command}`"));
        let words = words(command);
        let ended = cloud.run_in(&folder, &words.iter().map(String::as_str).collect::<Vec<_>>(), &account).with_code(0);
        let printed = format!("{}{}", ended.stderr, ended.stdout).replace(&folder.path().display().to_string(), "…");
        assert_eq!(said(sample), said(&printed), "{command}\n{printed}");
    }
}

/// Another client changes one resource and deletes another.
const BY_HAND: &str = "\
name: by-hand
inputs: { network: {}, disk: {} }
steps:
  - id: rename
    call: PATCH /cloud/v2/networks/{project_id}/{region_id}/{{ inputs.network }}
    body: { name: by-hand, tags: { team: db } }
  - id: remove
    call: DELETE /cloud/v1/volumes/{project_id}/{region_id}/{{ inputs.disk }}
";

#[test]
fn the_samples_in_day_two_match_the_output() {
    let day_two = page("day-two.md");
    let plan = blocks(&day_two, "yaml").into_iter().find(|block| block.starts_with("name: hand")).unwrap();
    let folder = Folder::new().with("net.yaml", &plan).with("by-hand.yaml", BY_HAND);
    let cloud = Served::start(&folder, &["--speed", "1000"]);
    let account = [("GCORE_CLOUD_PROJECT_ID", "1"), ("GCORE_CLOUD_REGION_ID", "76")];
    let run = |arguments: &[&str]| cloud.run_in(&folder, arguments, &account);
    let compare = |command: &str| {
        let sample = blocks(&day_two, "text").into_iter().find(|block| block.starts_with(&format!("$ plan {command}")));
        let sample = sample.unwrap_or_else(|| panic!("no sample of `{command}`"));
        let (line, shown) = sample.split_once('\n').unwrap();
        let words = words(line.strip_prefix("$ plan ").unwrap());
        let ended = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let printed = format!("{}{}", ended.stdout, ended.stderr);
        assert!(shows(shown, &printed), "{line}\n{printed}");
    };
    run(&["run", "net.yaml"]).with_code(0);
    compare("preview net.yaml --set");
    let output = |name: &str| run(&["output", "net.yaml", name, "--format", "raw"]).with_code(0).stdout;
    let (network, disk) = (format!("network={}", output("network")), format!("disk={}", output("disk")));
    run(&["run", "by-hand.yaml", "--set", &network, "--set", &disk]).with_code(0);
    compare("drift net.yaml");
    run(&["run", "net.yaml"]).with_code(0).says("updated network `one-net`");
}
