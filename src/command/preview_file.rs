//! What `plan preview --out` writes and `plan run` takes: a promise that a run does what was shown, or refuses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::preview::Shown;
use crate::cli::RunArguments;
use crate::context::Context;
use crate::error::Error;
use crate::files;
use crate::journal::Status;
use crate::plan::Plan;
use crate::secret::hex;

/// The version this writes and reads.
const VERSION: u32 = 2;
const KIND: &str = "plan-preview";

/// What was shown, and everything it rested on. Holds no secrets: digests stand for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewFile {
    pub kind: String,
    pub version: u32,
    #[serde(flatten)]
    pub asked: Asked,
    pub plan_digest: String,
    /// Project and region of calls that name none.
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// Values of inputs; digests of secret ones.
    pub inputs: BTreeMap<String, Value>,
    /// The key of digests, as long as there is no record with one of its own.
    pub key: Option<String>,
    /// What stood on the record; `None` when there was none.
    pub record: Option<String>,
    /// What was shown.
    pub changes: Value,
}

/// What was asked for on the command line: a run of the file is asked for the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The plan file, as it was named.
    pub plan: PathBuf,
    pub environment: String,
    /// The folder of records, when it was named.
    pub state: Option<PathBuf>,
    pub spec: Option<PathBuf>,
    pub target: Vec<String>,
    pub replace: Vec<String>,
    pub prune: bool,
    /// What a run would read was read.
    #[serde(default)]
    pub read: bool,
    /// What is on record was looked for first.
    #[serde(default)]
    pub refresh: bool,
}

/// The file, when it is one; `None` for anything else, such as a plan.
///
/// # Errors
///
/// When it was written by another version.
pub fn read(context: &Context, path: &Path) -> Result<Option<PreviewFile>, Error> {
    let Ok(text) = std::fs::read_to_string(context.resolve(path)) else { return Ok(None) };
    let Some(value) = parse(&text) else { return Ok(None) };
    serde_json::from_value::<PreviewFile>(value).ok().filter(|file| file.version == VERSION).map(Some).ok_or_else(
        || {
            Error::usage(format!("`{}` was written by another version of `plan`", path.display()))
                .help("write it again with `plan preview --out FILE`")
        },
    )
}

/// The JSON of a text that is a preview, of whatever version.
fn parse(text: &str) -> Option<Value> {
    let value = text.trim_start().starts_with('{').then(|| serde_json::from_str::<Value>(text).ok())??;
    (value.get("kind").and_then(Value::as_str) == Some(KIND)).then_some(value)
}

