//! Calls that are carried out late: after the time to resolve, after they were sent again, after the run, after the
//! teardown.

use std::time::Duration;

use super::conditions::{Conditions, CreateFault, Log};
use super::death::{Life, When};
use super::harness::{Trial, assert_done, paused};
use super::reliability::proof::Turns;
use super::strangers::{KINDS, SNAPSHOT, ours, plan};
use crate::event::Event;
use crate::exit::Exit;
use crate::simulate::{AuditLog, Busy, Faults, Options};

const SECOND: Duration = Duration::from_secs(1);

/// The evidence by which a lost call is attributed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ProvenBy {
    ByTag,
    ByLog,
    ByTrace,
    Nowhere,
}

fn trial(fates: &[CreateFault], told: ProvenBy) -> Trial {
    let mut trial = Trial::new(Options::default());
    trial.stamp = told == ProvenBy::ByTag;
    trial.conditions = Conditions {
        fates: fates.to_vec(),
        log: if told == ProvenBy::ByLog { Log::Open } else { Log::Closed },
        takes_traces: told == ProvenBy::ByTrace,
        ..Conditions::default()
    };
    trial
}

/// Whether calls of a kind can be attributed by this evidence.
fn can_be_attributed(kind: &str, told: ProvenBy) -> bool {
    let by_tag = ["networks", "volumes", "floatingips"];
    let by_task = !["servergroups", "security_groups", "lifecycle_policies"].contains(&kind);
    match told {
        ProvenBy::ByTag => by_tag.contains(&kind),
        ProvenBy::ByLog => true,
        ProvenBy::ByTrace => by_task,
        ProvenBy::Nowhere => false,
    }
}

/// Destroys, as often as it takes. Resources that are left must be reported.
async fn taken_down(trial: &mut Trial, label: &str) {
    trial.events.clear();
    let exit = trial.destroy().await.exit;
    let left = ours(trial);
    let named = trial.events.iter().any(|event| matches!(event, Event::ResourceLeft { .. }));
    assert!(left.is_empty() || (exit == Exit::TeardownIncomplete && named), "{label}: {exit:?}, left {left:?}");
}

const WAYS: [ProvenBy; 4] = [ProvenBy::ByTag, ProvenBy::ByLog, ProvenBy::ByTrace, ProvenBy::Nowhere];

#[test]
fn a_call_carried_out_after_it_was_sent_again_is_recorded_too() {
    paused(async {
        let mut turns = Turns::every(5);
        for (kind, call) in KINDS {
            for told in WAYS {
                for late in [14, 40, 90] {
                    if !turns.take() {
                        continue;
                    }
                    let label = format!("{kind}, told {told:?}, {late} s late");
                    let mut trial = trial(&[CreateFault::Late(SECOND * late)], told);
                    let text = plan(call, 1);
                    let first = trial.run(&text).await.finished.exit;
                    assert!(matches!(first, Exit::Done | Exit::Unknown), "{label}: {:?}", trial.failures());
                    tokio::time::sleep(SECOND * 90).await;
                    let there = ours(&trial).len();
                    let second = trial.run(&text).await.finished.exit;
                    let on_record = trial.status().owned().count();
                    match can_be_attributed(kind, told) {
                        true => assert_eq!((second, on_record), (Exit::Done, there), "{label}: {:?}", trial.failures()),
                        false if there > 1 => {
                            assert!(second == Exit::Unknown || on_record == there, "{label}: {second:?} {on_record}");
                        }
                        false => {}
                    }
                    taken_down(&mut trial, &label).await;
                    assert!(!can_be_attributed(kind, told) || ours(&trial).is_empty(), "{label}");
                }
            }
        }
    });
}

#[test]
fn a_teardown_searches_for_attempts_without_an_answer() {
    paused(async {
        let mut turns = Turns::every(3);
        for (kind, call) in KINDS {
            for told in WAYS {
                for pause in [0, 90] {
                    if !turns.take() {
                        continue;
                    }
                    let label = format!("{kind}, told {told:?}, destroyed {pause} s later");
                    let mut trial = trial(&[CreateFault::Late(SECOND * 60)], told);
                    trial.run(&plan(call, 1)).await;
                    tokio::time::sleep(SECOND * pause).await;
                    trial.events.clear();
                    let exit = trial.destroy().await.exit;
                    let is_open = trial.status().unanswered().next().is_some();
                    let warned = trial.warnings().contains("it may still be carried out within");
                    assert!(exit != Exit::Done || is_open == warned, "{label}: {exit:?} {is_open} {warned}");
                    // It is carried out when everything is removed already; its attempt is still on record.
                    tokio::time::sleep(SECOND * 90).await;
                    taken_down(&mut trial, &label).await;
                    assert!(!can_be_attributed(kind, told) || ours(&trial).is_empty(), "{label}");
                }
            }
        }
    });
}

