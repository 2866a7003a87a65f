//! When an answer of 404 to a teardown means that a resource is gone.

use super::harness::{Trial, paused};
use super::takedown::{NETWORK, pairs};
use crate::exit::Exit;
use crate::journal::Record;
use crate::simulate::Options;

/// Moves every recorded call to another project, which this key cannot read.
fn in_another_project(trial: &mut Trial) {
    trial.rewrite(|record| {
        if let Record::Succeeded(done) = record {
            let undo = done.made.undo.as_mut().unwrap();
            undo.path = undo.path.replace("/1/7/", "/99/7/");
        }
    });
}

#[test]
fn a_wrong_project_does_not_look_like_gone() {
    paused(async {
        let mut trial = Trial::new(Options { projects: Some(vec![1]), ..Options::default() });
        trial.run(&pairs()).await;
        in_another_project(&mut trial);
        assert_eq!(trial.destroy().await.exit, Exit::NotAllowed);
        assert_eq!((trial.alive().len(), trial.status().existing().count()), (4, 4));
        let left = trial.left().join("\n");
        assert_eq!(left.matches("project 99 cannot be read with this key").count(), 4, "{left}");
        let requests = trial.requests.lock().unwrap();
        assert_eq!(requests.iter().filter(|request| request.path == "/cloud/v1/projects/99").count(), 1);
    });
}

#[test]
fn a_404_means_gone_when_the_key_can_read_the_project() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(NETWORK).await;
        let undo = trial.status().instances[0].made[0].undo.clone().unwrap();
        trial.by_hand(&undo).await;
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        let requests = trial.requests.lock().unwrap();
        let reads = |path: &str| requests.iter().filter(|request| request.path == path).count();
        assert_eq!((reads("/cloud/v1/projects/1"), reads("/cloud/v1/regions/7")), (1, 1));
    });
}

#[test]
fn a_new_resource_is_read_again_before_a_404_means_gone() {
    paused(async {
        let mut trial = Trial::with_faults(&["status=404:DELETE:networks:1"]);
        trial.run(NETWORK).await;
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

/// The router of a network, which goes with it.
#[test]
fn a_secondary_resource_is_read_again_before_a_404_means_gone() {
    paused(async {
        let plan = NETWORK.replace("create_router: false", "create_router: true");
        let mut trial = Trial::with_faults(&["status=404:GET:routers/:1"]);
        trial.run(&plan).await;
        assert_eq!(trial.alive().len(), 2, "{:?}", trial.alive());
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}
