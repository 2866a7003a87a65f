use serde_json::{Value, json};

use super::*;
use crate::catalog::schema::Types;
use crate::catalog::{Attribute, Method, Reference, Route, Unknown};

fn operation(call: &str) -> std::sync::Arc<Operation> {
    let route = Route::parse(&call.replace("PR", "{project_id}/{region_id}")).expect("tests write routes rightly");
    Catalog::embedded().find(&route).unwrap_or_else(|| panic!("{call}"))
}

fn findings(call: &str, body: &Partial) -> Vec<BodyFinding> {
    Catalog::embedded().check_request(&operation(call), Some(body), ALLOW_NOTHING)
}

fn check(call: &str, body: Value) -> Vec<String> {
    shown(findings(call, &Partial::from(&body)))
}

/// `at: code: message`
fn shown(findings: Vec<BodyFinding>) -> Vec<String> {
    let tell = |found: &BodyFinding| {
        let at: Vec<String> = found.at.iter().map(PathSegment::to_string).collect();
        format!("{}: {}: {}", at.join("."), found.code, found.message)
    };
    findings.iter().map(tell).collect()
}

/// A body with one field whose value a template gives.
fn with(body: Value, field: &str, value: Partial) -> Partial {
    let Partial::Map(mut fields) = Partial::from(&body) else { panic!("tests write mappings") };
    fields.retain(|(name, _)| name != field);
    fields.push((field.to_owned(), value));
    Partial::Map(fields)
}

const NETWORKS: &str = "POST /cloud/v1/networks/PR";
const SUBNETS: &str = "POST /cloud/v1/subnets/PR";
const MACHINES: &str = "POST /cloud/v2/instances/PR";
const VOLUMES: &str = "POST /cloud/v1/volumes/PR";
const ID: &str = "b5b4d65d-945f-4b98-ab6f-332319c724ef";

fn machine() -> Value {
    json!({
        "name": "web-1",
        "flavor": "g1-standard-1-2",
        "volumes": [{ "source": "image", "image_id": ID, "size": 20, "boot_index": 0 }],
        "interfaces": [{ "type": "subnet", "network_id": ID, "subnet_id": ID }],
        "tags": { "anything": "goes" },
        "ssh_key_name": "laptop",
    })
}

#[test]
fn a_right_body_has_no_findings() {
    assert_eq!(check(NETWORKS, json!({ "name": "demo-net", "create_router": false })), [""; 0]);
    assert_eq!(check(SUBNETS, json!({ "name": "demo", "network_id": ID, "cidr": "10.0.0.0/24" })), [""; 0]);
    assert_eq!(check(MACHINES, machine()), [""; 0]);
}

#[test]
fn a_misspelt_field_suggests_the_right_one() {
    let found = findings(NETWORKS, &Partial::from(&json!({ "nmae": "demo" })));
    // A misspelt field is not reported as missing as well.
    assert_eq!(shown(found.clone()), ["nmae: unknown-field: there is no field `nmae` here"]);
    assert!(found[0].on_key);
    assert_eq!(found[0].replacement.as_deref(), Some("name"));
    assert_eq!(found[0].help[0], "did you mean `name`?");
    assert!(found[0].help[1].contains("--spec FILE") && found[0].help[1].contains("`allow_unknown: [body/nmae]`"));
}

#[test]
fn a_field_like_no_other_is_as_wrong_as_a_misspelt_one() {
    let severity = |body: Value| findings(NETWORKS, &Partial::from(&body)).pop().map(|found| found.severity);
    assert_eq!(severity(json!({ "name": "demo", "image_id": ID })), Some(Severity::Error));
    assert_eq!(severity(json!({ "name": "demo", "router": true })), Some(Severity::Error));
}

#[test]
fn one_word_between_brackets_may_be_meant_where_any_text_will_do() {
    let call = "POST /cloud/v2/secrets/PR";
    let payload = |certificate: &str| json!({ "name": "tls", "payload": { "certificate": certificate, "private_key": "k", "certificate_chain": "c" } });
    let severity = |text: &str| findings(call, &Partial::from(&payload(text))).pop().map(|found| found.severity);
    assert_eq!(severity("<certificate>"), Some(Severity::Warning));
    assert_eq!(severity("<fill in certificate>"), Some(Severity::Error));
}