#[test]
fn a_killed_run_leaves_every_attempt_to_the_next() {
    paused(async {
        let mut turns = Turns::every(11);
        for (kind, call) in KINDS {
            for told in WAYS {
                for (first, second) in [(14, 40), (40, 14), (25, 5), (90, 90)] {
                    for killed in [1, 12, 16] {
                        if !turns.take() {
                            continue;
                        }
                        let label =
                            format!("{kind}, told {told:?}, {first} and {second} s late, killed after {killed} s");
                        let mut trial =
                            trial(&[CreateFault::Late(SECOND * first), CreateFault::Late(SECOND * second)], told);
                        let text = plan(call, 1);
                        let life = Life::until(When::Never);
                        let killer = life.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(SECOND * killed).await;
                            killer.die();
                        });
                        trial.run_until(&Trial::plan("plan.yaml", &text), &life).await;
                        let mut exit = trial.run(&text).await.finished.exit;
                        tokio::time::sleep(SECOND * 120).await;
                        if exit == Exit::Done {
                            exit = trial.run(&text).await.finished.exit;
                        }
                        let (there, on_record) = (ours(&trial).len(), trial.status().owned().count());
                        assert!(
                            exit == Exit::Unknown || on_record == there,
                            "{label}: {exit:?}, {on_record} of {there}"
                        );
                        if can_be_attributed(kind, told) {
                            assert_eq!((exit, on_record), (Exit::Done, there), "{label}: {:?}", trial.failures());
                        }
                        taken_down(&mut trial, &label).await;
                        assert!(!can_be_attributed(kind, told) || ours(&trial).is_empty(), "{label}");
                    }
                }
            }
        }
    });
}

#[test]
fn the_search_for_an_attempt_ends() {
    paused(async {
        let (_, call) = KINDS[0];
        let mut trial = trial(&[CreateFault::NeverArrives], ProvenBy::ByTag);
        let text = plan(call, 1);
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        assert_eq!(trial.status().unanswered().count(), 1);
        tokio::time::sleep(SECOND * 60 * 20).await;
        trial.run(&text).await;
        assert_eq!(trial.status().unanswered().count(), 0);
        let before = trial.requests.lock().unwrap().len();
        trial.run(&text).await;
        assert_eq!(trial.requests.lock().unwrap().len(), before, "nothing is asked any more");
    });
}

#[test]
fn an_earlier_attempt_is_asked_for_before_the_call_is_sent_once_more() {
    paused(async {
        for (kind, call) in KINDS {
            // A call without tasks has three times as long to resolve.
            let late = if can_be_attributed(kind, ProvenBy::ByTrace) { 14 } else { 40 };
            let mut trial = trial(&[CreateFault::Late(SECOND * late), CreateFault::NeverArrives], ProvenBy::ByLog);
            let end = trial.run(&plan(call, 1)).await;
            assert_done(&trial, &end);
            assert_eq!((ours(&trial).len(), trial.writes()), (1, 2), "{kind}");
            let attempts = trial.status().instances.values().map(|known| known.intent.as_ref().unwrap().attempt).max();
            assert_eq!(attempts, Some(1), "{kind}: the first one counts");
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{kind}");
        }
    });
}

#[test]
fn the_youngest_of_several_goes_first() {
    paused(async {
        let (_, call) = KINDS[0];
        let mut trial = trial(&[CreateFault::Late(SECOND * 14)], ProvenBy::ByTag);
        let end = trial.run(&plan(call, 1)).await;
        assert_done(&trial, &end);
        let made: Vec<_> = trial.status().instances.values().flat_map(|known| known.made.clone()).collect();
        let mut expected: Vec<_> = made.iter().map(|made| made.id.as_deref().map(crate::journal::id_text)).collect();
        expected.reverse();
        trial.destroy().await;
        let removed = trial.events.iter().filter_map(|event| match event {
            Event::ResourceRemoved { id, .. } => Some(id.clone()),
            _ => None,
        });
        assert_eq!((made.len(), removed.collect::<Vec<_>>()), (2, expected));
    });
}

