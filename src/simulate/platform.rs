//! Kubernetes, databases and file shares: managed services.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::call::Call;
use super::made::Made;
use super::network::{network_and_subnet, next_address};
use super::seeds::bare_metal_flavor_of;
use super::state::CloudState;
use super::store::Uid;

/// A cluster with its pools.
pub(super) fn kubernetes(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let project_region = call.project_region();
    let network = call.text("fixed_network").map(|id| state.need("networks", project_region, id)).transpose()?;
    let subnet = call.text("fixed_subnet").map(|id| state.need("subnets", project_region, id)).transpose()?;
    let draft = state.draft("k8s_clusters", project_region, &call.body);
    let cluster = state.insert(draft);
    for used in [network, subnet].into_iter().flatten() {
        state.store.link(cluster, used);
    }
    let mut all = vec![cluster];
    for pool in call.list("pools") {
        all.push(insert_pool(state, cluster, pool.as_object().unwrap_or(&Map::new())));
    }
    Ok(Made { all, ..Made::default() })
}

fn insert_pool(state: &mut CloudState, cluster: Uid, body: &Map<String, Value>) -> Uid {
    let project_region = state.store.get(cluster).map(|cluster| cluster.project_region).unwrap_or_default();
    let set = body.iter().filter(|(_, value)| !value.is_null()).map(|(field, value)| (field.clone(), value.clone()));
    let mut draft = state.draft("k8s_pools", project_region, &set.collect());
    draft.parent = Some(cluster);
    state.insert(draft)
}

/// Creates a pool of a Kubernetes cluster.
pub(super) fn kubernetes_pool(state: &mut CloudState, call: &Call<'_>, cluster: Option<Uid>) -> Result<Made, Refusal> {
    let cluster = cluster.ok_or_else(|| Refusal::not_found("Kubernetes cluster not found"))?;
    state.check_free(&[cluster])?;
    let pool = insert_pool(state, cluster, &call.body);
    Ok(Made { all: vec![pool], locks: vec![cluster], ..Made::default() })
}

/// A cluster of GPU machines, which are created and removed with it.
pub(super) fn gpu_cluster(state: &mut CloudState, call: &Call<'_>) -> Made {
    let draft = state.draft(call.target.kind, call.project_region(), &call.body);
    let name = draft.name.clone();
    let cluster = state.insert(draft);
    let count = call.body.get("servers_count").or_else(|| call.body.get("instances_count")).and_then(Value::as_u64);
    let mut all = vec![cluster];
    for number in 0..count.unwrap_or(1) {
        all.push(insert_server(state, cluster, &format!("{name}-{number}")));
    }
    Made { all, ..Made::default() }
}

/// A machine of a cluster.
pub(super) fn insert_server(state: &mut CloudState, cluster: Uid, name: &str) -> Uid {
    let (project_region, flavor) = match state.store.get(cluster) {
        Some(cluster) => (cluster.project_region, cluster.text("flavor").unwrap_or_default().to_owned()),
        None => Default::default(),
    };
    let mut draft = state.draft("instances", project_region, &Map::from_iter([("name".to_owned(), Value::from(name))]));
    draft.parent = Some(cluster);
    draft.fields.insert("flavor".into(), bare_metal_flavor_of(&flavor));
    state.insert(draft)
}

/// A kubeconfig of the documented form, without a real server.
pub(super) fn kubeconfig(state: &CloudState, cluster: Uid) -> Value {
    let name = state.store.get(cluster).map(|cluster| cluster.name.clone()).unwrap_or_default();
    let host = format!("https://{name}.k8s.simulated.invalid:6443");
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: {name}\n  cluster:\n    server: {host}\ncontexts:\n\
         - name: {name}\n  context:\n    cluster: {name}\n    user: admin\ncurrent-context: {name}\nusers:\n- name: admin\n  \
         user: {{}}\n"
    );
    json!({
        "config": config, "host": host, "created_at": state.clock(), "expires_at": state.clock(), "client_certificate": "",
        "client_key": "", "cluster_ca_certificate": "",
    })
}

/// A Postgres cluster, known by its name.
pub(super) fn postgres(state: &mut CloudState, call: &Call<'_>) -> Made {
    let mut draft = state.draft("postgresql_clusters", call.project_region(), &call.body);
    let name = draft.name.clone();
    let host = format!("{name}.db.simulated.invalid");
    if let Some(Value::Object(network)) = draft.fields.get_mut("network") {
        network.insert("host".into(), host.clone().into());
        network.insert("connection_string".into(), format!("postgresql://{host}:5432").into());
    }
    if let Some(Value::Array(users)) = draft.fields.get_mut("users") {
        for user in users.iter_mut().filter_map(Value::as_object_mut) {
            user.insert("is_secret_revealed".into(), false.into());
        }
    }
    if let Some(Value::Array(databases)) = draft.fields.get_mut("databases") {
        for database in databases.iter_mut().filter_map(Value::as_object_mut) {
            database.insert("size".into(), 0.into());
        }
    }
    Made::one(state.insert(draft))
}

/// A file share; the standard type is attached to a network.
pub(super) fn file_share(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let network = call.body.get("network").and_then(Value::as_object);
    let place = network.map(|network| network_and_subnet(state, call.project_region(), network)).transpose()?;
    let mut draft = state.draft("file_shares", call.project_region(), &call.body);
    if let Some(type_name) = call.text("type_name") {
        let mut settings = call.body.get("share_settings").and_then(Value::as_object).cloned().unwrap_or_default();
        settings.insert("type_name".into(), type_name.into());
        draft.fields.insert("share_settings".into(), settings.into());
    }
    let address = match place {
        Some((network, subnet)) => {
            for (uid, id, name) in [(network, "network_id", "network_name"), (subnet, "subnet_id", "subnet_name")] {
                let shown = state.store.get(uid).map(|used| (used.id.clone(), used.name.clone()));
                let (used, called) = shown.unwrap_or_default();
                draft.fields.insert(id.into(), used.into());
                draft.fields.insert(name.into(), called.into());
            }
            next_address(state, subnet)
        }
        None => "192.0.2.10".to_owned(),
    };
    draft.once_made.insert("connection_point".into(), format!("{address}:/shares/{}", draft.id).into());
    let share = state.insert(draft);
    if let Some((network, subnet)) = place {
        state.store.link(share, network);
        state.store.link(share, subnet);
    }
    for rule in call.list("access") {
        let rule = rule.as_object().cloned().unwrap_or_default();
        let mut draft = state.draft("access_rules", call.project_region(), &rule);
        draft.parent = Some(share);
        draft.fields.insert("access_to".into(), rule.get("ip_address").cloned().unwrap_or_default());
        state.insert(draft);
    }
    Ok(Made::one(share))
}
