//! What is removed together with a replaced resource: only what the same run makes again or prunes, each of it once;
//! and a preview says so.

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::catalog::Method;
use crate::engine::{Action, ChangeCounts, ChangeKind, ReplaceBlocker, RunEnd, RunOptions};
use crate::exit::Exit;
use crate::plan::Selection;
use crate::simulate::Options;

const NET: &str = "  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                   body: { name: net-1, create_router: false }\n";

/// A subnet, replaced when its range changes.
fn subnet(range: u8) -> String {
    format!(
        "  - id: sub\n    call: POST /cloud/v1/subnets/{{project_id}}/{{region_id}}\n    on_change: replace\n    \
         body: {{ name: sub-1, network_id: \"{{{{ steps.net.id }}}}\", cidr: 10.{range}.0.0/24 }}\n"
    )
}

/// Addresses of the subnet, which the plan allows to replace.
fn addresses(keys: &str, more: &str) -> String {
    format!(
        "  - id: ip\n    for_each: {keys}\n    call: POST /cloud/v1/reserved_fixed_ips/{{project_id}}/{{region_id}}\n    \
         body: {{ type: subnet, subnet_id: \"{{{{ steps.sub.id }}}}\" }}\n    on_change: replace\n{more}"
    )
}

const MACHINE: &str = r#"  - id: vol
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: vol-1, source: new-volume, size: 5 }
  - id: vm
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: vm-1
      flavor: g2-standard-2-4
      volumes:
        - { source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0 }
        - { source: existing-volume, volume_id: "{{ steps.vol.id }}", boot_index: -1 }
      interfaces: [{ type: subnet, network_id: "{{ steps.net.id }}", subnet_id: "{{ steps.sub.id }}" }]
"#;
const ATTACHED: &str = r#"  - id: data
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: data, source: new-volume, size: 5 }
  - id: att
    call: POST /cloud/v2/volumes/{project_id}/{region_id}/{{ steps.data.id }}/attach
    body: { instance_id: "{{ steps.vm.id }}" }
    undo:
      call: POST /cloud/v2/volumes/{project_id}/{region_id}/{{ steps.data.id }}/detach
      body: { instance_id: "{{ steps.vm.id }}" }
"#;

fn plan(steps: &[&str]) -> String {
    format!("name: demo\nsteps:\n{}", steps.concat())
}

fn named(names: &[&str]) -> Selection {
    names.iter().map(|name| Selection::name(name)).collect()
}

impl Trial {
    pub(super) async fn asked(&mut self, plan: &str, asked: &Asked<'_>) -> RunEnd {
        let options = RunOptions {
            prune: asked.prune,
            target: named(asked.target),
            replace: named(asked.replace),
            ..RunOptions::default()
        };
        self.run_with(plan, options, std::future::pending()).await
    }

    /// How often calls were sent whose paths end so.
    pub(super) fn sent(&self, method: Method, end: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.method == method && request.path.ends_with(end)).count()
    }

    /// Of the preview what keeps an instance from being replaced.
    pub(super) fn bar_of(&self, plan: &str, asked: &Asked<'_>, step: &str) -> Option<(String, ReplaceBlocker)> {
        let changes = self.previewed(plan, asked).0;
        let change = changes.iter().find(|change| change.instance == Selection::name(step)).unwrap();
        match change.action.change() {
            Action::Change { how: ChangeKind::Error, because_of: Some(other), blocker: Some(blocker), .. } => {
                Some((other.to_string(), *blocker))
            }
            _ => None,
        }
    }
}

