//! What `check` takes for large files: at most ten times their size, whatever is in them.
//!
//! The allocator prints what the process held at most, on demand.

use std::process::Command;

use crate::support::{Ended, Folder};

const HEAD: &str = "name: large\nsteps:\n";
const CALL: &str = "call: \"POST /cloud/v1/ssh_keys/{project_id}\"";

/// A file of about so many bytes: `part(0)`, `part(1)` and so on, between these.
fn file(bytes: usize, head: &str, part: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    let mut nth = 0;
    while text.len() < bytes {
        text += &part(nth);
        nth += 1;
    }
    text + tail
}

/// The most memory that `check` of this file held, in bytes. Started by a shell: the memory of the process that starts
/// a command counts for it, and that of the tests is large.
fn peak(text: &str) -> usize {
    let folder = Folder::new().with("plan.yaml", text);
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" check plan.yaml; exit $?", env!("CARGO_BIN_EXE_plan")]);
    command.current_dir(folder.path()).env("MIMALLOC_SHOW_STATS", "1");
    let ended = Ended::of(command.output().unwrap());
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.stderr);
    let told = ended.stderr.split("peak rss: ").nth(1).expect("the allocator tells what the process took");
    let mut words = told.split([' ', ',', '\n']);
    let number: f64 = words.next().and_then(|word| word.parse().ok()).expect("a number");
    let unit = match words.next() {
        Some("KiB") => 1024.0,
        Some("MiB") => 1024.0 * 1024.0,
        other => panic!("an unknown unit: {other:?} in {told}"),
    };
    (number * unit) as usize
}

#[test]
fn a_check_takes_less_than_ten_times_the_file_beside_what_the_program_takes() {
    const SIZE: usize = 4_000_000;
    let in_step = |key: &str| format!("{HEAD}  - id: a\n    {CALL}\n    {key}");
    let file = |head: &str, part: &dyn Fn(usize) -> String, tail: &str| file(SIZE, head, part, tail);
    let step = format!("name: large\nsteps: [{{ id: a, {CALL}, body: {{ name: one, public_key: a }} }}]\n");
    let files: [(&str, String); 9] = [
        ("short steps", file(HEAD, &|nth| format!("- {{ id: a{nth}, call: GET /cloud/v1/projects }}\n"), "")),
        ("invalid steps", file("name: large\nsteps: [", &|nth| format!("{{ id: a{nth} }},"), "]\n")),
        (
            "references",
            file(
                HEAD,
                &|nth| format!("- {{ id: a{nth}, {CALL}, body: {{ name: \"{{{{ steps.b{nth}.id }}}}\" }} }}\n"),
                "",
            ),
        ),
        ("conditions", file(HEAD, &|nth| format!("- {{ id: a{nth}, {CALL}, when: \"1 == {nth}\" }}\n"), "")),
        ("inputs", file(&format!("{step}inputs:\n"), &|nth| format!("  i{nth}: {{ default: x }}\n"), "")),
        ("a default", file(&format!("{step}inputs: {{ a: {{ default: ["), &|nth| format!("{nth},"), "0] } }\n")),
        ("outputs", file(&format!("{step}outputs:\n"), &|nth| format!("  output_{nth}: value-{nth}\n"), "")),
        ("anchors", file(&in_step("body: ["), &|nth| format!("&a{nth} word, "), "0]\n")),
        ("escapes", file(&in_step("body: { name: \""), &|_| "\\n".repeat(100), "\" }\n")),
    ];
    let own = peak(&in_step("body: { name: a, public_key: \"{{ environment }}\" }\n"));
    let taken = files.map(|(what, text)| (what, peak(&text).saturating_sub(own) as f64 / text.len() as f64));
    assert!(taken.iter().all(|(_, times)| *times < 10.0), "{taken:#?}");
}

#[test]
fn a_word_of_a_million_characters_is_not_repeated() {
    let word = "x".repeat(1_000_000);
    for (text, format) in [
        (format!("name: {word}\nsteps: []\n"), "human"),
        (format!("{HEAD}  - {{ id: {word}, {CALL} }}\n"), "json"),
        (format!("{HEAD}  - {{ id: a, {CALL}, needs: [{word}] }}\n"), "json"),
        (format!("{HEAD}  - id: a\n    {CALL}\n    body: {{ ? {word} : 1 }}\n"), "human"),
    ] {
        let folder = Folder::new().with("plan.yaml", &text);
        let ended = folder.run(&["check", "plan.yaml", "--format", format]).with_code(3);
        let told = ended.stdout.len() + ended.stderr.len();
        assert!(told < 20_000, "{told} bytes for {} bytes", text.len());
        assert!(format!("{}{}", ended.stdout, ended.stderr).contains("… (1000000 characters)"));
    }
}
