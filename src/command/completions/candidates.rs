//! Completion candidates for each kind of argument.
//!
//! Only local data is read: the plan file on the command line and a folder of records. No network request is made;
//! data that cannot be read gives no candidates.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::Arc;

use clap::builder::{Resettable, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};

use crate::cli::{StateOptions, is_yaml};
use crate::command::environment_name;
use crate::command::load::read_source;
use crate::command::records;
use crate::context::Context;
use crate::examples::EXAMPLES;
use crate::explain::explanations;
use crate::order::ordered_map;
use crate::report::sanitize;
use crate::store::AnyStore;
use crate::yaml::{self, Node};

/// Candidates with a description of each.
type Names = BTreeMap<String, String>;

/// The command line being completed.
pub(super) struct Typed {
    pub context: Context,
    words: Vec<String>,
}

/// The kind of an argument.
#[derive(Clone, Copy)]
enum ArgumentKind {
    Step,
    Input,
    Output,
    /// `NAME=FILE`
    OutputFile,
    PlanOrOutput,
    Plan,
    Environment,
    Code,
    Example,
    PlanFile,
    File,
}

/// Adds the candidates to the definition of the command line.
pub(super) fn with_candidates(command: clap::Command, typed: &Arc<Typed>) -> clap::Command {
    let command = command.mut_args(|argument| match kind(&argument) {
        None => argument,
        Some(kind) => {
            let typed = Arc::clone(typed);
            argument.add(ArgValueCompleter::new(move |current: &OsStr| typed.candidates(kind, current)))
        }
    });
    command.mut_subcommands(|below| with_candidates(under_one_name(below), typed))
}

/// Hides the aliases of a command: of all its names clap would offer the first in the alphabet, `apply` for `run`.
fn under_one_name(command: clap::Command) -> clap::Command {
    // Names live as long as the process, which ends with its answer.
    let aliases: Vec<&'static str> = command.get_all_aliases().map(|alias| &*alias.to_owned().leak()).collect();
    command.alias(Resettable::Reset).aliases(aliases)
}

fn kind(argument: &clap::Arg) -> Option<ArgumentKind> {
    let value = argument.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
    let kind = match (argument.get_id().as_str(), value) {
        ("environment", _) => ArgumentKind::Environment,
        ("plan", Some("NAME")) => ArgumentKind::Plan,
        ("set", _) => ArgumentKind::Input,
        (_, Some("STEP")) => ArgumentKind::Step,
        (_, Some("OUTPUT")) => ArgumentKind::Output,
        (_, Some("OUTPUT=FILE")) => ArgumentKind::OutputFile,
        (_, Some("FILE|NAME")) => ArgumentKind::PlanOrOutput,
        (_, Some("CODE")) => ArgumentKind::Code,
        (_, Some("EXAMPLE")) => ArgumentKind::Example,
        ("file" | "files", Some("FILE")) => ArgumentKind::PlanFile,
        _ if argument.get_value_hint() == ValueHint::AnyPath => ArgumentKind::File,
        // Before it is built, the definition does not know which arguments are paths.
        (_, Some("FILE" | "FOLDER" | "DIR" | "PLACE")) => ArgumentKind::File,
        _ => return None,
    };
    Some(kind)
}

impl Typed {
    pub(super) fn new(context: Context, words: &[OsString]) -> Arc<Self> {
        let words = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Arc::new(Self { context, words })
    }

    fn candidates(&self, kind: ArgumentKind, current: &OsStr) -> Vec<CompletionCandidate> {
        let named = |names: Names, ending: &str| names_as_candidates(names, ending, current);
        let candidates = match kind {
            ArgumentKind::Step => named(self.steps(), ""),
            ArgumentKind::Input => named(self.below("inputs", "description"), "="),
            ArgumentKind::Output => named(self.outputs(), ""),
            ArgumentKind::OutputFile => named(self.outputs(), "="),
            ArgumentKind::PlanOrOutput => {
                named(self.outputs(), "").into_iter().chain(self.plan_files(current)).collect()
            }
            ArgumentKind::Plan => named(self.recorded(|name| name.plan), ""),
            ArgumentKind::Environment => named(self.recorded(|name| name.environment), ""),
            ArgumentKind::Code => {
                named(ordered_map(explanations().map(|code| (code.code.to_owned(), code.summary()))), "")
            }
            ArgumentKind::Example => {
                named(ordered_map(EXAMPLES.iter().map(|one| (one.name.to_owned(), one.description()))), "")
            }
            ArgumentKind::PlanFile => self.plan_files(current),
            ArgumentKind::File => PathCompleter::any().current_dir(&self.context.folder).complete(current),
        };
        candidates.into_iter().filter(|candidate| is_plain(candidate.get_value())).collect()
    }

    /// Plan files, files of `plan preview --out`, and folders.
    fn plan_files(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        PathCompleter::any().current_dir(&self.context.folder).filter(is_plan_file).complete(current)
    }