/// Another client creates the same resources all the time, and the audit log is late: the second attempt must not end
/// as unknown.
#[test]
fn late_entries_of_the_audit_log_are_waited_for() {
    paused(async {
        for (kind, call) in KINDS {
            let mut trial = Trial::new(Options {
                busy: Busy { bystanders: true, audit: AuditLog::Late(SECOND * 20), ..Busy::default() },
                faults: Faults::parse(["reset:POST:1"]).unwrap(),
                ..Options::default()
            });
            trial.stamp = false;
            let end = trial.run(&plan(call, 1)).await;
            assert_done(&trial, &end);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{kind}");
        }
    });
}

#[test]
fn an_undo_that_acts_late_is_found_before_it_is_made_once_more() {
    paused(async {
        let fates = [CreateFault::Answered, CreateFault::Late(SECOND * 14), CreateFault::NeverArrives];
        let mut trial = trial(&fates, ProvenBy::ByLog);
        let end = trial.run(SNAPSHOT).await;
        assert_done(&trial, &end);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.made()["snapshots"], 1);
    });
}

/// The first attempt is carried out after the second was refused.
#[test]
fn a_refusal_does_not_hide_that_an_attempt_before_it_may_be_carried_out() {
    paused(async {
        for (kind, call) in KINDS {
            let mut trial =
                trial(&[CreateFault::Late(SECOND * 45), CreateFault::Refused(SECOND, 403)], ProvenBy::ByLog);
            let text = plan(call, 1);
            assert_eq!(trial.run(&text).await.finished.exit, Exit::NotAllowed, "{kind}");
            assert!(trial.warnings().contains("it may still be carried out within"), "{kind}: {}", trial.warnings());
            tokio::time::sleep(SECOND * 60).await;
            let end = trial.run(&text).await;
            assert_done(&trial, &end);
            assert_eq!((ours(&trial).len(), trial.writes(), trial.status().owned().count()), (1, 2, 1), "{kind}");
            assert_eq!(trial.status().unanswered().count(), 0, "{kind}");
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{kind}");
            assert!(ours(&trial).is_empty(), "{kind}");
        }
    });
}

#[test]
fn an_attempt_is_looked_for_after_each_refusal_in_its_way() {
    paused(async {
        // 429 asks to come back later; 409 is about what the first attempt made.
        for refusal in [CreateFault::Refused(SECOND, 429), CreateFault::Refused(SECOND * 10, 409)] {
            for (kind, call) in KINDS {
                let resolved = if can_be_attributed(kind, ProvenBy::ByTrace) { 12 } else { 34 };
                let mut trial = trial(&[CreateFault::Late(SECOND * resolved), refusal], ProvenBy::ByLog);
                let end = trial.run(&plan(call, 1)).await;
                assert_done(&trial, &end);
                assert_eq!((ours(&trial).len(), trial.writes()), (1, 2), "{kind} {refusal:?}");
                assert_eq!(trial.destroy().await.exit, Exit::Done, "{kind} {refusal:?}");
            }
        }
    });
}

/// Nothing is sent while what the earlier attempt made may be another client's; a person decides.
#[test]
fn an_attempt_before_a_refusal_that_cannot_be_attributed_is_left_to_a_person() {
    paused(async {
        let (kind, call) = KINDS[5];
        let mut trial = trial(&[CreateFault::Late(SECOND * 45), CreateFault::Refused(SECOND, 403)], ProvenBy::Nowhere);
        let text = plan(call, 1);
        trial.run(&text).await;
        tokio::time::sleep(SECOND * 60).await;
        trial.events.clear();
        let end = trial.run(&text).await;
        assert_eq!((end.finished.exit, end.finished.unknown, trial.writes()), (Exit::Unknown, 1, 2), "{kind}");
        let (_, error) = end.failure.unwrap();
        assert!(error.message.contains("attempt 1 was never answered; these may be its work"), "{error:?}");
        assert!(error.help[0].contains("plan state resolve 'thing[0]' --id"), "{error:?}");
    });
}
