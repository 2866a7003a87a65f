use super::*;

fn update_calls(call: &str) -> Vec<String> {
    let catalog = Catalog::embedded();
    let create = catalog.find(&Route::parse(&full(call)).unwrap()).unwrap_or_else(|| panic!("{call}"));
    let words = |update_call: UpdateCall| {
        let route =
            update_call.operation.route.to_string().replace("{project_id}/{region_id}", "PR").replace("/cloud/", "");
        match update_call.act {
            Act::Fields { mut fields, whole, inside } => {
                fields.sort_unstable();
                let whole = if whole { " whole" } else { "" };
                format!(
                    "{route}{whole}{}: {}",
                    inside.map(|name| format!(" in {name}")).unwrap_or_default(),
                    fields.join(" ")
                )
            }
            Act::Set { field, sent_as, .. } => format!("{route}: {field} as {sent_as}"),
            other => format!("{route}: {other:?}"),
        }
    };
    catalog.update_calls_of(&create).into_iter().map(words).collect()
}

#[test]
fn the_document_and_the_facts_say_how_things_are_changed() {
    for (create, expected) in [
        ("POST v1/networks/PR", &["PATCH v2/networks/PR/{network_id}: name tags"][..]),
        (
            "POST v1/volumes/PR",
            &[
                "PATCH v1/volumes/PR/{volume_id}: name tags",
                "POST v1/volumes/PR/{volume_id}/retype: type_name as volume_type",
                "POST v1/volumes/PR/{volume_id}/extend: size as size",
                r#"POST v2/volumes/PR/{volume_id}/detach: Detach { field: "instance_id_to_attach_to", sent_as: Some("instance_id") }"#,
                r#"POST v2/volumes/PR/{volume_id}/attach: Attach { field: "instance_id_to_attach_to", sent_as: "instance_id" }"#,
            ],
        ),
        (
            "POST /cdn/resources",
            &[
                "PATCH /cdn/resources/{resource_id}: active description name options originGroup originProtocol proxy_ssl_ca proxy_ssl_data proxy_ssl_enabled secondaryHostnames sslData sslEnabled",
                "PUT /cdn/resources/{resource_id} whole: active description name options originGroup originProtocol proxy_ssl_ca proxy_ssl_data proxy_ssl_enabled secondaryHostnames sslData sslEnabled waap_api_domain_enabled",
            ],
        ),
        (
            "POST /streaming/streams/{stream_id}/overlays",
            &["PATCH /streaming/streams/{stream_id}/overlays/{overlay_id}: height stretch url width x y"],
        ),
        ("POST /dns/v2/network-mappings", &["PUT /dns/v2/network-mappings/{id} whole: mapping"]),
        ("POST v2/security_groups/PR", &["PATCH v2/security_groups/PR/{group_id}: description name rules tags"]),
        (
            "POST v1/l7policies/PR/{l7policy_id}/rules",
            &["PUT v1/l7policies/PR/{l7policy_id}/rules/{l7rule_id} whole: compare_type invert key tags type value"],
        ),
        (
            "POST v1/loadbalancers/PR/pools/{pool_id}/members",
            &[
                "PATCH v1/loadbalancers/PR/pools/{pool_id}/members/{member_id}: admin_state_up backup monitor_address monitor_port weight",
            ],
        ),
        ("POST v1/ssh_keys/{project_id}", &["PATCH v1/ssh_keys/{project_id}/{ssh_key_id}: shared_in_project"]),
        ("POST v1/servergroups/PR", &[]),
        ("POST v2/secrets/PR", &[]),
    ] {
        assert_eq!(update_calls(create), expected, "{create}");
    }
}

/// Where the update call takes the name that the resource goes by, no other rule would say that this needs a new one.
#[test]
fn what_a_resource_goes_by_is_known_although_an_update_takes_it() {
    let catalog = Catalog::embedded();
    let current = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
    let (mut by_name, mut taken) = (Vec::new(), Vec::new());
    for operation in current {
        let Some(key) = key_field(&operation) else { continue };
        by_name.push(format!("{}: {key}", operation.route));
        if catalog.update_calls_of(&operation).iter().any(|update_call| update_call.act.takes(key)) {
            taken.push(format!("{}: {key}", operation.route));
        }
    }
    assert_eq!(taken, ["POST /dns/v2/zones: name"]);
    assert_eq!(
        by_name,
        [
            "POST /cloud/v1/faas/namespaces/{project_id}/{region_id}: name",
            "POST /cloud/v1/faas/namespaces/{project_id}/{region_id}/{namespace_name}/functions: name",
            "POST /cloud/v2/k8s/clusters/{project_id}/{region_id}: name",
            "POST /cloud/v2/k8s/clusters/{project_id}/{region_id}/{cluster_name}/pools: name",
            "POST /cloud/v3/inference/applications/{project_id}/deployments: name",
            "POST /dns/v2/zones: name",
            "POST /cdn/presets/{preset_id}/applied: object_id",
        ]
    );
}

#[test]
fn a_put_beside_a_patch_is_for_what_only_it_takes() {
    let catalog = Catalog::embedded();
    let both = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
    let both = both.filter_map(|operation| {
        let update_calls = catalog.updates_of(&operation);
        let [first, second] = update_calls.as_slice() else { return None };
        let Act::Fields { fields, whole: true, .. } = &second.act else { return None };
        let only: Vec<String> = fields.iter().filter(|field| !first.act.takes(field)).cloned().collect();
        Some(format!("{}: {}", operation.route, only.join(" ")))
    });
    let both: Vec<String> = both.collect();
    assert_eq!(both, ["POST /cdn/resources: waap_api_domain_enabled"]);
}

/// What the document has an update call for is changed by it, but for copies, a form, and a bucket, whose update
/// takes nothing that its create takes.
#[test]
fn no_update_call_of_the_document_is_left_out() {
    let catalog = Catalog::embedded();
    let current = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
    let unused = current.filter(|operation| {
        let updates = resource_route(operation).map(|route| catalog.update_routes(route)).unwrap_or_default();
        !updates.is_empty() && catalog.update_calls_of(operation).is_empty()
    });
    let unused: Vec<String> = unused.map(|operation| operation.route.to_string()).collect();
    assert_eq!(
        unused,
        [
            "POST /cloud/v1/floatingips/{project_id}/{region_id}/{floating_ip_id}/convert",
            "POST /cloud/v1/reserved_fixed_ips/{project_id}/{region_id}/{port_id}/convert",
            "POST /storage/v4/object_storages/{storage_id}/buckets",
        ]
    );
}

#[test]
fn most_creates_can_be_changed_in_place() {
    let catalog = Catalog::embedded();
    let current = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
    let (with, without): (Vec<_>, Vec<_>) =
        current.partition(|operation| !catalog.update_calls_of(operation).is_empty());
    let without: Vec<String> = without.iter().map(|operation| operation.route.to_string()).collect();
    assert!(with.len() >= 39, "{} with, without: {without:#?}", with.len());
}
