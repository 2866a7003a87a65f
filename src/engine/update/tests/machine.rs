//! The lists of a machine, element by element: every call, and the list as it is after it.

use super::*;
use crate::secret::Secrets;

/// Ids in the tables, and those that are sent: the API wants the latter form.
const IDS: [&str; 11] = ["v1", "v2", "v3", "n1", "n2", "s1", "s2", "p1", "p2", "image", "x1"];

fn uuid(at: usize) -> String {
    format!("00000000-0000-4000-8000-{at:012}")
}

fn in_full(value: &Value) -> Value {
    let ids = IDS.iter().enumerate();
    let text =
        ids.fold(value.to_string(), |text, (at, id)| text.replace(&format!("\"{id}\""), &format!("\"{}\"", uuid(at))));
    serde_json::from_str(&text).unwrap()
}

fn in_short(text: &str) -> String {
    let text = Secrets::default().redact(text).replace('"', "").replace("existing-volume", "existing");
    IDS.iter().enumerate().fold(text, |text, (at, id)| text.replace(&uuid(at), id))
}

/// Each call with the list that the machine has after it; the changes that need a new machine. `made`: the volumes that
/// the machine made.
fn steps(field: &str, before: &Value, after: &Value, made: &[&str]) -> Vec<String> {
    let call = |list: &Value| post("v2/instances/1/7", json!({ field: in_full(list) }));
    let mut result = StepResult { id: Some(in_full(&json!("x1")).into()), ..StepResult::default() };
    result.created.insert("volumes".to_owned(), made.iter().map(|id| in_full(&json!(id)).into()).collect());
    let resource = UpdatedResource::of(Catalog::embedded(), &call(before), &result);
    let split = split(Catalog::embedded(), resource.as_ref(), &call(before), &call(after), None, true);
    let called = split.calls.iter().map(|call| {
        let path = call.recorded.path.split("/1/7/").nth(1).unwrap();
        let body = call.recorded.body.as_ref().map(|body| body.text().to_owned()).unwrap_or_default();
        let after = call.agrees.body.as_ref().unwrap().get(field).cloned().unwrap_or_default();
        let is_open = format!("{path}{body}");
        let is_open = is_open.contains("after") || is_open.contains("VOLUME_ID");
        assert_eq!(call.lookups.is_empty(), !is_open, "{path} {body}");
        in_short(&format!("{path} {body} leaves {after}"))
    });
    let forced = split.forced.iter().map(|forced| in_short(&format!("{}: {}", forced.field, forced.reason)));
    called.chain(forced).collect()
}

#[test]
fn an_interface_elsewhere_is_another_interface() {
    let detach =
        "x1/detach_interface {port_id:(known after reading the port),ip_address:(known after reading the address)}";
    for (old, new, attached, [both, one]) in [
        (
            json!({ "type": "subnet", "network_id": "n1", "subnet_id": "s1" }),
            json!({ "type": "subnet", "network_id": "n1", "subnet_id": "s2" }),
            "{type:subnet,subnet_id:s2}",
            [
                "[{type:subnet,network_id:n1,subnet_id:s1},{type:subnet,network_id:n1,subnet_id:s2}]",
                "[{type:subnet,network_id:n1,subnet_id:s2}]",
            ],
        ),
        (
            json!({ "type": "reserved_fixed_ip", "port_id": "p1" }),
            json!({ "type": "reserved_fixed_ip", "port_id": "p2" }),
            "{type:reserved_fixed_ip,port_id:p2}",
            [
                "[{type:reserved_fixed_ip,port_id:p1},{type:reserved_fixed_ip,port_id:p2}]",
                "[{type:reserved_fixed_ip,port_id:p2}]",
            ],
        ),
        (
            json!({ "type": "external", "ip_family": "ipv4" }),
            json!({ "type": "external", "ip_family": "ipv6" }),
            "{type:external,ip_family:ipv6}",
            ["[{type:external,ip_family:ipv4},{type:external,ip_family:ipv6}]", "[{type:external,ip_family:ipv6}]"],
        ),
        (
            json!({ "type": "external", "interface_name": "a" }),
            json!({ "type": "external", "interface_name": "b" }),
            "{type:external,interface_name:b}",
            [
                "[{type:external,interface_name:a},{type:external,interface_name:b}]",
                "[{type:external,interface_name:b}]",
            ],
        ),
        (
            json!({ "type": "any_subnet", "network_id": "n1" }),
            json!({ "type": "any_subnet", "network_id": "n2" }),
            "{type:any_subnet,network_id:n2}",
            ["[{type:any_subnet,network_id:n1},{type:any_subnet,network_id:n2}]", "[{type:any_subnet,network_id:n2}]"],
        ),
    ] {
        let steps = steps("interfaces", &json!([old]), &json!([new]), &[]);
        let attach = format!("x1/attach_interface {attached} leaves {both}");
        assert_eq!(steps, [attach, format!("{detach} leaves {one}")]);
    }
}

