//! What was meant by a command that does not exist: other tools have other words, and some users type the plan first.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use super::Cli;

/// Words of other tools and of everyday use, and the command that does it here.
const MEANINGS: &[(&[&str], &str)] = &[
    (&["deploy", "create", "provision", "execute", "exec", "start", "continue", "resume"], "plan run FILE"),
    (&["test", "try", "dry-run", "simulation"], "plan rehearse FILE"),
    (&["lint", "verify", "fmt", "format"], "plan check FILE"),
    (&["changes", "what-if"], "plan preview FILE"),
    (&["delete", "remove", "rm", "teardown", "undeploy", "stop"], "plan destroy FILE"),
    (&["ls", "list", "show", "describe", "ps", "inventory"], "plan status FILE"),
    (&["log", "logs", "history", "summary"], "plan report FILE"),
    (&["outputs", "kubeconfig"], "plan output FILE"),
    (&["clean", "cleanup", "gc", "prune", "expire"], "plan sweep"),
    (&["search", "find", "operations", "api", "catalogue"], "plan ops WORD"),
    (&["step", "generate", "curl", "add"], "plan new OPERATION"),
    (&["import"], "plan state import FILE STEP ID"),
    (&["refresh"], "plan drift FILE"),
    (&["taint"], "plan run FILE --replace STEP"),
    (&["workspace", "workspaces"], "plan run FILE --environment NAME"),
    (&["example", "examples", "scaffold", "template", "templates"], "plan init --list"),
    (&["force-unlock", "unlock"], "plan state unlock"),
    (&["serve", "server", "mock", "simulator"], "plan simulate"),
    (&["version"], "plan --version"),
];

/// Words for what no single command does, and how it is done.
const WAYS: &[(&[&str], &str)] = &[
    (
        &["rollback", "revert", "undo"],
        "`plan run FILE` with the plan as it was before goes back to it; `plan destroy FILE` takes everything down",
    ),
    (&["login", "logout", "auth", "configure"], "there is no login: the key of the API is in `GCORE_API_KEY`"),
];

/// The same for words after `plan state`.
const OF_RECORDS: &[(&[&str], &str)] = &[(&["rm", "remove", "delete"], "plan state forget STEP")];

/// Options that a command does not have, and why.
const NOT_NEEDED: &[(&[&str], &str)] = &[
    (&["--yes", "-y", "--auto-approve", "--force", "--assume-yes"], "leave it out: this command does not ask"),
    (&["--dry-run", "--plan-only", "--check"], "`plan preview FILE` shows what a run would do, and changes nothing"),
];

/// Options of other tools and of everyday use, and the option that does it here: of the commands that have it.
const OPTIONS: &[(&[&str], &str)] = &[
    (&["--port", "--address", "--host", "--bind", "-p"], "--listen"),
    (&["--var", "--input", "--param", "-e"], "--set"),
    (&["--var-file", "--values", "--vars", "--inputs-file"], "--inputs"),
    (&["--auto-approve", "--force", "--assume-yes"], "--yes"),
    (&["--workspace", "--env", "--stage"], "--environment"),
    (&["--output", "--json", "-o"], "--format"),
    (&["--destroy"], "--prune"),
    (&["--backend", "--state-file", "--state-dir"], "--state"),
    (&["--debug", "--trace"], "--verbose"),
    (&["--silent"], "--quiet"),
    (&["--api-key", "--token", "--key"], "--api-key-command"),
    (&["--url", "--endpoint", "--api-url"], "--base-url"),
    (&["--project"], "--project-id"),
    (&["--region"], "--region-id"),
    (&["--concurrency", "--jobs", "-j"], "--parallelism"),
    (&["--detailed-exitcode"], "--exit-code"),
    (&["--stop-on-error", "--no-continue"], "--fail-fast"),
    (&["--no-color", "--no-colour"], "--color"),
    (&["--cacert", "--ca-cert", "--ca"], "--ca-file"),
    (&["--recreate", "--taint"], "--replace"),
    (&["--only"], "--target"),
];

/// The command line of this process.
///
/// # Errors
///
/// What to say instead: help, or what is wrong. A word that is no command is answered with the one that was meant.
pub fn read<W: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = W>) -> Result<Cli, clap::Error> {
    let typed: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    Cli::try_parse_from(&typed).map_err(|error| explain(with_two_dashes(error, &typed)))
}

