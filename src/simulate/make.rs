//! Creates: from a validated body to resources in the store and, mostly, a task that completes them.

use serde_json::{Map, Value};

use super::answer::{Refusal, ok};
use super::call::Call;
use super::kinds::{self, ResourceKind};
use super::made::Made;
use super::state::CloudState;
use super::store::Uid;
use super::work::Work;
use super::{account, balancer, compute, data, ip, network, platform, security_group, seeds};
use crate::api::Answer;

/// `POST` on a collection.
pub(super) fn create(state: &mut CloudState, call: &Call<'_>) -> Result<Answer, Refusal> {
    let kind = kinds::named(call.target.kind);
    let parent = state.parent(&call.target)?;
    if kind.name == "networks" && call.flag("create_router") != Some(false) {
        state.check_room(kinds::named("routers"), call.project_region(), None, "")?;
    }
    let room = state.check_room(kind, call.project_region(), parent, name_of(kind, &call.body));
    room.map_err(|refusal| if account::counts_many(call.request) { refusal.of_several() } else { refusal })?;
    let made = make(state, call, kind, parent)?;
    let Some(main) = made.all.first().copied() else {
        return Err(Refusal::new(500, "HTTPError", "nothing was created"));
    };
    state.touched.extend(made.all.iter().copied());
    if call.asynchronous() {
        let task_type = create_task(call, kind);
        let data = data::create_data(state, call, kind, main);
        let Made { all: made, touched, locks, changes } = made;
        let work = Work { made, touched, locks, changes, data, ..Work::default() };
        return Ok(state.start(call, &task_type, work));
    }
    for uid in &made.all {
        state.mark_made(*uid);
    }
    made.changes.iter().for_each(|change| state.change(change));
    Ok(shown_once(state, kind, main))
}

fn name_of<'b>(kind: &ResourceKind, body: &'b Map<String, Value>) -> &'b str {
    body.get(kind.name_field).or_else(|| body.get("name")).and_then(Value::as_str).unwrap_or_default()
}

/// The task type of a create: the kind's, when the operation has it or none at all; otherwise the operation's first.
fn create_task(call: &Call<'_>, kind: &ResourceKind) -> String {
    match call.operation.task_types.as_slice() {
        [] => kind.create_task.to_owned(),
        types if types.iter().any(|known| known == kind.create_task) => kind.create_task.to_owned(),
        [first, ..] => first.clone(),
    }
}

fn make(
    state: &mut CloudState,
    call: &Call<'_>,
    kind: &'static ResourceKind,
    parent: Option<Uid>,
) -> Result<Made, Refusal> {
    match kind.name {
        "networks" => Ok(network::network(state, call)),
        "subnets" => network::subnet(state, call),
        "routers" => network::router(state, call),
        "floatingips" => ip::floating_ip(state, call),
        "reserved_fixed_ips" => ip::reserved_fixed_ip(state, call),
        "security_groups" => Ok(security_group::security_group(state, call)),
        "security_group_rules" => {
            let group = parent.ok_or_else(|| Refusal::not_found("Security group not found"))?;
            // Creating a rule locks its group (`observed.md` §3).
            state.check_free(&[group])?;
            Ok(Made { locks: vec![group], ..Made::one(security_group::insert_rule(state, group, &call.body)) })
        }
        "volumes" => compute::volume(state, call),
        "snapshots" => compute::snapshot(state, call),
        "images" | "gpu_images" => compute::image(state, call),
        "instances" | "bminstances" => compute::machine(state, call),
        "loadbalancers" => balancer::load_balancer(state, call),
        "listeners" => balancer::listener(state, call),
        "pools" => balancer::pool(state, call),
        "members" => balancer::member(state, call, parent),
        "healthmonitors" => balancer::health_monitor(state, call, parent),
        "l7polices" => balancer::l7_policy(state, call),
        "l7rules" => balancer::l7_rule(state, call, parent),
        "k8s_clusters" => platform::kubernetes(state, call),
        "k8s_pools" => platform::kubernetes_pool(state, call, parent),
        "gpu_baremetal_clusters" | "gpu_virtual_clusters" | "ai_clusters" => Ok(platform::gpu_cluster(state, call)),
        "postgresql_clusters" => Ok(platform::postgres(state, call)),
        "file_shares" => platform::file_share(state, call),
        _ => Ok(plain(state, call, parent)),
    }
}

/// A resource with the fields of its body and no further behaviour.
fn plain(state: &mut CloudState, call: &Call<'_>, parent: Option<Uid>) -> Made {
    let mut draft = state.draft(call.target.kind, call.project_region(), &call.body);
    draft.parent = parent;
    Made::one(state.insert(draft))
}

/// The answer of a synchronous create, with the fields that are shown only once.
fn shown_once(state: &mut CloudState, kind: &ResourceKind, main: Uid) -> Answer {
    let mut shown = state.view(main);
    let status = match kind.name {
        "ssh_keys" | "projects" | "registry_registries" | "registry_users" | "laas_topic" | "limit_requests" => 201,
        _ => 200,
    };
    if let Value::Object(shown) = &mut shown {
        match kind.name {
            "ssh_keys" if shown.get("public_key") == Some(&Value::from("")) => {
                let (public, private) = seeds::key_pair(&mut state.draw);
                if let Some(key) = state.store.get_mut(main) {
                    key.fields.insert("public_key".into(), public.clone().into());
                }
                shown.insert("public_key".into(), public.into());
                shown.insert("private_key".into(), private.into());
            }
            "registry_users" | "caas_keys" | "faas_keys" | "api_keys" => {
                shown.insert("secret".into(), state.draw.secret().into());
            }
            _ => {}
        }
    }
    ok(status, shown)
}
