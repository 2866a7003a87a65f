//! Texts that the runner of a GitHub Actions job would take for commands, through every command of `plan`: they must
//! have no effect.

mod rules;

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::hub::{self, Hub};
use crate::server::Served;
use crate::support::{Ended, Folder};
use rules::{Runner, values};

/// The runner's own files, and a harmless word in place of other texts.
const HARMLESS: &str = "word";

/// Texts with an effect, in each form that a command can have.
fn hostile() -> Vec<String> {
    let commands = [
        ("save-state", "name=teardown", r#"{"mode":"always","file":"/bin/sh","args":["-c","id"]}"#),
        ("set-env", "name=NODE_OPTIONS", "--require=x"),
        ("set-output", "name=result", "done"),
        ("add-path", "", "/tmp/evil"),
        ("add-mask", "", "a"),
        ("add-matcher", "", "m.json"),
        ("error", "file=x", "forged"),
        ("stop-commands", "", "token"),
        ("group", "", "g"),
        ("ECHO", "", "on"),
    ];
    let mut texts = Vec::new();
    for (name, properties, data) in commands {
        let space = if properties.is_empty() { "" } else { " " };
        let (old, new) = (format!("{name}{space}{properties};]{data}"), format!("{name}{space}{properties}::{data}"));
        texts.extend([
            format!("x ##[{old}"),
            format!("::{new}"),
            format!("a\n  ::{new}"),
            format!("a\r::{new}\n##[{old}"),
            format!("#\u{ad}#\u{200b}[{old}"),
            format!("###[{old} ##[{old}"),
        ]);
    }
    texts
}

/// A plan with every text as an output, a tag, and a description.
fn plan(texts: &[String]) -> String {
    let outputs: serde_json::Map<String, Value> = texts
        .iter()
        .enumerate()
        .map(|(nth, text)| {
            (format!("o{nth}"), json!({ "value": format!("{{{{ inputs.texts[{nth}] }}}}"), "description": text }))
        })
        .collect();
    let tags: Vec<String> = texts.iter().map(|text| text.replace(['\n', '\r'], " ")).collect();
    // JSON is YAML.
    json!({
        "name": "demo",
        "description": texts.concat(),
        "inputs": {
            "texts": { "type": "list", "description": texts[0], "default": texts },
            "tags": { "type": "list", "default": tags },
        },
        "steps": [{
            "id": "volume",
            "for_each": "{{ inputs.tags }}",
            "call": "POST /cloud/v1/volumes/{project_id}/{region_id}",
            "body": { "name": "disk-{{ each.key }}", "source": "new-volume", "size": 1, "tags": { "note": "{{ each.value }}" } },
        }],
        "outputs": outputs,
    })
    .to_string()
}

/// A plan that refers to missing resources, for error messages with the texts.
fn missing(texts: &[String]) -> String {
    json!({
        "name": "missing",
        "inputs": { "texts": { "type": "list", "default": texts } },
        "steps": [{
            "id": "volume",
            "for_each": "{{ inputs.texts }}",
            "call": "GET /cloud/v1/volumes/{project_id}/{region_id}/{{ each.value }}",
        }],
    })
    .to_string()
}

/// A plan that looks up names which no resource has, so that messages list the existing ones.
fn find(texts: &[String]) -> String {
    json!({
        "name": "find",
        "inputs": { "texts": { "type": "list", "default": texts } },
        "steps": [{
            "id": "volume",
            "for_each": "{{ inputs.texts }}",
            "call": "GET /cloud/v1/volumes/{project_id}/{region_id}",
            "find": { "name": "{{ each.value }}" },
        }],
    })
    .to_string()
}

/// A job's folder, and its simulated API.
struct Job {
    folder: Folder,
    served: Served,
    hub: Arc<Mutex<Hub>>,
    hub_address: String,
}

impl Job {
    fn new(texts: &[String]) -> Self {
        let folder = Folder::new()
            .with("plan.yaml", &plan(texts))
            .with("missing.yaml", &missing(texts))
            .with("find.yaml", &find(texts))
            .with("wrong.yaml", &plan(texts).replace("\"id\":", "\"idd\":"))
            .with("bad.json", &format!("{{\"no-such\": {}}}", json!(texts[0])));
        let served = Served::start(&folder, &["--speed", "1000"]);
        let hub = Arc::new(Mutex::new(Hub::default()));
        let hub_address = hub::serve(hub.clone());
        Self { folder, served, hub, hub_address }
    }

    /// The output of a command, and the commands that the runner sees in it.
    fn run(&self, arguments: &[&str]) -> (Ended, Vec<String>) {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let (output, summary) = (file("output.txt"), file("summary.md"));
        let job = [("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", &output), ("GITHUB_STEP_SUMMARY", &summary)];
        let job: Vec<(&str, &str)> = job.into_iter().chain(hub::of_pull_request(&self.hub_address)).collect();
        let ended = self.served.run_in(&self.folder, arguments, &job);
        let heard = [&ended.stdout, &ended.stderr].map(|text| Runner::default().read(text).heard).concat();
        (ended, heard)
    }
}

/// Every command, with the texts in plans, records and answers.
const COMMANDS: [&str; 57] = [
    "check plan.yaml",
    "check wrong.yaml",
    "check wrong.yaml --format json",
    "check wrong.yaml --format github",
    "check wrong.yaml --format sarif",
    "check plan.yaml --inputs bad.json",
    "rehearse plan.yaml",
    "preview plan.yaml",
    "preview plan.yaml --comment",
    "preview plan.yaml --format json",
    "run plan.yaml --verbose",
    "run plan.yaml --format json",
    "run missing.yaml",
    "run find.yaml",
    "rehearse plan.yaml --report rehearsed.html",
    "preview plan.yaml --out saved.plan",
    "preview plan.yaml --format markdown",
    "run saved.plan",
    "drift plan.yaml",
    "drift plan.yaml --format json",
    "status plan.yaml --live",
    "report plan.yaml --md",
    "report plan.yaml --json",
    "report plan.yaml --junit",
    "report plan.yaml --html page.html",
    "state pull here.jsonl --plan demo",
    "state push here.jsonl",
    "state recover plan.yaml --dry-run",
    "state forget volume[0] --plan demo --yes",
    "state unlock plan.yaml",
    "get volumes",
    "get volumes --format json",
    "init",
    "init --list",
    "preview plan.yaml --replace volume",
    "status plan.yaml",
    "status plan.yaml --format json",
    "status --all",
    "state list --plan demo",
    "state list --plan demo --format json",
    "state show volume --plan demo",
    "state show volume --plan demo --format json",
    "output --format table",
    "output --format json",
    "output --format env",
    "output --format raw",
    "tasks",
    "tasks --format json",
    "graph plan.yaml",
    "graph plan.yaml --dot",
    "sweep --dry-run",
    "schema",
    "man",
    "completions bash",
    "explain",
    "ops network",
    "destroy plan.yaml --yes",
];

/// Every command that repeats what was typed.
const ARGUMENTS: [&str; 29] = [
    "check",
    "run",
    "rehearse",
    "preview",
    "status",
    "output",
    "state show",
    "wait",
    "ops",
    "ops --show",
    "new",
    "new --curl",
    "graph",
    "explain",
    "simulate --fault",
    "sweep --plan",
    "tasks --type",
    "run plan.yaml --target",
    "report",
    "report --events",
    "state recover",
    "state pull",
    "state push",
    "init",
    "get",
    "get images --name",
    "drift",
    "run plan.yaml --set",
    "completions",
];

#[test]
fn nothing_that_others_wrote_is_a_command_whichever_of_ours_prints_it() {
    let texts = hostile();
    assert_eq!(texts.len(), 60);
    let harmless: Vec<String> = (0..texts.len()).map(|nth| format!("{HARMLESS}{nth}")).collect();
    let (calm, job) = (Job::new(&harmless), Job::new(&texts));
    for line in COMMANDS {
        let arguments: Vec<&str> = line.split(' ').collect();
        let (usual, ours) = calm.run(&arguments);
        let (ended, heard) = job.run(&arguments);
        assert_eq!((ended.code, heard), (usual.code, ours), "{line}\n{}\n{}", ended.stdout, ended.stderr);
    }
    // There is one comment, in Markdown; no text of the API in it becomes a tag, a mention or another marker.
    for bodies in [calm.hub.lock().unwrap().bodies(), job.hub.lock().unwrap().bodies()] {
        let [body] = bodies.as_slice() else { panic!("{bodies:?}") };
        assert!(body.starts_with("<!-- gcore-plan preview demo/default -->"), "{body}");
        assert_eq!(body.matches("<!--").count(), 1, "{body}");
    }
    let written = fs::read_to_string(job.folder.path().join("output.txt")).unwrap();
    let outputs = values(&written);
    assert_eq!(outputs["result"], "done");
    for (nth, text) in texts.iter().enumerate() {
        assert_eq!(outputs[&format!("o{nth}")], *text, "later steps read what the API said");
    }
}

#[test]
fn nothing_that_was_typed_is_a_command_either() {
    let job = Job::new(&[HARMLESS.to_owned()]);
    let lines = ARGUMENTS.iter().map(|line| (*line, hostile()[0].clone()));
    for (line, text) in lines.chain(hostile().into_iter().map(|text| ("check", text))) {
        let arguments: Vec<&str> = line.split(' ').chain([text.as_str()]).collect();
        let (ended, heard) = job.run(&arguments);
        let number = |name: &str| heard.iter().filter(|heard| *heard == name).count();
        let ours = ["error", "warning", "add-mask", "group", "endgroup"].iter().map(|name| number(name)).sum::<usize>();
        assert!(
            ours == heard.len() && number("group") == number("endgroup"),
            "{line} {text}\n{heard:?}\n{}",
            ended.stderr
        );
    }
}
