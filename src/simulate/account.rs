//! Calls about no kind of resource: tasks, the audit log, regions, quotas, flavours, prices, switches.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::{Refusal, listing, no_content, ok};
use super::busy::AuditLog;
use super::call::Call;
use super::looked_up::with_expected;
use super::read::page;
use super::seeds;
use super::state::CloudState;
use super::store::ProjectRegion;
use super::tasks::{CLIENT, number};
use crate::api::{Answer, Request};
use crate::catalog::{Effect, Method};

/// Answers a request that is about no kind of resource; `None` for other paths. `segments` follow the version.
pub(super) fn respond(state: &mut CloudState, call: &Call<'_>, segments: &[&str]) -> Option<Result<Answer, Refusal>> {
    Some(match (call.method(), segments) {
        (_, ["tasks", rest @ ..]) => tasks(state, call, rest),
        (Method::Get, ["user_actions"]) => {
            let silent_for = match state.options.busy.audit {
                AuditLog::OnTime => Duration::ZERO,
                AuditLog::Late(late) => late,
                AuditLog::Closed => return Some(Err(Refusal::forbidden("Forbidden resource"))),
            };
            let until = state.now.checked_sub(silent_for).unwrap_or(state.now);
            state.audit.list(&call.request.query, until).map(|(count, results)| listing(count, results))
        }
        (Method::Get, ["regions"]) => page(call, 100, with_expected(state, call, regions(state))),
        (Method::Get, ["regions", number]) => region(number),
        (Method::Get, [.., "create_versions"]) => {
            page(call, 1000, with_expected(state, call, seeds::kubernetes_versions()))
        }
        (Method::Get, ["k8s", .., "flavors"]) => page(call, 1000, with_expected(state, call, seeds::node_flavors())),
        (Method::Get, [name @ ("flavors" | "bmflavors" | "lbflavors"), ..]) => {
            page(call, 1000, with_expected(state, call, flavors(name)))
        }
        (Method::Get, ["ai" | "gpu" | "inference" | "caas" | "faas", .., "flavors"])
        | (Method::Get, ["ai" | "caas" | "faas", "flavors", ..]) => page(call, 1000, seeds::flavors()),
        (Method::Get, ["dbaas", "status", ..]) if !state.switches.contains_key(&call.request.path) => {
            Ok(ok(200, json!({ "is_initialized": true })))
        }
        (Method::Get, ["laas", _, _, "status"]) if !state.switches.contains_key(&call.request.path) => {
            Ok(ok(200, json!({ "is_initialized": true, "namespace": null })))
        }
        (Method::Get, ["client_quotas"]) => Ok(ok(200, quotas(state, None))),
        (Method::Get, ["global_quotas", _]) => Ok(ok(200, Value::Object(counted(state, None)))),
        (Method::Get, ["regional_quotas", _, region]) => regional_quotas(state, region),
        (Method::Post, [.., "available_flavors"]) => page(call, 1000, seeds::flavors()),
        (Method::Post | Method::Get, ["pricing", ..]) => Ok(ok(200, price())),
        (Method::Post, [.., "check_limits"]) | (Method::Post, ["dbaas", "postgres", "check_limit", ..]) => {
            Ok(ok(200, json!({})))
        }
        (Method::Post, ["dbaas", "postgres", "validate_pg_conf", ..]) => {
            Ok(ok(200, json!({ "is_valid": true, "errors": [] })))
        }
        _ => return None,
    })
}

/// Whether a call creates several resources, so that its refusal for a quota may name several quotas.
pub(super) fn counts_many(request: &Request) -> bool {
    request.method == Method::Post && request.path.contains("/v2/instances/")
}

/// Operations that no other module models: reads find nothing, switches keep what they are set to.
pub(super) fn remainder(state: &mut CloudState, call: &Call<'_>) -> Result<Answer, Refusal> {
    let path = &call.request.path;
    match call.method() {
        Method::Get if state.switches.contains_key(path) => Ok(ok(200, state.switches[path].clone())),
        Method::Get if call.operation.route.path.ends_with('}') && path.matches('/').count() > 5 => {
            Err(Refusal::not_found(format!("{path} not found")))
        }
        Method::Get => Ok(listing(0, Vec::new())),
        Method::Post if call.operation.effect == Effect::Read => Ok(listing(0, Vec::new())),
        Method::Delete => {
            state.switches.remove(path);
            Ok(no_content())
        }
        Method::Post if path.contains("/user_actions/") => Ok(no_content()),
        Method::Post | Method::Put | Method::Patch => {
            let switch = state.switches.entry(path.clone()).or_insert_with(|| json!({}));
            if let Value::Object(switch) = switch {
                switch.extend(call.body.clone());
            }
            let shown = switch.clone();
            if call.asynchronous() {
                let task_type = call.task_type().unwrap_or("update").to_owned();
                return Ok(state.start(call, &task_type, Default::default()));
            }
            Ok(ok(200, shown))
        }
    }
}

