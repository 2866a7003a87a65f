//! The kinds of resources, and the paths of each.
//!
//! One row per kind: its collections, how a resource is addressed, which tasks create and remove it, and which kinds
//! prevent its removal. Further behaviour of a kind is in the module of its part of the cloud. Which operations
//! exist, in which version and with which body, is known to the catalogue, not to this table.

/// What the simulator knows about a kind of resource.
#[derive(Debug)]
pub(super) struct ResourceKind {
    /// A key of `created_resources`, or a name of the same form.
    pub(super) name: &'static str,
    /// The name of one resource in messages.
    pub(super) label: &'static str,
    /// The paths of its collections after the version. `{p}` is a project, `{r}` a region, `{^kind}` the parent.
    pub(super) collections: &'static [&'static str],
    pub(super) id_field: &'static str,
    pub(super) name_field: &'static str,
    pub(super) numbering: Numbering,
    pub(super) by_name: bool,
    /// Task types; empty where the write is synchronous.
    pub(super) create_task: &'static str,
    pub(super) delete_task: &'static str,
    /// The field with the tags.
    pub(super) tags_field: Option<&'static str>,
    pub(super) unique_name: bool,
    pub(super) partial_name_filter: bool,
    /// The page length of a list without `limit`.
    pub(super) page: usize,
    /// Kinds that prevent the removal of a resource they use.
    pub(super) held_by: &'static [&'static str],
    /// Reads show `task_id` and `creator_task_id`.
    pub(super) shows_task: bool,
    /// Reads and lists do not show the time of creation.
    pub(super) timeless: bool,
    /// Reads do not show project and region.
    pub(super) placeless: bool,
    /// Reads do not show a name.
    pub(super) nameless: bool,
    /// Fields of the body that reads do not show.
    pub(super) write_only: &'static [&'static str],
    /// The status fields: name, value while being created, value afterwards.
    pub(super) status: &'static [(&'static str, &'static str, &'static str)],
}

/// The form of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering {
    Uuid,
    Integer,
    /// The name is the id.
    Name,
}

const fn kind(name: &'static str, label: &'static str, collections: &'static [&'static str]) -> ResourceKind {
    ResourceKind {
        name,
        label,
        collections,
        id_field: "id",
        name_field: "name",
        numbering: Numbering::Uuid,
        by_name: false,
        create_task: "",
        delete_task: "",
        tags_field: None,
        unique_name: false,
        partial_name_filter: false,
        page: 1000,
        held_by: &[],
        shows_task: true,
        timeless: false,
        placeless: false,
        nameless: false,
        write_only: &[],
        status: &[],
    }
}

impl ResourceKind {
    const fn tasks(mut self, create: &'static str, delete: &'static str) -> Self {
        self.create_task = create;
        self.delete_task = delete;
        self
    }

    const fn integer(mut self) -> Self {
        self.numbering = Numbering::Integer;
        self.shows_task = false;
        self
    }

    /// The id is the name.
    const fn named(mut self) -> Self {
        self.numbering = Numbering::Name;
        self.by_name()
    }

    /// Paths have the name; the id is different.
    const fn by_name(mut self) -> Self {
        self.by_name = true;
        self.unique_name = true;
        self
    }

    const fn unique(mut self) -> Self {
        self.unique_name = true;
        self
    }

    const fn tags(mut self, field: &'static str) -> Self {
        self.tags_field = Some(field);
        self
    }

    const fn held_by(mut self, kinds: &'static [&'static str]) -> Self {
        self.held_by = kinds;
        self
    }

    const fn without_task(mut self) -> Self {
        self.shows_task = false;
        self
    }

    const fn timeless(mut self) -> Self {
        self.timeless = true;
        self
    }

    const fn placeless(mut self) -> Self {
        self.placeless = true;
        self
    }

    const fn nameless(mut self) -> Self {
        self.nameless = true;
        self
    }

    const fn page(mut self, results: usize) -> Self {
        self.page = results;
        self
    }

    const fn partial(mut self) -> Self {
        self.partial_name_filter = true;
        self
    }

    const fn hides(mut self, fields: &'static [&'static str]) -> Self {
        self.write_only = fields;
        self
    }

    const fn status(mut self, status: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        self.status = status;
        self
    }

    const fn ids_in(mut self, id: &'static str, name: &'static str) -> Self {
        self.id_field = id;
        self.name_field = name;
        self
    }

    /// The key of `created_resources` that lists it.
    pub(super) fn created_key(&self) -> &'static str {
        match self.name {
            "reserved_fixed_ips" => "ports",
            "bminstances" => "instances",
            "gpu_baremetal_clusters" | "gpu_virtual_clusters" => "clusters",
            "gpu_images" => "images",
            name => name,
        }
    }
}