    /// The steps of the plan on the command line, with the call of each.
    fn steps(&self) -> Names {
        let Some(plan) = self.plan() else { return Names::new() };
        let steps = plan.get("steps").and_then(Node::items).unwrap_or_default();
        let text = |step: &Node, key: &str| step.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        ordered_map(steps.iter().map(|step| (text(step, "id"), text(step, "call"))))
    }

    /// The outputs of the plan on the command line; without a plan, the recorded ones.
    fn outputs(&self) -> Names {
        match self.plan_file() {
            Some(_) => self.below("outputs", "description"),
            None => self.recorded_outputs().unwrap_or_default(),
        }
    }

    /// The names below a key of the plan, with the description that the plan gives.
    fn below(&self, key: &str, about: &str) -> Names {
        let plan = self.plan();
        let entries = plan.as_ref().and_then(|plan| plan.get(key)?.entries()).unwrap_or_default();
        let about = |node: &Node| node.get(about).and_then(Node::as_str).unwrap_or_default().to_owned();
        ordered_map(entries.iter().map(|(name, node)| (name.text.to_string(), about(node))))
    }

    /// The plan on the command line, as far as it can be parsed.
    fn plan(&self) -> Option<Node> {
        let source = read_source(&self.context, self.plan_file()?).ok()?;
        yaml::parse(source.text()).root
    }

    /// The first argument that is an existing plan file; not a pipe, because reading it could block.
    fn plan_file(&self) -> Option<&Path> {
        let is_there = |path: &&Path| fs::metadata(self.context.resolve(path)).is_ok_and(|found| found.is_file());
        self.words.iter().map(Path::new).filter(|path| is_yaml(path)).find(is_there)
    }

    /// The value of an option on the command line.
    fn option(&self, name: &str) -> Option<&str> {
        let words = || self.words.iter().map(String::as_str);
        let apart = words().zip(words().skip(1)).find_map(|(word, next)| (word == name).then_some(next));
        apart.or_else(|| words().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')))
    }

    /// The folder of records. An object store is not read, because that needs the network.
    fn store(&self) -> Option<AnyStore> {
        let options = StateOptions { state: self.option("--state").map(PathBuf::from) };
        let store = records::store(&self.context, &options, self.plan_file()).ok()?;
        store.folder().is_some().then_some(store)
    }

    /// A part of the name of each recorded environment.
    fn recorded(&self, part: impl Fn(crate::store::EnvironmentName) -> String) -> Names {
        let Some(store) = self.store() else { return Names::new() };
        let names = run_now(async move { store.environments().await.ok() }).flatten().unwrap_or_default();
        ordered_map(names.into_iter().map(|name| (part(name), String::new())))
    }

    fn recorded_outputs(&self) -> Option<Names> {
        let store = self.store()?;
        let environment = environment_name(&self.context, self.option("--environment")).ok()?;
        let plan = self.option("--plan");
        let recorded = run_now(async move {
            let mut found = Names::new();
            for name in store.environments().await.ok()? {
                if name.environment != environment || plan.is_some_and(|plan| plan != name.plan) {
                    continue;
                }
                let Ok(Some(status)) = store.read(&name).await else { continue };
                let about = |output: &crate::journal::RecordedOutput| output.description.clone().unwrap_or_default();
                found.extend(status.outputs.iter().map(|output| (output.name.clone(), about(output))));
            }
            Some(found)
        });
        recorded.flatten()
    }
}

/// Runs a future that only reads files.
fn run_now<T>(work: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    Some(runtime.block_on(work))
}

fn names_as_candidates(names: Names, ending: &str, current: &OsStr) -> Vec<CompletionCandidate> {
    let typed = current.to_string_lossy();
    let fitting = names.into_iter().filter(|(name, _)| !name.is_empty() && name.starts_with(&*typed));
    let candidates = fitting.map(|(name, about)| {
        let about = sanitize(&about).trim().to_owned();
        CompletionCandidate::new(name + ending).help((!about.is_empty()).then(|| about.into()))
    });
    candidates.collect()
}

fn is_plan_file(path: &Path) -> bool {
    path.is_file() && (is_yaml(path) || path.extension().is_some_and(|ending| ending == "plan"))
}

/// Whether every shell reads the text as one plain word. Other text could have an effect when the line is executed,
/// and names may come from untrusted files.
fn is_plain(value: &OsStr) -> bool {
    let fits =
        |character: char| character.is_alphanumeric() || "-_./:=,+@".contains(character) || character == MAIN_SEPARATOR;
    value.to_str().is_some_and(|text| !text.starts_with('-') && text.chars().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_that_need_quoting_are_not_offered() {
        for plain in ["web_1", "deploy.yaml", "a/b-c.yml", "pr-12", "replicas=", "größe.yaml", "."] {
            assert!(is_plain(OsStr::new(plain)), "{plain}");
        }
        for hostile in
            ["$(touch x).yaml", "a b", "`id`", "a;b", "--state", "a\nb", "*", "web[0]", "~", "a'b", "a\"b", "!x"]
        {
            assert!(!is_plain(OsStr::new(hostile)), "{hostile}");
        }
    }
}