fn tasks(state: &mut CloudState, call: &Call<'_>, rest: &[&str]) -> Result<Answer, Refusal> {
    let missing = |id: &str| Refusal::not_found(format!("Task with id {id} not found"));
    let query = &call.request.query;
    match (call.method(), rest) {
        (Method::Get, []) => {
            let (count, results) = state.tasks.list(query, state.now, state.listed_until())?;
            Ok(listing(count, results))
        }
        (Method::Get, [project, region, "active"]) => {
            let project_region =
                ProjectRegion { project: number("project_id", project)?, region: number("region_id", region)? };
            let (count, results) = state.tasks.active(project_region, query, state.now, state.listed_until())?;
            Ok(listing(count, results))
        }
        (Method::Get, [id]) => {
            let task = state.tasks.get(id).ok_or_else(|| missing(id))?;
            Ok(ok(200, task.view(state.now)))
        }
        (Method::Post, [id, "acknowledge"]) => {
            let task = state.tasks.acknowledge(id, state.now).ok_or_else(|| missing(id))?;
            Ok(ok(200, task.view(state.now)))
        }
        (Method::Post, ["acknowledge_all" | "acknowledge"]) => {
            let one = |name| call.query(name).map(|value| number(name, value)).transpose();
            state.tasks.acknowledge_all(one("project_id")?, one("region_id")?, state.now);
            Ok(no_content())
        }
        _ => Err(Refusal::not_found("Page not found")),
    }
}

fn regions(state: &CloudState) -> Vec<Value> {
    let numbers = state.options.regions.clone().unwrap_or_else(seeds::region_numbers);
    numbers.into_iter().map(seeds::region).collect()
}

fn region(number: &str) -> Result<Answer, Refusal> {
    let number = number.parse().map_err(|_| Refusal::not_found(format!("Region with id {number} not found")))?;
    Ok(ok(200, seeds::region(number)))
}

fn flavors(name: &str) -> Vec<Value> {
    match name {
        "bmflavors" => seeds::bare_metal_flavors(),
        "lbflavors" => seeds::balancer_flavors(),
        _ => seeds::flavors(),
    }
}

fn price() -> Value {
    json!({
        "price_status": "show", "currency_code": "EUR", "price_per_hour": 0, "price_per_month": 0, "total": null,
    })
}

/// `<kind>_count_limit` and `_count_usage` of every quota.
fn counted(state: &CloudState, region: Option<u64>) -> Map<String, Value> {
    let mut counted = Map::new();
    for (kind, limit) in &state.options.quotas {
        let held = state.store.of_kind(kind).filter(|(_, resource)| {
            !resource.seeded && region.is_none_or(|region| resource.project_region.region == region)
        });
        let name = kind.trim_end_matches('s');
        counted.insert(format!("{name}_count_limit"), (*limit).into());
        counted.insert(format!("{name}_count_usage"), held.count().into());
    }
    counted
}

fn regional_quotas(state: &CloudState, region: &str) -> Result<Answer, Refusal> {
    let region = number("region_id", region)?;
    let mut shown = counted(state, Some(region));
    shown.insert("region_id".into(), region.into());
    Ok(ok(200, shown.into()))
}

fn quotas(state: &CloudState, region: Option<u64>) -> Value {
    let all = regions(state);
    let regional = all.iter().filter_map(|region| region.get("id").and_then(Value::as_u64)).map(|region| {
        let mut shown = counted(state, Some(region));
        shown.insert("region_id".into(), region.into());
        Value::Object(shown)
    });
    let regional: Vec<_> = regional.collect();
    json!({ "client_id": CLIENT, "global_quotas": counted(state, region), "regional_quotas": regional })
}