/// Without `--prune` the plan that lost a step, or an element, deletes nothing of it.
#[test]
fn what_left_the_plan_is_not_removed_with_what_it_was_made_from() {
    paused(async {
        let (none, prune) = (Asked::default(), Asked { prune: true, ..Asked::default() });
        let both = plan(&[NET, &subnet(0), &addresses("[a, b]", "")]);
        for (how, left) in [
            ("the step", plan(&[NET, &subnet(1)])),
            ("an element", plan(&[NET, &subnet(1), &addresses("[a]", "")])),
            ("`for_each`", plan(&[NET, &subnet(1), &addresses("[a]", "").replace("    for_each: [a]\n", "")])),
            ("the condition", plan(&[NET, &subnet(1), &addresses("[a, b]", "    when: each.key == '0'\n")])),
            ("the create", plan(&[NET, &subnet(1), "  - { id: ip, call: GET /cloud/v1/regions }\n"])),
        ] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&both).await;
            assert_done(&trial, &end);
            let alive = trial.alive();
            let gone = if matches!(how, "an element" | "the condition") { "ip[1]" } else { "ip[0]" };
            assert_eq!(trial.bar_of(&left, &none, "sub"), Some((gone.to_owned(), ReplaceBlocker::Gone)), "{how}");
            let end = trial.asked(&left, &none).await;
            let (_, error) = end.failure.unwrap();
            assert_eq!(
                error.message,
                format!("it cannot be replaced: {}", ReplaceBlocker::Gone.words(&Selection::name(gone)))
            );
            assert!(error.help[0].contains("`--prune`"), "{how}: {error:?}");
            assert_eq!((trial.alive(), trial.sent(Method::Delete, "")), (alive, 0), "{how}");
            // Allowed, it goes first, and the run does what the preview says.
            assert_eq!(trial.bar_of(&left, &prune, "sub"), None, "{how}");
            let tally = ChangeCounts::of(&trial.previewed(&left, &prune).0);
            let stays = usize::from(matches!(how, "an element" | "the condition"));
            assert_eq!((tally.to_remove, tally.to_replace, tally.refused), (2 - stays, 1 + stays, 0), "{how}");
            let end = trial.asked(&left, &prune).await;
            assert_done(&trial, &end);
            let ips = trial.alive().iter().filter(|one| one.starts_with("reserved")).count();
            assert_eq!(ips, if how == "`for_each`" { 1 } else { stays }, "{how}: {:?}", trial.alive());
        }
    });
}

#[test]
fn what_is_not_targeted_is_not_removed_with_what_it_was_made_from() {
    paused(async {
        let both = |range| plan(&[NET, &subnet(range), &addresses("[a, b]", "")]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&both(0)).await;
        assert_done(&trial, &end);
        let alive = trial.alive();
        for (target, first) in [(&["sub"][..], "ip[0]"), (&["ip[0]"], "ip[1]")] {
            let asked = Asked { target, prune: true, replace: &["ip"], ..Asked::default() };
            assert_eq!(trial.bar_of(&both(1), &asked, "sub"), Some((first.to_owned(), ReplaceBlocker::Untargeted)));
            let end = trial.asked(&both(1), &asked).await;
            let (_, error) = end.failure.unwrap();
            assert!(error.message.contains(&format!("`{first}` depends on it, and is not targeted")), "{error:?}");
            assert_eq!(error.help, ["add `--target ip`"]);
            assert_eq!((trial.alive(), trial.sent(Method::Delete, "")), (alive.clone(), 0));
        }
        let asked = Asked { target: &["ip"], ..Asked::default() };
        assert_eq!(ChangeCounts::of(&trial.previewed(&both(1), &asked).0).words(), "3 to replace");
        let end = trial.asked(&both(1), &asked).await;
        assert_done(&trial, &end);
        assert_eq!((trial.alive().len(), trial.sent(Method::Delete, "")), (alive.len(), 3));
    });
}

