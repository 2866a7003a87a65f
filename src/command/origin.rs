//! Gathers the values that a plan is run with.

use std::collections::BTreeMap;
use std::path::Path;

use super::load::{self, LoadedPlan};
use super::run_options::need_places;
use super::shared_records::{self, Reading, SharedRecords};
use super::values::PlanValues;
use super::{Account, environment_file};
use crate::cli::{ApiOptions, StateOptions};
use crate::context::Context;
use crate::error::Error;

/// Where values come from, besides inputs.
pub(super) struct Origin<'a> {
    /// The plan file, as given on the command line.
    pub file: &'a Path,
    pub api: &'a ApiOptions,
    pub account: &'a Account,
    pub state: &'a StateOptions,
    /// A rehearsal invents missing records, and needs no environment file.
    pub rehearses: bool,
}

impl Origin<'_> {
    /// Completes inputs and environment to the values of a run, checks the plan with them, and reports which records of
    /// other plans are used.
    ///
    /// # Errors
    ///
    /// [`Error::PlanWrong`] when the plan is invalid with them, which is reported; when a project or region is missing; when
    /// a record cannot be read.
    pub async fn gather(
        &self,
        context: &Context,
        loaded: &LoadedPlan,
        inputs: BTreeMap<String, minijinja::Value>,
        environment: String,
    ) -> Result<(PlanValues, SharedRecords), Error> {
        let Origin { file, api, account, state, rehearses } = *self;
        let plan = &loaded.plan;
        let (project_id, region_id) = load::places(context, plan, &inputs, &environment, api, account)?;
        if !rehearses {
            environment_file::print_near(context, file, &environment)?;
            need_places(plan, project_id, region_id)?;
        }
        let reading = Reading { plan, inputs: &inputs, environment: &environment, rehearses };
        let shared = shared_records::read(context, state, file, &reading).await?;
        let values = PlanValues { inputs, environment, project_id, region_id, records: shared.value() };
        values.check(context, loaded)?;
        shared.print(context)?;
        Ok((values, shared))
    }
}
