//! Secrets in answers of the API, and in every output of every command afterwards.

mod api;
mod bucket;
#[path = "../../../src/secret/tests/encodings.rs"]
mod encodings;
mod inputs;
mod plans;
mod process;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use serde_json::json;

use crate::support::Folder;
use api::{FORMS, Form, serve};
use bucket::Bucket;
use encodings::{KINDS, encodings, json as json_text};

const KEY: &str = "9999$sesame-open-seventy-seven";

/// Every secret in every encoding, the key first. Without the short `zx81` between other letters: inside of an id it
/// counts as coincidence, and is not redacted.
fn texts() -> Vec<String> {
    let by_chance = |text: &String| text == "beforezx81after";
    std::iter::once(&KEY).chain(&KINDS).flat_map(|secret| encodings(secret)).filter(|text| !by_chance(text)).collect()
}

/// Texts that reveal a secret: the encodings as they are and inside JSON, and parts of the plain ones.
fn signs(texts: &[String]) -> Vec<String> {
    let inside = |text: &String| {
        let json = json_text(text);
        json[1..json.len() - 1].to_owned()
    };
    let pieces = std::iter::once(&KEY).chain(&KINDS).flat_map(|secret| {
        let characters: Vec<char> = secret.chars().collect();
        characters.windows(10.min(characters.len())).map(|piece| piece.iter().collect()).collect::<Vec<String>>()
    });
    let all: BTreeSet<String> = texts.iter().cloned().chain(texts.iter().map(inside)).chain(pieces).collect();
    all.into_iter().collect()
}

/// A plan with all secrets as inputs, and `number` instances of each step: a create, and for `Answered` also its read.
fn plan(form: Form, number: usize) -> String {
    let secrets: Vec<String> = (0..KINDS.len()).map(|nth| format!("s{nth}")).collect();
    let inputs: serde_json::Map<_, _> = secrets.iter().map(|name| (name.clone(), json!({ "secret": true }))).collect();
    let together: String = secrets.iter().map(|name| format!("{{{{ inputs.{name} }}}}")).collect();
    let data = json!({ "aws_access_key_id": "a", "aws_secret_access_key": together });
    let each = format!("{{{{ range({number}) }}}}");
    let steps = match form {
        Form::Answered => json!([
            {
                "id": "made", "for_each": each, "call": "POST /cloud/v3/inference/{project_id}/secrets",
                "body": { "name": "name-n{{ each.key }}n", "type": "aws-iam", "data": data },
            },
            {
                "id": "read", "needs": "made", "for_each": each,
                "call": "GET /cloud/v3/inference/{project_id}/secrets/name-n{{ each.key }}n",
            },
        ]),
        _ => json!([{
            "id": "made", "for_each": each, "call": "POST /cloud/v1/networks/{project_id}/{region_id}",
            "wait": { "first": "1ms" }, "retry": { "attempts": 1 },
            "body": { "name": "n{{ each.key }}n" },
        }]),
    };
    let outputs = match form {
        Form::Answered => json!({
            "made": "{{ steps.made.all }}", "read": "{{ steps.read.all }}", "ids": "{{ steps.made.ids }}",
        }),
        Form::TaskNames => json!({ "made": "{{ steps.made.all }}", "last": "{{ steps.made.all[3].resource }}" }),
        _ => json!({}),
    };
    // JSON is YAML.
    json!({ "name": "demo", "ttl": "1ms", "inputs": inputs, "steps": steps, "outputs": outputs }).to_string()
}

/// Commands that know the secrets.
const KNOWING: [&str; 5] = [
    "run plan.yaml -vv --curl --har run.har --log run.log --events events.ndjson --report report.html --resolve-time 0s",
    "run plan.yaml -vv --curl --report report.json --resolve-time 0s",
    "preview plan.yaml --out saved.json",
    "preview plan.yaml --format json -vv --log-format json",
    "rehearse plan.yaml -vv --curl --har rehearsed.har --events rehearsed.ndjson --report rehearsed.html",
];
/// Commands that know the inputs, and no plan.
const WITH_INPUTS_ONLY: [&str; 4] =
    ["tasks --limit 1000 --errors", "tasks --limit 1000 --format json", "wait task-n2n", "wait task-n2n --format json"];
