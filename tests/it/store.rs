//! Stores of records; lost and damaged records.

use std::time::Duration;

use gcore_plan::journal::Line;
use gcore_plan::simulate::{AuditLog, Busy, Durations, Faults, Options};
use jiff::SignedDuration;

use crate::cloud::Cloud;
use crate::support::{Ended, Folder};

const PLAN: &str = r#"
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web, create_router: false }
    wait: { first: 20ms, every: 100ms }
  - id: disk
    for_each: "{{ range(2) }}"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: data, source: new-volume, size: 10 }
    wait: { first: 20ms, every: 100ms }
"#;

struct Account {
    folder: Folder,
    cloud: Cloud,
}

impl Account {
    fn new() -> Self {
        Self::of(PLAN, AuditLog::OnTime)
    }

    fn of(plan: &str, audit: AuditLog) -> Self {
        Self::taking(plan, audit, Duration::from_millis(60))
    }

    /// `task`: how long a task takes.
    fn taking(plan: &str, audit: AuditLog, task: Duration) -> Self {
        let folder = Folder::new().with("plan.yaml", plan);
        let busy = Busy { audit, ..Busy::default() };
        let options = Options { durations: Durations::Fixed(task), busy, ..Options::default() };
        let cloud = Cloud::start(options, folder.path().join("nowhere"));
        Self { folder, cloud }
    }

    /// Has the record say that everything was done an hour earlier.
    fn written_an_hour_earlier(&self) {
        let journal = self.folder.path().join(".plan/demo/default/journal.jsonl");
        let earlier = |line: &str| {
            let mut line = Line::decode(line).unwrap();
            line.at -= SignedDuration::from_hours(1);
            line.encode()
        };
        let lines: String = std::fs::read_to_string(&journal).unwrap().lines().map(earlier).collect();
        std::fs::write(&journal, lines).unwrap();
    }

    fn plan(&self, arguments: &[&str]) -> Ended {
        self.plan_in(arguments, &[])
    }

    fn plan_in(&self, arguments: &[&str], more: &[(&str, &str)]) -> Ended {
        let account = [
            ("GCORE_BASE_URL", self.cloud.url.as_str()),
            ("GCORE_API_KEY", "any"),
            ("GCORE_CLOUD_PROJECT_ID", "1"),
            ("GCORE_CLOUD_REGION_ID", "7"),
        ];
        self.folder.run_in(arguments, &[&account[..], more].concat())
    }

    fn made(&self) -> u64 {
        self.cloud.simulator().ever_made().values().sum()
    }
}

#[test]
fn a_run_with_an_empty_record_stops_when_the_account_has_its_resources() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml", "--state", "first"]).with_code(0);
    let made = account.made();
    let ended = account.plan(&["run", "plan.yaml", "--state", "second"]).with_code(12);
    ended.says("the record is empty, but the account holds 3 resources of demo/default");
    ended.says("`plan state recover plan.yaml --state second`");
    ended.says("to create everything a second time, use another environment");
    assert_eq!(account.made(), made);
    // A destroy would make nothing.
    let ended = account.plan(&["destroy", "plan.yaml", "--yes", "--state", "second"]).with_code(12);
    ended.says("`plan state recover plan.yaml --state second`");
    ended.says("then destroy again");
    // Another environment is not affected.
    account.plan(&["run", "plan.yaml", "--state", "second", "--environment", "other"]).with_code(0);
}

#[test]
fn a_lost_record_is_recovered_from_the_account() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let made = account.made();
    std::fs::remove_dir_all(account.folder.path().join(".plan")).unwrap();
    account.plan(&["state", "recover", "plan.yaml", "--dry-run"]).with_code(0).prints("disk[1]");
    assert!(!account.folder.path().join(".plan").exists());
    account.plan(&["state", "recover", "plan.yaml"]).with_code(0).says("3 instances on record again");
    account.plan(&["state", "recover", "plan.yaml"]).with_code(0).says("0 instances on record again");
    // The plan continues with the existing resources, and destroys them.
    account.plan(&["run", "plan.yaml"]).with_code(0).says("3 unchanged");
    assert_eq!(account.made(), made);
    account.plan(&["destroy", "plan.yaml", "--yes"]).with_code(0).says("3 removed");
    assert!(account.cloud.simulator().everything().is_empty());
}