impl PreviewFile {
    /// `status`: what is on record. `key`: of the digests in what was shown.
    pub fn new(context: &Context, asked: Asked, shown: &Shown<'_>, key: &str, changes: &Value) -> Self {
        let record = recorded(shown.status);
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            asked,
            plan_digest: digest(shown.plan.source.text().as_bytes()),
            project_id: shown.project_id,
            region_id: shown.region_id,
            inputs: inputs(context, shown.inputs, key),
            key: record.is_none().then(|| key.to_owned()),
            record: record.map(mark),
            changes: context.secrets.redact_value(changes),
        }
    }

    /// Writes it, never over anything but another preview.
    ///
    /// # Errors
    ///
    /// When something else is there, or it cannot be written.
    pub fn write(&self, context: &Context, out: &Path) -> Result<(), Error> {
        let path = context.resolve(out);
        let other = match std::fs::read(&path) {
            Ok(bytes) => !bytes.is_empty() && std::str::from_utf8(&bytes).ok().and_then(parse).is_none(),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        };
        if other {
            return Err(Error::usage(format!("`{}` exists, and is no preview: it is not overwritten", out.display()))
                .help("name another file with `--out`"));
        }
        let text = format!("{:#}\n", serde_json::json!(self));
        files::replace(&path, text.as_bytes()).map_err(|error| Error::write(out, error))
    }

    /// The arguments of the run that was shown. What stands on the command line besides must agree with it.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn bind(&self, context: &Context, arguments: &RunArguments) -> Result<RunArguments, Error> {
        let asked = &self.asked;
        let environment = arguments.plan.environment.as_ref().or(context.environment.environment.as_ref());
        let state = arguments.state.state.as_ref().or(context.environment.state.as_ref());
        let resolved = |path: &Option<PathBuf>| path.as_ref().map(|path| context.resolve(path));
        let differs = |given: &[String], shown: &[String]| !given.is_empty() && given != shown;
        let differing = if environment.is_some_and(|name| *name != asked.environment) {
            Some(("the environment", asked.environment.clone()))
        } else if state.is_some() && resolved(&state.cloned()) != resolved(&asked.state) {
            let shown =
                asked.state.as_ref().map_or(".plan beside the plan".to_owned(), |path| path.display().to_string());
            Some(("`--state`", shown))
        } else if arguments.run.spec.is_some() && resolved(&arguments.run.spec) != resolved(&asked.spec) {
            Some(("`--spec`", asked.spec.as_ref().map_or("none".to_owned(), |path| path.display().to_string())))
        } else if differs(&arguments.run.target, &asked.target) {
            Some(("`--target`", listed(&asked.target)))
        } else if differs(&arguments.replace, &asked.replace) {
            Some(("`--replace`", listed(&asked.replace)))
        } else if arguments.prune && !asked.prune {
            Some(("`--prune`", "none".to_owned()))
        } else {
            None
        };
        if let Some((what, shown)) = differing {
            return Err(Error::usage(format!("{what} is not what the preview was made with: {shown}"))
                .help("leave it out, or look again: `plan preview FILE --out FILE`"));
        }
        let mut bound = arguments.clone();
        bound.file.clone_from(&asked.plan);
        bound.plan.environment = Some(asked.environment.clone());
        bound.state.state.clone_from(&asked.state);
        bound.run.spec.clone_from(&asked.spec);
        bound.run.target.clone_from(&asked.target);
        bound.replace.clone_from(&asked.replace);
        bound.prune = asked.prune;
        bound.refresh = asked.refresh;
        Ok(bound)
    }

    /// The inputs that a run may be given again by the file itself: those that are no secret.
    pub fn given(&self, plan: &Plan) -> BTreeMap<String, Value> {
        let secret = |name: &String| plan.inputs.get(name).is_some_and(|input| input.secret);
        self.inputs
            .iter()
            .filter(|(name, _)| !secret(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The key of the digests in it.
    pub fn key(&self, status: &Status) -> String {
        self.key.clone().unwrap_or_else(|| status.header.key.clone())
    }

    /// Refuses when anything is not what the preview saw; `changes` is what a run would do now.
    ///
    /// # Errors
    ///
    /// With what has moved on.
    pub fn verify(&self, now: &Self) -> Result<(), Error> {
        let input =
            self.inputs.keys().chain(now.inputs.keys()).find(|name| self.inputs.get(*name) != now.inputs.get(*name));
        let what = if self.plan_digest != now.plan_digest {
            "the plan file".to_owned()
        } else if let Some(name) = input {
            format!("input `{name}`")
        } else if (self.project_id, self.region_id) != (now.project_id, now.region_id) {
            "the project or region".to_owned()
        } else if self.record != now.record {
            "the record".to_owned()
        } else if self.changes != now.changes {
            "what the plan reads".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::Moved { what })
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn inputs(context: &Context, inputs: &BTreeMap<String, minijinja::Value>, key: &str) -> BTreeMap<String, Value> {
    let shown = inputs.iter().map(|(name, value)| {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        (name.clone(), context.secrets.digest(&value, key.as_bytes()).unwrap_or(Value::Null))
    });
    shown.collect()
}

/// A record on which something stands.
pub fn recorded(status: Option<&Status>) -> Option<&Status> {
    status.filter(|status| !status.instances.is_empty())
}

/// What the record holds: changes with every write that matters.
fn mark(status: &Status) -> String {
    let instances = serde_json::to_string(&status.instances.iter().collect::<Vec<_>>()).unwrap_or_default();
    digest(instances.as_bytes())
}
