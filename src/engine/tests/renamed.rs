//! Recovery of a lost record whose steps were renamed: the stamps have the former names, which other steps have now.

use super::harness::{Trial, paused};
use crate::exit::Exit;
use crate::simulate::{AuditLog, Busy, Options};

fn network(step: &str, name: &str) -> String {
    format!(
        "  - id: {step}\n    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}\n    body: {{ name: {name}, create_router: false }}\n"
    )
}

fn subnet(step: &str, name: &str) -> String {
    let third = name.len();
    format!(
        "  - id: {step}\n    call: POST /cloud/v1/subnets/{{project_id}}/{{region_id}}\n    body: {{ name: {name}, cidr: 10.0.{third}.0/24, network_id: \"{{{{ steps.net.id }}}}\" }}\n"
    )
}

#[test]
fn what_carries_the_former_name_of_another_step_is_that_steps_or_in_doubt() {
    // What was made, run after run; the plan whose record is recovered; what each step has then; and how many are in doubt.
    for (made, now, expected, doubted) in [
        // Renamed, and another one has the name now.
        (
            vec![vec![network("a", "one")], vec![network("a", "two")]],
            vec![network("b", "one"), network("a", "two")],
            "a=two b=one",
            0,
        ),
        // Swapped.
        (
            vec![vec![network("a", "one"), network("b", "two")]],
            vec![network("b", "one"), network("a", "two")],
            "a=two b=one",
            0,
        ),
        (
            vec![vec![network("net", "net"), subnet("a", "one"), subnet("b", "other")]],
            vec![network("net", "net"), subnet("b", "one"), subnet("a", "other")],
            "a=other b=one net=net",
            0,
        ),
        // Changed in the plan since.
        (vec![vec![network("a", "one")]], vec![network("b", "three"), network("a", "two")], "a=one", 0),
        // One of two steps.
        (vec![vec![network("a", "one")]], vec![network("b", "one"), network("c", "one"), network("a", "two")], "", 3),
        // The step has its own.
        (
            vec![vec![network("a", "one"), network("b", "one")]],
            vec![network("b", "one"), network("a", "two")],
            "a=one b=one",
            0,
        ),
    ] {
        for audit in [AuditLog::OnTime, AuditLog::Closed] {
            paused(async {
                let mut trial = Trial::new(Options { busy: Busy { audit, ..Busy::default() }, ..Options::default() });
                let plan =
                    |steps: &[String]| Trial::plan("plan.yaml", &format!("name: demo\nsteps:\n{}", steps.concat()));
                for steps in &made {
                    let end =
                        trial.run_until(&plan(steps), &super::death::Life::until(super::death::When::Never)).await;
                    assert_eq!(end.unwrap().finished.exit, Exit::Done, "{:?}", trial.failures());
                    trial.lose_the_record();
                }
                let alive = trial.alive().len();
                let recovered = trial.recover(&plan(&now), &[]).await;
                let has = recovered.found.iter().map(|(instance, _)| {
                    let known = &recovered.status.instances[instance];
                    assert_eq!(known.made.len(), 1, "{instance}");
                    format!("{instance}={}", known.made[0].name.as_deref().unwrap_or_default())
                });
                let mut has: Vec<String> = has.collect();
                has.sort_unstable();
                assert_eq!((has.join(" ").as_str(), recovered.in_doubt.len()), (expected, doubted), "{recovered:#?}");
                assert!(doubted == 0 || !recovered.is_complete());
                let life = super::death::Life::until(super::death::When::Never);
                let exit = trial.run_until(&plan(&now), &life).await.unwrap().finished.exit;
                assert_eq!(exit == Exit::Done, doubted == 0, "{:?}", trial.failures());
                // What nothing agrees with is made.
                let more = usize::from(matches!(expected, "a=one" | ""));
                assert_eq!(trial.alive().len(), alive + more, "made twice");
                if doubted == 3 {
                    let accepted = [("c".to_owned(), recovered.in_doubt[0].1[0].clone())];
                    let again = trial.recover(&plan(&now), &accepted).await;
                    let found: Vec<String> = again.found.iter().map(|(instance, _)| instance.to_string()).collect();
                    assert_eq!(found, ["c"]);
                }
            });
        }
    }
}
