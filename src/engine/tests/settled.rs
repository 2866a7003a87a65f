//! Drift that the plan took over, or ignores: a run settles it on record, without a call.

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use crate::catalog::Method;
use crate::simulate::Options;

fn plan(name: &str, on_change: &str) -> String {
    format!(
        r#"
name: demo
steps:
  - id: net
    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}
    {on_change}
    body: {{ name: {name}, create_router: false }}
  - id: told
    call: POST /cloud/v1/servergroups/{{project_id}}/{{region_id}}
    body: {{ name: "of-{{{{ steps.net.name }}}}", policy: affinity }}
    on_change: ignore
"#
    )
}

#[test]
fn what_another_client_changed_and_the_plan_took_over_or_ignores_is_no_drift_after_a_run() {
    paused(async {
        for (name, on_change, shown, settles) in [
            ("by-hand", "", "net* amend", true),
            ("net-1", "on_change: { ignore: [body/name] }", "net* amend", true),
            ("net-1", "on_change: ignore", "net change ignore", true),
            // This one it corrects, and that one it does not allow.
            ("net-1", "", "net* change update", false),
            ("net-1", "on_change: error", "net* change error", false),
        ] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan("net-1", "")).await;
            assert_done(&trial, &end);
            trial.call(Method::Patch, "net", "", Some(json!({ "name": "by-hand" }))).await;
            assert_eq!(trial.refresh().await, ["net name"]);
            let now = plan(name, on_change);
            assert_eq!(trial.preview(&now, false)[0], shown);
            let body = |trial: &Trial| {
                let all = trial.previewed(&now, &super::preview::Asked::default()).0;
                all[1].call.as_ref().unwrap().body.as_deref().unwrap()["name"].clone()
            };
            let (told, before) = (body(&trial), trial.writes());
            trial.run(&now).await;
            let known = trial.status().instances[0].clone();
            assert_eq!(known.drifted.is_empty(), on_change != "on_change: error", "{name} {on_change}");
            assert_eq!(trial.writes() == before, settles || on_change == "on_change: error", "{name} {on_change}");
            if settles {
                let names = [&known.made[0].name, &known.result.as_ref().unwrap().name].map(|name| name.as_deref());
                assert_eq!(names, [Some("by-hand"), Some("by-hand")]);
                assert_eq!((&told, body(&trial)), (&json!("of-by-hand"), json!("of-by-hand")));
                let again = trial.preview(&now, false);
                assert!(again.iter().all(|line| !line.contains('*')), "{again:?}");
                assert_eq!(trial.refresh().await, Vec::<String>::new());
            }
        }
    });
}
