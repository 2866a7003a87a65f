//! What was meant by a command that does not exist: other tools have other words, and some type the plan first.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use super::Cli;

/// Words of other tools and of everyday use, and the command that does it here.
const MEANINGS: &[(&[&str], &str)] = &[
    (&["deploy", "create", "provision", "execute", "exec", "start", "continue", "resume"], "plan run FILE"),
    (&["test", "try", "dry-run", "simulation"], "plan rehearse FILE"),
    (&["lint", "verify", "fmt", "format"], "plan check FILE"),
    (&["changes", "what-if"], "plan preview FILE"),
    (&["delete", "remove", "rm", "teardown", "undeploy", "stop", "rollback"], "plan destroy FILE"),
    (&["ls", "list", "show", "describe", "ps", "inventory"], "plan status FILE"),
    (&["log", "logs", "history", "summary"], "plan report FILE"),
    (&["outputs", "kubeconfig"], "plan output FILE"),
    (&["clean", "cleanup", "gc", "prune", "expire"], "plan sweep"),
    (&["search", "find", "operations", "api", "catalogue"], "plan ops WORD"),
    (&["step", "generate", "import", "curl", "add"], "plan new OPERATION"),
    (&["example", "examples", "scaffold", "template", "templates"], "plan init --list"),
    (&["force-unlock", "unlock"], "plan state unlock"),
    (&["serve", "server", "mock", "simulator"], "plan simulate"),
    (&["version"], "plan --version"),
];

/// The command line of this process.
///
/// # Errors
///
/// What to say instead: help, or what is wrong. A word that is no command is answered with the one that was meant.
pub fn read() -> Result<Cli, clap::Error> {
    Cli::try_parse().map_err(explain)
}

/// The error, with the command that was meant.
fn explain(mut error: clap::Error) -> clap::Error {
    let typed = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(typed))) => typed.clone(),
        _ => return error,
    };
    // Below `plan state …` other words are meant.
    let below = Cli::command().get_subcommands().any(|command| {
        let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
        usage.contains(&format!("plan {} ", command.get_name()))
    });
    if let Some(meant) = meant(&typed).filter(|_| !below) {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![format!("`{meant}` does that").into()]));
    }
    error
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
    }

    #[test]
    fn a_typo_is_distinguished_from_a_word_of_other_tools() {
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
