//! Wrong plans and inputs.

use snapbox::str;

use super::{assert_messages, folder};

#[test]
fn wrong_plans_and_inputs() {
    assert_messages(
        &folder(),
        vec![
            (
                &["check", "typo.yaml"],
                &[],
                3,
                str![[r#"
error[unknown-field]: there is no field `create_ruoter` here
 --> typo.yaml:8:63
  |
8 |     body: { name: "{{ inputs.owner }}-{{ inputs.replicas }}", create_ruoter: false }
  |                                                               ^^^^^^^^^^^^^
  |
  = help: did you mean `create_router`?
  = help: if the API has it: `--spec FILE` checks against a newer API document, and `allow_unknown: [body/create_ruoter]` on the step lets it through
help: write
  |
8 -     body: { name: "{{ inputs.owner }}-{{ inputs.replicas }}", create_ruoter: false }
8 +     body: { name: "{{ inputs.owner }}-{{ inputs.replicas }}", create_router: false }
  |

1 error in typo.yaml

"#]],
            ),
            (
                &["rehearse", "deploy.yaml"],
                &[],
                3,
                str![[r#"
error[input-value]: the input `owner` is required
 --> deploy.yaml:4:3
  |
4 |   owner: { description: who asks }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: owner: who asks
  = help: give it with `--set owner=...`, in a file with `--inputs FILE`, or as PLAN_INPUT_OWNER

1 error in deploy.yaml

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "ownr=a"],
                &[],
                3,
                str![[r#"
error: --set ownr: the plan has no input `ownr`
help: did you mean `owner`?
error[input-value]: the input `owner` is required
 --> deploy.yaml:4:3
  |
4 |   owner: { description: who asks }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: owner: who asks
  = help: give it with `--set owner=...`, in a file with `--inputs FILE`, or as PLAN_INPUT_OWNER

1 error in deploy.yaml

"#]],
            ),
            (
                &["rehearse", "deploy.yaml", "--set", "owner=a", "--set", "replicas=0"],
                &[],
                3,
                str![[r#"
error[input-value]: the value of `replicas` does not fit: `0` is below the minimum of 1 (--set replicas)
 --> deploy.yaml:3:3
  |
3 |   replicas: { default: 2, minimum: 1 }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

1 error in deploy.yaml

"#]],
            ),
        ],
    );
}
