use std::io::ErrorKind;

use snapbox::{assert_data_eq, str};

use super::*;
use crate::event::{Delay, EffectKnown, Provenance, RunFinished, SkipReason};
use crate::report::testing::{
    Broken, SharedOutput, accepted, done, error, failed, finished, instance, stamped, started,
};
use crate::secret::Secrets;

fn human(verbosity: Verbosity, color: Color) -> (SharedOutput, Human) {
    let out = SharedOutput::default();
    let sink = Sink::new("the log", Box::new(out.clone()), Secrets::default());
    (out, Human::new(sink, verbosity, color))
}

fn handle(human: &mut Human, elapsed_ms: u64, event: Event) {
    human.handle(&stamped(elapsed_ms, event));
}

fn a_run(human: &mut Human) {
    handle(human, 0, started());
    handle(human, 50, Event::CallStarted { instance: instance("network"), call: "POST /n".into(), attempt: 1 });
    handle(human, 400, accepted("network", 5_000, 10_000));
    human.tick(Duration::from_secs(6));
    handle(human, 7_400, done("network", "networks", "demo-net"));
    handle(human, 7_500, accepted("web[0]", 15_000, 30_000));
    handle(
        human,
        7_600,
        Event::CallDelayed { instance: instance("web[1]"), reason: Delay::RateLimited, pause_ms: 2000 },
    );
    human.tick(Duration::from_secs(40));
    human.tick(Duration::from_secs(50));
    handle(human, 61_000, failed("web[0]", "QuotaLimitExceed: no more (request_id req-1)"));
    let reason = SkipReason::Dependency { step: instance("web[0]") };
    handle(human, 61_000, Event::StepSkipped { instance: instance("lb"), reason });
    handle(human, 80_000, Event::RunFinished(finished(Exit::Quota)));
    human.finish().unwrap();
}