#[test]
fn many_unknown_fields_give_a_few_findings() {
    let fields = (0..5000).map(|nth| (format!("key{nth}"), json!(1)));
    let body = Value::Object(fields.chain([("name".to_owned(), json!("demo"))]).collect());
    let found = findings(NETWORKS, &Partial::from(&body));
    assert!(found.len() < 100, "{}", found.len());
    assert_eq!(found.last().unwrap().message, "the body has 4950 more unknown fields");
}

#[test]
fn a_wrong_type_names_the_right_one_and_fixes_quotes() {
    let found = findings(VOLUMES, &Partial::from(&json!({ "name": "data", "source": "new-volume", "size": "10" })));
    assert_eq!(shown(found.clone()), ["size: wrong-type: `size` wants an integer, and this is a string"]);
    assert_eq!(found[0].replacement.as_deref(), Some("10"));
    let found = findings(NETWORKS, &Partial::from(&json!({ "name": 123 })));
    assert_eq!(found[0].replacement.as_deref(), Some("\"123\""));
}

#[test]
fn limits_are_described() {
    assert_eq!(
        check(
            "POST /cloud/v1/lblisteners/PR",
            json!({
                "name": "http", "protocol": "HTP", "protocol_port": 70000, "load_balancer_id": "lb"
            })
        ),
        [
            "protocol: value-not-allowed: `HTP` is no value of `protocol`",
            "protocol_port: out-of-range: `protocol_port` is from 1 to 65535, and this is 70000",
            "load_balancer_id: wrong-format: `load_balancer_id` wants an id (a UUID), and `lb` is none",
        ]
    );
    assert_eq!(
        check(NETWORKS, json!({ "name": "x" })),
        ["name: wrong-format: `name` is not written as the API wants it"]
    );
    assert_eq!(
        check(SUBNETS, json!({ "name": "demo", "network_id": ID, "cidr": "10.0.0.1/24" })),
        ["cidr: host-bits-set: `10.0.0.1/24` is an address within a network, and `cidr` wants the network"]
    );
}

#[test]
fn findings_are_those_of_the_named_variant() {
    let mut body = machine();
    body["volumes"][0] = json!({ "source": "image", "size": 20 });
    assert_eq!(
        check(MACHINES, body.clone()),
        ["volumes.0: missing-field: `image_id` is missing in an item of `volumes`"]
    );
    body["volumes"][0] = json!({ "source": "new-volume", "size": 20, "snapshot_id": ID });
    let found = findings(MACHINES, &Partial::from(&body));
    assert_eq!(
        shown(found.clone()),
        ["volumes.0.snapshot_id: unknown-field: there is no field `snapshot_id` with `source: new-volume`"]
    );
    assert_eq!(found[0].help[0], "it belongs to `source`: `snapshot`");
    body["volumes"][0] = json!({ "source": "imgae", "image_id": ID });
    let found = findings(MACHINES, &Partial::from(&body));
    assert_eq!(shown(found.clone()), ["volumes.0.source: value-not-allowed: `imgae` is no value of `source`"]);
    assert_eq!(found[0].replacement.as_deref(), Some("image"));
}

#[test]
fn a_naming_field_that_may_be_left_out_is_missed_all_the_same() {
    let attach = "POST /cloud/v1/instances/PR/{instance_id}/attach_interface";
    let found = findings(attach, &Partial::from(&json!({ "subnet_id": ID })));
    assert_eq!((found.len(), found[0].code, found[0].severity), (1, "missing-field", Severity::Warning));
    assert_eq!(check(attach, json!({ "type": "subnet", "subnet_id": ID })), [""; 0]);
}