#[test]
fn interfaces_change_their_groups_and_come_and_go_one_by_one() {
    let port = |groups: &str| {
        format!(
            "{{ports_security_group_names:[{{port_id:(known after reading the port),security_group_names:[{groups}]}}]}}"
        )
    };
    let [a, b] = ["a", "b"].map(|id| format!("(known after reading security group `{id}`)"));
    let (add, remove) = ("x1/addsecuritygroup", "x1/delsecuritygroup");
    let in_groups = |groups: &[&str]| {
        let groups: Vec<Value> = groups.iter().map(|id| json!({ "id": id })).collect();
        json!([{ "type": "external", "security_groups": groups }])
    };
    let detach =
        "x1/detach_interface {port_id:(known after reading the port),ip_address:(known after reading the address)}";
    let plain = json!([{ "type": "external" }]);
    let inner = |network: &str| json!({ "type": "any_subnet", "network_id": network });
    let no_call = "`plan` knows no call that changes it";
    for (before, after, expected) in [
        (
            plain.clone(),
            in_groups(&["a"]),
            vec![
                format!("{add} {} leaves [{{type:external,security_groups:[{{id:a}}]}}]", port(&a)),
                format!("{remove} {} leaves [{{type:external,security_groups:[{{id:a}}]}}]", port("default")),
            ],
        ),
        (
            in_groups(&["a"]),
            plain.clone(),
            vec![
                format!("{add} {} leaves [{{type:external,security_groups:[{{id:a}}]}}]", port("default")),
                format!("{remove} {} leaves [{{type:external}}]", port(&a)),
            ],
        ),
        (
            in_groups(&["a"]),
            in_groups(&["a", "b"]),
            vec![format!("{add} {} leaves [{{type:external,security_groups:[{{id:a}},{{id:b}}]}}]", port(&b))],
        ),
        (
            in_groups(&["a", "b"]),
            in_groups(&["b"]),
            vec![format!("{remove} {} leaves [{{type:external,security_groups:[{{id:b}}]}}]", port(&a))],
        ),
        (
            in_groups(&["a"]),
            in_groups(&["b"]),
            vec![
                format!("{add} {} leaves [{{type:external,security_groups:[{{id:a}},{{id:b}}]}}]", port(&b)),
                format!("{remove} {} leaves [{{type:external,security_groups:[{{id:b}}]}}]", port(&a)),
            ],
        ),
        (
            json!([{ "type": "external", "x": 1 }]),
            json!([{ "type": "external", "x": 2 }]),
            vec![format!("body/interfaces/0/x: {no_call}")],
        ),
        (
            json!([]),
            json!([{ "type": "external", "floating_ip": {} }]),
            vec![
                "body/interfaces/0/floating_ip: the API attaches interfaces without a floating IP: bind it in a \
                 step of its own, by `port_id`"
                    .to_owned(),
            ],
        ),
        (
            json!([{ "type": "external" }, inner("n1"), inner("n2")]),
            plain.clone(),
            vec![
                format!("{detach} leaves [{{type:external}},{{type:any_subnet,network_id:n1}}]"),
                format!("{detach} leaves [{{type:external}}]"),
            ],
        ),
    ] {
        assert_eq!(steps("interfaces", &before, &after, &[]), expected, "{before} {after}");
    }
}

#[test]
fn groups_of_the_whole_machine_are_added_before_others_are_removed() {
    let of = |ids: &[&str]| Value::from(ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>());
    let named = |id: &str| format!("{{name:(known after reading security group `{id}`)}}");
    let (add, remove) = ("x1/addsecuritygroup", "x1/delsecuritygroup");
    for (before, after, expected) in [
        (
            of(&[]),
            of(&["a"]),
            vec![
                format!("{add} {} leaves [{{id:a}}]", named("a")),
                format!("{remove} {{name:default}} leaves [{{id:a}}]"),
            ],
        ),
        (
            of(&["a"]),
            of(&[]),
            vec![format!("{add} {{name:default}} leaves [{{id:a}}]"), format!("{remove} {} leaves []", named("a"))],
        ),
        (
            of(&["a", "b"]),
            of(&["b", "c"]),
            vec![
                format!("{add} {} leaves [{{id:a}},{{id:b}},{{id:c}}]", named("c")),
                format!("{remove} {} leaves [{{id:b}},{{id:c}}]", named("a")),
            ],
        ),
    ] {
        assert_eq!(steps("security_groups", &before, &after, &[]), expected, "{before} {after}");
    }
}

