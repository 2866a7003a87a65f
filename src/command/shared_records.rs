//! Reads the records of other plans in the same store (`records` in a plan).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::findings::{self, FileFindings};
use super::print::age;
use super::{note, records};
use crate::cli::StateOptions;
use crate::context::Context;
use crate::diagnostic::{Diagnostic, code, nearest, sort_by_place};
use crate::error::Error;
use crate::journal::Status;
use crate::plan::{Plan, RecordOf};
use crate::report::{MOST_NAMES, list};
use crate::secret::hex;
use crate::store::{AnyStore, EnvironmentName, EnvironmentRecord};
use crate::template::{Scope, value_of};

/// The outputs that were read, by the plan's own names.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedRecords {
    read: Vec<(String, OtherPlan)>,
}

/// The outputs of another plan, from its record.
#[derive(Debug, Clone)]
struct OtherPlan {
    name: EnvironmentName,
    /// When the record was last written; `None` for an invented one in a rehearsal.
    updated: Option<jiff::Timestamp>,
    outputs: Map<String, Value>,
}

/// The plan that reads the records, with its inputs and environment.
pub(super) struct Reading<'a> {
    pub plan: &'a Plan,
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    pub environment: &'a str,
    /// Missing records are invented (rehearsal).
    pub rehearses: bool,
}

impl SharedRecords {
    /// `records`, for templates; `None` when the plan has none.
    pub fn value(&self) -> Option<minijinja::Value> {
        let all: Map<String, Value> =
            self.read.iter().map(|(name, shared)| (name.clone(), json!({ "outputs": shared.outputs }))).collect();
        (!all.is_empty()).then(|| value_of(&Value::Object(all)))
    }

    /// The records and their outputs, for programs.
    pub fn to_json(&self) -> Value {
        let told = self.read.iter().map(|(name, OtherPlan { name: of, updated, outputs })| {
            let told = json!({
                "plan": of.plan, "environment": of.environment, "updated": updated, "outputs": outputs,
            });
            (name.clone(), told)
        });
        Value::Object(told.collect())
    }

    /// Reports which records are used.
    ///
    /// # Errors
    ///
    /// When stderr cannot be written.
    pub fn print(&self, context: &Context) -> Result<(), Error> {
        for (name, OtherPlan { name: of, updated, .. }) in &self.read {
            let place = format!("plan `{}`, environment `{}`", of.plan, of.environment);
            note(
                context,
                &match updated {
                    Some(at) => {
                        format!("`records.{name}` is {place}, as of {} ago", age(context.now.duration_since(*at)))
                    }
                    None => format!("`records.{name}` is {place}: no such record here, so its outputs are made up"),
                },
            )?;
        }
        Ok(())
    }
}

/// Reads every record that a plan names, from the store of its own record.
///
/// # Errors
///
/// [`Error::PlanWrong`] when a record or a requested output does not exist, which is reported with the existing ones;
/// otherwise when a record cannot be read.
pub(super) async fn read(
    context: &Context,
    options: &StateOptions,
    file: &Path,
    reading: &Reading<'_>,
) -> Result<SharedRecords, Error> {
    let mut shared = SharedRecords::default();
    if reading.plan.records.is_empty() {
        return Ok(shared);
    }
    let store = records::store(context, options, Some(file))?;
    let mut findings = Vec::new();
    for (name, of) in &reading.plan.records {
        let named = match reading.named(context, of) {
            Ok(named) => named,
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        let record = EnvironmentRecord { store: store.clone(), name: named.clone() };
        // A rehearsal makes no network requests.
        let status = match reading.rehearses && store.folder().is_none() {
            true => None,
            false => record.read().await?,
        };
        let read = match &status {
            Some(status) => recorded_outputs(status, of, &record),
            None if reading.rehearses => Ok(invented(of, &named)),
            None => Err(vec![no_such(&store, of, &named).await?]),
        };
        match read {
            Ok(outputs) => {
                let updated = status.map(|status| status.updated);
                shared.read.push((name.clone(), OtherPlan { name: named, updated, outputs }));
            }
            Err(found) => findings.extend(found),
        }
    }
    if findings.is_empty() {
        return Ok(shared);
    }
    sort_by_place(&mut findings);
    findings::print(context, &[FileFindings { source: Arc::clone(&reading.plan.source), findings }])?;
    Err(Error::PlanWrong)
}

impl Reading<'_> {
    /// The record that the plan names.
    fn named(&self, context: &Context, of: &RecordOf) -> Result<EnvironmentName, Diagnostic> {
        let environment = match &of.environment {
            None => self.environment.to_owned(),
            Some(template) => {
                let scope = Scope::of_inputs(self.environment, self.inputs, &self.plan.folder, &context.secrets);
                let text = template.evaluate_text(&scope).map_err(|error| {
                    let finding = Diagnostic::error(code::TEMPLATE_ERROR, error.span, error.message);
                    error.help.into_iter().fold(finding, Diagnostic::help)
                })?;
                crate::cli::environment_name(&text).map_err(|why| {
                    let message = format!("this is no name of an environment: {why}");
                    Diagnostic::error("no-such-record", template.span, message)
                })?
            }
        };
        if of.plan == self.plan.name && environment == self.environment {
            let message = "a plan cannot read the record that it is about to write";
            return Err(Diagnostic::error("no-such-record", of.span, message).help("name another plan or environment"));
        }
        Ok(EnvironmentName { plan: of.plan.clone(), environment })
    }
}