#[test]
fn a_damaged_record_is_repaired_from_its_readable_part_and_the_account() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let made = account.made();
    let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
    let whole = std::fs::read_to_string(&journal).unwrap();
    let broken = [String::new(), whole.replacen("\"intent\"", "\"intend\"", 2), "\0".repeat(whole.len())];
    for text in broken {
        std::fs::write(&journal, &text).unwrap();
        account.plan(&["run", "plan.yaml"]).with_code(12).says("plan state salvage");
        account.plan(&["state", "salvage", "plan.yaml"]).with_code(0).says("the record is repaired");
        account.plan(&["run", "plan.yaml"]).with_code(0).says("3 unchanged");
        assert_eq!(account.made(), made);
    }
    account.plan(&["state", "salvage", "plan.yaml"]).with_code(2).says("not damaged");
}

#[test]
fn on_a_hosted_runner_a_record_on_its_disk_is_refused_unless_it_is_meant() {
    let account = Account::new();
    let temporary = account.folder.path().join("temp");
    let hosted = [
        ("GITHUB_ACTIONS", "true"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
        ("RUNNER_TEMP", temporary.to_str().unwrap()),
    ];
    for state in [&[][..], &["--state", "records"]] {
        let ended = account.plan_in(&[&["run", "plan.yaml"], state].concat(), &hosted).with_code(2);
        ended.says("gone with this runner's disk");
        ended.says("--state ephemeral");
    }
    assert_eq!(account.made(), 0);
    account.plan_in(&["run", "plan.yaml", "--state", "ephemeral"], &hosted).with_code(0);
    let torn_down = [&hosted[..], &[("PLAN_TEARDOWN", "always")]].concat();
    account.plan_in(&["run", "plan.yaml"], &torn_down).with_code(0).says("3 unchanged");
    // The post step finds the record in the same place, although the plan file is deleted.
    std::fs::remove_file(account.folder.path().join("plan.yaml")).unwrap();
    account.plan_in(&["destroy", "plan.yaml", "--yes", "--if-exists"], &hosted).with_code(0).says("3 removed");
}

#[test]
fn an_address_that_cannot_be_used_says_why() {
    let folder = Folder::new();
    for (address, words) in
        [("ftp://records", "`ftp://` is not known"), ("s3://key:secret@records", "no name of a bucket")]
    {
        let ended = folder.run(&["status", "--all", "--state", address]).with_code(2);
        ended.says(words);
        ended.says("docs/state.md");
    }
}

#[test]
fn a_record_moves_from_place_to_place_and_never_back_in_time() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let made = account.made();
    let pulled = account.plan(&["state", "pull", "record.jsonl", "-f", "plan.yaml"]).with_code(0);
    pulled.says("3 instances");
    account.plan(&["state", "pull", "record.jsonl", "-f", "plan.yaml"]).with_code(2).says("is there already");
    account
        .plan(&["state", "push", "record.jsonl", "--state", "there"])
        .with_code(0)
        .says("use this place from now on");
    account
        .plan(&["state", "push", "record.jsonl", "--state", "there"])
        .with_code(0)
        .says("has the same record already");
    account.plan(&["run", "plan.yaml", "--state", "there"]).with_code(0).says("3 unchanged");
    assert_eq!(account.made(), made);
    // The copy continues: pushing the older record is refused, the newer one may replace its origin.
    account.plan(&["state", "forget", "disk[1]", "-f", "plan.yaml", "--state", "there", "--yes"]).with_code(0);
    let older = account.plan(&["state", "push", "record.jsonl", "--state", "there"]).with_code(2);
    older.says("it is older than the record in the store");
    older.says("--force");
    account.plan(&["state", "pull", "newer.jsonl", "-f", "plan.yaml", "--state", "there"]).with_code(0);
    account.plan(&["state", "push", "newer.jsonl"]).with_code(0).says("the replaced record is kept in");
    // Both continue: neither may replace the other without `--force`.
    account.plan(&["state", "forget", "disk[0]", "-f", "plan.yaml", "--yes"]).with_code(0);
    account.plan(&["state", "forget", "network", "-f", "plan.yaml", "--state", "there", "--yes"]).with_code(0);
    account.plan(&["state", "pull", "here.jsonl", "-f", "plan.yaml"]).with_code(0);
    account.plan(&["state", "push", "here.jsonl", "--state", "there"]).with_code(2).says("both were changed");
    account.plan(&["state", "push", "here.jsonl", "--state", "there", "--force"]).with_code(0);
    account.plan(&["state", "list", "plan.yaml", "--state", "there"]).with_code(0).prints("network");
}