#[test]
fn without_a_naming_field_the_nearest_variant_explains() {
    let standard = json!({ "name": "share", "protocol": "NFS", "size": 5, "network": { "network_id": "x" } });
    assert_eq!(
        check("POST /cloud/v1/file_shares/PR", standard),
        ["network.network_id: wrong-format: `network_id` wants an id (a UUID), and `x` is none"]
    );
    let action = json!({ "action": "reboot", "activate_profile": true });
    assert_eq!(
        check("POST /cloud/v2/instances/PR/{instance_id}/action", action),
        ["activate_profile: unknown-field: there is no field `activate_profile` here"]
    );
}

#[test]
fn an_id_of_the_wrong_kind_is_found() {
    let body = json!({ "name": "demo", "cidr": "10.0.0.0/24" });
    let check =
        |kind: &str, by| shown(findings(SUBNETS, &with(body.clone(), "network_id", Partial::reference(kind, by))));
    assert_eq!(check("networks", Attribute::Id), [""; 0]);
    assert_eq!(
        check("subnets", Attribute::Id),
        ["network_id: wrong-kind: `network_id` wants the id of one of `networks`, and this is one of `subnets`"]
    );
    assert_eq!(
        check("networks", Attribute::Name),
        ["network_id: name-for-id: `network_id` wants the id of one of `networks`, and this is its name"]
    );
    assert_eq!(check("subnets", Attribute::Other), [""; 0]);
}

#[test]
fn an_id_where_a_name_is_wanted_is_found() {
    let key = |by| shown(findings(MACHINES, &with(machine(), "ssh_key_name", Partial::reference("ssh_keys", by))));
    assert_eq!(key(Attribute::Name), [""; 0]);
    assert_eq!(
        key(Attribute::Id),
        ["ssh_key_name: id-for-name: `ssh_key_name` wants the name of one of `ssh_keys`, and this is its id"]
    );
    let pools = operation("POST /cloud/v2/k8s/clusters/PR/{cluster_name}/pools");
    let path = [("cluster_name".to_owned(), Partial::reference("k8s_clusters", Attribute::Id))];
    let found = pools.check_parameters(&path, &[], ALLOW_NOTHING);
    assert_eq!((found.len(), found[0].finding.code, found[0].place), (1, "id-for-name", ParameterPlace::Path));
}

#[test]
fn known_parts_of_a_template_are_checked() {
    let size = |unknown: Unknown| {
        let body = json!({ "name": "data", "source": "new-volume" });
        shown(findings(VOLUMES, &with(body, "size", Partial::Unknown(Box::new(unknown)))))
    };
    let integer = Types::of(&[Type::Integer]);
    assert_eq!(size(Unknown::default()), [""; 0]);
    assert_eq!(size(Unknown { types: integer, minimum: Some(1.0), ..Unknown::default() }), [""; 0]);
    assert_eq!(
        size(Unknown { types: Types::of(&[Type::String]), ..Unknown::default() }),
        ["size: wrong-type: `size` wants an integer, and this template gives a string"]
    );
    let options = Partial::OneOf(vec![Partial::from(&json!(5)), Partial::from(&json!(-5))]);
    assert_eq!(
        shown(findings(VOLUMES, &with(json!({ "name": "data", "source": "new-volume" }), "size", options))),
        ["size: out-of-range: `size` is at least 1, and this is -5"]
    );
    assert_eq!(
        size(Unknown { types: integer, maximum: Some(0.0), ..Unknown::default() }),
        ["size: out-of-range: `size` is at least 1, and no value that this may have is"]
    );
}

#[test]
fn a_text_with_holes_is_a_string_that_may_become_right() {
    let text = |known: &str| Partial::Text(vec![None, Some(known.to_owned())]);
    assert_eq!(shown(findings(NETWORKS, &Partial::Map(vec![("name".into(), text("-net"))]))), [""; 0]);
    let volume = json!({ "name": "data", "source": "new-volume" });
    assert_eq!(
        shown(findings(VOLUMES, &with(volume.clone(), "size", text("0")))),
        ["size: wrong-type: `size` wants an integer, and this is a string"]
    );
    let typed = with(json!({ "name": "data", "source": "new-volume", "size": 5 }), "type_name", text("-nothing"));
    assert_eq!(
        shown(findings(VOLUMES, &typed)),
        ["type_name: value-not-allowed: this text is no value of `type_name`"]
    );
}

