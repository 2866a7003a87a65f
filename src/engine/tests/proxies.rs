//! Pages of a proxy, and answers without what they should say: none of them says that something is not there, or that a
//! call was not carried out.

use super::harness::{Trial, assert_done, paused};
use super::ours::DATA;
use crate::api::Answer;
use crate::catalog::Method;
use crate::exit::Exit;
use crate::simulate::Options;

#[test]
fn a_page_with_404_does_not_mean_gone() {
    paused(async {
        let mut trial = Trial::with_faults(&["status=404:html:DELETE:volumes:1"]);
        let end = trial.run(DATA).await;
        assert_done(&trial, &end);
        assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
        assert_eq!((trial.alive().len(), trial.status().existing().count()), (1, 1));
        assert!(trial.left()[0].contains("the answer is not the API's"), "{:?}", trial.left());
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn a_page_with_503_may_follow_a_call_that_was_carried_out() {
    paused(async {
        let mut trial = Trial::with_faults(&["status=503:retry-after=5:html:acted:POST:volumes:1"]);
        let end = trial.run(DATA).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["volumes"], trial.alive().len()), (1, 1));
    });
}

#[test]
fn a_removal_is_not_over_before_its_task_is_named_or_nothing_is_left() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(DATA).await;
        assert_done(&trial, &end);
        trial.change_answers(|request, answer| match request.method {
            Method::Delete if answer.status == 200 => Answer { body: Vec::new(), ..answer },
            _ => answer,
        });
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
        let requests = trial.requests.lock().unwrap();
        assert!(requests.iter().filter(|request| request.method == Method::Delete).count() > 1);
    });
}
