//! The command that continues a run: what its user types next. It makes the same calls in the same place, so it repeats
//! every option that selects calls or a place.

use std::path::Path;

use super::environment_name::DEFAULT_ENVIRONMENT;
use super::run_options::selection;
use super::shell_words::quoted;
use crate::cli::{PlanOptions, RunArguments, flag, place, set_flag};
use crate::engine::Import;
use crate::id::InstanceId;
use crate::plan::Plan;

/// The command that continues the run, without secret inputs, and without `--replace`: what was replaced is not
/// replaced again.
pub(super) fn resume_command(
    plan: &Plan,
    environment: &str,
    file: &Path,
    arguments: &RunArguments,
    import: Option<&Import>,
) -> String {
    let file = quoted(&file.display().to_string());
    let mut words = match import {
        None => vec!["plan run".to_owned(), file],
        // Running instead would create what was to be adopted.
        Some(Import { instance, id, .. }) => {
            vec!["plan state import".to_owned(), file, quoted(&instance.to_string()), quoted(id)]
        }
    };
    if import.is_some_and(|import| import.own) {
        words.push("--own".to_owned());
    }
    if environment != DEFAULT_ENVIRONMENT {
        words.extend(flag("--environment", environment));
    }
    if let Some(state) = &arguments.state.state {
        words.extend(flag("--state", &state.display().to_string()));
    }
    let PlanOptions { set, inputs, .. } = &arguments.plan;
    for file in inputs {
        words.extend(flag("--inputs", &file.display().to_string()));
    }
    for given in set {
        words.extend(set_flag(given, plan.shows_input(&given.name)));
    }
    words.extend(place(&arguments.api));
    if let Some(spec) = &arguments.run.spec {
        words.extend(flag("--spec", &spec.display().to_string()));
    }
    if import.is_none() {
        arguments.run.target.iter().for_each(|step| words.extend(flag("--target", step)));
    }
    for (given, name) in [(arguments.run.no_stamp, "--no-stamp"), (arguments.prune, "--prune")] {
        words.extend(given.then(|| name.to_owned()));
    }
    if let Some(ttl) = arguments.ttl {
        words.extend(flag("--ttl", &format!("{}s", ttl.as_secs())));
    }
    words.join(" ")
}

/// The command, with `--replace` for what was to be replaced and the run did not begin to replace.
pub(super) fn with_replace(plan: &Plan, resume: String, replace: &[String], not_replaced: &[InstanceId]) -> String {
    let is_left = |given: &&String| {
        let named = selection(plan, std::slice::from_ref(*given));
        named.is_ok_and(|named| not_replaced.iter().any(|instance| named.covers(instance)))
    };
    let left = replace.iter().filter(is_left).flat_map(|step| flag("--replace", step));
    std::iter::once(resume).chain(left).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::id::StepId;
    use crate::plan::Selection;
    use crate::source::Source;

    const PLAN: &str = "name: demo\ninputs: { size: { default: 1 }, key: { secret: true } }\nsteps:\n  - id: net\n    \
                        call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: net }\noutputs: { size: \"{{ inputs.size }}\", key: { value: \"{{ inputs.key }}\", secret: true } }\n";

    fn resumed(words: &[&str], import: Option<&Import>) -> String {
        let plan = crate::plan::load(&Arc::new(Source::new("deploy.yaml", PLAN))).unwrap();
        let typed = ["plan", "run", "deploy.yaml"].iter().chain(words);
        let Command::Run(arguments) = Cli::try_parse_from(typed).unwrap().command else { panic!("it is no run") };
        let environment = arguments.plan.environment.clone().unwrap_or_else(|| DEFAULT_ENVIRONMENT.to_owned());
        resume_command(&plan, &environment, &arguments.file, &arguments, import)
    }

    #[test]
    fn what_says_which_calls_and_where_is_repeated() {
        for words in [
            &[][..],
            &["--project-id", "1", "--region-id", "7"],
            &["--base-url", "http://localhost:9/api"],
            &["--environment", "staging", "--state", "records", "--inputs", "values.yaml", "--set", "size=2"],
            &["--spec", "cloud.yaml", "--target", "net", "--target", "net"],
            &["--no-stamp", "--prune", "--ttl", "28800s"],
        ] {
            let said = format!("plan run deploy.yaml {}", words.join(" "));
            assert_eq!(resumed(words, None), said.trim_end());
            // It is a command, which gives the same one again.
            let again: Vec<&str> = said.split_whitespace().skip(3).collect();
            assert_eq!(resumed(&again, None), said.trim_end());
        }
    }

    #[test]
    fn a_replacement_that_was_not_begun_is_repeated() {
        let plan = crate::plan::load(&Arc::new(Source::new("deploy.yaml", PLAN))).unwrap();
        let asked = ["net".to_owned()];
        for (not_replaced, said) in [
            (&[][..], "plan run"),
            (&["net"], "plan run --replace net"),
            (&["net[a]"], "plan run --replace net"),
            (&["other"], "plan run"),
        ] {
            let not_replaced: Vec<InstanceId> = not_replaced.iter().map(|name| Selection::name(name)).collect();
            let told = with_replace(&plan, "plan run".to_owned(), &asked, &not_replaced);
            assert_eq!(told, said, "{not_replaced:?}");
        }
    }

    #[test]
    fn what_was_for_one_run_is_not_repeated_and_secrets_are_left_out() {
        for (words, said) in [
            (&["--replace", "net", "--rollback", "--refresh", "--timeout", "1m"][..], "plan run deploy.yaml"),
            (&["--set", "key=hunter2"], "plan run deploy.yaml --set 'key=…'"),
            (&["--api-key-command", "echo hunter2"], "plan run deploy.yaml --api-key-command '…'"),
        ] {
            assert_eq!(resumed(words, None), said);
        }
        let import = Import { instance: InstanceId::new(StepId::new("net"), None), id: "n1".to_owned(), own: true };
        let said = "plan state import deploy.yaml net n1 --own --project-id 1";
        assert_eq!(resumed(&["--project-id", "1"], Some(&import)), said);
    }
}