#[test]
fn a_record_of_another_or_of_a_newer_version_is_not_pushed() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    account.plan(&["run", "plan.yaml", "--state", "other", "--no-stamp"]).with_code(0);
    account.plan(&["state", "pull", "other.jsonl", "-f", "plan.yaml", "--state", "other"]).with_code(0);
    account.plan(&["state", "push", "other.jsonl"]).with_code(2).says("another record");
    let path = account.folder.path().join("newer.jsonl");
    std::fs::write(&path, "{\"sum\":\"00000000\",\"record\":\"header\",\"version\":99}\n").unwrap();
    let newer = account.plan(&["state", "push", "newer.jsonl", "--state", "new"]).with_code(12);
    newer.says("written by a newer `plan`");
    assert!(!account.folder.path().join("new").exists());
}

#[test]
fn destroying_an_environment_that_never_existed_succeeds_without_plan_or_store() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    std::fs::write(account.folder.path().join("broken.yaml"), "name: [").unwrap();
    for file in ["plan.yaml", "gone.yaml", "broken.yaml"] {
        for state in [".plan", "nowhere"] {
            let arguments = ["destroy", file, "--environment", "pr-7", "--yes", "--if-exists", "--state", state];
            account.plan(&arguments).with_code(0).says("does not exist");
            account.plan(&arguments[..5]).with_code(2);
        }
        let whole = ["destroy", file, "--yes", "--if-exists"];
        // Another plan may have made this environment: no record is chosen.
        if file != "plan.yaml" {
            account.plan(&whole).with_code(2);
        }
    }
    account.plan(&["destroy", "plan.yaml", "--yes", "--if-exists"]).with_code(0).says("3 removed");
}

#[test]
fn a_resource_with_only_a_matching_name_is_recorded_when_confirmed() {
    let more = "  - id: key\n    call: POST /cloud/v1/ssh_keys/{project_id}\n    body: { name: web }\n";
    let account = Account::of(&format!("{PLAN}{more}"), AuditLog::Closed);
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let (made, key) = (account.made(), account.cloud.simulator().resources("ssh_keys")[0].id.clone());
    std::fs::remove_dir_all(account.folder.path().join(".plan")).unwrap();
    let recovered = account.plan(&["state", "recover", "plan.yaml"]).with_code(7);
    recovered.prints("in doubt: only its name agrees");
    recovered.says(&format!("--accept key={key}"));
    account.plan(&["run", "plan.yaml", "--resolve-time", "1s"]).with_code(7);
    assert_eq!(account.made(), made);
    account.plan(&["state", "recover", "plan.yaml", "--accept", &format!("key={key}")]).with_code(0).prints("accepted");
    account.plan(&["run", "plan.yaml"]).with_code(0).says("4 unchanged");
    account.plan(&["destroy", "plan.yaml", "--yes"]).with_code(0).says("4 removed");
    assert!(account.cloud.simulator().everything().is_empty());
}

