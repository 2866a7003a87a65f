//! DNS and the CDN as recorded, exchange by exchange; and every operation of every product.

use super::*;
use crate::body_file::{FormFile, Upload};
use crate::catalog::{Catalog, Effect};
use crate::simulate::UnknownIds;

/// Names of the fields of an object, sorted.
fn fields(shown: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_zone_is_made_read_and_changed_as_recorded() {
    let mut world = world(instant());
    let (status, made) = world.post("/dns/v2/zones", json!({ "enabled": true, "name": "a.com" }));
    assert_eq!((status, fields(&made)), (200, vec!["id", "warnings"]));
    let zone = world.get("/dns/v2/zones/a.com");
    let shown = [
        "contact",
        "dnssec_enabled",
        "enabled",
        "expiry",
        "meta",
        "name",
        "nx_ttl",
        "primary_server",
        "records",
        "refresh",
        "retry",
        "rrsets_amount",
        "serial",
        "status",
    ];
    assert_eq!(fields(&zone), shown);
    assert_eq!((&zone["meta"], &zone["status"], &zone["nx_ttl"]), (&Value::Null, &json!("pending"), &json!(300)));
    let servers = json!([{
        "name": "a.com", "type": "NS", "ttl": 3600, "short_answers": ["ns1.gcorelabs.net", "ns2.gcdn.services"],
    }]);
    assert_eq!(zone["records"], servers);
    let amount = json!({ "total": 1, "static": 1, "dynamic": { "total": 0, "healthcheck": 0 } });
    assert_eq!(zone["rrsets_amount"], amount);
    // An empty answer; DNSSEC has a call of its own; `null` counts as not given.
    let change = json!({ "name": "a.com", "enabled": true, "dnssec_enabled": true, "nx_ttl": 300, "contact": null });
    assert_eq!(world.send(Method::Put, "/dns/v2/zones/a.com", Some(change)), (200, json!({})));
    assert_eq!(world.get("/dns/v2/zones/a.com")["contact"], "support@gcore.com");
    assert_eq!(world.get("/dns/v2/zones/a.com")["dnssec_enabled"], json!(false));
    let (status, dnssec) = world.send(Method::Patch, "/dns/v2/zones/a.com/dnssec", Some(json!({ "enabled": true })));
    assert_eq!((status, &dnssec["message"]), (200, &json!("Successfully enable DNSSEC")));
    assert_eq!((&dnssec["algorithm"], &dnssec["flags"]), (&json!("13"), &json!(257)));
    let zone = world.get("/dns/v2/zones/a.com");
    assert_eq!((&zone["dnssec_enabled"], &zone["meta"]), (&json!(true), &json!({ "dnssec_status": "ACTIVE" })));
    assert_eq!(world.get("/dns/v2/zones/a.com/dnssec")["ds"], dnssec["ds"]);
    world.send(Method::Patch, "/dns/v2/zones/a.com/dnssec", Some(json!({ "enabled": false })));
    let zone = world.get("/dns/v2/zones/a.com");
    assert_eq!((&zone["dnssec_enabled"], &zone["meta"]), (&json!(false), &json!({ "dnssec_status": "DISABLED" })));
    world.send(Method::Put, "/dns/v2/zones/a.com", Some(json!({ "name": "a.com", "enabled": true })));
    assert_eq!(world.get("/dns/v2/zones/a.com")["meta"], Value::Null, "a change replaces `meta`");
    assert_eq!(world.delete("/dns/v2/zones/a.com"), (200, json!({})));
    assert_eq!(world.send(Method::Get, "/dns/v2/zones/a.com", None).0, 404);
}

#[test]
fn a_list_below_a_resource_shows_nothing_of_another_one() {
    let mut world = world(instant());
    let resource = |world: &mut World, name: &str| {
        world.post("/cdn/resources", json!({ "cname": name, "origin": "example.org" })).1["id"].clone()
    };
    let (one, two) = (resource(&mut world, "one.example.org"), resource(&mut world, "two.example.org"));
    world.post(&format!("/cdn/resources/{one}/rules"), json!({ "name": "r", "rule": "/a", "ruleType": 0 }));
    assert_eq!(world.get(&format!("/cdn/resources/{one}/rules")).as_array().unwrap().len(), 1);
    assert_eq!(world.get(&format!("/cdn/resources/{two}/rules")), json!([]));
    for zone in ["a.com", "b.com"] {
        world.post("/dns/v2/zones", json!({ "name": zone }));
    }
    let sets = world.get("/dns/v2/zones/a.com/rrsets");
    assert_eq!((&sets["total_amount"], &sets["rrsets"][0]["name"]), (&json!(1), &json!("a.com")));
    assert_eq!(world.post("/dns/v2/zones", json!({ "name": "" })).0, 400);
}

#[test]
fn a_webhook_adds_further_fields_of_a_zone() {
    let mut world = world(instant());
    world.post("/dns/v2/zones", json!({ "name": "a.com", "meta": { "webhook": "https://a.com/hook" } }));
    let meta = world.get("/dns/v2/zones/a.com")["meta"].clone();
    assert_eq!(fields(&meta), ["max_hosts", "targeting", "webhook"]);
}

#[test]
fn record_sets_are_made_read_and_changed_as_recorded() {
    let mut world = world(instant());
    world.post("/dns/v2/zones", json!({ "name": "a.com" }));
    let path = "/dns/v2/zones/a.com/www.a.com/A";
    let body = |ttl: u64| json!({ "ttl": ttl, "resource_records": [{ "content": ["192.0.2.1"], "enabled": true }] });
    let (status, made) = world.post(path, body(300));
    let shown = ["filter_set_id", "id", "meta", "name", "pickers", "resource_records", "ttl", "type", "updated_at"];
    assert_eq!((status, fields(&made)), (200, shown.to_vec()));
    assert_eq!(fields(&made["resource_records"][0]), ["content", "enabled", "id", "meta"]);
    assert_eq!(world.get(path), made);
    world.pass(50);
    let (status, changed) = world.send(Method::Put, path, Some(body(600)));
    assert_eq!((status, &changed["ttl"], &changed["id"]), (200, &json!(600), &made["id"]));
    assert_eq!(changed["resource_records"][0]["id"], made["resource_records"][0]["id"]);
    assert_eq!(changed["updated_at"], made["updated_at"], "the answer tells the time before");
    assert_ne!(world.get(path)["updated_at"], made["updated_at"]);

    let mail = json!({ "ttl": 3600, "meta": { "geodns_link": "a.com" }, "resource_records": [
        { "content": [10, "mail1.a.com"], "meta": { "countries": ["us"] } }, { "content": [20, "mail2.a.com"] },
    ] });
    world.post("/dns/v2/zones/a.com/a.com/MX", mail);
    let geo = json!({ "ttl": 300, "pickers": [{ "type": "country" }], "resource_records": [
        { "content": ["10.0.0.1"], "meta": { "countries": ["us"] } },
    ] });
    let (_, geo) = world.post("/dns/v2/zones/a.com/geo.a.com/A", geo);
    assert_eq!(geo["pickers"], json!([{ "type": "country", "strict": false }]));
    assert!(geo["filters"] == geo["pickers"] && geo["filter_set_id"].is_number());
    // `filters` is the earlier name, which clients still send.
    let earlier = json!({ "filters": [{ "type": "geodns" }], "resource_records": [{ "content": ["10.0.0.1"] }] });
    let (_, earlier) = world.post("/dns/v2/zones/a.com/old.a.com/A", earlier);
    assert_eq!(earlier["pickers"], json!([{ "type": "geodns", "strict": false }]));
    world.delete("/dns/v2/zones/a.com/old.a.com/A");
    let zone = world.get("/dns/v2/zones/a.com");
    assert_eq!(zone["rrsets_amount"], json!({ "total": 4, "static": 3, "dynamic": { "total": 1, "healthcheck": 0 } }));
    let answers = |name: &str| {
        let found = zone["records"].as_array().unwrap().iter().find(|record| record["type"] == name);
        found.unwrap()["short_answers"].clone()
    };
    assert_eq!(answers("MX"), json!(["mail1.a.com", "mail2.a.com"]));
    assert_eq!(world.post(path, body(1)).0, 400, "there is one of each");
    assert_eq!(world.delete(path), (200, json!({})));
    assert_eq!(world.send(Method::Get, path, None).0, 404);
}

#[test]
fn certificates_are_made_read_and_changed_as_recorded() {
    let mut world = world(instant());
    let (status, made) = world.post("/cdn/sslData", json!({ "name": "c", "automated": true }));
    assert_eq!((status, &made["deleted"]), (201, &json!(true)), "{made}");
    let path = format!("/cdn/sslData/{}", made["id"]);
    let mut shown = json!({
        "id": made["id"], "name": "c", "deleted": false, "cert_issuer": null, "cert_subject_cn": null,
        "cert_subject_alt": null, "validity_not_before": null, "validity_not_after": null,
        "sslCertificateChain": null, "hasRelatedResources": false, "automated": true,
    });
    assert_eq!(world.get(&path), shown);
    let change = json!({ "automated": true, "name": "d", "validate_root_ca": false });
    shown["name"] = "d".into();
    assert_eq!(world.send(Method::Put, &path, Some(change)), (200, shown.clone()));
    assert_eq!(world.get(&path), shown);
    assert_eq!(world.delete(&path), (204, Value::Null));
}

#[test]
fn secrets_are_made_read_and_changed_as_recorded() {
    let mut world = world(instant());
    let (status, made) = world.post("/fastedge/v1/secrets", json!({ "name": "one" }));
    assert_eq!((status, fields(&made)), (200, vec!["id", "name"]));
    let path = format!("/fastedge/v1/secrets/{}", made["id"]);
    assert_eq!(world.get(&path), json!({ "app_count": 0, "name": "one", "secret_slots": [] }));
    let shown = json!({ "app_count": 0, "comment": "c", "name": "one", "secret_slots": [] });
    assert_eq!(world.send(Method::Patch, &path, Some(json!({ "comment": "c" }))), (200, shown));
    let slots = json!({ "secret_slots": [{ "slot": 1, "value": "my-secret-value-1" }] });
    let (_, changed) = world.send(Method::Patch, &path, Some(slots));
    let checksum = "5423b2925dcc91a3fe23600244cae1760c6fb1ad53225a339b1d2775a4d23267";
    assert_eq!(changed["secret_slots"], json!([{ "slot": 1, "checksum": checksum }]));
    assert_eq!(world.delete(&format!("{path}?force=true")), (204, Value::Null));
}

#[test]
fn origin_groups_are_made_read_and_changed_as_recorded() {
    let mut world = world(instant());
    let sources =
        json!([{ "source": "a.com", "backup": false, "enabled": true }, { "source": "b.com", "backup": true }]);
    let body = json!({ "name": "g", "auth_type": "none", "use_next": true, "sources": sources });
    let (status, made) = world.post("/cdn/origin_groups", body.clone());
    let shown =
        ["auth_type", "has_related_resources", "id", "name", "path", "proxy_next_upstream", "sources", "use_next"];
    assert_eq!((status, fields(&made)), (201, shown.to_vec()));
    assert_eq!(fields(&made["sources"][0]), ["backup", "enabled", "source", "tag"]);
    assert_eq!(made["proxy_next_upstream"], json!(["error", "timeout"]));
    let refused = json!({ "errors": { "name": ["Origin Group name should be unique."] } });
    assert_eq!(world.post("/cdn/origin_groups", body), (400, refused));
    let path = format!("/cdn/origin_groups/{}", made["id"]);
    let (status, changed) = world.send(Method::Patch, &path, Some(json!({ "name": "h" })));
    assert_eq!((status, &changed["name"], &changed["sources"]), (200, &json!("h"), &made["sources"]));
    let moved = json!({ "sources": [{ "source": "d.com", "enabled": true, "backup": false }] });
    let (_, changed) = world.send(Method::Patch, &path, Some(moved));
    assert_eq!(fields(&changed["sources"][0]), ["backup", "enabled", "source", "tag"]);
    let astray = json!({ "sources": [{ "source": "c.invalid", "enabled": true, "backup": false }] });
    let (status, refused) = world.send(Method::Patch, &path, Some(astray));
    assert_eq!((status, fields(&refused["errors"]["sources"]["c.invalid"])), (400, vec!["source"]));
    let resource = json!({ "cname": "cdn.a.com", "originGroup": made["id"] });
    let (status, resource) = world.post("/cdn/resources", resource);
    assert_eq!(status, 201, "{resource}");
    assert_eq!(world.get(&path)["has_related_resources"], json!(true));
    let (status, refused) = world.delete(&path);
    assert_eq!((status, fields(&refused)), (400, vec!["name"]), "it is used");
    let resource = format!("/cdn/resources/{}", resource["id"]);
    assert_eq!(world.delete(&resource).0, 400, "it is switched off first");
    assert_eq!(world.send(Method::Patch, &resource, Some(json!({ "active": false }))).1["status"], "suspended");
    assert_eq!(world.delete(&resource), (204, Value::Null));
    assert_eq!(world.delete(&path), (204, Value::Null));
}

#[test]
fn resources_become_ready_after_their_answer() {
    let mut world = world(Options::default());
    let group = json!({ "name": "g", "sources": [{ "source": "a.com" }] });
    let group = world.post("/cdn/origin_groups", group).1["id"].clone();
    let (_, made) = world.post("/cdn/resources", json!({ "cname": "c.a.com", "originGroup": group }));
    assert_eq!(made["status"], "processed");
    world.settle();
    assert_eq!(world.get(&format!("/cdn/resources/{}", made["id"]))["status"], "active");
}

#[test]
fn fields_shown_once_are_never_shown_again() {
    let mut world = world(instant());
    let storage = json!({ "name": "files", "location_name": "s-ed1" });
    let storage = world.post("/storage/v4/object_storages", storage).1["id"].clone();
    let keys = format!("/storage/v4/object_storages/{storage}/access_keys");
    let (status, key) = world.send(Method::Post, &keys, None);
    assert_eq!((status, key["secret_key"].as_str().map(str::is_empty)), (201, Some(false)), "{key}");
    let listed = world.get(&keys);
    assert_eq!(listed["results"][0]["access_key"], key["access_key"]);
    assert!(listed["results"][0].get("secret_key").is_none());
    let secret = json!({ "name": "token", "secret_slots": [{ "slot": 0, "value": "hunter2" }] });
    let (_, secret) = world.post("/fastedge/v1/secrets", secret);
    let shown = world.get(&format!("/fastedge/v1/secrets/{}", secret["id"]));
    assert_eq!(fields(&shown["secret_slots"][0]), ["checksum", "slot"]);
}

#[test]
fn what_is_not_there_cannot_be_changed_and_a_put_replaces() {
    let mut world = world(instant());
    for path in ["/fastedge/v1/apps/7", "/fastedge/v1/secrets/7", "/waap/v1/custom-page-sets/7"] {
        let (status, shown) = world.send(Method::Patch, path, Some(json!({ "name": "other" })));
        assert_eq!(status, 404, "{path}: {shown}");
    }
    let mut upload = request(Method::Post, "/fastedge/v1/binaries/raw", None);
    upload.body_file = Some(Box::new(Upload::received("application/octet-stream", b"bytes")));
    let binary = world.answered(&upload).1["id"].clone();
    let app = |env: Value| json!({ "name": "web", "binary": binary, "status": 1, "env": env });
    let (_, made) = world.post("/fastedge/v1/apps", app(json!({ "A": "b" })));
    let path = format!("/fastedge/v1/apps/{}", made["id"]);
    assert_eq!(world.send(Method::Put, &path, Some(app(json!({ "C": "d" })))).0, 200);
    assert_eq!(world.get(&path)["env"], json!({ "C": "d" }));
    let secret = json!({ "name": "token", "secret_slots": [{ "slot": 0, "value": "hunter2" }] });
    let (_, made) = world.post("/fastedge/v1/secrets", secret.clone());
    let path = format!("/fastedge/v1/secrets/{}", made["id"]);
    world.send(Method::Put, &path, Some(secret));
    assert_eq!(fields(&world.get(&path)["secret_slots"][0]), ["checksum", "slot"]);
}

#[test]
fn what_a_wrapped_body_creates_has_its_fields() {
    let mut world = world(instant());
    for (path, wrapper) in [("players", "player"), ("broadcasts", "broadcast"), ("restreams", "restream")] {
        let path = format!("/streaming/{path}");
        assert!(world.post(&path, json!({ wrapper: { "name": "ours" } })).0 < 300, "{path}");
        let all = world.get(&path);
        assert_eq!((&all[0]["name"], all[0].get(wrapper)), (&json!("ours"), None), "{path}: {all}");
    }
}

#[test]
fn lists_have_the_fields_that_their_elements_always_have() {
    let mut world = world(Options { unknown_ids: UnknownIds::Assume, ..instant() });
    let rule = json!({
        "name": "r", "enabled": true, "action": { "block": {} }, "conditions": [{ "ip": { "ip_address": "192.0.2.7" } }],
    });
    let (_, made) = world.post("/waap/v1/domains/7/custom-rules", rule);
    assert_eq!((fields(&made["action"]), fields(&made["conditions"][0])), (vec!["block"], vec!["ip"]));
    let (_, secret) = world.post("/fastedge/v1/secrets", json!({ "name": "token", "secret_slots": [] }));
    let listed = world.get("/fastedge/v1/secrets");
    assert_eq!(fields(&listed["secrets"][0]), ["app_count", "id", "name"]);
    let app = json!({ "name": "web", "binary": 4711, "status": 1, "secrets": { "T": { "id": secret["id"] } } });
    let (_, app) = world.post("/fastedge/v1/apps", app);
    assert_eq!(world.get("/fastedge/v1/apps/by-name/web"), app["id"]);
    assert_eq!(world.send(Method::Get, "/fastedge/v1/apps/by-name/none", None).0, 404);
    // An assumed one is shown with what every element has.
    let listed = world.get("/fastedge/v1/binaries");
    assert!(listed["binaries"][0].get("status").is_some(), "{listed}");
}

/// A form with a file of this media type.
fn form(content_type: &str, network: &str) -> Request {
    let body = json!({ "network": network, "as_number": 65000, "files": ["a.pdf"] });
    let upload = Upload::received(content_type, b"%PDF-1").named("a.pdf");
    let form = Some([FormFile { field: "files".to_owned(), upload }].into());
    Request { form, ..request(Method::Post, "/security/sifter/v3/protected_networks", Some(body)) }
}

#[test]
fn a_protected_network_keeps_its_documents_and_shows_its_protection() {
    let mut world = world(instant());
    assert_eq!(world.answered(&form("image/png", "192.0.2.0/24")).0, 415);
    assert_eq!(world.answered(&form("application/pdf", "192.0.2.1/24")).0, 422);
    let without = Request { form: None, ..form("application/pdf", "192.0.2.0/24") };
    assert_eq!(world.answered(&without).0, 422, "JSON is not a form");
    let (status, made) = world.answered(&form("application/pdf", "192.0.2.0/24"));
    assert_eq!((status, &made["documents"][0]["name"]), (201, &json!("a.pdf")), "{made}");
    assert_eq!(made.get("files"), None);
    let path = format!("/security/sifter/v3/protected_networks/{}", made["id"]);
    assert_eq!(world.get(&path)["protection_status"], "NONE");
    assert_eq!(world.post(&format!("{path}/activate"), Value::Null).0, 202);
    assert_eq!(world.get(&path)["protection_status"], "ACTIVE");
    let (_, profile) =
        world.post("/security/sifter/v3/profiles", json!({ "name": "p", "template_id": 1, "fields": [] }));
    let change = json!({ "profile_id": profile["id"], "is_active": false });
    let (_, changed) = world.send(Method::Patch, &path, Some(change));
    assert_eq!(changed["profile"], json!({ "id": profile["id"], "name": "p" }));
    assert_eq!((&changed["protection_status"], &changed["is_active"]), (&json!("INACTIVE"), &json!(false)));
    let document = format!("/security/sifter/v3/protected_networks/documents/{}", made["documents"][0]["id"]);
    assert_eq!(world.send(Method::Get, &document, None).0, 200);
    assert_eq!(world.send(Method::Delete, &document, None).0, 204);
    assert_eq!(world.send(Method::Get, &document, None).0, 404);
    assert_eq!(world.get(&path)["documents"], json!([]));
}

/// Every product answers every operation, and the client can parse its refusals.
#[test]
fn every_operation_of_every_product_is_answered() {
    for operation in Catalog::embedded().operations() {
        if operation.route.path.starts_with("/cloud/") {
            continue;
        }
        for unknown_ids in [UnknownIds::Refuse, UnknownIds::Assume] {
            let mut world = world(Options { unknown_ids, ..instant() });
            let body = every_operation::body_of(&operation);
            let path = every_operation::concrete(&operation);
            let mut asked = request(operation.route.method, &path, body.clone());
            let received = |content: &str| Upload::received(content, b"bytes");
            match operation.takes_form() {
                true => {
                    let file = |field: &String| FormFile {
                        field: field.clone(),
                        upload: received(operation.part_type()).named("a.pdf"),
                    };
                    asked.form = Some(operation.file_fields.iter().map(file).collect());
                }
                false => asked.body_file = operation.media_types.first().map(|content| Box::new(received(content))),
            }
            let (status, shown) = world.answered(&asked);
            assert!(status < 500, "{}: {status} {shown}", operation.route);
            if status >= 400 {
                let answer = Answer { status, headers: vec![], body: shown.to_string().into_bytes() };
                let error = crate::api::ApiError::read(&asked.path, &answer, 0, &crate::secret::Secrets::default());
                assert!(!error.message.contains("no readable body"), "{}: {shown}", operation.route);
                assert!(status == 404 || !error.message.is_empty(), "{}: {shown}", operation.route);
            }
            if unknown_ids == UnknownIds::Assume && operation.effect == Effect::Create {
                let quirk = operation.route.path == "/cdn/resources";
                assert!(status < 300 || quirk, "{}: {status} {shown} for {body:?}", operation.route);
            }
        }
    }
}