/// The error about a word with one dash, as about one with two: `-auto-approve` is not `-a`.
fn with_two_dashes(mut error: clap::Error, typed: &[OsString]) -> clap::Error {
    let is_letter = |word: &str| word.len() == 2 && word.starts_with('-') && word != "--";
    let is_about_a_letter =
        matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(word)) if is_letter(word));
    if error.kind() != ErrorKind::UnknownArgument || !is_about_a_letter {
        return error;
    }
    let is_known = |word: &str| OPTIONS.iter().chain(NOT_NEEDED).any(|(words, _)| words.contains(&word));
    let words = typed.iter().filter_map(|word| word.to_str()).filter(|word| !word.starts_with("--"));
    let meant = words.filter_map(|word| word.strip_prefix('-').map(|_| format!("-{word}")));
    if let Some(meant) =
        meant.map(|word| word.split('=').next().unwrap_or_default().to_owned()).find(|word| is_known(word))
    {
        error.insert(ContextKind::InvalidArg, ContextValue::String(meant));
    }
    error
}

/// The error, with the command that was meant.
fn explain(mut error: clap::Error) -> clap::Error {
    // No command takes values that look like options.
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested)
        && tips.iter().any(|tip| tip.to_string().contains("as a value"))
    {
        error.remove(ContextKind::Suggested);
    }
    if let Some((tip, usage)) = option_meant(&error).or_else(|| not_needed(&error)) {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
        return error;
    }
    let typed = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(typed))) => typed.clone(),
        _ => return error,
    };
    // Below `plan state …` other words are meant.
    let below = Cli::command().get_subcommands().any(|command| {
        let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
        usage.contains(&format!("plan {} ", command.get_name()))
    });
    let lower = typed.to_lowercase();
    let of = |table: &[(&[&str], &'static str)]| {
        table.iter().find(|(words, _)| words.contains(&lower.as_str())).map(|(_, meant)| *meant)
    };
    let tip = match below {
        true => of(OF_RECORDS).map(|meant| format!("`{meant}` does that")),
        false => of(WAYS).map(str::to_owned).or_else(|| meant(&typed).map(|meant| format!("`{meant}` does that"))),
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// The option of the command that does what an unknown one says elsewhere, and the usage of the command.
fn option_meant(error: &clap::Error) -> Option<(String, StyledStr)> {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let typed = typed.split('=').next().unwrap_or(typed);
    let (_, meant) = OPTIONS.iter().find(|(words, _)| words.contains(&typed))?;
    let mut all = Cli::command();
    all.build();
    let command = usage.split_whitespace().skip_while(|word| *word != "plan").skip(1);
    let command = command.map_while(|word| word.chars().all(|letter| letter.is_ascii_lowercase()).then_some(word));
    let command = command.fold(&all, |at, word| at.find_subcommand(word).unwrap_or(at));
    let argument = command
        .get_arguments()
        .find(|argument| argument.get_long().map(|long| format!("--{long}")).as_deref() == Some(*meant))?;
    let value =
        argument.get_value_names().and_then(|names| names.first()).filter(|_| argument.get_action().takes_values());
    let tip = match value {
        Some(value) => format!("`{meant} {value}` does that"),
        None => format!("`{meant}` does that"),
    };
    Some((tip, command.clone().render_usage()))
}

/// Why a command does not have an option that other tools have, and the usage of the command.
fn not_needed(error: &clap::Error) -> Option<(String, StyledStr)> {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else { return None };
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
    let (_, why) = NOT_NEEDED.iter().find(|(words, _)| words.contains(&typed.as_str()))?;
    (error.kind() == ErrorKind::UnknownArgument).then(|| ((*why).to_owned(), usage.clone()))
}

/// The command that does what a word says elsewhere.
fn meant(typed: &str) -> Option<String> {
    let lower = typed.to_lowercase();
    if lower.ends_with(".yaml") || lower.ends_with(".yml") {
        return Some(format!("plan run {typed}"));
    }
    MEANINGS.iter().find(|(words, _)| words.contains(&lower.as_str())).map(|(_, command)| (*command).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str]) -> String {
        explain(Cli::try_parse_from(arguments).unwrap_err()).to_string()
    }

    #[test]
    fn the_command_that_was_meant_is_named() {
        assert!(said(&["plan", "deploy", "x.yaml"]).contains("`plan run FILE` does that"));
        assert!(said(&["plan", "web.yaml"]).contains("`plan run web.yaml` does that"));
        assert!(said(&["plan", "Teardown"]).contains("`plan destroy FILE` does that"));
        assert!(said(&["plan", "import", "x.yaml"]).contains("`plan state import FILE STEP ID` does that"));
        assert!(said(&["plan", "refresh", "x.yaml"]).contains("`plan drift FILE` does that"));
        assert!(said(&["plan", "taint", "x"]).contains("--replace STEP"));
        assert!(said(&["plan", "rollback", "x.yaml"]).contains("`plan run FILE` with the plan as it was before"));
        assert!(said(&["plan", "state", "rm", "x"]).contains("`plan state forget STEP` does that"));
    }

    #[test]
    fn an_option_that_is_not_needed_is_explained() {
        for (arguments, tip) in [
            (&["plan", "run", "x.yaml", "--yes"][..], "does not ask"),
            (&["plan", "run", "x.yaml", "--auto-approve"], "does not ask"),
            (&["plan", "run", "x.yaml", "-auto-approve"], "does not ask"),
            (&["plan", "run", "x.yaml", "--dry-run"], "`plan preview FILE`"),
            (&["plan", "destroy", "x.yaml", "-auto-approve"], "`--yes` does that"),
            (&["plan", "run", "x.yaml", "-var", "a=b"], "`--set NAME=VALUE` does that"),
            (&["plan", "run", "x.yaml", "-var-file=x.yaml"], "`--inputs FILE` does that"),
        ] {
            let said = read(arguments.iter().map(OsString::from)).unwrap_err().to_string();
            assert!(said.contains(tip), "{arguments:?}: {said}");
        }
    }

    #[test]
    fn an_unknown_option_is_no_value() {
        for arguments in [&["plan", "run", "--bogus", "x.yaml"][..], &["plan", "run", "x.yaml", "--parallelism", "-1"]]
        {
            assert!(!said(arguments).contains("tip:"), "{}", said(arguments));
        }
        assert!(said(&["plan", "run", "--parallelsm", "3", "x.yaml"]).contains("'--parallelism'"));
    }

    #[test]
    fn the_option_that_was_meant_is_named_where_the_command_has_it() {
        for (arguments, tip) in [
            (&["plan", "simulate", "--port", "8080"][..], "`--listen ADDRESS` does that"),
            (&["plan", "run", "x.yaml", "--var", "a=b"], "`--set NAME=VALUE` does that"),
            (&["plan", "destroy", "x.yaml", "--auto-approve"], "`--yes` does that"),
            (&["plan", "state", "list", "--env=x"], "`--environment NAME` does that"),
            (&["plan", "get", "images", "--debug"], "`--verbose` does that"),
            (&["plan", "run", "x.yaml", "--api-key", "x"], "`--api-key-command COMMAND` does that"),
        ] {
            assert!(said(arguments).contains(tip), "{}", said(arguments));
        }
        assert!(!said(&["plan", "graph", "x.yaml", "--port", "1"]).contains("does that"));
    }

    #[test]
    fn every_option_that_is_named_exists_and_no_word_is_one_already() {
        let mut command = Cli::command();
        command.build();
        let mut all: Vec<&clap::Command> = vec![&command];
        let mut options = Vec::new();
        while let Some(command) = all.pop() {
            options.extend(command.get_arguments().filter_map(|argument| argument.get_long()));
            all.extend(command.get_subcommands());
        }
        for (_, meant) in OPTIONS {
            assert!(options.contains(&&meant[2..]), "{meant}");
        }
    }

    #[test]
    fn a_typo_is_still_distinguished_from_a_word_of_other_tools() {
        assert!(said(&["plan", "chekc"]).contains("'check'"));
        assert!(!said(&["plan", "state", "remove"]).contains("plan destroy"));
    }

    #[test]
    fn every_command_that_is_named_exists_and_no_word_is_one_already() {
        let command = Cli::command();
        for (words, meant) in MEANINGS {
            let named = meant.split(' ').nth(1).unwrap();
            assert!(named.starts_with("--") || command.find_subcommand(named).is_some(), "{meant}");
            for word in *words {
                assert!(command.find_subcommand(word).is_none(), "{word}");
            }
        }
    }
}
