//! A changed plan changes only what a task of its step made, or what carries the stamp of the environment.

use super::harness::{Trial, assert_done, paused};
use crate::catalog::Method;
use crate::exit::Exit;
use crate::journal::Record;
use crate::simulate::Options;

/// A volume whose name is an input.
fn disk(on_change: &str) -> String {
    format!(
        "name: demo\ninputs: {{ value: {{ default: '80' }} }}\nsteps:\n  - id: it\n    \
         call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
         body: {{ name: \"disk-{{{{ inputs.value }}}}\", source: new-volume, size: 5 }}\n{on_change}"
    )
}

const WRITTEN: &str = "    on_change: { update: { call: \"PATCH /cloud/v1/volumes/{project_id}/{region_id}/{{ self.id }}\", \
                       body: { name: \"disk-{{ inputs.value }}\" } } }\n";

/// A pool in whose list of members another client may have some, so that an update reads it.
const POOL: &str = r#"
name: demo
inputs: { value: { default: '80' } }
steps:
  - id: lb
    call: POST /cloud/v1/loadbalancers/{project_id}/{region_id}
    body: { name: web-lb }
  - id: it
    call: POST /cloud/v1/lbpools/{project_id}/{region_id}
    body:
      name: web-pool
      load_balancer_id: "{{ steps.lb.id }}"
      lb_algorithm: ROUND_ROBIN
      protocol: TCP
      members: [{ address: 10.0.0.1, protocol_port: "{{ inputs.value | int }}" }]
"#;

impl Trial {
    async fn with_value(&mut self, plan: &str, value: &str) -> Exit {
        self.inputs = vec![("value".to_owned(), value.to_owned())];
        self.run(plan).await.finished.exit
    }

    /// Rewrites the record as if other tasks than its own had made all: those of the API named what they only used.
    fn list_what_others_made(&mut self) {
        self.rewrite(|record| {
            if let Record::Succeeded(done) = record {
                done.result.tasks = vec!["another".to_owned()].into();
                done.made.tasks = vec!["another".to_owned()].into();
            }
        });
    }

    /// How often the resource of `it` was read before each change of it.
    fn reads_before_changes(&self) -> Vec<usize> {
        let status = self.status();
        let known = status.instances.iter().find(|(id, _)| id.to_string() == "it").unwrap().1;
        let path = known.made[0].undo.as_ref().unwrap().path.clone();
        let (mut all, mut reads) = (Vec::new(), 0);
        for request in self.requests.lock().unwrap().iter() {
            match request.method {
                Method::Get => reads += usize::from(request.path == path),
                Method::Patch => all.push(std::mem::take(&mut reads)),
                _ => reads = 0,
            }
        }
        all
    }
}

#[test]
fn what_another_task_made_is_not_changed_by_a_changed_plan() {
    for (plan, stamp, exit) in [
        (disk(""), false, Exit::StepFailed),
        (disk(WRITTEN), false, Exit::StepFailed),
        (disk("    on_change: replace\n"), false, Exit::StepFailed),
        (POOL.to_owned(), false, Exit::StepFailed),
        (disk(""), true, Exit::Done),
        (disk(WRITTEN), true, Exit::Done),
    ] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.stamp = stamp;
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            trial.list_what_others_made();
            let (writes, alive) = (trial.writes(), trial.alive());
            for _ in 0..2 {
                assert_eq!(trial.with_value(&plan, "81").await, exit, "{plan}");
            }
            assert_eq!(trial.writes() - writes, usize::from(stamp), "{plan}");
            assert_eq!(trial.alive() == alive, !stamp, "{plan}");
            let told = trial.failures().join("\n");
            assert_eq!(told.contains("made it, and task another, which listed it, only used it"), !stamp, "{told}");
        });
    }
}

#[test]
fn whose_a_resource_is_is_read_once_before_its_first_change() {
    for (plan, reads) in [(disk(""), [1, 0]), (disk(WRITTEN), [1, 0]), (POOL.to_owned(), [1, 1])] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            trial.requests.lock().unwrap().clear();
            for value in ["81", "82"] {
                assert_eq!(trial.with_value(&plan, value).await, Exit::Done);
            }
            assert_eq!(trial.reads_before_changes(), reads, "{plan}");
        });
    }
}

/// The comparison has read it.
#[test]
fn what_a_refresh_found_changed_is_not_read_again_before_that_is_corrected() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&disk("")).await;
        assert_done(&trial, &end);
        trial.call(Method::Patch, "it", "", Some(serde_json::json!({ "name": "other" }))).await;
        assert_eq!(trial.refresh().await, ["it name"]);
        trial.requests.lock().unwrap().clear();
        let end = trial.run(&disk("")).await;
        assert_done(&trial, &end);
        assert_eq!(trial.reads_before_changes(), [0]);
    });
}
