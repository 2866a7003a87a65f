//! How long a lost call is searched for before it is sent again, or its outcome is given up as unknown. The time to
//! resolve of these runs is 10 s.

use std::time::Duration;

use super::conditions::{Bystander, Conditions, CreateFault, Log};
use super::harness::{Trial, paused};
use super::strangers::{KINDS, plan};
use crate::exit::Exit;
use crate::simulate::{AuditLog, Busy, Faults, Options};

/// The exit code of a run of one call, and its seconds; of a run that ended well, only those beyond a run without
/// faults.
async fn delay(kind: &str, conditions: Conditions, options: Options, stamp: bool) -> (Exit, u64) {
    let (_, call) = KINDS.iter().find(|(name, _)| *name == kind).unwrap();
    let mut took = [Duration::ZERO; 2];
    let mut exit = Exit::Done;
    for (number, undisturbed) in [true, false].into_iter().enumerate() {
        let mut trial = match undisturbed {
            true => Trial::new(Options::default()),
            false => Trial::new(options.clone()),
        };
        trial.stamp = stamp;
        if !undisturbed {
            trial.conditions = conditions.clone();
        }
        let began = tokio::time::Instant::now();
        exit = trial.run(&plan(call, 1)).await.finished.exit;
        took[number] = began.elapsed();
    }
    let anyway = if exit == Exit::Done { took[0] } else { Duration::ZERO };
    (exit, took[1].saturating_sub(anyway).as_secs())
}

fn conditions(fates: &[CreateFault], bystanders: &[Bystander], log: Log) -> Conditions {
    Conditions { fates: fates.to_vec(), bystanders: bystanders.to_vec(), log, ..Conditions::default() }
}

#[test]
fn a_call_that_never_arrived_is_sent_again_after_its_time_to_resolve() {
    paused(async {
        let lost = || conditions(&[CreateFault::NeverArrives], &[], Log::Closed);
        let (exit, seconds) = delay("networks", lost(), Options::default(), false).await;
        assert_eq!(exit, Exit::Done);
        assert!((10..14).contains(&seconds), "{seconds} s");
        // It starts no task: it is answered only when all is done, which may take longer than the connection lasts.
        let (exit, seconds) = delay("servergroups", lost(), Options::default(), false).await;
        assert_eq!(exit, Exit::Done);
        assert!((30..34).contains(&seconds), "{seconds} s");
        // A gateway that timed out may pass the request on later.
        let faults = Faults::parse(["status=504:html:POST:networks:1"]).unwrap();
        let timed_out = Options { faults, ..Options::default() };
        let (exit, seconds) = delay("networks", Conditions::default(), timed_out, false).await;
        assert_eq!(exit, Exit::Done);
        assert!((30..34).contains(&seconds), "{seconds} s");
    });
}

#[test]
fn undecided_candidates_are_waited_for_only_while_something_can_decide() {
    paused(async {
        let with_theirs = |log| conditions(&[CreateFault::NeverArrives], &[Bystander::During], log);
        // The audit log may be late: an entry can still show whose router it is.
        let late = Busy { audit: AuditLog::Late(Duration::from_secs(1000)), ..Busy::default() };
        let late = Options { busy: late, ..Options::default() };
        let (exit, searched) = delay("routers", with_theirs(Log::Open), late.clone(), false).await;
        assert_eq!(exit, Exit::Unknown);
        // Nothing can: there is no tag, and the log is closed.
        let (exit, given_up) = delay("routers", with_theirs(Log::Closed), Options::default(), false).await;
        assert_eq!(exit, Exit::Unknown);
        assert!(searched >= given_up + 70 && given_up < 14, "{searched} s and {given_up} s");
    });
}
