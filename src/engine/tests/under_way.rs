//! A preview while a change in place is under way: the resource keeps its id, and whatever refers to it stays as it is.

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::simulate::Options;

/// Networks, a subnet in one of them, a router, and a step that attaches the subnet.
fn plan(suffix: &str, each: bool) -> String {
    let (for_each, net) = match each {
        true => ("    for_each: { a: 1, b: 2 }\n", "steps.net.each['a'].id"),
        false => ("", "steps.net.id"),
    };
    let key = if each { "{{ each.key }}" } else { "" };
    format!(
        r#"
name: demo
steps:
  - id: net
{for_each}    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}
    body: {{ name: "net{key}-{suffix}", create_router: false }}
  - id: sub
    call: POST /cloud/v1/subnets/{{project_id}}/{{region_id}}
    body: {{ name: sub, network_id: "{{{{ {net} }}}}", cidr: 10.0.0.0/24, connect_to_network_router: false }}
  - id: rt
    call: POST /cloud/v1/routers/{{project_id}}/{{region_id}}
    body: {{ name: rt-{suffix} }}
  - id: att
    call: POST /cloud/v1/routers/{{project_id}}/{{region_id}}/{{{{ steps.rt.id }}}}/attach
    body: {{ subnet_id: "{{{{ steps.sub.id }}}}" }}
    undo:
      call: POST /cloud/v1/routers/{{project_id}}/{{region_id}}/{{{{ steps.rt.id }}}}/detach
      body: {{ subnet_id: "{{{{ steps.sub.id }}}}" }}
  - id: told
    call: POST /cloud/v1/servergroups/{{project_id}}/{{region_id}}
    body: {{ name: "of-{{{{ steps.rt.name }}}}", policy: affinity }}
    on_change: ignore
"#
    )
}

/// Wherever the process died in the middle of the changes, and whether the plan changes once more afterwards.
#[test]
fn what_refers_to_a_resource_in_the_middle_of_a_change_in_place_stays_as_it_is() {
    paused(async {
        for (each, suffix) in [(false, "two"), (true, "two"), (false, "three"), (false, "one")] {
            for records in 1.. {
                let mut trial = Trial::new(Options::default());
                let end = trial.run(&plan("one", each)).await;
                assert_done(&trial, &end);
                let ended = trial.crash_after(&plan("two", each), records).await.is_some();
                let shown = trial.previewed(&plan(suffix, each), &Asked::default()).0;
                let of_dependants =
                    shown.iter().filter(|change| ["sub", "att"].contains(&change.instance.step.as_str()));
                let pending = of_dependants.filter(|change| change.is_pending()).collect::<Vec<_>>();
                assert!(pending.is_empty(), "{each} {suffix} {records}: {pending:#?}");
                let told = shown.iter().find(|change| change.instance.step.as_str() == "told").unwrap();
                let body = told.call.as_ref().unwrap().body.as_deref().unwrap();
                assert_eq!(body["name"], format!("of-rt-{suffix}"), "{records}");
                let before = trial.writes();
                let end = trial.run(&plan(suffix, each)).await;
                assert_done(&trial, &end);
                assert!(!ended || suffix != "two" || trial.writes() == before, "{records}");
                if ended {
                    break;
                }
            }
        }
    });
}