/// The recorded outputs; each requested one that is missing is a finding.
fn recorded_outputs(
    status: &Status,
    of: &RecordOf,
    record: &EnvironmentRecord,
) -> Result<Map<String, Value>, Vec<Diagnostic>> {
    let is_secret = |name: &str| status.outputs.iter().any(|output| output.name == name && output.secret == Some(true));
    let outputs: Map<String, Value> = status
        .outputs
        .iter()
        .filter(|output| !is_secret(&output.name))
        .map(|output| (output.name.clone(), output.value.clone().unwrap_or_default()))
        .collect();
    let missing = of.outputs.iter().filter(|used| !used.guarded && !outputs.contains_key(&used.output));
    let findings: Vec<Diagnostic> = missing
        .map(|used| {
            let place = format!("`{}`, environment `{}`", record.plan(), record.environment());
            if is_secret(&used.output) {
                let message = format!("the output `{}` of {place} is a secret, which no record holds", used.output);
                let finding = Diagnostic::error("no-such-output", used.span, message);
                return finding.help("give it to this plan as a secret input of its own");
            }
            let message = format!("{place} has no output `{}` on record", used.output);
            let finding = Diagnostic::error("no-such-output", used.span, message);
            match nearest(&used.output, outputs.keys().map(String::as_str)) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None if outputs.is_empty() => {
                    finding.help("it has none: it was taken down, or never ran to its end; `plan status --all` tells")
                }
                None => {
                    let names = outputs.keys().map(|name| format!("`{name}`"));
                    finding.help(format!("it has {}", list(names, MOST_NAMES)))
                }
            }
        })
        .collect();
    if findings.is_empty() { Ok(outputs) } else { Err(findings) }
}

/// The finding for a missing record, with the existing ones.
async fn no_such(store: &AnyStore, of: &RecordOf, named: &EnvironmentName) -> Result<Diagnostic, Error> {
    let all = if store.exists().await? { store.environments().await? } else { Vec::new() };
    let message = format!("plan `{}` has no record of environment `{}`", named.plan, named.environment);
    let finding = Diagnostic::error("no-such-record", of.span, message);
    let environments: Vec<&str> =
        all.iter().filter(|name| name.plan == named.plan).map(|name| name.environment.as_str()).collect();
    let mut plans: Vec<&str> = all.iter().map(|name| name.plan.as_str()).collect();
    plans.dedup();
    let quoted = |names: &[&str]| list(names.iter().map(|name| format!("`{name}`")), MOST_NAMES);
    let finding = match (environments.is_empty(), nearest(&named.plan, plans.iter().copied())) {
        (false, _) => finding.help(format!("there are records of {}", quoted(&environments))),
        (true, Some(near)) => finding.help(format!("did you mean the plan `{near}`?")),
        (true, None) if plans.is_empty() => finding.help(format!("there are no records in `{}`", store.name())),
        (true, None) => finding.help(format!("there are records of the plans {}", quoted(&plans))),
    };
    Ok(finding
        .help(format!("run that plan first; records are looked for in `{}`, beside this plan's own", store.name())))
}

/// Invented values for a rehearsal, always the same: typical ones for known names, and ids for others.
fn invented(of: &RecordOf, named: &EnvironmentName) -> Map<String, Value> {
    use sha2::{Digest, Sha256};
    let id = |output: &str| {
        let digest = hex(&Sha256::digest(format!("{}/{}/{output}", named.plan, named.environment)));
        let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default().to_owned();
        format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    };
    let value = |output: &str| match output.to_lowercase().replace('-', "_").rsplit('_').next().unwrap_or_default() {
        "cidr" => "10.0.0.0/24".to_owned(),
        "ip" | "address" => "10.0.0.10".to_owned(),
        "name" => named.plan.clone(),
        _ => id(output),
    };
    of.outputs.iter().map(|used| (used.output.clone(), Value::String(value(&used.output)))).collect()
}