#[test]
fn a_log_shows_every_change_once_and_pending_calls() {
    let (out, mut human) = human(Verbosity::Normal, Color::Off);
    a_run(&mut human);
    assert_data_eq!(
        out.text(),
        str![[r#"
running web-demo (deploy.yaml), environment default: 3 steps; the record is in .plan/web-demo/default
   0:00  network     waiting for task t-network, typically 5 s to 10 s
   0:07  network     created network `demo-net` id-network in 7 s
   0:07  web[0]      waiting for task t-web[0], typically 15 s to 30 s
   0:07  web[1]      the API asks to slow down (429), again in 2 s
   0:40  pending: web[0] waiting for task t-web[0], typically 15 s to 30 s (33 s); web[1] the API asks to slow down (429), trying again (32 s)
   1:01  web[0]      failed: QuotaLimitExceed: no more (request_id req-1)
       at: deploy.yaml:23:5
     call: POST /cloud/v2/instances/1/7 (status 409)
    field: `/flavor` is sold out
      now: the call changed nothing
     help: raise the quota, or use a smaller flavor
   1:01  lb          skipped: `web[0]` did not succeed
quota or capacity exceeded, after 1m 20s: 2 done, 1 failed; 12 requests, 7 of them polls
  web[0]: QuotaLimitExceed: no more (request_id req-1) (deploy.yaml:23:5)
not made: lb (`web[0]` did not succeed)
pending: web[1] the API asks to slow down (429), trying again (1m 12s)
exists: `network` network id-network
next: plan run deploy.yaml

"#]]
    );
}

#[test]
fn quiet_shows_failures_and_the_end() {
    let (out, mut human) = human(Verbosity::Quiet, Color::Off);
    a_run(&mut human);
    assert_data_eq!(
        out.text(),
        str![[r#"
   1:01  web[0]      failed: QuotaLimitExceed: no more (request_id req-1)
       at: deploy.yaml:23:5
     call: POST /cloud/v2/instances/1/7 (status 409)
    field: `/flavor` is sold out
      now: the call changed nothing
     help: raise the quota, or use a smaller flavor
quota or capacity exceeded, after 1m 20s: 2 done, 1 failed; 12 requests, 7 of them polls
  web[0]: QuotaLimitExceed: no more (request_id req-1) (deploy.yaml:23:5)
not made: lb (`web[0]` did not succeed)
pending: web[1] the API asks to slow down (429), trying again (1m 12s)
exists: `network` network id-network
next: plan run deploy.yaml

"#]]
    );
}

/// What cannot be removed to be replaced is left, and its step fails.
#[test]
fn a_failure_is_told_once_of_an_instance() {
    let (out, mut human) = human(Verbosity::Normal, Color::Off);
    let (kind, id) = (Some("subnets".to_owned()), Some("s1".to_owned()));
    handle(&mut human, 0, Event::ResourceLeft { instance: instance("sub"), kind, id, error: error("in use") });
    handle(&mut human, 0, failed("sub", "in use"));
    handle(&mut human, 1, Event::RunFinished(finished(Exit::StepFailed)));
    let text = out.text();
    assert!(text.contains("sub         left: subnet s1: in use\n"), "{text}");
    assert!(text.contains("sub         failed, for the same reason\n"), "{text}");
    assert!(text.contains("\n  sub: in use"), "{text}");
}

#[test]
fn equal_failures_are_shown_once_and_kept_instances_counted() {
    let (out, mut human) = human(Verbosity::Normal, Color::Off);
    handle(&mut human, 0, started());
    for index in 0..3 {
        let mut kept = done(&format!("disk[{index}]"), "volumes", "d");
        if let Event::StepSucceeded { result, .. } = &mut kept {
            result.provenance = Provenance::Reused;
        }
        handle(&mut human, 0, kept);
        handle(&mut human, 10, failed(&format!("web[{index}]"), "no more"));
    }
    handle(&mut human, 2_000, Event::RunFinished(RunFinished { reused: 3, ..finished(Exit::Quota) }));
    assert_data_eq!(
        out.text(),
        str![[r#"
running web-demo (deploy.yaml), environment default: 3 steps; the record is in .plan/web-demo/default
   0:00  web[0]      failed: no more
       at: deploy.yaml:23:5
     call: POST /cloud/v2/instances/1/7 (status 409, request req-1)
    field: `/flavor` is sold out
      now: the call changed nothing
     help: raise the quota, or use a smaller flavor
   0:00  web[1]      failed, as `web[0]`: no more
   0:00  web[2]      failed, as `web[0]`: no more
quota or capacity exceeded, after 1m 20s: 2 done, 3 unchanged, 1 failed; 12 requests, 7 of them polls
  web[0], web[1] and web[2]: no more (deploy.yaml:23:5)
exists: `disk[0]` volume id-disk[0], `disk[1]` volume id-disk[1] and `disk[2]` volume id-disk[2]
next: plan run deploy.yaml

"#]]
    );
}

#[test]
fn verbose_shows_every_request() {
    let (out, mut human) = human(Verbosity::Verbose, Color::Off);
    a_run(&mut human);
    assert!(out.text().contains("network     calling POST /n\n"), "{}", out.text());
}

#[test]
fn colour_changes_no_word() {
    let (plain, mut one) = human(Verbosity::Normal, Color::Off);
    a_run(&mut one);
    let (painted, mut other) = human(Verbosity::Normal, Color::On);
    a_run(&mut other);
    assert!(painted.text().contains("\x1b["));
    assert_eq!(anstream::adapter::strip_str(&painted.text()).to_string(), plain.text());
}

#[test]
fn hostile_text_stays_on_its_line() {
    let hostile = "x\r\n::error::forged\x1b[2J\u{9b}31m\u{202e}";
    let (out, mut human) = human(Verbosity::Verbose, Color::Off);
    let mut error = error(hostile);
    error.help = vec![hostile.to_owned()];
    error.invalid_fields = vec![(hostile.to_owned(), hostile.to_owned())];
    handle(&mut human, 0, Event::StepFailed { instance: instance(&format!("web[{hostile}]")), error });
    handle(&mut human, 0, done("net", hostile, hostile));
    handle(&mut human, 0, Event::Warned { message: hostile.to_owned() });
    handle(&mut human, 0, accepted(&format!("lb[{hostile}]"), 1, 2));
    human.tick(Duration::from_secs(60));
    handle(&mut human, 0, Event::RunFinished(finished(Exit::StepFailed)));
    let text = out.text();
    assert!(!text.contains(['\x1b', '\r', '\u{9b}', '\u{202e}']), "{text}");
    assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
}

#[test]
fn missing_reporters_are_no_failure() {
    let sink = Sink::new("the log", Box::new(Broken(ErrorKind::BrokenPipe)), Secrets::default());
    a_run(&mut Human::new(sink, Verbosity::Normal, Color::Off));
}

#[test]
fn secrets_in_texts_are_hidden() {
    let out = SharedOutput::default();
    let secrets = Secrets::default();
    secrets.hide("hunter22");
    let mut human = Human::new(Sink::new("the log", Box::new(out.clone()), secrets), Verbosity::Normal, Color::Off);
    handle(&mut human, 0, failed("web", "password hunter22 refused"));
    assert!(out.text().contains("password [secret] refused"), "{}", out.text());
}

#[test]
fn what_an_interrupted_run_waited_for_is_named_in_one_line() {
    let (out, mut human) = human(Verbosity::Normal, Color::Off);
    for number in 0..12 {
        let (id, tasks) = (instance(&format!("web[{number}]")), vec![format!("t{number}")]);
        handle(
            &mut human,
            1_000,
            Event::StepStillWaiting { instance: id, tasks, waited_ms: 900, until: None, unread: None },
        );
    }
    handle(&mut human, 1_000, Event::RunFinished(RunFinished { waiting: 12, ..finished(Exit::Interrupted) }));
    let text = out.text();
    assert_eq!(text.matches("still not done after").count(), 3, "{text}");
    let named =
        "still waiting: web[0], web[1], web[2], web[3], web[4], web[5], web[6], web[7] and 4 more (the next run";
    assert!(text.contains(named), "{text}");
}

#[test]
fn what_an_earlier_run_made_is_not_called_not_made() {
    let (out, mut human) = human(Verbosity::Normal, Color::Off);
    handle(&mut human, 0, started());
    handle(&mut human, 10, failed("net", "it cannot be replaced"));
    let exists = |name| Event::ResourceExists {
        instance: instance(name),
        kind: Some("subnets".to_owned()),
        id: "id-sub".to_owned(),
        name: None,
    };
    handle(&mut human, 10, exists("sub[a]"));
    for name in ["sub", "lb"] {
        let reason = SkipReason::Dependency { step: instance("net") };
        handle(&mut human, 10, Event::StepSkipped { instance: instance(name), reason });
    }
    handle(&mut human, 20, Event::RunFinished(finished(Exit::StepFailed)));
    let text = out.text();
    assert!(
        text.contains("not made: lb (`net` did not succeed)\nnot reached: sub (`net` did not succeed)\n"),
        "{text}"
    );
    assert!(text.contains("exists: `sub[a]` subnet id-sub"), "{text}");
}

#[test]
fn what_is_not_there_any_more_is_not_called_existing() {
    let (out, mut human) = human(Verbosity::Normal, Color::Off);
    handle(&mut human, 0, started());
    for name in ["net", "sub", "disk"] {
        let (kind, id) = (Some("subnets".to_owned()), format!("id-{name}"));
        handle(&mut human, 10, Event::ResourceExists { instance: instance(name), kind, id, name: None });
    }
    let gone = vec![instance("net"), instance("sub")];
    let error = StepError { gone, ..error("`net` and `sub` are not there any more, and this call names them") };
    handle(&mut human, 10, Event::StepFailed { instance: instance("sub"), error });
    handle(&mut human, 20, Event::RunFinished(finished(Exit::StepFailed)));
    let text = out.text();
    assert!(text.contains("exists: `disk` subnet id-disk\n") && !text.contains("id-sub exists"), "{text}");
}

#[test]
fn the_resource_of_a_failed_step_is_reported_as_existing() {
    let (out, mut human) = human(Verbosity::Normal, Color::Off);
    handle(&mut human, 0, started());
    for (at, name) in ["a", "b"].into_iter().enumerate() {
        let id = format!("{at}5a3f1c2-0000-4000-8000-000000000000");
        let kind = Some("networks".to_owned());
        handle(&mut human, 10, Event::ResourceExists { instance: instance(name), kind, id, name: None });
        let error = StepError { effect: EffectKnown::Applied, ..error("it can never become ready") };
        handle(&mut human, 10, Event::StepFailed { instance: instance(name), error });
    }
    handle(&mut human, 20, Event::RunFinished(finished(Exit::StepFailed)));
    let text = out.text();
    assert!(text.contains("now: network 05a3f1c2-0000-4000-8000-000000000000 exists"), "{text}");
    // Equal failures stay one message, whatever each of them made.
    assert!(text.contains("b           failed, as `a`"), "{text}");
    assert!(text.contains("exists: `a` network 05a3f1c2"), "{text}");
    assert!(text.contains("`b` network 15a3f1c2"), "{text}");
}
