use snapbox::{assert_data_eq, str};

use super::*;
use crate::event::{Activity, SourceLocation};
use crate::report::testing::{SharedOutput, accepted, done, error, failed, finished, instance, stamped, started};

const LIMIT: usize = 1024 * 1024;

fn summary(plan: Option<Source>) -> (SharedOutput, Summary) {
    let out = SharedOutput::default();
    (out.clone(), Summary::new(Box::new(out), Secrets::default(), plan.map(Arc::new), 0))
}

#[test]
fn the_result_comes_first_then_failures_resources_and_times() {
    let plan = format!("{}    flavor: g2 | `x`\n", "filler\n".repeat(22));
    let (out, mut summary) = summary(Some(Source::new("deploy.yaml", plan)));
    summary.handle(&stamped(0, started()));
    summary.handle(&stamped(400, accepted("network", 5_000, 10_000)));
    summary.handle(&stamped(7_400, done("network", "networks", "demo-net")));
    summary.handle(&stamped(7_500, accepted("web[0]", 15_000, 30_000)));
    summary.handle(&stamped(61_000, failed("web[0]", "QuotaLimitExceed: no <b>more</b>")));
    summary.handle(&stamped(80_000, Event::RunFinished(finished(Exit::Quota))));
    summary.finish().unwrap();
    assert_data_eq!(
        out.text(),
        str![[r#"
## ❌ plan run: web-demo (default): quota or capacity exceeded

2 done, 1 failed in 1m 20s; 12 requests, 7 of them polls

To go on: <code>plan run deploy.yaml</code>

#### <code>web&#91;0&#93;</code> failed

QuotaLimitExceed: no &#60;b&#62;more&#60;/b&#62;

- at <code>deploy.yaml:23:5</code>: <code>flavor: g2 &#124; &#96;x&#96;</code>
- call: POST /cloud/v2/instances/1/7 (status 409, request req-1&#41;
- field: &#96;/flavor&#96; is sold out
- now: the call changed nothing
- **help**: raise the quota, or use a smaller flavor

### Resources

| step | kind | name | id | what | time |
|---|---|---|---|---|---|
| <code>network</code> | network | <code>demo-net</code> | <code>id-network</code> | created | 7 s |

### Timeline

```mermaid
gantt
    dateFormat x
    axisFormat %H:%M:%S
    network :done, 1800000000400, 1800000007400
    web[0] :crit, 1800000007500, 1800000061000
```


"#]]
    );
}

#[test]
fn a_teardown_after_a_run_has_a_part_of_its_own() {
    let (_, mut summary) = summary(None);
    summary.handle(&stamped(0, started()));
    summary.handle(&stamped(9, Event::RunFinished(finished(Exit::StepFailed))));
    let Event::RunStarted(run) = started() else { unreachable!("testing starts a run") };
    summary.handle(&stamped(10, Event::RunStarted(RunStarted { command: Activity::Destroy, ..run })));
    summary.handle(&stamped(20, Event::RunFinished(finished(Exit::Done))));
    let text = summary.render();
    let titles: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(
        titles,
        ["## ❌ plan run: web-demo (default): a step failed", "## ✅ plan destroy: web-demo (default): done"]
    );
}

#[test]
fn ten_thousand_steps_and_megabytes_of_causes_stay_below_the_limit() {
    let (out, mut summary) = summary(None);
    summary.handle(&stamped(0, started()));
    for index in 0..10_000 {
        summary.handle(&stamped(index, accepted(&format!("s{index}"), 1, 2)));
        summary.handle(&stamped(index + 5, done(&format!("s{index}"), "instances", &"|".repeat(100))));
    }
    for index in 0..2_000 {
        summary.handle(&stamped(9, failed(&format!("f[{index}]"), &"<script>".repeat(10_000))));
    }
    summary.handle(&stamped(80_000, Event::RunFinished(finished(Exit::StepFailed))));
    summary.finish().unwrap();
    let text = out.text();
    assert!(text.len() < LIMIT, "{}", text.len());
    assert!(text.contains("failures cut to stay below") && text.contains("more rows cut to stay below"));
    assert!(text.contains("<code>f&#91;0&#93;</code> failed") && text.contains("<code>s0</code>"));
}

#[test]
fn a_file_that_is_nearly_full_gets_the_result_only() {
    let out = SharedOutput::default();
    let mut summary = Summary::new(Box::new(out.clone()), Secrets::default(), None, SUMMARY_LIMIT - 70_000);
    summary.handle(&stamped(0, started()));
    for index in 0..1000 {
        summary.handle(&stamped(9, failed(&format!("f[{index}]"), "no")));
    }
    summary.handle(&stamped(80_000, Event::RunFinished(finished(Exit::StepFailed))));
    summary.finish().unwrap();
    assert!(out.text().len() < 7_000, "{}", out.text().len());
    assert!(out.text().starts_with("## ❌ plan run"));
}

#[test]
fn hostile_text_is_only_text() {
    let hostile = "</code><img src=x> | `a` ```\n# b [c](https://d.example) @team %% ::error::";
    let (_, mut summary) = summary(None);
    summary.handle(&stamped(0, accepted(&format!("web[{hostile}]"), 1, 2)));
    summary.handle(&stamped(1, done(&format!("web[{hostile}]"), hostile, hostile)));
    let mut error = error(hostile);
    error.place = Some(SourceLocation { file: hostile.to_owned(), line: 1, column: 1 });
    error.help = vec![hostile.to_owned()];
    summary.handle(&stamped(2, Event::StepFailed { instance: instance("a"), error }));
    let mut end = finished(Exit::StepFailed);
    end.next = Some(hostile.to_owned());
    summary.handle(&stamped(3, Event::RunFinished(end)));
    let text = summary.render();
    for forbidden in ["<img", "</code><", "[c](", "https://", "@team", "\n# b", "%%", "::error"] {
        assert!(!text.contains(forbidden), "{forbidden}: {text}");
    }
    assert_eq!(text.matches("```").count(), 2, "only the chart's own fence: {text}");
    let row = text.lines().find(|line| line.starts_with("| <code>web")).unwrap();
    assert_eq!(row.matches('|').count(), 7, "{row}");
}

#[test]
fn secrets_are_hidden_before_they_are_escaped() {
    let out = SharedOutput::default();
    let secrets = Secrets::default();
    secrets.hide("p@ss|word");
    let mut summary = Summary::new(Box::new(out.clone()), secrets, None, 0);
    summary.handle(&stamped(0, failed("web", "refused p@ss|word")));
    summary.finish().unwrap();
    assert!(out.text().contains("refused &#91;secret&#93;"), "{}", out.text());
}