#[test]
fn volumes_come_go_and_change_one_by_one() {
    let volume = |id: &str| json!({ "source": "existing-volume", "volume_id": id });
    let with = |mut volume: Value, name: &str, value: Value| {
        volume[name] = value;
        volume
    };
    let boot = |id: &str, index: i64| with(volume(id), "boot_index", json!(index));
    let own = |name: &str, size: i64| json!({ "source": "new-volume", "name": name, "size": size });
    let unnamed = |size: i64| json!({ "source": "new-volume", "size": size });
    let image = |size: i64| json!({ "source": "image", "image_id": "image", "name": "a", "size": size });
    let no_call = "`plan` knows no call that changes it";
    let existing = |id: &str| format!("{{source:existing,volume_id:{id}}}");
    let new = |name: &str, size: i64| format!("{{source:new-volume,name:{name},size:{size}}}");
    for (before, after, made, expected) in [
        (
            json!([volume("v1"), volume("v2"), volume("v3")]),
            json!([volume("v1"), volume("v3")]),
            &[][..],
            vec![format!("v2/detach {{instance_id:x1}} leaves [{},{}]", existing("v1"), existing("v3"))],
        ),
        (
            json!([volume("v1"), volume("v2")]),
            json!([volume("v2")]),
            &[],
            vec!["body/volumes/0: the machine starts from it".to_owned()],
        ),
        (
            json!([volume("v1"), boot("v2", 0)]),
            json!([boot("v2", 0)]),
            &[],
            vec!["v1/detach {instance_id:x1} leaves [{source:existing,volume_id:v2,boot_index:0}]".to_owned()],
        ),
        (
            json!([volume("v1"), boot("v2", 0)]),
            json!([volume("v1")]),
            &[],
            vec!["body/volumes/1: the machine starts from it".to_owned()],
        ),
        (
            json!([volume("v1"), boot("v2", 1)]),
            json!([volume("v1")]),
            &[],
            vec![format!("v2/detach {{instance_id:x1}} leaves [{}]", existing("v1"))],
        ),
        (
            json!([own("a", 1)]),
            json!([]),
            &["v1"],
            vec!["body/volumes/0: it was made with the machine, and the data on it would go".to_owned()],
        ),
        (
            json!([own("a", 1)]),
            json!([own("a", 2)]),
            &["v1"],
            vec![format!("v1/extend {{size:2}} leaves [{}]", new("a", 2))],
        ),
        (
            json!([own("a", 1)]),
            json!([own("a", 2)]),
            &[],
            vec![format!("VOLUME_ID/extend {{size:2}} leaves [{}]", new("a", 2))],
        ),
        (
            json!([own("a", 1), own("b", 1)]),
            json!([own("a", 2), own("b", 1)]),
            &["v1"],
            vec![format!("VOLUME_ID/extend {{size:2}} leaves [{},{}]", new("a", 2), new("b", 1))],
        ),
        (
            json!([own("a", 1), volume("v2")]),
            json!([own("a", 2), volume("v2")]),
            &["v1"],
            vec![format!("v1/extend {{size:2}} leaves [{},{}]", new("a", 2), existing("v2"))],
        ),
        (
            json!([own("a", 1), own("b", 1)]),
            json!([own("b", 3), own("a", 1)]),
            &["v1", "v2"],
            vec![format!("VOLUME_ID/extend {{size:3}} leaves [{},{}]", new("b", 3), new("a", 1))],
        ),
        (
            json!([own("a", 1), unnamed(1)]),
            json!([unnamed(4), own("a", 1)]),
            &["v1", "v2"],
            vec![format!("VOLUME_ID/extend {{size:4}} leaves [{{source:new-volume,size:4}},{}]", new("a", 1))],
        ),
        (
            // Of the same name, and not of the same source.
            json!([image(1), own("a", 1)]),
            json!([own("a", 2), image(1)]),
            &["v1", "v2"],
            vec![format!(
                "VOLUME_ID/extend {{size:2}} leaves [{},{{source:image,image_id:image,name:a,size:1}}]",
                new("a", 2)
            )],
        ),
        (
            json!([with(own("a", 1), "boot_index", json!(0))]),
            json!([with(own("a", 1), "boot_index", json!(1))]),
            &["v1"],
            vec![format!("body/volumes/0/boot_index: {no_call}")],
        ),
        (
            json!([with(volume("v1"), "attachment_tag", json!("a"))]),
            json!([with(volume("v1"), "attachment_tag", json!("b"))]),
            &[],
            vec![format!("body/volumes/0/attachment_tag: {no_call}")],
        ),
        (
            json!([with(volume("v1"), "name", json!("a"))]),
            json!([with(volume("v1"), "name", json!("b"))]),
            &[],
            vec![format!("body/volumes/0/name: {no_call}")],
        ),
        (
            json!([own("a", 1)]),
            json!([own("a", 1), volume("v2")]),
            &["v1"],
            vec![format!("v2/attach {{instance_id:x1}} leaves [{},{}]", new("a", 1), existing("v2"))],
        ),
        (
            json!([own("a", 1)]),
            json!([own("a", 1), with(volume("v2"), "attachment_tag", json!("t"))]),
            &["v1"],
            vec![format!(
                "v2/attach {{instance_id:x1,attachment_tag:t}} leaves [{},{{source:existing,volume_id:v2,attachment_tag:t}}]",
                new("a", 1)
            )],
        ),
        (
            json!([own("a", 1)]),
            json!([own("a", 1), boot("v2", 1)]),
            &["v1"],
            vec!["body/volumes/1/boot_index: the call that attaches a volume does not take it".to_owned()],
        ),
    ] {
        assert_eq!(steps("volumes", &before, &after, made), expected, "{before} {after}");
    }
    let more = steps("volumes", &json!([own("a", 1)]), &json!([own("a", 1), own("b", 1)]), &["v1"]);
    assert!(more[0].starts_with("body/volumes/1: the API gives a machine only volumes that exist"), "{more:?}");
}