/// It would throw the resource of the step off the record, and a destroy would then delete another client's.
#[test]
fn no_resource_is_accepted_for_a_step_that_has_one() {
    let more = "  - id: key\n    call: POST /cloud/v1/ssh_keys/{project_id}\n    body: { name: web }\n";
    let account = Account::of(&format!("{PLAN}{more}"), AuditLog::Closed);
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let id = |kind: &str| account.cloud.simulator().resources(kind)[0].id.clone();
    let (key, network) = (id("ssh_keys"), id("networks"));
    let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
    let before = std::fs::read(&journal).unwrap();
    for (accepted, said, help) in [
        ("key=wrong".to_owned(), format!("`key` is on record already, with SSH key {key} (web)"), "plan state forget "),
        (
            format!("key={key}"),
            format!("`key` is on record already, with SSH key {key} (web)"),
            "leave this `--accept` out",
        ),
        (format!("other={network}"), "not accepted".to_owned(), ""),
    ] {
        let refused = account.plan(&["state", "recover", "plan.yaml", "--accept", &accepted]);
        let refused = refused.with_code(if help.is_empty() { 7 } else { 2 });
        refused.says(&said);
        refused.says(help);
        assert_eq!(std::fs::read(&journal).unwrap(), before, "{accepted}");
    }
    // The record is damaged, and the line of the key can be read.
    let text = String::from_utf8(before).unwrap();
    let damaged = text.replacen("\n{", "\nx{", 1);
    std::fs::write(&journal, &damaged).unwrap();
    let salvage = account.plan(&["state", "salvage", "plan.yaml", "--accept", "key=wrong"]);
    salvage.with_code(2).says("`key` is on record already");
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), damaged);
    let twice = ["state", "recover", "plan.yaml", "--accept", "other=1", "--accept", "other=2"];
    std::fs::write(&journal, &text).unwrap();
    account.plan(&twice).with_code(2).says("`--accept` names `other` twice");
}

#[test]
fn a_lost_record_is_no_environment_of_which_nothing_is_left() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
    let whole = std::fs::read_to_string(&journal).unwrap();
    let header = whole.lines().next().unwrap().to_owned() + "\n";
    let begun: String = whole.lines().take(2).flat_map(|line| [line, "\n"]).collect();
    std::fs::remove_file(&journal).unwrap();
    account.plan(&["run", "plan.yaml"]).with_code(12).says("the account holds 3 resources of demo/default");
    assert!(!journal.exists(), "a refused first run leaves no record");
    for left in [None, Some(header), Some(begun)] {
        match &left {
            None => assert!(!journal.exists()),
            Some(text) => std::fs::write(&journal, text).unwrap(),
        }
        for more in [&[][..], &["--if-exists"], &["--dry-run"]] {
            let destroy = [&["destroy", "plan.yaml", "--yes"], more].concat();
            account.plan(&destroy).with_code(12).says("the account holds 3 resources of demo/default");
        }
    }
    // Without the plan file it is not known where to look.
    account.plan(&["destroy", "--plan", "demo", "--yes", "--if-exists"]).with_code(12);
    std::fs::remove_file(&journal).unwrap();
    let unsearched = account.plan(&["destroy", "--plan", "demo", "--yes", "--if-exists"]).with_code(0);
    unsearched.says("does not exist; the account was not searched: its plan file is not known");
    assert_eq!(account.cloud.simulator().everything().len(), 3);
}

const ONE_AFTER_ANOTHER: &str = r#"
name: demo
steps:
  - id: first
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: first, source: new-volume, size: 10 }
  - id: second
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: second, source: new-volume, size: 10 }
    needs: [first]
  - id: third
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: third, source: new-volume, size: 10 }
    needs: [second]
"#;

#[test]
fn a_run_with_an_older_copy_of_its_record_makes_nothing_a_second_time() {
    // Times of creation have whole seconds: `third` is made more than two after the end of the first run.
    let account = Account::taking(ONE_AFTER_ANOTHER, AuditLog::OnTime, Duration::from_millis(1100));
    let run = ["run", "plan.yaml"];
    account.plan(&["run", "plan.yaml", "--target", "first"]).with_code(0);
    let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
    let older = std::fs::read(&journal).unwrap();
    account.plan(&run).with_code(0);
    let made = account.made();
    std::fs::write(&journal, older).unwrap();
    let refused = account.plan(&run).with_code(12);
    refused.says(
        "of demo/default that the record does not have, made since its last line about their steps: nothing was done",
    );
    refused.says("recover what it lacks: `plan state recover plan.yaml`");
    account.plan(&["state", "recover", "plan.yaml"]).with_code(0);
    account.plan(&run).with_code(0).says("3 unchanged");
    assert_eq!(account.made(), made);
    // What was taken off the record by intention is older than its last line: the run makes another.
    account.plan(&["state", "forget", "third", "-f", "plan.yaml", "--yes"]).with_code(0);
    account.plan(&run).with_code(0).says("1 done, 2 unchanged");
    assert_eq!(account.made(), made + 1);
}