/// What was only ordered by `needs` has nothing to do with the resource once the plan does not order it any more.
#[test]
fn what_does_not_come_after_a_replaced_resource_any_more_is_not_removed_with_it() {
    paused(async {
        let pair = |needs: [&str; 2], size| {
            let volume = |id: &str, needs: &str, size: u8| {
                format!(
                    "  - id: {id}\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                     on_change: replace\n    body: {{ name: {id}, source: new-volume, size: {size} }}\n{needs}"
                )
            };
            plan(&[&volume("one", needs[0], size), &volume("two", needs[1], 5)])
        };
        for now in [["", ""], ["    needs: two\n", ""]] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&pair(["", "    needs: one\n"], 5)).await;
            assert_done(&trial, &end);
            assert_eq!(trial.bar_of(&pair(now, 3), &Asked::default(), "one"), None);
            let end = trial.run(&pair(now, 3)).await;
            assert_done(&trial, &end);
            assert_eq!((trial.alive().len(), trial.sent(Method::Delete, "")), (2, 1));
        }
    });
}

/// Its turn could be over when the resource is replaced: it would be gone at the end of the run.
#[test]
fn what_was_made_from_a_replaced_resource_and_comes_after_it_no_more_is_not_removed_with_it() {
    paused(async {
        let pair = |network: &str| {
            let net = "  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                       on_change: replace\n    body: { name: net-1, create_router: false }\n";
            let sub = format!(
                "  - id: sub\n    call: POST /cloud/v1/subnets/{{project_id}}/{{region_id}}\n    on_change: replace\n    \
                 body: {{ name: sub-1, network_id: \"{network}\", cidr: 10.0.0.0/24 }}\n"
            );
            plan(&[net, &sub])
        };
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&pair("{{ steps.net.id }}")).await;
        assert_done(&trial, &end);
        let id = trial.status().instances[&Selection::name("net")].made[0].id.clone().unwrap();
        let apart = pair(id.as_str().unwrap()).replace("create_router: false", "create_router: false, type: vlan");
        assert_eq!(trial.bar_of(&apart, &Asked::default(), "net"), Some(("sub".to_owned(), ReplaceBlocker::Apart)));
        let end = trial.run(&apart).await;
        let (_, error) = end.failure.unwrap();
        assert!(error.message.contains("on record `sub` depends on it"), "{error:?}");
        assert_eq!((trial.alive().len(), trial.sent(Method::Delete, "")), (2, 0));
    });
}

