//! The file of `plan preview --out`: `plan run` does exactly what it shows, or refuses.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::load;
use super::shown::PreviewInput;
use crate::cli::{Assignment, RecordOptions, RunArguments};
use crate::context::Context;
use crate::error::{Changed, Error};
use crate::files;
use crate::journal::Status;
use crate::order::ordered_map;
use crate::plan::{EnvironmentFile, Plan};
use crate::secret::{hex, hide_sensitive};

/// The version that is written and read.
const VERSION: u32 = 3;
const KIND: &str = "plan-preview";

/// The preview with everything it depends on. Secrets are replaced by digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewFile {
    pub kind: String,
    pub version: u32,
    #[serde(flatten)]
    pub asked: RunFlags,
    pub plan_digest: String,
    /// Project and region of calls without their own.
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// Values of inputs; digests for secret ones.
    pub inputs: BTreeMap<String, Value>,
    /// What the environment file said of inputs; of secret ones `inputs` has a digest, and the run reads them anew.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, Value>,
    /// The key of the digests, when there is no record with a key yet.
    pub key: Option<String>,
    /// A digest of the record; `None` without one.
    pub record: Option<String>,
    /// The changes of the preview.
    pub changes: Value,
}

/// The options on the command line, which also apply to the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFlags {
    /// The plan file, as given on the command line.
    pub plan: PathBuf,
    pub environment: String,
    /// The folder of records, when given.
    pub state: Option<PathBuf>,
    pub spec: Option<PathBuf>,
    pub target: Vec<String>,
    pub replace: Vec<String>,
    pub prune: bool,
    /// Whether reads were sent (`--read`).
    #[serde(default)]
    pub read: bool,
    /// Whether recorded resources were refreshed first.
    #[serde(default)]
    pub refresh: bool,
}

/// Reads the file, if it is a preview; `None` for another file, such as a plan.
///
/// # Errors
///
/// When it is damaged, or has another version.
pub fn read(context: &Context, path: &Path) -> Result<Option<PreviewFile>, Error> {
    let Ok(Some(text)) = object_text(&context.resolve(path)) else { return Ok(None) };
    let Some(value) = parse(&text) else {
        // A preview is written as one JSON object; a plan may be one as well.
        return match text.contains(&format!("\"{KIND}\"")) {
            true => Err(Error::usage(format!("`{}` is a damaged preview", path.display()))
                .help("write it again with `plan preview --out FILE`")),
            false => Ok(None),
        };
    };
    serde_json::from_value::<PreviewFile>(value).ok().filter(|file| file.version == VERSION).map(Some).ok_or_else(
        || {
            Error::usage(format!("`{}` was written by another version of `plan`", path.display()))
                .help("write it again with `plan preview --out FILE`")
        },
    )
}

/// The text of a file that begins as a JSON object does. A pipe is not opened: it is a plan, which can be read once.
fn object_text(path: &Path) -> io::Result<Option<String>> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut file = BufReader::new(File::open(path)?);
    let is_object = file.fill_buf()?.trim_ascii_start().starts_with(b"{");
    is_object.then(|| io::read_to_string(file)).transpose()
}

/// The JSON of a text that is a preview of any version.
fn parse(text: &str) -> Option<Value> {
    let value = serde_json::from_str::<Value>(text).ok()?;
    (value.get("kind").and_then(Value::as_str) == Some(KIND)).then_some(value)
}

impl PreviewFile {
    /// `status`: the record. `key`: the key of the digests in the preview.
    ///
    /// # Errors
    ///
    /// When the environment file cannot be read.
    pub fn new(
        context: &Context,
        asked: RunFlags,
        shown: &PreviewInput<'_>,
        key: &str,
        changes: &Value,
    ) -> Result<Self, Error> {
        let record = recorded(shown.status);
        let mut changes = context.secrets.redact_value(changes);
        hide_sensitive(("", ""), &mut changes);
        let beside = load::environment_file(context, shown.plan, &asked.environment)?.map(|read| read.file);
        Ok(Self {
            kind: KIND.to_owned(),
            version: VERSION,
            asked,
            plan_digest: digest(shown.plan.source.text().as_bytes()),
            project_id: shown.values.project_id,
            region_id: shown.values.region_id,
            inputs: inputs(context, &shown.values.inputs, key),
            beside: beside.map(|file| public_inputs(shown.plan, &file)).unwrap_or_default(),
            key: record.is_none().then(|| key.to_owned()),
            record: record.map(digest_of_record),
            changes,
        })
    }