/// The clock of the machine that wrote the record may have been behind the API's.
#[test]
fn what_was_taken_off_the_record_is_not_missed_whatever_the_clock_that_wrote_it() {
    let run = ["run", "plan.yaml"];
    for next in [ONE_AFTER_ANOTHER.to_owned(), ONE_AFTER_ANOTHER.replace("third", "other")] {
        let account = Account::taking(ONE_AFTER_ANOTHER, AuditLog::OnTime, Duration::from_millis(60));
        account.plan(&run).with_code(0);
        account.plan(&["state", "forget", "third", "-f", "plan.yaml", "--yes"]).with_code(0);
        account.written_an_hour_earlier();
        std::fs::write(account.folder.path().join("plan.yaml"), next).unwrap();
        account.plan(&run).with_code(0).says("1 done, 2 unchanged");
    }
}

/// Two reads by its id in turn say "not found", and the list of its kind shows it.
#[test]
fn what_a_list_shows_is_not_made_again_although_reads_do_not_find_it() {
    let faults = Faults::parse(["status=404:GET:networks/1/7/:1", "status=404:GET:networks/1/7/:2"]).unwrap();
    let options = Options { durations: Durations::Fixed(Duration::from_millis(60)), faults, ..Options::default() };
    let folder = Folder::new().with("plan.yaml", PLAN);
    let cloud = Cloud::start(options, folder.path().join("nowhere"));
    let account = Account { folder, cloud };
    account.plan(&["run", "plan.yaml", "--target", "network"]).with_code(0);
    account.written_an_hour_earlier();
    let again = ["run", "plan.yaml", "--target", "network", "--refresh"];
    let refused = account.plan(&again).with_code(1);
    refused.says("(web) counts as gone, because it was not found by its id, and it is there: nothing was done");
    refused.says("put it back on record: `plan state recover plan.yaml`");
    account.plan(&again).with_code(0).says("1 unchanged");
    assert_eq!(account.made(), 1);
}

#[test]
fn an_older_copy_that_has_its_instances_removed_or_replaced_makes_nothing_a_second_time() {
    let run = ["run", "plan.yaml"];
    let destroy = ["destroy", "plan.yaml", "--yes"];
    // What the record goes on to, what had been done when it was copied, and the runs with the copy.
    for (before, since, with_copy) in [
        (Some(&destroy[..]), &run[..], &[&run[..], &destroy[..]][..]),
        (
            None,
            &["run", "plan.yaml", "--replace", "first", "--replace", "second", "--replace", "third"][..],
            &[&["run", "plan.yaml", "--refresh"][..], &["run", "plan.yaml", "--replace", "third"][..]][..],
        ),
    ] {
        // Times of creation have whole seconds: `third` is made more than two after the last line of the copy.
        let account = Account::taking(ONE_AFTER_ANOTHER, AuditLog::OnTime, Duration::from_millis(1100));
        account.plan(&run).with_code(0);
        before.map(|before| account.plan(before).with_code(0));
        let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
        let older = std::fs::read(&journal).unwrap();
        account.plan(since).with_code(0);
        let made = account.made();
        std::fs::write(&journal, older).unwrap();
        if before.is_none() {
            // Its lines say nothing of what was made meanwhile.
            account.plan(&run).with_code(0).says("3 unchanged");
        }
        for command in with_copy {
            let refused = account.plan(command).with_code(12);
            refused.says("of demo/default that the record does not have, made since its last line about their steps");
            refused.says("recover what it lacks: `plan state recover plan.yaml`");
        }
        assert_eq!(account.made(), made, "{since:?}");
        assert_eq!(account.cloud.simulator().everything().len(), 3);
    }
}

