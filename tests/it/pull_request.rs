//! `plan preview --comment`: one comment on a pull request, against a simulated GitHub.

use std::fs;
use std::sync::{Arc, Mutex};

use crate::hub::{self, Hub, comment};
use crate::support::{Ended, Folder};

const PLAN: &str = "\
name: demo
inputs:
  names: { type: map }
steps:
  - id: network
    for_each: \"{{ inputs.names }}\"
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: \"{{ each.value }}\" }
";

struct Trial {
    folder: Folder,
    hub: Arc<Mutex<Hub>>,
    address: String,
}

impl Trial {
    fn new(names: &str) -> Self {
        let folder = Folder::new().with("plan.yaml", PLAN).with("in.yaml", names);
        let hub = Arc::new(Mutex::new(Hub::default()));
        let address = hub::serve(hub.clone());
        Self { folder, hub, address }
    }

    fn preview(&self, more: &[(&str, &str)]) -> Ended {
        let output = self.folder.path().join("output").display().to_string();
        let summary = self.folder.path().join("summary").display().to_string();
        let job = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_OUTPUT", output.as_str()),
            ("GITHUB_STEP_SUMMARY", summary.as_str()),
            ("GCORE_CLOUD_PROJECT_ID", "1"),
            ("GCORE_CLOUD_REGION_ID", "7"),
        ];
        let request = hub::of_pull_request(&self.address);
        let environment: Vec<(&str, &str)> = job.into_iter().chain(request).chain(more.iter().copied()).collect();
        self.folder
            .run_in(&["preview", "plan.yaml", "--inputs", "in.yaml", "--comment", "--state", "records"], &environment)
    }

    fn bodies(&self) -> Vec<String> {
        self.hub.lock().unwrap().bodies()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

#[test]
fn one_comment_is_kept_up_to_date_among_those_of_others() {
    let trial = Trial::new("names: { web: web-1, \"<img src=x> @team\": web-2 }\n");
    let marker = "<!-- gcore-plan preview demo/default -->";
    let theirs =
        [comment(1, "mallory", &format!("{marker}\nfake")), comment(2, "github-actions[bot]", "something else")];
    let filler = (0..150).map(|nth| comment(10 + nth, "mallory", "words"));
    trial.hub.lock().unwrap().comments.extend(theirs.into_iter().chain(filler));
    trial.preview(&[]).with_code(0).says("commented on pull request 7: https://hub.invalid/1");
    let bodies = trial.bodies();
    assert_eq!(bodies.len(), 153);
    let ours = bodies.last().unwrap();
    assert!(ours.starts_with(marker) && ours.contains("2 to create") && !ours.contains("<img"), "{ours}");
    assert_eq!(trial.read("output"), "changes=2\nto-create=2\nto-update=0\nto-replace=0\nto-remove=0\n");
    assert!(trial.read("summary").contains("2 to create"));

    trial.preview(&[]).with_code(0).says("says so already");
    fs::write(trial.folder.path().join("in.yaml"), "names: { web: web-1 }\n").unwrap();
    trial.preview(&[]).with_code(0).says("is up to date");
    let bodies = trial.bodies();
    assert_eq!(bodies.len(), 153);
    assert!(bodies[152].contains("1 to create") && bodies[0].ends_with("fake"), "{}", bodies[152]);

    // Two concurrent jobs left two comments: one is kept.
    trial.hub.lock().unwrap().comments.push(comment(9000, "github-actions[bot]", &format!("{marker}\nold")));
    trial.preview(&[]).with_code(0);
    assert_eq!(trial.bodies().iter().filter(|body| body.starts_with(marker)).count(), 2);
}

#[test]
fn comments_of_another_app_stay() {
    let trial = Trial::new("names: { web: web-1 }\n");
    let marker = "<!-- gcore-plan preview demo/default -->";
    let theirs =
        ["github-actions[bot]", "dependabot[bot]"].map(|login| comment(1, login, &format!("{marker}\n{login}")));
    trial.hub.lock().unwrap().comments.extend(theirs.clone());
    trial.hub.lock().unwrap().app = Some("deployer[bot]".to_owned());
    trial.preview(&[]).with_code(0).says("commented on pull request 7");
    fs::write(trial.folder.path().join("in.yaml"), "names: {}\n").unwrap();
    trial.preview(&[]).with_code(0).says("is up to date");
    let comments = trial.hub.lock().unwrap().comments.clone();
    assert_eq!((comments.len(), &comments[..2]), (3, &theirs[..]));
}

#[test]
fn the_commit_is_that_of_the_branch() {
    let trial = Trial::new("names: { web: web-1 }\n");
    let event = trial.folder.path().join("event.json");
    fs::write(&event, r#"{"pull_request":{"number":7,"head":{"sha":"5d1f0e2"}}}"#).unwrap();
    trial.preview(&[("GITHUB_SHA", "a0b1c2d"), ("GITHUB_EVENT_PATH", event.to_str().unwrap())]).with_code(0);
    assert!(trial.bodies()[0].contains("5d1f0e2") && !trial.bodies()[0].contains("a0b1c2d"), "{:?}", trial.bodies());
}

#[test]
fn a_read_only_token_is_reported_and_not_an_error() {
    let trial = Trial::new("names: { web: web-1 }\n");
    trial.hub.lock().unwrap().reads_only = true;
    let refused = "GitHub answered 403: Resource not accessible by integration; a pull request from a fork has a token that only reads";
    let ended = trial.preview(&[]).with_code(0);
    ended.says(refused);
    ended.says("::warning");
    trial.preview(&[("GITHUB_REF", "refs/heads/main")]).with_code(0).says("no pull request here");
    trial.preview(&[("GITHUB_TOKEN", "another")]).with_code(1).says("GitHub answered 401");
    trial.preview(&[("GITHUB_TOKEN", "")]).with_code(2).says("needs `GITHUB_TOKEN`");
}