    /// Writes the file; replaces only another preview.
    ///
    /// # Errors
    ///
    /// When another file exists there, or it cannot be written.
    pub fn write(&self, context: &Context, out: &Path) -> Result<(), Error> {
        let path = context.resolve(out);
        let other = match object_text(&path) {
            Ok(Some(text)) => parse(&text).is_none(),
            Ok(None) => std::fs::metadata(&path).is_ok_and(|facts| facts.len() > 0 || !facts.is_file()),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if other {
            return Err(Error::usage(format!("`{}` exists, and is no preview: it is not overwritten", out.display()))
                .help("name another file with `--out`"));
        }
        let text = format!("{:#}\n", serde_json::json!(self));
        files::replace(&path, text.as_bytes()).map_err(|error| Error::write(out, error))
    }

    /// The arguments of the run that was previewed. Further arguments on the command line must agree with it.
    ///
    /// # Errors
    ///
    /// When they do not.
    pub fn bind(&self, context: &Context, arguments: &RunArguments) -> Result<RunArguments, Error> {
        let asked = &self.asked;
        let resolved = |path: &Option<PathBuf>| path.as_ref().map(|path| context.resolve(path));
        let differs = |given: &[String], shown: &[String]| !given.is_empty() && given != shown;
        let is_other = |given: Option<i64>, shown: Option<i64>| given.is_some() && given != shown;
        let record = self.other_record(context, arguments.plan.environment.as_ref(), arguments.state.state.as_ref());
        let differing = if record.is_some() {
            record
        } else if arguments.run.spec.is_some() && resolved(&arguments.run.spec) != resolved(&asked.spec) {
            Some(("`--spec`", asked.spec.as_ref().map(|path| format!("`{}`", path.display()))))
        } else if differs(&arguments.run.target, &asked.target) {
            Some(("`--target`", listed(&asked.target)))
        } else if differs(&arguments.replace, &asked.replace) {
            Some(("`--replace`", listed(&asked.replace)))
        } else if is_other(arguments.api.project_id, self.project_id) {
            Some(("the project", self.project_id.map(|id| format!("`{id}`"))))
        } else if is_other(arguments.api.region_id, self.region_id) {
            Some(("the region", self.region_id.map(|id| format!("`{id}`"))))
        } else if arguments.prune && !asked.prune {
            Some(("`--prune`", None))
        } else {
            None
        };
        if let Some(differing) = differing {
            return Err(
                differs_from_shown(differing).help("leave it out, or look again: `plan preview FILE --out FILE`")
            );
        }
        let mut bound = arguments.clone();
        bound.file.clone_from(&asked.plan);
        bound.plan.environment = Some(asked.environment.clone());
        bound.state.state.clone_from(&asked.state);
        bound.run.spec.clone_from(&asked.spec);
        bound.run.target.clone_from(&asked.target);
        bound.replace.clone_from(&asked.replace);
        bound.prune = asked.prune;
        (bound.api.project_id, bound.api.region_id) = (self.project_id, self.region_id);
        bound.refresh = asked.refresh;
        Ok(bound)
    }

    /// Which record is meant when the file is named in place of its plan: the one that the preview is about.
    ///
    /// # Errors
    ///
    /// When the command line or the variables name another environment or place.
    pub fn record_options(&self, context: &Context, given: &RecordOptions) -> Result<RecordOptions, Error> {
        if let Some(differing) = self.other_record(context, given.environment.as_ref(), given.state.state.as_ref()) {
            let plan = self.asked.plan.display();
            return Err(differs_from_shown(differing).help(format!("leave it out, or name the plan file: `{plan}`")));
        }
        let mut meant = given.clone();
        meant.environment = Some(self.asked.environment.clone());
        meant.state.state.clone_from(&self.asked.state);
        Ok(meant)
    }

    /// What of the record differs from the preview, by option or else by variable.
    fn other_record(
        &self,
        context: &Context,
        environment: Option<&String>,
        state: Option<&PathBuf>,
    ) -> Option<Differing> {
        let asked = &self.asked;
        let environment = environment.or(context.environment.environment.as_ref());
        let state = state.or(context.environment.state.as_ref()).map(|path| context.resolve(path));
        if environment.is_some_and(|name| *name != asked.environment) {
            return Some(("the environment", Some(format!("`{}`", asked.environment))));
        }
        let is_other = state.is_some() && state != asked.state.as_ref().map(|path| context.resolve(path));
        is_other.then(|| ("`--state`", asked.state.as_ref().map(|path| format!("`{}`", path.display()))))
    }

    /// The inputs whose values the file provides: all but secret ones.
    pub fn given(&self, plan: &Plan) -> BTreeMap<String, Value> {
        let secret = |name: &String| plan.inputs.get(name).is_some_and(|input| input.secret);
        let given = self.inputs.iter().filter(|(name, _)| !secret(name));
        ordered_map(given.map(|(name, value)| (name.clone(), value.clone())))
    }

    /// The arguments of the run with these inputs as `--set` gives them: for the command that continues the run. That
    /// command cannot name this file, because the record has changed by then. Defaults and inputs that the arguments
    /// give are left out.
    pub fn with_inputs(&self, plan: &Plan, arguments: &RunArguments) -> RunArguments {
        let is_default = |name: &str, value: &Value| {
            plan.inputs.get(name).and_then(|input| input.default.as_deref()).is_some_and(|default| default == value)
        };
        let is_given = |name: &str| arguments.plan.set.iter().any(|given| given.name == name);
        let shown = self.given(plan).into_iter().filter(|(name, value)| !is_default(name, value) && !is_given(name));
        let mut bound = arguments.clone();
        bound.plan.set.extend(shown.map(|(name, value)| Assignment { name, value: text_of(value) }));
        bound
    }

    /// The key of its digests.
    pub fn key(&self, status: &Status) -> String {
        self.key.clone().unwrap_or_else(|| status.header.key.clone())
    }

    /// Fails when anything differs from the preview. `now`: the preview of a run that would start now.
    ///
    /// # Errors
    ///
    /// A message that names what has changed.
    pub fn verify(&self, now: &Self) -> Result<(), Error> {
        let changed = |shown: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>| {
            shown.keys().chain(now.keys()).find(|name| shown.get(*name) != now.get(*name)).cloned()
        };
        let input = changed(&self.inputs, &now.inputs).or_else(|| changed(&self.beside, &now.beside));
        let what = if self.plan_digest != now.plan_digest {
            Changed::PlanFile
        } else if let Some(name) = input {
            Changed::Input(name)
        } else if (self.project_id, self.region_id) != (now.project_id, now.region_id) {
            Changed::Place
        } else if self.record != now.record {
            Changed::Record
        } else if self.changes != now.changes {
            Changed::Reads
        } else {
            return Ok(());
        };
        Err(Error::ChangedSincePreview { what })
    }
}

/// A value as `--set` takes it: a text as it is, all else as JSON.
fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// What differs from a preview, and with what that was made.
type Differing = (&'static str, Option<String>);

fn differs_from_shown((what, shown): Differing) -> Error {
    Error::usage(match shown {
        Some(shown) => format!("{what} differs: the preview was made with {shown}"),
        None => format!("{what} differs: the preview was made without it"),
    })
}

/// The names in backticks; `None` without any.
fn listed(names: &[String]) -> Option<String> {
    let quoted = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    (!quoted.is_empty()).then(|| quoted.join(", "))
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn inputs(context: &Context, inputs: &BTreeMap<String, minijinja::Value>, key: &str) -> BTreeMap<String, Value> {
    let shown = inputs.iter().map(|(name, value)| {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        (name.clone(), context.secrets.digest(&value, key.as_bytes()).unwrap_or(Value::Null))
    });
    ordered_map(shown)
}

/// What an environment file says of inputs that are no secrets.
fn public_inputs(plan: &Plan, file: &EnvironmentFile) -> BTreeMap<String, Value> {
    let is_public = |name: &str| plan.inputs.get(name).is_some_and(|input| !input.secret);
    let public = file.inputs.items().into_iter().filter(|(name, _)| is_public(&name.text));
    ordered_map(public.map(|(name, value)| (name.text.to_string(), value.to_value())))
}

/// The status, when anything is recorded.
pub fn recorded(status: Option<&Status>) -> Option<&Status> {
    status.filter(|status| !status.instances.is_empty())
}

/// A digest of the record: it changes with every relevant write.
fn digest_of_record(status: &Status) -> String {
    let instances = serde_json::to_string(&status.instances.iter().collect::<Vec<_>>()).unwrap_or_default();
    digest(instances.as_bytes())
}
