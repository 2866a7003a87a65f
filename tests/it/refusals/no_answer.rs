//! Answers to a write that do not show its outcome: of another server, or empty.

use snapbox::str;

use super::{HTML, JSON, assert_write_messages};

#[test]
fn an_answer_that_does_not_show_the_outcome_is_reported_as_such() {
    assert_write_messages(vec![
        (
            (302, "location: http://example.com/\r\n", r#""#),
            1,
            str![[r#"
network     failed: the answer redirects to http://example.com/, which is not followed (status 302)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 302)
      now: the call changed nothing
     help: the base URL is not that of the API: set `GCORE_BASE_URL`; a redirect is not followed, because the key would be sent along
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer redirects to http://example.com/, which is not followed (status 302) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (200, HTML, r#"<html><title>login</title>Please sign in</html>"#),
            7,
            str![[r#"
network     resolving the outcome of the call: the answer (status 200) is not readable JSON
network     unknown: the API carried it out, and what it made was not found: the answer (status 200) is not readable JSON
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 200)
      now: not known whether the call was carried out
     help: run again: the outcome is resolved once more
     help: or decide: `plan state resolve --plan [..] --environment default --state [..] network --id ID` (it exists), or `--not-applied` (it does not)
subnet      skipped: `network` did not succeed
an outcome is unknown: 1 unknown, 1 skipped
  network: the API carried it out, and what it made was not found: the answer (status 200) is not readable JSON (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (200, JSON, r#""#),
            7,
            str![[r#"
network     resolving the outcome of the call: the answer (status 200) does not say what was made
network     unknown: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 200)
      now: not known whether the call was carried out
     help: run again: the outcome is resolved once more
     help: or decide: `plan state resolve --plan [..] --environment default --state [..] network --id ID` (it exists), or `--not-applied` (it does not)
subnet      skipped: `network` did not succeed
an outcome is unknown: 1 unknown, 1 skipped
  network: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (200, JSON, r#"null"#),
            7,
            str![[r#"
network     resolving the outcome of the call: the answer (status 200) does not say what was made
network     unknown: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 200)
      now: not known whether the call was carried out
     help: run again: the outcome is resolved once more
     help: or decide: `plan state resolve --plan [..] --environment default --state [..] network --id ID` (it exists), or `--not-applied` (it does not)
subnet      skipped: `network` did not succeed
an outcome is unknown: 1 unknown, 1 skipped
  network: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
    ]);
}