#[test]
fn a_whole_variant_may_come_from_a_template() {
    let body = with(json!({ "name": "data" }), "source", Partial::unknown());
    assert_eq!(shown(findings(VOLUMES, &body)).len(), 1, "a size, an image or a snapshot is missing");
    let body = with(json!({ "name": "data", "size": 5 }), "source", Partial::unknown());
    assert_eq!(shown(findings(VOLUMES, &body)), [""; 0]);
}

#[test]
fn a_body_where_none_belongs_and_none_where_one_does() {
    let network = operation(NETWORKS);
    let found = Catalog::embedded().check_request(&network, None, ALLOW_NOTHING);
    assert_eq!((found[0].code, found[0].help.as_slice()), ("missing-body", &["required: `name`".to_owned()][..]));
    let read = operation("GET /cloud/v1/networks/PR");
    assert_eq!(Catalog::embedded().check_request(&read, None, ALLOW_NOTHING), []);
    let with_one = Catalog::embedded().check_request(&read, Some(&Partial::Map(vec![])), ALLOW_NOTHING);
    assert_eq!(with_one[0].code, "body-not-taken");
}

#[test]
fn parameters_are_text_on_the_wire() {
    let list = operation("GET /cloud/v1/images/PR");
    let query = |name: &str, value: Value| {
        let found = list.check_parameters(&[], &[(name.to_owned(), Partial::from(&value))], ALLOW_NOTHING);
        shown(found.into_iter().map(|found| found.finding).collect())
    };
    assert_eq!(query("limit", json!("10")), [""; 0]);
    assert_eq!(query("limit", json!(10)), [""; 0]);
    assert_eq!(query("limit", json!("ten")), ["limit: wrong-type: `limit` wants an integer, and this is a string"]);
    assert_eq!(query("include_prices", json!("true")), [""; 0]);
    assert_eq!(query("name", json!(22)), [""; 0]);
    assert_eq!(
        query("visibilty", json!("public")),
        [
            "visibilty: unknown-parameter: `GET /cloud/v1/images/{project_id}/{region_id}` takes no query parameter `visibilty`"
        ]
    );
    let machine = Catalog::embedded().matching(Method::Delete, "/cloud/v1/instances/1/7/not-an-id").unwrap();
    let path: Vec<_> = machine.1.into_iter().map(|(name, value)| (name, Partial::String(value))).collect();
    let found = machine.0.check_parameters(&path, &[], ALLOW_NOTHING);
    assert_eq!((found.len(), found[0].finding.code), (1, "wrong-format"));
}

#[test]
fn a_parameter_of_the_wrong_kind_is_found() {
    let operation = operation("DELETE /cloud/v1/networks/PR/{network_id}");
    let reference = Partial::Unknown(Box::new(Unknown {
        types: Types::of(&[Type::String]),
        reference: Some(Reference { kind: "subnets".into(), attribute: Attribute::Id }),
        ..Unknown::default()
    }));
    let found = operation.check_parameters(&[("network_id".to_owned(), reference)], &[], ALLOW_NOTHING);
    assert_eq!(found[0].finding.code, "wrong-kind");
}

#[test]
fn every_code_is_listed() {
    let sources = [
        include_str!("mod.rs"),
        include_str!("content.rs"),
        include_str!("mapping.rs"),
        include_str!("scalar.rs"),
        include_str!("unknown.rs"),
        include_str!("variants.rs"),
        include_str!("parameters.rs"),
        include_str!("refusals.rs"),
    ];
    for code in CODES {
        let (quoted, named) = (format!("\"{code}\""), format!("code::{}", code.to_uppercase().replace('-', "_")));
        let of = |source: &&str| source.matches(&quoted).count() + source.matches(&named).count();
        let uses: usize = sources.iter().map(of).sum();
        assert!(uses > 0, "{code} is found somewhere");
    }
}