#[test]
fn an_older_copy_makes_nothing_a_second_time_under_a_new_name() {
    let volume = |(step, name, needs): (&str, &str, &str)| {
        format!(
            "  - id: {step}\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    needs: [{needs}]\n    body: {{ name: \
             {name}, source: new-volume, size: 10 }}\n"
        )
    };
    // The steps of the copy, those of the run that it does not know, and those afterwards. Times of creation have whole
    // seconds: `a` is made more than two after the last line of the copy.
    for (copied, moved, since, renamed) in [
        (
            &[("x", "first", "")][..],
            false,
            &[("x", "first", ""), ("filler", "filler", ""), ("a", "second", "filler")][..],
            &[("x", "first", ""), ("b", "second", "")][..],
        ),
        (
            &[("a", "second", "")],
            true,
            &[("b", "second", ""), ("filler", "filler", ""), ("a", "third", "filler")],
            &[("b", "second", ""), ("a", "third", "")],
        ),
    ] {
        let account = Account::taking("", AuditLog::OnTime, Duration::from_millis(3100));
        let write = |steps: &[(&str, &str, &str)]| {
            let steps: String = steps.iter().copied().map(volume).collect();
            let plan = format!("name: demo\nsteps:\n{steps}");
            std::fs::write(account.folder.path().join("plan.yaml"), plan).unwrap();
        };
        let run = ["run", "plan.yaml"];
        write(copied);
        account.plan(&run).with_code(0);
        let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
        let older = std::fs::read(&journal).unwrap();
        if moved {
            account.plan(&["state", "mv", "a", "b", "-f", "plan.yaml"]).with_code(0);
        }
        write(since);
        account.plan(&run).with_code(0);
        let made = account.made();
        std::fs::write(&journal, older).unwrap();
        write(renamed);
        let refused = account.plan(&run).with_code(12);
        let volume = account.cloud.simulator().everything().into_iter().find(|made| made.name == since[2].1).unwrap();
        refused.says(&format!("volume {} ({})", volume.id, since[2].1));
        assert_eq!(account.made(), made, "{since:?}");
        // What the messages say to type leads on; the old name was taken again where the step was moved.
        let recover = ["state", "recover", "plan.yaml"];
        refused.says("`plan state recover plan.yaml`");
        let recovered = account.plan(&recover).with_code(if moved { 7 } else { 0 });
        if moved {
            let command = recovered.stderr.split('`').find(|words| words.starts_with("plan state mv "));
            let words = command.unwrap_or_else(|| panic!("{}", recovered.stderr)).replace('\'', "");
            assert!(words.ends_with(" a b"), "{words}");
            recovered.says(", then `plan state recover plan.yaml` again");
            account.plan(&words.split(' ').skip(1).collect::<Vec<_>>()).with_code(0);
            account.plan(&recover).with_code(0);
        }
        account.plan(&run).with_code(0).says("2 unchanged");
        assert_eq!(account.made(), made, "{since:?}");
    }
}

#[test]
fn a_destroy_that_ends_incomplete_names_what_its_record_does_not_have_and_repeats_its_confirmation() {
    let faults = Faults::parse(["status=400:DELETE:networks"]).unwrap();
    let durations = Durations::Fixed(Duration::from_millis(60));
    let options = Options { durations, faults, ..Options::default() };
    let folder = Folder::new().with("plan.yaml", PLAN);
    let cloud = Cloud::start(options, folder.path().join("nowhere"));
    let account = Account { folder, cloud };
    account.plan(&["run", "plan.yaml", "--target", "network"]).with_code(0);
    let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
    let older = std::fs::read(&journal).unwrap();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    std::fs::write(&journal, older).unwrap();
    let ended = account.plan(&["destroy", "plan.yaml", "--yes"]).with_code(11);
    ended.says("the account holds 2 resources with the stamp of `demo/default` that this record does not have");
    let next = ended.stderr.lines().find(|line| line.starts_with("next: plan destroy ")).unwrap();
    assert!(next.ends_with(" --yes"), "{next}");
}

