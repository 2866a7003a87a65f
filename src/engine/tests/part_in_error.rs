//! Parts that a change in place makes, and whose task ends in ERROR: a read decides whether they are there.

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use super::parts::{assume, calls_since, cluster, pool, pools_of};
use crate::api::Answer;
use crate::exit::Exit;

/// Its task ended in ERROR, and the pool is there: it is on record, and taken off again with the plan's permission. Where
/// it is not there, or could not be read, the next run decides.
#[test]
fn a_pool_whose_task_ended_in_error_counts_as_made_where_a_read_shows_it() {
    let (one, both) = (json!([pool("one", 2)]), json!([pool("one", 2), pool("two", 2)]));
    let (one, both) = (cluster(&one, Some("replace")), cluster(&both, Some("replace")));
    for (fault, unread, is_done) in [
        ("task-error:POST:pools:1:leaves", false, true),
        ("task-error:POST:pools:1:leaves", true, false),
        ("task-error:POST:pools:1", false, false),
    ] {
        for taken_out in [false, true] {
            paused(async {
                let words = format!("{fault}, unread: {unread}, taken out: {taken_out}");
                let mut trial = Trial::new(assume(Some(fault)));
                let end = trial.run(&one).await;
                assert_done(&trial, &end);
                if unread {
                    trial.change_answers(|request, answer| match request.path.ends_with("/pools/two") {
                        true => Answer { status: 503, headers: Vec::new(), body: Vec::new() },
                        false => answer,
                    });
                }
                let end = trial.run(&both).await;
                assert_eq!(end.finished.exit == Exit::Done, is_done, "{words}: {:?}", trial.failures());
                let told = format!("{} {:?}", trial.warnings(), trial.failures());
                assert!(told.contains("ended in ERROR"), "{words}: {told}");
                trial.change_answers(|_, answer| answer);
                let made = usize::from(fault.ends_with("leaves"));
                let sent = calls_since(&trial, 1);
                let end = trial.run(if taken_out { &one } else { &both }).await;
                assert_done(&trial, &end);
                let pools: &[&str] = if taken_out { &["one 2"] } else { &["one 2", "two 2"] };
                assert_eq!(pools_of(&trial), pools, "{words}");
                let next = &calls_since(&trial, 1)[sent.len()..];
                let expected = if taken_out { made } else { 1 - made };
                assert_eq!(next.len(), expected, "{words}: {next:?}");
                assert_eq!(trial.destroy().await.exit, Exit::Done, "{words}");
                assert_eq!(trial.alive(), Vec::<String>::new(), "{words}");
            });
        }
    }
}

/// A record whose update failed before a read decided: the read comes before the call.
#[test]
fn an_update_that_ended_in_error_is_read_before_it_is_sent_again() {
    paused(async {
        let (one, both) =
            (cluster(&json!([pool("one", 2)]), None), cluster(&json!([pool("one", 2), pool("two", 2)]), None));
        let mut trial = Trial::new(assume(Some("task-error:POST:pools:1:leaves")));
        let end = trial.run(&one).await;
        assert_done(&trial, &end);
        trial.change_answers(|request, answer| match request.path.ends_with("/pools/two") {
            true => Answer { status: 404, ..answer },
            false => answer,
        });
        let end = trial.run(&both).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        trial.change_answers(|_, answer| answer);
        let sent = trial.writes();
        let end = trial.run(&both).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), pools_of(&trial).len()), (sent, 2));
    });
}