const GROUPS: &str = "POST /cloud/v2/security_groups/PR";

fn rule(rule: Value) -> Vec<String> {
    let codes = |call: &str, body: Value| -> Vec<String> {
        findings(call, &Partial::from(&body)).iter().map(|found| found.code.to_owned()).collect()
    };
    let in_new_group = codes(GROUPS, json!({ "name": "web", "rules": [rule] }));
    let alone = codes("POST /cloud/v2/security_groups/PR/{group_id}/rules", rule.clone());
    let older = json!({ "security_group": { "name": "web", "security_group_rules": [rule] } });
    assert_eq!(in_new_group, alone);
    assert_eq!(in_new_group, codes("POST /cloud/v1/securitygroups/PR", older));
    alone
}

#[test]
fn no_rule_opens_egress_to_port_25() {
    for refused in [
        json!({ "direction": "egress" }),
        json!({ "direction": "egress", "protocol": null, "ethertype": "IPv6" }),
        json!({ "direction": "egress", "protocol": "tcp" }),
        json!({ "direction": "egress", "protocol": "udp", "port_range_min": 25, "port_range_max": 25 }),
        json!({ "direction": "egress", "protocol": "tcp", "port_range_min": 1, "port_range_max": 65535 }),
    ] {
        assert_eq!(rule(refused.clone()), ["egress-to-any"], "{refused}");
    }
    for taken in [
        json!({ "direction": "ingress" }),
        json!({ "direction": "egress", "protocol": "icmp" }),
        json!({ "direction": "egress", "protocol": "tcp", "port_range_min": 26, "port_range_max": 65535 }),
        json!({ "direction": "egress", "protocol": "udp", "port_range_min": 1, "port_range_max": 24 }),
    ] {
        assert_eq!(rule(taken.clone()), [""; 0], "{taken}");
    }
    let unknown = with(json!({ "direction": "egress" }), "protocol", Partial::unknown());
    let group = with(json!({ "name": "web" }), "rules", Partial::List(vec![unknown]));
    assert_eq!(shown(findings(GROUPS, &group)), [""; 0], "what a template gives may be anything");
}

#[test]
fn an_interface_names_nothing_that_another_one_has() {
    let router = "POST /cloud/v1/routers/PR";
    let (one, other) = ("8f1c0a3e-0000-4000-8000-000000000001", "8f1c0a3e-0000-4000-8000-000000000002");
    let subnets = |ids: [&str; 2]| json!({ "name": "web", "interfaces": ids.map(|id| json!({ "type": "subnet", "subnet_id": id })) });
    let ports = |ids: [&str; 2]| {
        json!({
            "flavor": "g2-standard-2-4",
            "volumes": [{ "source": "image", "image_id": one, "size": 20, "boot_index": 0 }],
            "interfaces": ids.map(|id| json!({ "type": "reserved_fixed_ip", "port_id": id })),
        })
    };
    let addresses = |ids: [&str; 2]| {
        let interface = |id| {
            let address = json!({ "source": "existing", "existing_floating_id": id });
            json!({ "type": "any_subnet", "network_id": one, "floating_ip": address })
        };
        let mut body = ports([one, other]);
        body["interfaces"] = ids.map(interface).into();
        body
    };
    for (call, twice, once) in [
        (router, subnets([one, one]), subnets([one, other])),
        (MACHINES, ports([one, one]), ports([one, other])),
        (MACHINES, addresses([one, one]), addresses([one, other])),
    ] {
        let found = check(call, twice.clone());
        assert!(
            found.len() == 1 && found[0].contains("interfaces.1.") && found[0].contains("duplicate-item"),
            "{found:?}"
        );
        assert_eq!(check(call, once.clone()), [""; 0], "{once}");
    }
}