#[test]
fn a_destroy_names_what_was_made_since_an_older_copy_of_its_record() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml", "--target", "network"]).with_code(0);
    let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
    let older = std::fs::read(&journal).unwrap();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    std::fs::write(&journal, older).unwrap();
    let destroyed = account.plan(&["destroy", "plan.yaml", "--yes"]).with_code(0);
    let words =
        "the account holds 2 resources with the stamp of `demo/default` that this record does not have, and that stay";
    destroyed.says(words);
    destroyed.says("`plan state recover plan.yaml --dry-run");
    let left = account.cloud.simulator().everything();
    assert_eq!(left.len(), 2);
    left.iter().for_each(|volume| destroyed.says(&volume.id));
    // A record that has everything is followed by no such words.
    std::fs::remove_dir_all(account.folder.path().join(".plan")).unwrap();
    account.plan(&["state", "recover", "plan.yaml"]).with_code(0);
    let destroyed = account.plan(&["destroy", "plan.yaml", "--yes"]).with_code(0);
    assert!(!destroyed.stderr.contains("stamp"), "{}", destroyed.stderr);
    assert!(account.cloud.simulator().everything().is_empty());
}

#[test]
fn a_header_alone_is_no_record() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let journal = account.folder.path().join(".plan/demo/default/journal.jsonl");
    let whole = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, whole.lines().next().unwrap().to_owned() + "\n").unwrap();
    account.plan(&["status", "plan.yaml"]).with_code(2).says("has no record");
    account.plan(&["state", "salvage", "plan.yaml"]).with_code(2).says("`plan state recover plan.yaml` makes one");
    account.plan(&["state", "recover", "plan.yaml"]).with_code(0).says("3 instances on record again");
}

#[test]
fn a_plan_that_was_renamed_is_told_what_it_made_under_its_old_name() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    std::fs::write(account.folder.path().join("plan.yaml"), PLAN.replace("name: demo", "name: other")).unwrap();
    for command in ["preview", "run"] {
        let ended = account.plan(&[command, "plan.yaml"]).with_code(0);
        ended.says("plan `demo` has 3 instances of this file on record in environment `default`");
        ended.says("plan destroy --plan demo --environment default");
    }
    assert!(!account.plan(&["run", "plan.yaml"]).with_code(0).stderr.contains("of this file on record"));
}

#[test]
fn only_a_whole_file_is_pushed_and_pulled_to_where_it_can_be() {
    let account = Account::new();
    account.plan(&["run", "plan.yaml"]).with_code(0);
    let whole = account.plan(&["state", "pull", "-", "-f", "plan.yaml"]).with_code(0).stdout;
    account.plan(&["state", "pull", "nowhere/x", "-f", "plan.yaml"]).with_code(2).says("in no folder that exists");
    let cut = account.folder.path().join("cut.jsonl");
    let header = whole.lines().next().unwrap().len() + 1;
    for (length, words) in
        [(whole.len() - 1, "was cut off"), (header + 40, "was cut off"), (header, "no command has begun")]
    {
        std::fs::write(&cut, &whole[..length]).unwrap();
        account.plan(&["state", "push", "cut.jsonl", "--state", "new"]).with_code(2).says(words);
        assert!(!account.folder.path().join("new").exists());
    }
    std::fs::write(&cut, &whole).unwrap();
    account.plan(&["state", "push", "cut.jsonl", "--state", "new"]).with_code(0).says("3 instances");
}

#[test]
fn outside_of_github_an_ephemeral_record_is_that_of_its_project() {
    let account = Account::new();
    let temporary = account.folder.path().join("temp");
    std::fs::create_dir_all(account.folder.path().join("two")).unwrap();
    std::fs::create_dir_all(&temporary).unwrap();
    std::fs::write(account.folder.path().join("two/plan.yaml"), PLAN.replace("name: web", "name: two")).unwrap();
    let variables = [("TMPDIR", temporary.to_str().unwrap())];
    let run = |arguments: &[&str]| account.plan_in(&[arguments, &["--state", "ephemeral"]].concat(), &variables);
    run(&["run", "plan.yaml"]).with_code(0);
    run(&["status", "two/plan.yaml"]).with_code(2).says("has no record");
    run(&["status", "plan.yaml"]).with_code(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for folder in std::fs::read_dir(&temporary).unwrap() {
            let open = std::fs::Permissions::from_mode(0o777);
            std::fs::set_permissions(folder.unwrap().path(), open).unwrap();
        }
        run(&["status", "plan.yaml"]).with_code(2).says("other users may enter it");
    }
}
