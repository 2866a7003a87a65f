//! What comes from outside, with bytes changed at random: plan files, records, answers of the API. Nothing may panic,
//! hang, or take memory beyond measure.
//!
//! `tests/fuzz` holds what it begins with, and every input that was once a fault. A few thousand are tried in each test
//! run; `FUZZ_SECONDS` continues for that long, and `FUZZ_SEED` begins with a seed that an earlier test run printed.

use std::collections::VecDeque;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use fastrand::Rng;
use gcore_plan::api::{Answer, ApiError, Client, Lost, Request, Sending, Task, Transport, json_of};
use gcore_plan::clock::Clock;
use gcore_plan::journal::Line;
use gcore_plan::secret::Secrets;
use gcore_plan::source::Source;
use gcore_plan::store::log::Entry;
use gcore_plan::{journal, plan, yaml};

/// Inputs tried in an ordinary run.
const TRIES: usize = 400;
/// The longest input, in bytes.
const LONGEST: usize = 64 * 1024;
/// Words with a meaning to parsers.
const WORDS: [&str; 40] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "&a",
    "*a",
    "<<",
    "---",
    "...",
    "!tag",
    "|",
    ">",
    "\"",
    "'",
    "\\u0000",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{2028}",
    "é",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    "null",
    "-0",
    "1e999",
    "18446744073709551616",
    "inputs.",
    "steps.",
    "range(99999999)",
    " | tojson",
    "\0",
    "_",
    "\u{e000}",
    "0x",
    "#",
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The files of a folder of the repository, in the order of their names.
fn files(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().filter(|path| path.is_file()).map(|path| fs::read(path).unwrap()).collect();
    assert!(!files.is_empty(), "{name}");
    files
}

/// One input made of others.
fn changed(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.choice(corpus).cloned().unwrap_or_default();
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(0..=bytes.len());
        let end = (at + rng.usize(0..64)).min(bytes.len());
        match rng.u8(0..8) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let again: Vec<u8> = bytes[at..end].repeat(rng.usize(1..64));
                bytes.splice(at..at, again);
            }
            2 => bytes.truncate(at),
            3 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
            4 if at < bytes.len() => bytes[at] = rng.u8(..),
            5 => {
                let other = rng.choice(corpus).cloned().unwrap_or_default();
                let from = rng.usize(0..=other.len());
                bytes.splice(at..end, other[from..].iter().copied().take(512));
            }
            _ => {
                let word = rng.choice(WORDS).unwrap_or_default();
                bytes.splice(at..end, word.bytes());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// Tries the corpus as it is, and then what can be made of it.
fn fuzz(corpus: &[Vec<u8>], run: impl Fn(&[u8])) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let first = std::env::var("FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u64);
    let started = Instant::now();
    corpus.iter().for_each(|input| run(input));
    for seed in first.. {
        let tried = usize::try_from(seed - first).unwrap_or(usize::MAX);
        if seconds.map_or(tried >= TRIES, |seconds| started.elapsed() >= seconds) {
            return;
        }
        let input = changed(&mut Rng::with_seed(seed), corpus);
        let ended = catch_unwind(AssertUnwindSafe(|| run(&input)));
        assert!(ended.is_ok(), "FUZZ_SEED={seed}: put this beside the others:\n{}", String::from_utf8_lossy(&input));
    }
}

#[test]
fn plan_files_of_any_bytes_are_read() {
    let corpus = [files("fuzz/plan"), files("plans")].concat();
    fuzz(&corpus, |input| {
        let text = match yaml::decode(input.to_vec()) {
            Ok(text) => text,
            Err(no_text) => no_text.readable,
        };
        let source = Arc::new(Source::new("plan.yaml", text));
        let checked = plan::check(&source);
        assert!(checked.plan.is_some() || !checked.findings.is_empty(), "refused without a word");
        for finding in &checked.findings {
            source.slice(finding.primary);
            source.position(finding.primary.end());
        }
    });
}

#[test]
fn records_of_any_bytes_are_read() {
    let corpus = [files("fuzz/journal"), files("journals")].concat();
    fuzz(&corpus, |input| {
        if let Ok(contents) = journal::read(Path::new("journal.jsonl"), input) {
            assert!(contents.whole <= input.len() as u64, "more than there is");
            let lines = contents.status.compacted().into_iter().enumerate();
            let lines = lines.map(|(n, (at, record))| Line { n: n as u64, at, record }.encode());
            let again = journal::read(Path::new("journal.jsonl"), lines.collect::<String>().as_bytes());
            assert!(again.is_ok(), "what is kept of it cannot be read: {:?}", again.err());
        }
        let _ = Entry::decode(input);
        let _ = Entry::decode_head(input);
    });
}

/// Gives answers as they come, to whatever is asked.
struct Answers(Mutex<VecDeque<Answer>>);

impl Transport for Answers {
    fn base_url(&self) -> &str {
        "https://api.invalid"
    }

    fn send(&self, _: Request) -> Sending<'_> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(async move { next.ok_or_else(|| Lost::NoConnection("no more answers".to_owned())) })
    }
}

/// An answer as a file holds it: a status, headers, an empty line, and a body.
fn answer(input: &[u8]) -> Answer {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let head = String::from_utf8_lossy(&input[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned())).collect();
    Answer { status, headers, body: input[(end + 2).min(input.len())..].to_vec() }
}

#[test]
fn answers_of_any_bytes_are_read() {
    let corpus = files("fuzz/answer");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    fuzz(&corpus, |input| {
        let answer = answer(input);
        let error = ApiError::read("/cloud/v1/volumes/1/7", &answer, 1_800_000_000, &Secrets::default());
        let _ = (error.meaning(), error.is_in_use(), error.story());
        if let Some(value) = json_of(&answer) {
            let _ = Task::read(&value);
        }
        runtime.block_on(async {
            let clock = Clock::starting_at("2027-01-15T08:00:00Z".parse().unwrap(), 1.0);
            let answers = Answers(Mutex::new(VecDeque::from([answer])));
            let client = Client::new(Arc::new(answers), clock);
            let _ = client.read(Request::get("/cloud/v1/tasks")).await;
        });
    });
}