#[test]
fn icmp_of_ipv6_has_a_name_of_its_own() {
    let icmp =
        |word: &str, family: &str| rule(json!({ "direction": "ingress", "protocol": word, "ethertype": family }));
    assert_eq!(icmp("icmp", "IPv6"), ["icmp-with-ipv6"]);
    assert!(icmp("ipv6-icmp", "IPv6").is_empty() && icmp("icmp", "IPv4").is_empty());
}

#[test]
fn a_subnet_of_a_load_balancer_wants_its_network() {
    let call = "POST /cloud/v1/loadbalancers/PR";
    let found = check(call, json!({ "name": "web", "vip_subnet_id": ID }));
    let message = "a load balancer in a subnet wants the network as well";
    assert_eq!(found, [format!("vip_subnet_id: subnet-without-network: {message}")]);
    assert_eq!(check(call, json!({ "name": "web", "vip_subnet_id": ID, "vip_network_id": ID })), [""; 0]);
    assert_eq!(check(call, json!({ "name": "web" })), [""; 0]);
}

#[test]
fn a_change_of_a_machine_changes_something() {
    let operation = operation("PATCH /cloud/v1/instances/PR/{instance_id}");
    for empty in [None, Some(Partial::Map(Vec::new()))] {
        let found = Catalog::embedded().check_request(&operation, empty.as_ref(), ALLOW_NOTHING);
        assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), ["empty-change"]);
    }
    let named = Partial::from(&json!({ "name": "web-2" }));
    assert_eq!(Catalog::embedded().check_request(&operation, Some(&named), ALLOW_NOTHING), []);
}

#[test]
fn a_part_of_a_health_monitor_is_not_enough_for_a_change() {
    let found =
        check("PATCH /cloud/v2/lbpools/PR/{pool_id}", json!({ "healthmonitor": { "delay": 5, "max_retries": 3 } }));
    assert_eq!(found, ["healthmonitor: missing-field: `timeout` is missing in `healthmonitor`"]);
}

#[test]
fn deprecated_fields_are_warned_about() {
    let found = findings("PATCH /cloud/v2/lbpools/PR/{pool_id}", &Partial::from(&json!({ "members": [] })));
    assert_eq!(shown(found.clone()), ["members: deprecated-field: `members` is deprecated"]);
    assert!(found[0].severity == Severity::Warning && found[0].on_key);
}

#[test]
fn all_that_any_variant_takes_of_a_field_is_named() {
    let shares = "POST /cloud/v1/file_shares/PR";
    let found = findings(shares, &Partial::from(&json!({ "name": "files", "size": 5 })));
    assert_eq!(shown(found.clone()), [": missing-field: `protocol` is missing"]);
    assert!(found[0].help[0].contains("`NFS`") && found[0].help[0].contains("`LUSTRE`"), "{:?}", found[0].help);
    let found = findings(shares, &Partial::from(&json!({ "name": "files", "size": 5, "protocol": "LUSTR" })));
    assert_eq!(shown(found.clone()), ["protocol: value-not-allowed: `LUSTR` is no value of `protocol`"]);
    assert_eq!(found[0].help[0], "did you mean `LUSTRE`?");
}

const RECORDS: &str = "PUT /dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}";

#[test]
fn a_misspelt_field_where_any_is_taken_is_a_warning() {
    let found = |meta: Value| {
        let body = json!({ "resource_records": [{ "content": ["192.0.2.1"], "meta": meta }] });
        let found = findings(RECORDS, &Partial::from(&body)).into_iter();
        found.map(|found| (found.severity, found.message)).collect::<Vec<_>>()
    };
    let other = "`mine` is no known field here".to_owned();
    assert_eq!(found(json!({ "mine": 1, "countries": ["de"] })), [(Severity::Warning, other)]);
    let misspelt = "`countrys` is no known field here".to_owned();
    assert_eq!(found(json!({ "countrys": ["de"] })), [(Severity::Warning, misspelt)]);
}

