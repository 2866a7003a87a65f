use super::*;

#[test]
fn a_network_is_created_by_a_task_and_names_it() {
    let mut world = world(Options::default());
    let (status, accepted) = world.post(NETWORKS, json!({ "name": "net", "tags": { "plan": "demo" } }));
    assert_eq!(status, 200);
    let task = accepted["tasks"][0].as_str().unwrap().to_owned();
    let path = format!("/cloud/v1/tasks/{task}");
    let early = world.get(&path);
    assert_eq!((&early["state"], &early["created_resources"]), (&json!("RUNNING"), &Value::Null));
    world.settle();
    let done = world.get(&path);
    assert_eq!(done["state"], "FINISHED");
    assert_eq!(done["created_resources"]["routers"].as_array().unwrap().len(), 1);
    let id = done["created_resources"]["networks"][0].as_str().unwrap();
    let network = world.get(&format!("{NETWORKS}/{id}"));
    assert_eq!((&network["creator_task_id"], &network["task_id"]), (&json!(task), &Value::Null));
    assert_eq!(network["tags"], json!([{ "key": "plan", "value": "demo", "read_only": false }]));
}

#[test]
fn a_list_filters_by_name_and_tags_and_pages() {
    let mut world = world(instant());
    for number in 0..3 {
        world.make(NETWORKS, json!({ "name": format!("net-{number}"), "tags": { "number": number.to_string() } }));
    }
    let names = |list: Value| -> Vec<String> {
        list["results"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(world.get(&format!("{NETWORKS}?name=net-1"))), ["net-1"]);
    assert_eq!(names(world.get(&format!("{NETWORKS}?tag_key_value={{\"number\":\"2\"}}"))), ["net-2"]);
    let page = world.get(&format!("{NETWORKS}?external=false&limit=1&offset=1"));
    assert_eq!((page["count"].as_u64(), names(page)), (Some(3), vec!["net-1".to_owned()]));
}

#[test]
fn a_resource_in_use_is_not_removed() {
    let mut world = world(instant());
    let network = world.network();
    let subnet = world.subnet(&network);
    let machine = world.machine(&network, &subnet);
    let volume = world.get(VOLUMES)["results"][0]["id"].as_str().unwrap().to_owned();
    for path in [format!("{NETWORKS}/{network}"), format!("{SUBNETS}/{subnet}"), format!("{VOLUMES}/{volume}")] {
        let (status, body) = world.delete(&path);
        assert_eq!((status, &body["exception_class"]), (409, &json!("ConflictError")), "{path}");
    }
    for path in [
        format!("{MACHINES}/{machine}?volumes={volume}"),
        format!("{SUBNETS}/{subnet}"),
        format!("{NETWORKS}/{network}"),
    ] {
        let accepted = world.delete(&path);
        assert_eq!(world.ended(accepted)["state"], "FINISHED");
    }
    assert_eq!(world.simulator.everything(), []);
    assert_eq!(world.delete(&format!("{NETWORKS}/{network}")).0, 404);
}

#[test]
fn a_parent_is_locked_while_a_task_below_it_runs() {
    let mut world = world(Options::default());
    let network = world.network();
    let subnet = |cidr: &str| json!({ "name": "sub", "network_id": network, "cidr": cidr });
    let (_, accepted) = world.post(SUBNETS, subnet("10.0.0.0/24"));
    let (status, refused) = world.post(SUBNETS, subnet("10.0.1.0/24"));
    assert_eq!(status, 409);
    let (message, task) = (refused["message"].as_str().unwrap(), accepted["tasks"][0].as_str().unwrap());
    let texts = [
        format!("Resource `{network}` is already locked by another task. Please try again later."),
        format!(
            "Operation on resource `{network}` currently locked by running task `create_subnet` with id `{task}` ("
        ),
    ];
    assert!(texts.iter().any(|text| message.starts_with(text)), "{message}");
    assert_eq!(world.get(&format!("{NETWORKS}/{network}"))["task_id"], accepted["tasks"][0]);
    world.settle();
    assert_eq!(world.post(SUBNETS, subnet("10.0.1.0/24")).0, 200);
    world.settle();
    assert_eq!(world.post(SUBNETS, subnet("10.0.1.128/25")).0, 400);
}

#[test]
fn deleting_a_machine_keeps_its_volumes_unless_asked_otherwise() {
    let mut world = world(instant());
    // A floating IP needs a router with a gateway.
    let network = world.make(NETWORKS, json!({ "name": "net" }));
    let subnet = world.subnet(&network);
    let machine = world.machine(&network, &subnet);
    let port = world.get(&format!("{MACHINES}/{machine}/interfaces"))["results"][0]["port_id"].clone();
    world.make("/cloud/v1/floatingips/1/7", json!({ "port_id": port }));
    let shown = world.get(&format!("{MACHINES}/{machine}"));
    let addresses = shown["addresses"]["net"].as_array().unwrap();
    assert_eq!((&addresses[0]["type"], &addresses[0]["addr"]), (&json!("fixed"), &json!("10.0.0.2")));
    assert_eq!(addresses[1]["type"], "floating");
    let accepted = world.delete(&format!("{MACHINES}/{machine}"));
    world.ended(accepted);
    assert_eq!(world.simulator.resources("volumes")[0].shown["status"], "available");
    assert_eq!(world.simulator.resources("floatingips")[0].shown["port_id"], Value::Null);
}

#[test]
fn everything_below_a_load_balancer_is_deleted_with_it() {
    let mut world = world(instant());
    let balancer = world.make("/cloud/v1/loadbalancers/1/7", json!({ "name": "web" }));
    let listener = json!({ "name": "http", "load_balancer_id": balancer, "protocol": "HTTP", "protocol_port": 80 });
    let listener = world.make("/cloud/v1/lblisteners/1/7", listener);
    let pool = json!({ "name": "web", "listener_id": listener, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN" });
    let pool = world.make("/cloud/v1/lbpools/1/7", pool);
    let member = json!({ "address": "10.0.0.5", "protocol_port": 80 });
    let accepted = world.post(&format!("/cloud/v1/lbpools/1/7/{pool}/member"), member);
    let created = world.ended(accepted)["created_resources"]["members"][0].clone();
    let shown = world.get(&format!("/cloud/v1/lbpools/1/7/{pool}"));
    assert_eq!(shown["members"][0]["id"], created);
    assert_eq!(shown["loadbalancers"], json!([{ "id": balancer }]));
    let accepted = world.delete(&format!("/cloud/v1/loadbalancers/1/7/{balancer}"));
    world.ended(accepted);
    assert_eq!(world.simulator.everything(), []);
}

#[test]
fn a_kubernetes_cluster_is_addressed_by_its_name() {
    let mut world = world(instant());
    let pool = json!({ "name": "workers", "flavor_id": "g2-standard-2-4", "min_node_count": 1 });
    let body = json!({ "name": "kube", "keypair": "mine", "version": "v1.33.3", "pools": [pool] });
    let accepted = world.post("/cloud/v2/k8s/clusters/1/7", body.clone());
    let id = world.ended(accepted)["created_resources"]["k8s_clusters"][0].as_str().unwrap().to_owned();
    assert_eq!(world.get("/cloud/v2/k8s/clusters/1/7/kube")["id"], id);
    assert_eq!(world.send(Method::Get, &format!("/cloud/v2/k8s/clusters/1/7/{id}"), None).0, 404);
    assert_eq!(world.post("/cloud/v2/k8s/clusters/1/7", body).0, 409);
    let accepted = world.delete("/cloud/v2/k8s/clusters/1/7/kube/pools/workers");
    world.ended(accepted);
    assert_eq!(world.simulator.resources("k8s_clusters"), []);
}

#[test]
fn an_update_that_changes_nothing_starts_no_task() {
    let mut world = world(instant());
    let group = world.make("/cloud/v2/security_groups/1/7", json!({ "name": "web", "rules": [] }));
    let path = format!("/cloud/v2/security_groups/1/7/{group}");
    let (status, body) = world.send(Method::Patch, &path, Some(json!({ "name": "web" })));
    assert_eq!((status, body), (200, json!({ "tasks": [] })));
    let accepted = world.send(Method::Patch, &path, Some(json!({ "name": "other" })));
    world.ended(accepted);
    assert_eq!(world.get(&format!("/cloud/v1/securitygroups/1/7/{group}"))["name"], "other");
}

#[test]
fn tags_merge_and_null_takes_one_away() {
    let mut world = world(instant());
    let network = world.make(NETWORKS, json!({ "name": "net", "tags": { "a": "1", "b": "2" } }));
    let path = format!("{NETWORKS}/{network}");
    world.send(Method::Patch, &path, Some(json!({ "tags": { "a": null, "c": "3" } })));
    let tags: Vec<_> = world.get(&path)["tags"].as_array().unwrap().iter().map(|tag| tag["key"].clone()).collect();
    assert_eq!(tags, ["b", "c"]);
}

#[test]
fn a_new_key_pair_shows_its_private_half_once() {
    let mut world = world(instant());
    let (status, key) = world.post("/cloud/v1/ssh_keys/1", json!({ "name": "mine" }));
    assert_eq!(status, 201);
    assert!(key["private_key"].as_str().unwrap().contains("PRIVATE KEY"));
    let path = format!("/cloud/v1/ssh_keys/1/{}", key["id"].as_str().unwrap());
    assert_eq!(world.get(&path).get("private_key"), None);
    assert_eq!(world.post("/cloud/v1/ssh_keys/1", json!({ "name": "mine" })).0, 409);
    assert_eq!(world.delete(&path).0, 204);
}

#[test]
fn images_flavours_and_the_external_network_are_there_from_the_beginning() {
    let mut world = world(instant());
    let images = world.get("/cloud/v1/images/1/7?visibility=public");
    let names: Vec<_> = images["results"].as_array().unwrap().iter().map(|image| image["name"].clone()).collect();
    assert!(names.contains(&json!("ubuntu-24.04-x64")), "{names:?}");
    assert!(world.get("/cloud/v1/flavors/1/7")["count"].as_u64() > Some(0));
    assert_eq!(world.get("/cloud/v1/availablenetworks/1/7?external=true")["results"][0]["name"], "pub_net");
    assert_eq!(world.simulator.everything(), []);
}

#[test]
fn thousands_of_resources_are_counted_and_paged() {
    let mut world = world(instant());
    let network = world.network();
    for _ in 0..5_000 {
        assert_eq!(world.post(VOLUMES, json!({ "name": "data", "source": "new-volume", "size": 5 })).0, 200);
    }
    assert_eq!(world.get(&format!("{VOLUMES}?limit=3"))["count"], 5_000);
    assert_eq!(world.delete(&format!("{NETWORKS}/{network}")).0, 200);
}

#[test]
fn machines_of_a_cluster_are_listed_with_it_and_deleted_with_it() {
    let mut world = world(instant());
    let settings = json!({ "interfaces": [{ "type": "external" }], "credentials": { "ssh_key_name": "mine" } });
    let body = json!({
        "name": "gpu", "flavor": "bm3-ai-1xlarge", "image_id": IMAGE, "servers_count": 2, "servers_settings": settings,
    });
    let clusters = "/cloud/v3/gpu/baremetal/1/7/clusters";
    let accepted = world.post(clusters, body);
    let cluster = world.ended(accepted)["created_resources"]["clusters"][0].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("{clusters}/{cluster}/servers"))["count"], 2);
    assert_eq!(world.get(MACHINES)["count"], 0);
    let accepted = world.delete(&format!("{clusters}/{cluster}"));
    world.ended(accepted);
    assert_eq!(world.simulator.everything(), []);
}
