use super::death::{Life, When};
use super::harness::{Trial, assert_done, paused};
use super::order::CHAIN;
use crate::engine::{RunOptions, Signal, Stop};
use crate::exit::Exit;
use crate::id::StepId;
use crate::journal::Status;
use crate::simulate::Options;

#[test]
fn the_second_run_writes_nothing() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let first = trial.run(CHAIN).await;
        let writes = trial.writes();
        let second = trial.run(CHAIN).await;
        assert_done(&trial, &second);
        assert_eq!(trial.writes(), writes);
        assert_eq!(second.finished.reused, 5);
        assert_eq!(first.outputs, second.outputs);
    });
}

#[test]
fn a_changed_create_fails_and_lists_the_differences() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(CHAIN).await;
        trial.inputs = vec![("cidr".to_owned(), "10.1.0.0/24".to_owned())];
        let end = trial.run(CHAIN).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        let failures = trial.failures().join("\n");
        assert!(failures.contains("body/cidr: `10.0.0.0/24` → `10.1.0.0/24`"), "{failures}");
        assert_eq!(trial.made()["subnets"], 1);
    });
}

#[test]
fn a_step_is_replaced_when_asked_for() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(CHAIN).await;
        let options = RunOptions { replace: [StepId::new("subnet")].into(), ..RunOptions::default() };
        let end = trial.run_with(CHAIN, options, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["subnets"], trial.alive().len()), (2, 5));
    });
}

#[test]
fn dependants_are_removed_before_a_step_is_replaced() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(CHAIN).await;
        let network = RunOptions { replace: [StepId::new("network")].into(), ..RunOptions::default() };
        let refused = trial.run_with(CHAIN, network, std::future::pending()).await;
        assert_eq!(refused.finished.exit, Exit::StepFailed);
        assert!(trial.failures().join("\n").contains("`subnet` depends on it"), "{:?}", trial.failures());
        let both = [StepId::new("network"), StepId::new("subnet")];
        let options = RunOptions { replace: both.into(), ..RunOptions::default() };
        let end = trial.run_with(CHAIN, options, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["networks"], trial.made()["subnets"], trial.alive().len()), (2, 2, 5));
    });
}

#[test]
fn destroy_needs_nothing_but_the_record_and_leaves_nothing() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(CHAIN).await;
        let finished = trial.destroy().await;
        assert_eq!(finished.exit, Exit::Done, "{:?}", trial.failures());
        assert_eq!(trial.alive(), Vec::<String>::new());
        assert_eq!(trial.status().existing().count(), 0);
    });
}

#[test]
fn a_step_that_left_the_plan_is_kept_until_pruned() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(CHAIN).await;
        let fewer = CHAIN.replace("range(3)", "range(1)");
        let end = trial.run(&fewer).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive().len(), 5);
        let end =
            trial.run_with(&fewer, RunOptions { prune: true, ..RunOptions::default() }, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive().len(), 3);
    });
}

#[test]
fn a_failed_run_can_be_rolled_back() {
    paused(async {
        let mut trial = Trial::with_faults(&["task-error:subnets"]);
        let options = RunOptions { rollback: true, ..RunOptions::default() };
        let end = trial.run_with(CHAIN, options, std::future::pending()).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn a_create_with_wait_false_is_not_forgotten() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: volume\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: vol-1, source: new-volume, size: 1 }\n    wait: false\n";
        let mut trial = Trial::new(Options::default());
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert!(end.finished.elapsed_ms < 1_000, "{} ms", end.finished.elapsed_ms);
        let again = trial.run(plan).await;
        assert_done(&trial, &again);
        assert_eq!(trial.made()["volumes"], 1);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn an_interrupted_run_names_pending_steps() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let signal = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Stop::Interrupt(Signal::Interrupt)
        };
        let end = trial.run_with(CHAIN, RunOptions::default(), signal).await;
        assert_eq!(end.finished.exit, Exit::Interrupted);
        assert_eq!((end.finished.waiting, end.finished.skipped), (4, 1));
    });
}

#[test]
fn answers_that_arrive_when_the_record_cannot_be_written_are_known() {
    let plan = "name: demo\nsteps:\n  - id: disk\n    for_each: [1, 2, 3, 4]\n    \
                call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                body: { name: data, source: new-volume, size: 5 }\n";
    paused(async {
        let mut trial = Trial::new(Options { slow_calls: true, ..Options::default() });
        // Each call was sent, and the first answer does not fit.
        trial.room = Some(5);
        let exit = trial.run_or_give_up(&Trial::plan("plan.yaml", plan), &Life::until(When::Never)).await;
        assert_eq!(exit, Some(Exit::RecordUnusable));
        let phases = |status: &Status| status.instances.values().map(|known| known.phase.name()).collect::<Vec<_>>();
        assert_eq!(phases(&trial.status()), ["in doubt"; 4]);
        assert_eq!(phases(trial.known.as_ref().unwrap()), ["waiting"; 4]);
    });
}