/// The document has `type: object` for values of `meta`, and says in its prose what they are.
#[test]
fn what_is_known_of_dns_is_checked() {
    let records = |more: Value| {
        let mut body = json!({ "resource_records": [] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check(RECORDS, body)
    };
    let one = |meta: Value| json!({ "resource_records": [{ "content": ["192.0.2.1"], "meta": meta }] });
    for right in [
        json!({ "ttl": 0 }),
        json!({ "meta": { "geodns_link": "x", "failover": { "protocol": "ICMP", "port": 0, "frequency": 10, "timeout": 1, "path": "/" } } }),
        one(
            json!({ "asn": [17_544], "continents": ["asia"], "ip": ["192.168.15.150/25", "2003:de:2016::/48"], "weight": 30 }),
        ),
        one(json!({ "latlong": [52.5, 13], "default": true, "notes": "Miami" })),
    ] {
        assert_eq!(records(right.clone()), [""; 0], "{right}");
    }
    for (wrong, at, code) in [
        (json!({ "ttl": -1 }), "ttl", "out-of-range"),
        (json!({ "ttl": 4_294_967_296_u64 }), "ttl", "out-of-range"),
        (json!({ "meta": { "failover": { "protocol": "HTTP", "timeout": 1 } } }), "meta.failover", "missing-field"),
        (one(json!({ "countries": "de" })), "resource_records.0.meta.countries", "wrong-type"),
        (one(json!({ "ip": ["192.168.15.300/25"] })), "resource_records.0.meta.ip.0", "wrong-format"),
        (one(json!({ "latlong": [52.5] })), "resource_records.0.meta.latlong", "wrong-length"),
    ] {
        let found = records(wrong.clone());
        assert!(found.iter().any(|found| found.starts_with(&format!("{at}: {code}"))), "{wrong}: {found:?}");
    }
}

#[test]
fn numbers_in_a_query_are_numbers_though_the_example_is_text() {
    let requests = operation("GET /waap/v1/analytics/requests");
    let given = |value: Value| ("status_codes".to_owned(), Partial::from(&value));
    let found = |value: Value| {
        let start = ("start".to_owned(), Partial::String("2026-01-01".to_owned()));
        let found = requests.check_parameters(&[], &[start, given(value)], ALLOW_NOTHING);
        found.into_iter().map(|found| found.finding.code).collect::<Vec<_>>()
    };
    assert_eq!(found(json!(["403", 499])), [""; 0]);
    assert_eq!(found(json!("many")), ["wrong-type"]);
    assert_eq!(found(json!(["700"])), ["out-of-range"]);
}

/// An example that is a list of one where the document has the one.
#[test]
fn a_list_in_an_example_has_items_of_the_shape_beside_it() {
    let player = |player: Value| check("POST /streaming/players", json!({ "player": player }));
    assert_eq!(player(json!([{ "name": "a" }])), [""; 0]);
    assert_eq!(player(json!({ "name": "a" })), [""; 0]);
    assert_eq!(player(json!([1])).len(), 1);
}

#[test]
fn a_null_that_only_an_example_shows_stands_with_those_beside_it() {
    const ONE: &str = "PATCH /streaming/streams/{stream_id}/overlays/{overlay_id}";
    let url = "http://example.com/overlay.html";
    let whole = json!({ "url": url, "width": null, "height": null, "x": null, "y": null });
    assert_eq!(check(ONE, whole), [""; 0]);
    let alone = "x: wrong-type: `x` is `null` only where `width`, `height`, `y` are";
    assert_eq!(check(ONE, json!({ "url": url, "x": null })), [alone]);
    let either = || Partial::OneOf(vec![Partial::Null, Partial::from(&json!(5))]);
    assert_eq!(shown(findings(ONE, &with(json!({ "url": url }), "x", either()))), [alone]);
    let body = with(json!({ "width": null, "y": null, "height": null }), "x", either());
    assert_eq!(shown(findings(ONE, &body)), [""; 0]);
    assert_eq!(check(ONE, json!({ "url": url, "width": null, "height": 5, "x": null, "y": null })).len(), 3);
    // What the others are is known later.
    let body = json!({ "width": null, "x": null, "y": null });
    assert_eq!(shown(findings(ONE, &with(body, "height", Partial::unknown()))), [""; 0]);
}

#[test]
fn fields_that_another_part_describes_keep_their_types() {
    const SUBTITLES: &str = "POST /streaming/videos/{video_id}/subtitles";
    assert_eq!(check(SUBTITLES, json!({ "name": "a", "language": "ger", "vtt": "WEBVTT" })), [""; 0]);
    let wrong = check(SUBTITLES, json!({ "name": null, "language": 5, "vtt": [] }));
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    // The document names `<language_code>` among the values.
    let stand_in = json!({ "language": "ger", "auto_transcribe_audio_language": "<language_code>" });
    let found = findings(SUBTITLES, &Partial::from(&stand_in));
    assert!(matches!(&found[..], [one] if one.code == "placeholder" && one.severity == Severity::Warning), "{found:?}");
}

#[test]
fn metadata_of_the_users_own_is_accepted_and_suspicious_metadata_is_reported() {
    let of = |call: &str, body: Value| {
        let found = findings(call, &Partial::from(&body));
        let shown = shown(found.clone());
        assert!(
            found.iter().all(|found| found.severity == Severity::Warning) || body.get("wrong").is_some(),
            "{shown:?}"
        );
        shown
    };
    const ZONES: &str = "POST /dns/v2/zones";
    let zone = |meta: Value| json!({ "name": "example.com", "meta": meta });
    let hook = json!({ "webhook": "https://example.com/hook", "webhook_method": "PUT", "owner": "us", "more": {} });
    assert_eq!(of(ZONES, zone(hook)), [""; 0]);
    assert_eq!(of(ZONES, zone(json!({ "webhok": "https://example.com" }))).len(), 1);
    assert_eq!(of(ZONES, zone(json!({ "owner": true, "more": [1], "less": null }))).len(), 3);
    assert_eq!(check(ZONES, zone(json!({ "webhook": 5 }))).len(), 1);
    const SET: &str = "POST /dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}";
    let set = |meta: Value, of_record: Value| json!({ "meta": meta, "resource_records": [{ "content": ["192.0.2.1"], "meta": of_record }] });
    assert_eq!(of(SET, set(json!({}), json!({ "asn": [1], "cidr_labels": { "a": 1 } }))), [""; 0]);
    assert_eq!(of(SET, set(json!({ "fail": {} }), json!({ "country": ["de"], "xyzzy": 1 }))).len(), 3);
}

/// The document asks for base64, and for one way to set credentials, in prose only.
#[test]
fn user_data_is_in_base64_and_stands_alone() {
    let operation = operation("POST /cloud/v2/instances/{project_id}/{region_id}");
    let findings = |more: Value| {
        let mut body = json!({
            "name": "web", "flavor": "g1-standard-1-2", "interfaces": [{ "type": "external" }],
            "volumes": [{ "source": "image", "image_id": "11111111-0000-4000-8000-000000000001", "size": 5 }],
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let found = Catalog::embedded().check_request(&operation, Some(&Partial::from(&body)), ALLOW_NOTHING);
        found.iter().map(|found| format!("{:?}: {}", found.at.last(), found.code)).collect::<Vec<_>>()
    };
    let key = |name: &str| format!("{:?}", Some(PathSegment::Key(name.to_owned())));
    for (more, expected) in [
        (json!({ "user_data": "I2Nsb3VkLWNvbmZpZwo=" }), vec![]),
        (json!({ "user_data": "I2Nsb3Vk\nLWNvbmZpZwo=\n" }), vec![]),
        (
            json!({ "user_data": "#cloud-config\npackages: [nginx]\n" }),
            vec![format!("{}: wrong-format", key("user_data"))],
        ),
        (
            json!({ "user_data": "I2Nsb3VkLWNvbmZpZwo=", "username": "me", "password": "Only-4-this!" }),
            vec![format!("{}: value-not-allowed", key("username"))],
        ),
        (json!({ "password": "Only-4-this!" }), vec![]),
    ] {
        assert_eq!(findings(more.clone()), expected, "{more}");
    }
}