/// Commands that do not know the secrets.
const WITHOUT_SECRETS: [&str; 23] = [
    "status plan.yaml",
    "status plan.yaml --format json",
    "status --all",
    "state list --plan demo",
    "state list --plan demo --format json",
    "state show made --plan demo",
    "state show made --plan demo --format json",
    "output",
    "output --format json",
    "output --format env",
    "output --format raw",
    "report plan.yaml --html page.html",
    "report plan.yaml --md",
    "report plan.yaml --json",
    "report plan.yaml --junit",
    "report --events events.ndjson --md",
    "drift plan.yaml",
    "status plan.yaml --live --format json",
    "state pull here.jsonl --plan demo",
    "sweep --dry-run",
    "sweep --yes",
    "report plan.yaml --html swept.html",
    "destroy plan.yaml --yes --events gone.ndjson -vv --har gone.har --log gone.log",
];

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
}

/// Searches output for these texts; reports the first with its surroundings.
struct Search {
    signs: Vec<String>,
    finder: AhoCorasick,
}

impl Search {
    fn new(texts: &[String]) -> Self {
        let signs = signs(texts);
        Self { finder: AhoCorasick::new(&signs).unwrap(), signs }
    }

    /// A line for each output that contains one.
    fn leaks(&self, sink: &str, bytes: &[u8]) -> Option<String> {
        let found: Vec<_> = self.finder.find_overlapping_iter(bytes).collect();
        let first = found.first()?;
        let around = &bytes[first.start().saturating_sub(120)..bytes.len().min(first.end() + 40)];
        let kinds: BTreeSet<&String> = found.iter().map(|one| &self.signs[one.pattern().as_usize()]).collect();
        let kinds: Vec<_> = kinds.into_iter().take(6).collect();
        Some(format!("{sink}: {} times, such as {kinds:?}: {:?}", found.len(), String::from_utf8_lossy(around)))
    }
}

/// All commands against an API of one form; the sinks that show a secret.
fn trial(form: Form, in_job: bool, texts: &Arc<Vec<String>>, search: &Search) -> Vec<String> {
    let folder = Folder::new().with("plan.yaml", &plan(form, texts.len()));
    let url = serve(form, texts);
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (summary, output) = (file("summary.md"), file("output.txt"));
    let mut environment = vec![
        ("GCORE_BASE_URL", url.as_str()),
        ("GCORE_API_KEY", KEY),
        ("GCORE_CLOUD_PROJECT_ID", "1"),
        ("GCORE_CLOUD_REGION_ID", "7"),
    ];
    if in_job {
        // Everything that can be logged, by every command.
        environment.push(("PLAN_LOG", "trace"));
        environment.extend([("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", &summary), ("GITHUB_OUTPUT", &output)]);
    }
    let names: Vec<String> = (0..KINDS.len()).map(|nth| format!("PLAN_INPUT_S{nth}")).collect();
    let secrets: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(KINDS).collect();
    let mut leaks = Vec::new();
    let mut run = |line: &str, environment: &[(&str, &str)]| {
        let ended = folder.run_in(&line.split(' ').collect::<Vec<_>>(), environment);
        let code = ended.code.unwrap_or(-1);
        assert!(![-1, 3, 70].contains(&code), "{line}: {code}\n{}", ended.stderr);
        for (stream, told) in [("stdout", ended.stdout), ("stderr", ended.stderr)] {
            // A mask must name what it hides; the runner shows none.
            let told: String = told.split_inclusive('\n').filter(|line| !line.starts_with("::add-mask::")).collect();
            leaks.extend(search.leaks(&format!("{form:?}, in a job: {in_job}, `{line}`, {stream}"), told.as_bytes()));
        }
    };
    let knowing = [&environment[..], &secrets].concat();
    KNOWING.iter().chain(&WITH_INPUTS_ONLY).for_each(|line| run(line, &knowing));
    WITHOUT_SECRETS.iter().for_each(|line| run(line, &environment));
    let mut written = Vec::new();
    files(folder.path(), &mut written);
    for (path, bytes) in written.iter().filter(|(path, _)| !path.ends_with("plan.yaml")) {
        leaks.extend(search.leaks(&format!("{form:?}, in a job: {in_job}, file {path}"), bytes));
    }
    leaks
}

#[test]
fn a_secret_repeated_by_the_api_is_in_no_output() {
    let texts = texts();
    let search = Search::new(&texts);
    // Resolving the outcome of a call is slow: fewer texts.
    let number = |form| if form == Form::Cut { 5 } else { usize::MAX };
    let trials = FORMS.iter().flat_map(|form| [(*form, false), (*form, true)]).enumerate();
    // The trials share the encodings: every one stands in every place of some answer.
    let share = |nth: usize, form| {
        Arc::new(texts.iter().skip(nth).step_by(2 * FORMS.len()).take(number(form)).cloned().collect::<Vec<_>>())
    };
    // The trials mostly wait: they run side by side.
    let leaks: Vec<String> = std::thread::scope(|scope| {
        let started: Vec<_> = trials
            .map(|(nth, (form, in_job))| {
                let (texts, search) = (share(nth, form), &search);
                scope.spawn(move || trial(form, in_job, &texts, search))
            })
            .collect();
        started.into_iter().flat_map(|trial| trial.join().unwrap()).collect()
    });
    assert!(leaks.is_empty(), "{} sinks:\n{}", leaks.len(), leaks.join("\n"));
}

