//! The allowed dependencies between modules (rooms): a table with one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::sources::modules;

/// A room, and all rooms that it uses: others must not be used, and every entry must be needed.
const MAY_USE: &[(&str, &str)] = &[
    ("api", "body_file catalog clock random secret shared shell"),
    ("body_file", "files hash pointer secret"),
    ("catalog", "diagnostic hash order packed secret"),
    ("cli", "shell"),
    ("clock", ""),
    (
        "command",
        "api catalog cli clock context diagnostic engine error event examples exit explain files hash id journal kind \
         order parts plan report schema secret shared shell simulate source store stream template yaml",
    ),
    ("context", "api cli files report secret store stream"),
    ("diagnostic", "hash order source"),
    (
        "engine",
        "api body_file catalog clock diagnostic event exit hash id journal kind order plan pointer random secret shared shell source template",
    ),
    ("error", "api catalog cli exit journal report"),
    ("event", "exit id"),
    ("examples", "packed yaml"),
    ("exit", ""),
    ("explain", "packed"),
    ("files", ""),
    ("hash", ""),
    ("id", "word"),
    ("journal", "body_file catalog clock event hash id parts plan pointer secret shared"),
    ("kind", ""),
    ("order", ""),
    ("packed", ""),
    ("parts", ""),
    ("pointer", ""),
    ("random", ""),
    ("plan", "body_file catalog diagnostic hash id order parts pointer secret source template word yaml"),
    ("report", "clock diagnostic event exit files hash id kind order packed secret shell source stream"),
    ("schema", "catalog packed"),
    ("secret", "hash"),
    ("shared", ""),
    ("shell", ""),
    ("simulate", "api body_file catalog clock diagnostic hash order packed secret"),
    ("source", ""),
    ("store", "clock files journal secret"),
    ("stream", ""),
    ("template", "diagnostic files hash id order pointer secret source word yaml"),
    ("word", ""),
    ("yaml", "diagnostic hash parts secret source word"),
];

/// The rooms that a text refers to.
fn mentioned(code: &str) -> BTreeSet<String> {
    let mentions = code.lines().flat_map(|line| line.split("crate::").skip(1));
    let words = mentions.map(|rest| rest.split(|character: char| !character.is_alphanumeric() && character != '_'));
    words.filter_map(|mut words| words.next()).map(str::to_owned).collect()
}

fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let modules = modules();
    let rooms: BTreeSet<String> = modules.keys().map(|module| module[0].clone()).collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> =
        rooms.iter().map(|room| (room.clone(), BTreeSet::new())).collect();
    for (module, code) in &modules {
        let others = mentioned(code).into_iter().filter(|other| *other != module[0] && rooms.contains(other));
        arrows.entry(module[0].clone()).or_default().extend(others);
    }
    arrows
}

#[test]
fn rooms_use_only_what_they_may_and_all_of_it() {
    let allowed: BTreeMap<String, BTreeSet<String>> = MAY_USE
        .iter()
        .map(|(room, others)| ((*room).to_owned(), others.split_whitespace().map(str::to_owned).collect()))
        .collect();
    for (room, used) in arrows() {
        let allowed = allowed.get(&room).unwrap_or_else(|| panic!("`{room}` is a new room: say what it may use"));
        assert_eq!(&used, allowed, "what `{room}` uses, and what it may");
    }
}

#[test]
fn no_room_uses_itself_through_others() {
    let mut left = arrows();
    loop {
        let done: Vec<String> = left.iter().filter(|(_, used)| used.is_empty()).map(|(room, _)| room.clone()).collect();
        if done.is_empty() {
            break;
        }
        for room in done {
            left.remove(&room);
            left.values_mut().for_each(|used| used.retain(|other| *other != room));
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

/// The line of rooms in the documentation of the crate, and in CONTRIBUTING.
#[test]
fn the_documented_line_of_rooms_has_every_room_left_of_those_it_uses() {
    let line = |file: &str| {
        let text = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let lines = text.lines().map(|line| line.trim_start_matches("//! "));
        lines.filter(|line| line.starts_with("command → ")).map(str::to_owned).next().unwrap()
    };
    let documented = line("CONTRIBUTING.md");
    assert_eq!(line("src/lib.rs"), documented);
    let levels: BTreeMap<&str, usize> = documented
        .split(" → ")
        .enumerate()
        .flat_map(|(at, rooms)| rooms.split(", ").map(move |room| (room, at)))
        .collect();
    assert_eq!(levels.len(), MAY_USE.len());
    for (room, others) in MAY_USE {
        for other in others.split_whitespace() {
            assert!(levels[room] < levels[other], "`{room}` uses `{other}`");
        }
    }
}
