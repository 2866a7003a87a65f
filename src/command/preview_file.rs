//! What `plan preview --out` writes and `plan run` takes: a promise that a run does what was shown, or refuses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::Error;
use crate::journal::Status;
use crate::plan::Plan;
use crate::secret::hex;

/// The version this writes and reads.
const VERSION: u32 = 1;
const KIND: &str = "plan-preview";

/// What was shown, and what it rested on. Holds no secrets: inputs are digests under the record's own key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreviewFile {
    pub kind: String,
    pub version: u32,
    /// The plan file, as it was named, seen from the folder of this file's writer.
    pub plan: PathBuf,
    pub plan_digest: String,
    pub inputs_digest: String,
    /// When and how the record was last written; `None` when there was none.
    pub record: Option<String>,
    /// What was shown, for reviewers.
    pub changes: Value,
}

/// The file, when it is one; `None` for anything else, such as a plan.
///
/// # Errors
///
/// When it was written by a newer version.
pub fn read(context: &Context, path: &Path) -> Result<Option<PreviewFile>, Error> {
    let Ok(text) = std::fs::read_to_string(context.resolve(path)) else { return Ok(None) };
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    if value.get("kind").and_then(Value::as_str) != Some(KIND) {
        return Ok(None);
    }
    serde_json::from_value::<PreviewFile>(value).ok().filter(|file| file.version == VERSION).map(Some).ok_or_else(
        || {
            Error::usage(format!("`{}` was written by another version of `plan`", path.display()))
                .help("write it again with `plan preview --out FILE`")
        },
    )
}

impl PreviewFile {
    pub fn new(
        context: &Context,
        file: &Path,
        plan: &Plan,
        inputs: &BTreeMap<String, minijinja::Value>,
        status: Option<&Status>,
        changes: Value,
    ) -> Self {
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            plan: file.to_owned(),
            plan_digest: digest(plan.source.text().as_bytes()),
            inputs_digest: inputs_digest(context, inputs, status),
            record: status.filter(|status| !status.instances.is_empty()).map(mark),
            changes,
        }
    }

    /// Refuses when plan, inputs or record are not what the preview saw.
    ///
    /// # Errors
    ///
    /// With what has moved on.
    pub fn verify(
        &self,
        context: &Context,
        plan: &Plan,
        inputs: &BTreeMap<String, minijinja::Value>,
        status: &Status,
    ) -> Result<(), Error> {
        let known = Some(status).filter(|status| !status.instances.is_empty());
        let moved = if digest(plan.source.text().as_bytes()) != self.plan_digest {
            "the plan file"
        } else if inputs_digest(context, inputs, known) != self.inputs_digest {
            "the inputs"
        } else if known.map(mark) != self.record {
            "the record"
        } else {
            return Ok(());
        };
        Err(Error::Moved { what: moved })
    }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Inputs under the key of the record, so that the file tells nothing about secret ones. Without a record there is no key
/// yet, and the plan's own text takes its place.
fn inputs_digest(context: &Context, inputs: &BTreeMap<String, minijinja::Value>, status: Option<&Status>) -> String {
    let key = status.map_or("", |status| status.header.key.as_str());
    let values: BTreeMap<&str, Value> = inputs
        .iter()
        .map(|(name, value)| {
            let value = serde_json::to_value(value).unwrap_or(Value::Null);
            (name.as_str(), context.secrets.digest(&value, key.as_bytes()).unwrap_or(Value::Null))
        })
        .collect();
    digest(serde_json::to_string(&values).unwrap_or_default().as_bytes())
}

/// What the record holds: changes with every write that matters.
fn mark(status: &Status) -> String {
    let instances = serde_json::to_string(&status.instances.iter().collect::<Vec<_>>()).unwrap_or_default();
    digest(instances.as_bytes())
}