/// Commands of a plan whose record is in an object store.
const WITH_OBJECT_STORE: [&str; 12] = [
    "state init s3://records/team",
    "run plan.yaml -vv --resolve-time 0s",
    "preview plan.yaml --format json -vv",
    "status plan.yaml --format json",
    "state list --plan demo --format json",
    "output --format json",
    "report plan.yaml --json",
    "state pull here.jsonl --plan demo",
    "state push here.jsonl",
    "drift plan.yaml",
    "sweep --dry-run",
    "destroy plan.yaml --yes -vv",
];

#[test]
fn a_secret_repeated_by_the_api_is_in_no_object_of_a_store() {
    let texts = texts();
    let search = Search::new(&texts);
    let forms = [Form::Answered, Form::Refused, Form::TaskFails, Form::TaskNames];
    // After so many objects, the rest of the record stays on this machine.
    let trial = |form: Form, share: Arc<Vec<String>>, away_after: usize| {
        let folder = Folder::new().with("plan.yaml", &plan(form, share.len()));
        let (url, bucket) = (serve(form, &share), Bucket::serve());
        let names: Vec<String> = (0..KINDS.len()).map(|nth| format!("PLAN_INPUT_S{nth}")).collect();
        let cache = folder.path().join("cache").display().to_string();
        let environment = [
            ("GCORE_BASE_URL", url.as_str()),
            ("GCORE_API_KEY", KEY),
            ("GCORE_CLOUD_PROJECT_ID", "1"),
            ("GCORE_CLOUD_REGION_ID", "7"),
            ("PLAN_STATE", "s3://records/team"),
            ("AWS_ENDPOINT_URL", &bucket.url),
            ("AWS_REGION", "any"),
            ("AWS_ACCESS_KEY_ID", "one"),
            ("AWS_SECRET_ACCESS_KEY", "two"),
            ("XDG_CACHE_HOME", &cache),
            ("HOME", &cache),
        ];
        let secrets: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(KINDS).collect();
        let environment = [&environment[..], &secrets].concat();
        let mut leaks = Vec::new();
        for (nth, line) in WITH_OBJECT_STORE.iter().enumerate() {
            if nth == 1 {
                bucket.goes_away_after(away_after);
            }
            let ended = folder.run_in(&line.split(' ').collect::<Vec<_>>(), &environment);
            assert!(
                ![None, Some(2), Some(3), Some(70)].contains(&ended.code),
                "{line}: {:?}\n{}",
                ended.code,
                ended.stderr
            );
            for (stream, told) in [("stdout", ended.stdout), ("stderr", ended.stderr)] {
                leaks.extend(search.leaks(&format!("{form:?}, `{line}`, {stream}"), told.as_bytes()));
            }
            bucket.goes_away_after(usize::MAX);
        }
        let objects = bucket.objects();
        let is_record = |(name, bytes): (&String, &Vec<u8>)| {
            name.contains("demo/default/") && String::from_utf8_lossy(bytes).contains("\"record\":\"intent\"")
        };
        assert!(objects.iter().any(is_record), "{:?}", objects.keys());
        let mut written: Vec<(String, Vec<u8>)> = objects.into_iter().collect();
        files(folder.path(), &mut written);
        for (path, bytes) in written.iter().filter(|(path, _)| !path.ends_with("plan.yaml")) {
            leaks.extend(search.leaks(&format!("{form:?}, {path}"), bytes));
        }
        leaks
    };
    let leaks: Vec<String> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..2 * forms.len())
            .map(|nth| {
                let step = 4 * forms.len();
                let share = Arc::new(texts.iter().skip(nth).step_by(step).cloned().collect::<Vec<_>>());
                let (form, away_after) = (forms[nth % forms.len()], if nth < forms.len() { usize::MAX } else { 4 });
                scope.spawn(move || trial(form, share, away_after))
            })
            .collect();
        started.into_iter().flat_map(|trial| trial.join().unwrap()).collect()
    });
    assert!(leaks.is_empty(), "{} sinks:\n{}", leaks.len(), leaks.join("\n"));
}