const BALANCER: &[(&str, &str, &str)] =
    &[("provisioning_status", "PENDING_CREATE", "ACTIVE"), ("operating_status", "OFFLINE", "ONLINE")];
const VOLUME: &[(&str, &str, &str)] = &[("status", "creating", "available")];
const MACHINE: &[(&str, &str, &str)] = &[("status", "BUILD", "ACTIVE"), ("vm_state", "building", "active")];
const ACTIVE: &[(&str, &str, &str)] = &[("status", "creating", "ACTIVE")];
const FUNCTION: &[(&str, &str, &str)] = &[("status", "Deploying", "active")];

pub(super) static KINDS: &[ResourceKind] = &[
    kind("networks", "Network", &["networks/{p}/{r}", "availablenetworks/{p}/{r}"])
        .tasks("create_network", "delete_network")
        .tags("tags")
        .hides(&["create_router"])
        .held_by(&["subnets", "ports", "reserved_fixed_ips"]),
    kind("subnets", "Subnet", &["subnets/{p}/{r}"])
        .tasks("create_subnet", "delete_subnet")
        .tags("tags")
        .hides(&["connect_to_network_router", "router_id_to_connect"])
        .held_by(&["ports", "reserved_fixed_ips", "k8s_clusters", "file_shares"]),
    kind("routers", "Router", &["routers/{p}/{r}"]).tasks("create_router", "delete_router").status(ACTIVE),
    kind("ports", "Port", &["ports/{p}/{r}"]),
    kind("floatingips", "Floating IP", &["floatingips/{p}/{r}", "availablefloatingips/{p}/{r}"])
        .nameless()
        .tasks("create_fip", "delete_fip")
        .tags("tags"),
    kind("reserved_fixed_ips", "Reserved fixed IP", &["reserved_fixed_ips/{p}/{r}"])
        .tasks("create_reserved_fixed_ip", "delete_reserved_fixed_ip")
        .ids_in("port_id", "name")
        .hides(&["type", "ip_family", "ip_address"])
        .held_by(&["instances", "bminstances", "loadbalancers"]),
    kind("security_groups", "Security group", &["securitygroups/{p}/{r}", "security_groups/{p}/{r}"])
        .tasks("create_security_group", "delete_security_group")
        .tags("tags_v2")
        .without_task()
        .page(10)
        .hides(&["rules", "security_group"])
        .held_by(&["ports"]),
    kind(
        "security_group_rules",
        "Security group rule",
        &[
            "securitygroups/{p}/{r}/{^security_groups}/rules",
            "security_groups/{p}/{r}/{^security_groups}/rules",
            "securitygrouprules/{p}/{r}",
        ],
    )
    .nameless()
    .placeless()
    .tasks("create_security_group_rule", "delete_security_group_rule")
    .without_task(),
    kind("volumes", "Volume", &["volumes/{p}/{r}"])
        .tasks("create_volume", "delete_volume")
        .tags("tags")
        .hides(&["source", "image_id", "snapshot_id", "type_name", "instance_id_to_attach_to", "attachment_tag"])
        .held_by(&["instances", "bminstances"])
        .status(VOLUME),
    kind("snapshots", "Snapshot", &["snapshots/{p}/{r}"])
        .tasks("create_snapshot", "delete_snapshot")
        .tags("tags")
        .status(VOLUME),
    kind("images", "Image", &["images/{p}/{r}", "bmimages/{p}/{r}", "downloadimage/{p}/{r}", "projectimages/{p}/{r}"])
        .tasks("create_image", "delete_image")
        .tags("metadata_detailed")
        .hides(&["source", "volume_id", "url", "cow_format", "is_baremetal"])
        .status(&[("status", "saving", "active")]),
    kind("instances", "Instance", &["instances/{p}/{r}"])
        .tasks("create_vm", "delete_vm")
        .tags("tags")
        .partial()
        .hides(&["password", "username", "user_data", "interfaces", "volumes", "configuration", "name_template"])
        .status(MACHINE),
    kind("bminstances", "Bare metal server", &["bminstances/{p}/{r}", "baremetal/{p}/{r}"])
        .tasks("create_bm", "delete_vm")
        .tags("tags")
        .partial()
        .hides(&["password", "username", "user_data", "interfaces", "app_config", "image_id", "name_template"])
        .status(MACHINE),
    kind("servergroups", "Server group", &["servergroups/{p}/{r}"])
        .timeless()
        .tasks("", "delete_servergroup")
        .ids_in("servergroup_id", "name")
        .without_task(),
    kind("loadbalancers", "Load balancer", &["loadbalancers/{p}/{r}"])
        .tasks("create_loadbalancer", "delete_loadbalancer")
        .tags("tags_v2")
        .hides(&["vip_network_id", "vip_subnet_id", "floating_ip", "listeners", "name_template"])
        .status(BALANCER),
    kind("listeners", "Listener", &["lblisteners/{p}/{r}"])
        .timeless()
        .placeless()
        .tasks("create_lblistener", "delete_lblistener")
        .hides(&["insert_x_forwarded", "default_pool_id", "pools"])
        .status(BALANCER),
    kind("pools", "Pool", &["lbpools/{p}/{r}"])
        .timeless()
        .placeless()
        .tasks("create_lbpool", "delete_lbpool")
        .hides(&["listener_id", "load_balancer_id", "members", "healthmonitor"])
        .status(BALANCER),
    kind(
        "members",
        "Pool member",
        &["lbpools/{p}/{r}/{^pools}/member", "loadbalancers/{p}/{r}/pools/{^pools}/members"],
    )
    .nameless()
    .timeless()
    .placeless()
    .without_task()
    .tasks("create_lbmember", "delete_lbmember")
    .status(BALANCER),
    kind("healthmonitors", "Health monitor", &["lbpools/{p}/{r}/{^pools}/healthmonitor"])
        .nameless()
        .timeless()
        .placeless()
        .without_task()
        .tasks("create_lbpool_health_monitor", "")
        .status(BALANCER),
    kind("l7polices", "L7 policy", &["l7policies/{p}/{r}"])
        .timeless()
        .tasks("create_l7policy", "delete_l7policy")
        .status(BALANCER),
    kind("l7rules", "L7 rule", &["l7policies/{p}/{r}/{^l7polices}/rules"])
        .nameless()
        .timeless()
        .tasks("create_l7rule", "delete_l7rule")
        .status(BALANCER),
    kind("secrets", "Secret", &["secrets/{p}/{r}"])
        .tasks("create_secret", "delete_secret")
        .without_task()
        .hides(&["payload"])
        .held_by(&["listeners"])
        .status(ACTIVE),
    kind("ssh_keys", "SSH key", &["ssh_keys/{p}"]).without_task().unique().page(10).partial(),
    kind("keypairs", "Key pair", &["keypairs", "keypairs/{p}/{r}"])
        .without_task()
        .placeless()
        .ids_in("id", "sshkey_name"),
    kind("k8s_clusters", "Kubernetes cluster", &["k8s/clusters/{p}/{r}"])
        .tasks("create_k8s_cluster_v2", "delete_k8s_cluster_v2")
        .by_name()
        .hides(&["pools"])
        .status(&[("status", "Provisioning", "Provisioned")]),
    kind("k8s_pools", "Kubernetes pool", &["k8s/clusters/{p}/{r}/{^k8s_clusters}/pools"])
        .tasks("create_k8s_cluster_pool_v2", "delete_k8s_cluster_pool_v2")
        .by_name()
        .without_task()
        .status(&[("status", "Creating", "Running")]),
    kind("postgresql_clusters", "Postgres cluster", &["dbaas/postgres/clusters/{p}/{r}"])
        .tasks("create_dbaas_postgres_cluster", "delete_dbaas_postgres_cluster")
        .named()
        .ids_in("cluster_name", "cluster_name")
        .without_task()
        .page(10)
        .status(&[("status", "PREPARING", "READY")]),
    kind("file_shares", "File share", &["file_shares/{p}/{r}"])
        .tasks("create_sfs", "delete_sfs")
        .tags("tags")
        .partial()
        .hides(&["access", "network"])
        .status(VOLUME),
    kind("access_rules", "Access rule", &["file_shares/{p}/{r}/{^file_shares}/access_rule"]).timeless().without_task(),
    kind("ddos_profiles", "DDoS profile", &["ddos/profiles/{p}/{r}"])
        .timeless()
        .tasks("create_ddos_profile", "delete_ddos_profile")
        .integer(),
    kind("projects", "Project", &["projects"]).tasks("", "delete_project").integer().unique().page(100),
    kind("gpu_baremetal_clusters", "GPU cluster", &["gpu/baremetal/{p}/{r}/clusters"])
        .tasks("create_ai_cluster_gpu", "delete_ai_cluster_gpu")
        .tags("tags")
        .without_task()
        .page(10)
        .status(&[("status", "creating", "active")]),
    kind("gpu_virtual_clusters", "GPU cluster", &["gpu/virtual/{p}/{r}/clusters"])
        .tasks("create_gpu_virtual_cluster", "delete_gpu_virtual_cluster")
        .tags("tags")
        .without_task()
        .page(10)
        .status(&[("status", "creating", "active")]),
    kind("gpu_images", "GPU image", &["gpu/baremetal/{p}/{r}/images", "gpu/virtual/{p}/{r}/images"])
        .tasks("download_image", "delete_image")
        .tags("tags")
        .hides(&["url"])
        .status(&[("status", "saving", "active")]),
    kind("ai_clusters", "AI cluster", &["ai/clusters/{p}/{r}", "ai/clusters/gpu/{p}/{r}"])
        .tasks("create_ai_cluster_gpu", "delete_ai_cluster_gpu")
        .ids_in("cluster_id", "cluster_name")
        .page(10)
        .status(&[("cluster_status", "PENDING", "ACTIVE")]),
    kind("caas_containers", "Container", &["caas/{p}/{r}/containers"])
        .tasks("create_caas_container", "delete_caas_container")
        .named()
        .status(&[("status", "Deploying", "Running")]),
    kind("caas_keys", "Container API key", &["caas/keys/{p}/{r}"]).named().without_task(),
    kind("caas_secrets", "Pull secret", &["caas/secrets/{p}/{r}"])
        .named()
        .without_task()
        .hides(&["password"])
        .held_by(&["caas_containers"]),
    kind("faas_namespaces", "Namespace", &["faas/namespaces/{p}/{r}"])
        .tasks("create_faas_namespace", "delete_faas_namespace")
        .named()
        .status(FUNCTION),
    kind("faas_functions", "Function", &["faas/namespaces/{p}/{r}/{^faas_namespaces}/functions"])
        .tasks("create_faas_function", "delete_faas_function")
        .named()
        .status(FUNCTION),
    kind("faas_keys", "Function API key", &["faas/keys/{p}/{r}"]).named().without_task(),
    kind("inference_instances", "Inference deployment", &["inference/{p}/deployments"])
        .tasks("create_inference_instance", "delete_inference_instance")
        .named()
        .without_task()
        .status(&[("status", "DEPLOYING", "ACTIVE")]),
    kind("inference_applications", "Application deployment", &["inference/applications/{p}/deployments"])
        .timeless()
        .tasks("create_inference_application", "delete_inference_application")
        .named()
        .without_task()
        .status(&[("status", "DEPLOYING", "ACTIVE")]),
    kind("inference_secrets", "Inference secret", &["inference/{p}/secrets"]).timeless().named().without_task(),
    kind("registry_credentials", "Registry credential", &["inference/{p}/registry_credentials"])
        .timeless()
        .named()
        .without_task()
        .hides(&["password"]),
    kind("api_keys", "API key", &["inference/{p}/api_keys"])
        .named()
        .without_task()
        .page(100)
        .held_by(&["inference_instances"]),
    kind("registry_registries", "Registry", &["registries/{p}/{r}"]).integer().unique(),
    kind("registry_users", "Registry user", &["registries/{p}/{r}/{^registry_registries}/users"])
        .integer()
        .unique()
        .hides(&["secret"]),
    kind("laas_topic", "Topic", &["laas/{p}/{r}/topics"]).named().without_task(),
    kind("lifecycle_policies", "Lifecycle policy", &["lifecycle_policy/{p}/{r}"]).timeless().integer(),
    kind("limit_requests", "Limit request", &["limits_request"]).integer(),
    kind("assignments", "Role assignment", &["users/assignments"]).integer(),
];

/// The row of a kind.
pub(super) fn named(name: &str) -> &'static ResourceKind {
    KINDS.iter().find(|kind| kind.name == name).expect("the simulator's own code names only kinds of its table")
}

#[cfg(test)]
mod tests {
    use super::super::target::parent_kind;
    use super::*;

    #[test]
    fn every_kind_a_row_mentions_has_a_row() {
        for kind in KINDS {
            let parents =
                kind.collections.iter().flat_map(|path| path.split('/')).filter_map(|segment| parent_kind(segment));
            for other in kind.held_by.iter().copied().chain(parents) {
                assert!(KINDS.iter().any(|kind| kind.name == other), "{other}, mentioned by {}", kind.name);
            }
        }
    }
}