/// An undo by POST is not idempotent, and the record holds one removal of an instance at a time.
#[test]
fn a_dependant_of_several_replaced_resources_is_removed_once() {
    paused(async {
        let whole = plan(&[NET, &subnet(0), MACHINE, ATTACHED]);
        let all = ["vm", "net", "sub", "vol", "att"];
        let part = plan(&[NET, &subnet(0), MACHINE]);
        for (plan, replace, prune) in [(&whole, &all[..], false), (&part, &all[..4], true)] {
            for seed in 0..4 {
                let mut trial = Trial::new(Options { seed, ..Options::default() });
                let end = trial.run(&whole).await;
                assert_done(&trial, &end);
                let before = trial.alive();
                let end = trial.asked(plan, &Asked { replace, prune, ..Asked::default() }).await;
                assert_done(&trial, &end);
                assert_eq!(trial.sent(Method::Post, "/detach"), 1);
                let requests = trial.requests.lock().unwrap().clone();
                let deletes = requests.iter().filter(|request| request.method == Method::Delete);
                assert_eq!(deletes.filter(|request| request.path.contains("/instances/")).count(), 1);
                let data = |name: &&String| !prune || !name.ends_with(" data");
                assert_eq!(trial.alive(), before.iter().filter(data).cloned().collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn what_only_a_replaced_or_changed_step_used_is_shown_to_be_pruned() {
    paused(async {
        let prune = Asked { prune: true, ..Asked::default() };
        let renamed = |text: &str| text.replace("id: net", "id: backbone").replace("steps.net", "steps.backbone");
        let before = plan(&[NET, &subnet(0)]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&before).await;
        assert_done(&trial, &end);
        let tally = ChangeCounts::of(&trial.previewed(&renamed(&before), &prune).0);
        assert_eq!(tally.words(), "1 to create, 1 to replace, 1 to remove");
        let end = trial.asked(&renamed(&before), &prune).await;
        assert_done(&trial, &end);
        assert_eq!((end.finished.removed, trial.alive().len()), (1, 2));
        // What still mentions it keeps it.
        let id = trial.status().instances[&Selection::name("backbone")].result.clone().unwrap().id.unwrap();
        let literal = subnet(0).replace("{{ steps.net.id }}", id.as_str().unwrap());
        let literal = literal.replace("on_change: replace", "on_change: replace\n    needs: other");
        let other = "  - id: other\n    call: POST /cloud/v1/ssh_keys/{project_id}\n    body: { name: other }\n";
        let tally = ChangeCounts::of(&trial.previewed(&plan(&[other, &literal]), &prune).0);
        assert_eq!((tally.refused, tally.to_remove), (1, 0), "{}", tally.words());
    });
}

#[test]
fn what_no_undo_takes_away_keeps_what_it_uses() {
    paused(async {
        let before = plan(&[NET, &subnet(0).replace("    body", "    undo: none\n    body")]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&before).await;
        assert_done(&trial, &end);
        // Nothing is replaced below it either.
        let asked = Asked { replace: &["net"], ..Asked::default() };
        assert_eq!(trial.bar_of(&before, &asked, "net"), Some(("sub".to_owned(), ReplaceBlocker::Stays)));
        assert_eq!(trial.asked(&before, &asked).await.finished.exit, Exit::StepFailed);
        for _ in 0..2 {
            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
            assert_eq!(trial.sent(Method::Delete, ""), 0);
            let left = trial.left().join("\n");
            assert!(left.contains("net: `sub` depends on it, and stays: it has no undo"), "{left}");
            assert!(left.contains("sub: it has no undo"), "{left}");
        }
        // A prune keeps both as well, and the preview says so.
        let prune = Asked { prune: true, ..Asked::default() };
        let empty = plan(&["  - { id: read, call: GET /cloud/v1/regions }\n"]);
        assert_eq!(ChangeCounts::of(&trial.previewed(&empty, &prune).0).refused, 2);
        assert_eq!(trial.asked(&empty, &prune).await.finished.exit, Exit::TeardownIncomplete);
        assert_eq!((trial.alive().len(), trial.sent(Method::Delete, "")), (2, 0));
    });
}

/// The recorded call says what the plan changes once it has succeeded.
#[test]
fn what_follows_a_call_under_way_is_shown_and_counted() {
    paused(async {
        let volume = |name: &str, size: u8, more: &str| {
            format!(
                "name: demo\nsteps:\n  - id: vol\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: {name}, source: new-volume, size: {size} }}\n{more}"
            )
        };
        let replace = "    on_change: replace\n";
        for (changed, words, writes, exit) in [
            (volume("one", 5, ""), "1 to continue", 0, Exit::Done),
            (volume("two", 9, ""), "1 to update", 2, Exit::Done),
            (volume("one", 3, ""), "1 not allowed", 0, Exit::StepFailed),
            (volume("one", 3, replace), "1 to replace", 2, Exit::Done),
        ] {
            let mut trial = Trial::new(Options::default());
            // Killed once the tasks are on record.
            let mut records = 0;
            let waits = |trial: &Trial| trial.status().instances.values().any(|one| one.phase.name() == "waiting");
            while !waits(&trial) {
                trial = Trial::new(Options::default());
                records += 1;
                assert!(trial.crash_after(&volume("one", 5, ""), records).await.is_none());
            }
            let (shown, _) = trial.previewed(&changed, &Asked::default());
            assert_eq!(ChangeCounts::of(&shown).words(), words);
            let shown = serde_json::to_value(&shown[0]).unwrap();
            assert_eq!((&shown["action"], shown["then"].is_null()), (&"continue".into(), words == "1 to continue"));
            let before = trial.writes();
            let end = trial.run(&changed).await;
            assert_eq!((end.finished.exit, trial.writes() - before), (exit, writes), "{words}");
        }
    });
}
