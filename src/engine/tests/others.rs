//! Lists that an update replaces as a whole: it keeps what other steps and other clients have in them.

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use crate::catalog::Method;
use crate::simulate::Options;

const GROUP: &str = r#"
name: demo
steps:
  - id: it
    call: POST /cloud/v2/security_groups/{project_id}/{region_id}
    body: { name: web OWN }
  - id: more
    call: POST /cloud/v2/security_groups/{project_id}/{region_id}/{{ steps.it.id }}/rules
    body: { direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22 }
"#;

const POOL: &str = r#"
name: demo
steps:
  - id: lb
    call: POST /cloud/v1/loadbalancers/{project_id}/{region_id}
    body: { name: web-lb }
  - id: it
    call: POST /cloud/v1/lbpools/{project_id}/{region_id}
    body: { name: web-pool, load_balancer_id: "{{ steps.lb.id }}", lb_algorithm: ROUND_ROBIN, protocol: TCP OWN }
  - id: more
    call: POST /cloud/v1/loadbalancers/{project_id}/{region_id}/pools/{{ steps.it.id }}/members
    body: { address: 10.0.0.1, protocol_port: 22 }
"#;

/// An element of the list: a rule or a member with this port.
fn element(of: &str, port: u16) -> Value {
    match of {
        GROUP => json!({ "direction": "ingress", "protocol": "tcp", "port_range_min": port, "port_range_max": port }),
        _ => json!({ "address": "10.0.0.1", "protocol_port": port }),
    }
}

/// The plan with these elements of the step's own in the list; `None`: it does not name the list.
fn plan(of: &str, own: Option<&[u16]>) -> String {
    let field = if of == GROUP { "rules" } else { "members" };
    let list = |own: &[u16]| Value::from(own.iter().map(|port| element(of, *port)).collect::<Vec<_>>());
    of.replace(" OWN", &own.map(|own| format!(", {field}: {}", list(own))).unwrap_or_default())
}

impl Trial {
    /// The ports of all elements, without the egress rules of a new group.
    async fn ports(&self, of: &str) -> Vec<u64> {
        let shown = self.read_by_hand("it").await;
        let (list, port) = match of {
            GROUP => ("security_group_rules", "port_range_min"),
            _ => ("members", "protocol_port"),
        };
        let elements = shown[list].as_array().unwrap().iter().filter(|element| element["direction"] != "egress");
        let mut ports: Vec<u64> = elements.filter_map(|element| element[port].as_u64()).collect();
        ports.sort_unstable();
        ports
    }

    /// Another client adds an element.
    async fn add_by_hand(&self, of: &str, port: u16) {
        let suffix = if of == GROUP { "/rules" } else { "/member" };
        self.call(Method::Post, "it", suffix, Some(element(of, port))).await;
    }
}

#[test]
fn an_update_keeps_what_others_have_in_a_list_that_it_replaces() {
    paused(async {
        for of in [GROUP, POOL] {
            for (before, after, ports) in [
                (Some(&[80][..]), Some(&[81][..]), &[22, 81, 443][..]),
                (Some(&[80, 90]), Some(&[90]), &[22, 90, 443]),
                (Some(&[80]), Some(&[]), &[22, 443]),
                (Some(&[]), Some(&[80]), &[22, 80, 443]),
                (None, Some(&[80]), &[22, 80, 443]),
            ] {
                let mut trial = Trial::new(Options::default());
                let end = trial.run(&plan(of, before)).await;
                assert_done(&trial, &end);
                trial.add_by_hand(of, 443).await;
                let end = trial.run(&plan(of, after)).await;
                assert_done(&trial, &end);
                assert_eq!(trial.ports(of).await, ports, "{before:?} {after:?}");
                let told = trial.refresh().await;
                assert!(told.iter().all(|told| told.starts_with("it ")), "another step's is there: {told:?}");
                // Once a refresh has told of it, the next run removes what another client added; never another step's.
                let end = trial.run(&plan(of, after)).await;
                assert_done(&trial, &end);
                let left: Vec<u64> = ports.iter().copied().filter(|port| *port != 443).collect();
                assert_eq!(trial.ports(of).await, left, "{before:?} {after:?}");
                assert_eq!(trial.refresh().await, Vec::<String>::new(), "{before:?} {after:?}");
            }
        }
    });
}

#[test]
fn a_lost_answer_to_such_an_update_is_resolved_with_what_others_have() {
    paused(async {
        for of in [GROUP, POOL] {
            let path = if of == GROUP { "security_groups" } else { "lbpools" };
            for fault in ["lost-answer", "reset", "late=3s", "status=502:html:acted"] {
                let mut trial = Trial::with_faults(&[&format!("{fault}:PATCH:{path}:1")]);
                trial.run(&plan(of, Some(&[80]))).await;
                trial.add_by_hand(of, 443).await;
                let end = trial.run(&plan(of, Some(&[81]))).await;
                assert_done(&trial, &end);
                assert_eq!(trial.ports(of).await, [22, 81, 443], "{fault}");
                let writes = trial.writes();
                let end = trial.run(&plan(of, Some(&[81]))).await;
                assert_done(&trial, &end);
                assert_eq!(trial.writes(), writes, "{fault}");
            }
        }
    });
}
