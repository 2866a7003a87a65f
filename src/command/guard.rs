//! Before the first run on an empty record makes anything: is there a trace of an earlier one in the account?

use std::collections::{BTreeMap, BTreeSet};

use super::note;
use crate::api::Client;
use crate::catalog::Catalog;
use crate::context::Context;
use crate::engine::{Spot, is_findable, stamped};
use crate::error::Error;
use crate::plan::{Plan, Step};
use crate::report::count;
use crate::template::{Scope, Template};

/// Where a plan's steps go when they do not say.
pub struct Surroundings<'a> {
    pub environment: &'a str,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
}

/// Looks for stamps of this environment, one list a kind and region.
///
/// # Errors
///
/// When there are some: the record is lost, and everything would be made once more. When no call gets through.
pub async fn guard(
    context: &Context,
    client: &Client,
    catalog: &Catalog,
    plan: &Plan,
    at: &Surroundings<'_>,
) -> Result<(), Error> {
    let creates: Vec<&Step> = plan.steps.values().filter(|step| takes_stamp(step)).collect();
    let spots = spots_of(plan, creates.iter().copied(), at);
    let operations = creates.iter().filter_map(|step| step.operation.clone());
    let looked = stamped(client, catalog, operations, &spots, &plan.name, at.environment).await;
    if let Some(error) = client.shut_out() {
        return Err(Error::Api { what: "nothing was begun".to_owned(), error });
    }
    for (path, why) in &looked.unread {
        note(context, &format!("warning: `{path}` cannot be looked through for what an earlier run made: {why}"))?;
    }
    match looked.found.len() {
        0 => Ok(()),
        found => Err(Error::RecordEmpty {
            found: count(found, "resource"),
            plan: plan.name.clone(),
            environment: at.environment.to_owned(),
        }),
    }
}

/// The projects and regions of steps.
pub fn spots_of<'s>(plan: &Plan, steps: impl IntoIterator<Item = &'s Step>, at: &Surroundings<'_>) -> Vec<Spot> {
    let spots: BTreeSet<Spot> = steps.into_iter().filter_map(|step| spot(plan, step, at)).collect();
    spots.into_iter().collect()
}

fn takes_stamp(step: &Step) -> bool {
    step.stamp && step.operation.as_ref().is_some_and(|operation| operation.creates.is_some() && is_findable(operation))
}

/// Project and region of a step, as far as inputs tell them.
fn spot(plan: &Plan, step: &Step, at: &Surroundings<'_>) -> Option<Spot> {
    let number = |template: Option<&Template>, otherwise: Option<i64>| match template {
        None => otherwise,
        Some(template) => {
            let scope = Scope {
                environment: at.environment,
                project_id: at.project_id,
                region_id: at.region_id,
                inputs: at.inputs,
                steps: &BTreeMap::new(),
                each: None,
                this: None,
                resource: None,
                folder: &plan.folder,
                secrets: None,
            };
            // One that depends on what is made, or on `each`, is not looked at.
            template.evaluate(&scope).ok()?.as_i64()
        }
    };
    Some((number(step.project_id.as_ref(), at.project_id)?, number(step.region_id.as_ref(), at.region_id)?))
}
