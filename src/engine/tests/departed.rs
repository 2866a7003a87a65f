//! A call without an answer whose step left the plan, or whose resource goes with its parent.

use serde_json::json;

use super::conditions::{Conditions, CreateFault};
use super::harness::{Trial, assert_done, paused};
use crate::api::{Answer, Request};
use crate::catalog::Method;
use crate::exit::Exit;
use crate::journal::Phase;
use crate::plan::Selection;
use crate::simulate::Options;

const DISK: &str = "  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: disk-1, source: new-volume, size: 1 }\n";
const NET: &str = "  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                   body: { name: net-1, create_router: false }\n";

fn plan(steps: &[&str]) -> String {
    format!("name: demo\nsteps:\n{}", steps.concat())
}

/// Nothing that would show the outcome of a call can be read.
fn hide_everything(request: &Request, answer: Answer) -> Answer {
    let lists = ["/cloud/v1/tasks", "/cloud/v1/user_actions", "/cloud/v1/networks/1/7"];
    match request.method == Method::Get && lists.contains(&request.path.as_str()) {
        true => {
            Answer { status: 500, headers: Vec::new(), body: json!({ "message": "boom" }).to_string().into_bytes() }
        }
        false => answer,
    }
}

/// A run with a record of no call, which ends after it has recorded the intent of one.
async fn ended_before_the_answer(trial: &mut Trial, plan: &str) {
    assert!(trial.crash_after(plan, 2).await.is_none());
    assert!(trial.status().instances.values().any(|known| known.phase == Phase::InDoubt));
}

#[test]
fn the_outcome_of_a_call_whose_step_left_the_plan_is_resolved() {
    for (fates, shown, exit, phase, kept) in [
        (vec![], true, Exit::Done, Phase::Succeeded, true),
        (vec![CreateFault::NeverArrives], true, Exit::Done, Phase::Absent, false),
        (vec![], false, Exit::Unknown, Phase::InDoubt, false),
    ] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.conditions = Conditions { fates: fates.clone(), ..Conditions::default() };
            ended_before_the_answer(&mut trial, &plan(&[NET])).await;
            trial.conditions = Conditions::default();
            if !shown {
                trial.change_answers(hide_everything);
            }
            assert_eq!(trial.preview(&plan(&[DISK]), false), ["disk* call", "net* continue"]);
            let end = trial.run(&plan(&[DISK])).await;
            assert_eq!(end.finished.exit, exit, "{fates:?}: {:?}", trial.failures());
            assert_eq!(trial.status().instances[&Selection::name("net")].phase, phase, "{fates:?}");
            let words = "no longer in the plan, and kept: `net`";
            assert_eq!(trial.warnings().contains(words), kept, "{}", trial.warnings());
            // What is there goes with the rest, and is named until then.
            trial.change_answers(|_, answer| answer);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
            assert_eq!(trial.alive(), Vec::<String>::new());
        });
    }
}

#[test]
fn a_rule_in_doubt_goes_with_its_group_whether_it_is_there_or_not() {
    let group = "  - id: group\n    call: POST /cloud/v2/security_groups/{project_id}/{region_id}\n    \
                 body: { name: group-1, rules: [] }\n";
    let rule = "  - id: rule\n    \
                call: POST /cloud/v2/security_groups/{project_id}/{region_id}/{{ steps.group.id }}/rules\n    \
                body: { direction: ingress, ethertype: IPv4, protocol: tcp, port_range_min: 80, port_range_max: 80 }\n";
    for fates in [vec![], vec![CreateFault::NeverArrives]] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan(&[group])).await;
            assert_done(&trial, &end);
            trial.conditions = Conditions { fates: fates.clone(), ..Conditions::default() };
            ended_before_the_answer(&mut trial, &plan(&[group, rule])).await;
            trial.change_answers(hide_everything);
            let torn = trial.destroy().await;
            assert_eq!((torn.exit, torn.removed), (Exit::Done, 1), "{fates:?}: {:?}", trial.left());
            assert_eq!(trial.alive(), Vec::<String>::new());
            assert_eq!(trial.status().unanswered().count(), 0);
        });
    }
}
