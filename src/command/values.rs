//! The values that a plan is run with: inputs, environment, project and region, and outputs of other plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::defaults::{RESOLVE_TIME, USER_AGENT};
use super::findings::{self, FileFindings};
use super::load::LoadedPlan;
use super::shell_words::record_flags;
use crate::cli::RunFlags;
use crate::context::Context;
use crate::diagnostic::Diagnostic;
use crate::engine::Settings;
use crate::error::Error;
use crate::plan::{self, Given, NextCheck, Plan};
use crate::store::EnvironmentRecord;

/// The values that the templates of a plan refer to.
pub(super) struct PlanValues {
    /// By name; secret ones as secret markers.
    pub inputs: BTreeMap<String, minijinja::Value>,
    pub environment: String,
    /// Project and region of calls without their own.
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// `records`, for templates; `None` when the plan reads no other plan's record.
    pub records: Option<minijinja::Value>,
}

impl PlanValues {
    /// The engine's settings, from plan, values and flags. `record`: that of the run; a rehearsal has none.
    pub fn settings(&self, plan: &Plan, run: &RunFlags, record: Option<&EnvironmentRecord>) -> Settings {
        Settings {
            plan: plan.name.clone(),
            environment: self.environment.clone(),
            project_id: self.project_id,
            region_id: self.region_id,
            stamp: !run.no_stamp,
            resolve_time: run.resolve_time.unwrap_or(RESOLVE_TIME),
            max_items: run.max_items,
            records: self.records.clone(),
            record_flags: record.map(record_flags).unwrap_or_default(),
            user_agent: USER_AGENT.to_owned(),
        }
    }

    /// Checks the plan with the values, before the first call.
    ///
    /// # Errors
    ///
    /// [`Error::PlanWrong`] when there are errors, which are reported.
    pub fn check(&self, context: &Context, loaded: &LoadedPlan) -> Result<(), Error> {
        let plan = &loaded.plan;
        let given = Given {
            inputs: Some(&self.inputs),
            complete: true,
            later: NextCheck::None,
            environment: Some(&self.environment),
            project_id: self.project_id,
            region_id: self.region_id,
            records: self.records.as_ref(),
            folder: Some(&plan.folder),
            secrets: Some(&context.secrets),
        };
        let findings = plan::check_values(plan, loaded.catalog, given);
        // Warnings were reported when the plan was checked.
        let findings: Vec<Diagnostic> = findings.into_iter().filter(Diagnostic::is_error).collect();
        if findings.is_empty() {
            return Ok(());
        }
        findings::print(context, &[FileFindings { source: Arc::clone(&plan.source), findings }])?;
        Err(Error::PlanWrong)
    }
}
