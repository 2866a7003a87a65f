//! The commands that messages tell a user to type next. They repeat what the user typed: the file, the record, and the
//! place in the account. Every message makes them here, so that a command that is copied means the same record.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::values::Assignment;
use super::{ApiOptions, Command, PlanOptions, RecordOptions, StateCommand, StateOptions};
use crate::shell::quoted;

/// Stands for what is secret.
const SECRET: &str = "…";

/// What the user typed that says which plan, which record, and where in the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    file: Option<PathBuf>,
    plan: Option<String>,
    environment: Option<String>,
    state: Option<PathBuf>,
    inputs: Vec<PathBuf>,
    /// Values of inputs.
    set: Vec<Assignment>,
    /// The inputs that are not secret, once the plan that says so is read.
    public: OnceLock<Vec<String>>,
    /// The options that say which API, with which key, and where.
    place: Vec<String>,
}

impl Typed {
    pub fn of(command: &Command) -> Self {
        let typed = match command {
            Command::Run(typed) => Self::of_plan(&typed.file, &typed.plan, &typed.state),
            Command::Preview(typed) => Self::of_plan(&typed.file, &typed.plan, &typed.state),
            Command::Destroy(typed) => Self::of_record(typed.file.as_deref(), &typed.record),
            Command::Status(typed) => Self::of_record(typed.file.as_deref(), &typed.record),
            Command::Drift(typed) => Self::of_record(typed.file.as_deref(), &typed.record),
            Command::Output(typed) => {
                let first = typed.words.first().map(Path::new).filter(|word| is_yaml(word));
                Self::of_record(typed.file.as_deref().or(first), &typed.record)
            }
            Command::Report(typed) => Self::of_record(typed.file.as_deref(), &typed.record),
            Command::Sweep(typed) => Self { state: typed.state.state.clone(), ..Self::default() },
            Command::State(command) => Self::of_state(command),
            _ => Self::default(),
        };
        Self { place: command.api().map(place).unwrap_or_default(), ..typed }
    }

    fn of_state(command: &StateCommand) -> Self {
        match command {
            StateCommand::List { file, record, .. }
            | StateCommand::Show { file, record, .. }
            | StateCommand::Forget { file, record, .. }
            | StateCommand::Unlock { file, record, .. } => Self::of_record(file.as_deref(), record),
            StateCommand::Mv { from, third: Some(_), record, .. } => Self::of_record(Some(Path::new(from)), record),
            StateCommand::Mv { file, record, .. } => Self::of_record(file.as_deref(), record),
            StateCommand::Resolve(typed) => Self::of_record(typed.file.as_deref(), &typed.record),
            StateCommand::Pull(typed) => Self::of_record(typed.file.as_deref(), &typed.record),
            StateCommand::Push(typed) => Self { state: typed.state.state.clone(), ..Self::default() },
            StateCommand::Import(typed) => Self::of_plan(&typed.run.file, &typed.run.plan, &typed.run.state),
            StateCommand::Recover(typed) | StateCommand::Salvage(typed) => {
                Self::of_plan(&typed.file, &typed.plan, &typed.state)
            }
            StateCommand::Init { .. } => Self::default(),
        }
    }

    fn of_plan(file: &Path, plan: &PlanOptions, state: &StateOptions) -> Self {
        Self {
            file: Some(file.to_owned()),
            environment: plan.environment.clone(),
            state: state.state.clone(),
            inputs: plan.inputs.clone(),
            set: plan.set.clone(),
            ..Self::default()
        }
    }

    fn of_record(file: Option<&Path>, record: &RecordOptions) -> Self {
        Self {
            file: file.map(Path::to_owned),
            plan: record.plan.clone(),
            environment: record.environment.clone(),
            state: record.state.state.clone(),
            ..Self::default()
        }
    }

    /// The plan and the files of inputs.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.file.iter().chain(&self.inputs).map(PathBuf::as_path)
    }

    /// What the next command repeats for another environment of the store, as a sweep comes upon it.
    #[must_use]
    pub fn in_environment(&self, environment: &str) -> Self {
        Self { environment: Some(environment.to_owned()), ..self.clone() }
    }

    /// The command as it was typed, with the plan file of the record where none was typed.
    #[must_use]
    pub fn or_file(&self, file: Option<&Path>) -> Self {
        Self { file: self.file.clone().or(file.map(Path::to_owned)), ..self.clone() }
    }

    /// Says which inputs are not secret: only their values are repeated.
    pub fn tell_public(&self, names: impl Iterator<Item = String>) {
        self.public.get_or_init(|| names.collect());
    }

    /// A command that takes the plan and its inputs, as `state recover`; `more`: its own words.
    pub fn with_plan(&self, command: &str, more: &[String]) -> String {
        let file = self.file.as_ref().map_or("FILE".to_owned(), |file| quoted(&file.display().to_string()));
        let inputs = self.inputs.iter().flat_map(|file| flag("--inputs", &file.display().to_string()));
        let is_public = |name: &String| self.public.get().is_some_and(|names| names.contains(name));
        let set = self.set.iter().flat_map(|given| set_flag(given, is_public(&given.name)));
        let words = std::iter::once(format!("plan {command}")).chain([file]).chain(more.iter().cloned());
        let words = words.chain(self.environment_and_state()).chain(inputs).chain(set);
        let words = words.chain(self.place.iter().cloned());
        words.collect::<Vec<_>>().join(" ")
    }

    fn environment_and_state(&self) -> impl Iterator<Item = String> {
        let environment = self.environment.iter().flat_map(|name| flag("--environment", name));
        let state = self.state.iter().flat_map(|state| flag("--state", &state.display().to_string()));
        environment.chain(state)
    }

    /// A command that only takes a record, by its file or name, as `status`; `more`: its own words.
    pub fn with_record(&self, command: &str, more: &[String]) -> String {
        let plan = self.plan.iter().flat_map(|name| flag("--plan", name));
        let file = self.file.iter().map(|file| quoted(&file.display().to_string()));
        let words = std::iter::once(format!("plan {command}")).chain(file).chain(more.iter().cloned()).chain(plan);
        words.chain(self.environment_and_state()).collect::<Vec<_>>().join(" ")
    }
}

/// The options that say which API, with which key, and where in the account.
pub fn place(api: &ApiOptions) -> Vec<String> {
    let id = |name: &str, id: Option<i64>| id.map(|id| flag(name, &id.to_string())).into_iter().flatten();
    let text = |name: &str, text: Option<&str>| text.map(|text| flag(name, text)).into_iter().flatten();
    let key_command = api.api_key_command.as_ref().map(|_| SECRET);
    text("--base-url", api.base_url.as_deref())
        .chain(text("--api-key-command", key_command))
        .chain(id("--project-id", api.project_id))
        .chain(id("--region-id", api.region_id))
        .collect()
}

/// `--set` with the value of an input, unless that may be secret.
pub fn set_flag(given: &Assignment, is_public: bool) -> [String; 2] {
    flag("--set", &format!("{}={}", given.name, if is_public { &given.value } else { SECRET }))
}

/// An option and its value.
pub fn flag(name: &str, value: &str) -> [String; 2] {
    [name.to_owned(), quoted(value)]
}

/// Whether a file is YAML by its name.
pub fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn typed(line: &str) -> Typed {
        Typed::of(&Cli::try_parse_from(line.split_whitespace()).unwrap().command)
    }

    #[test]
    fn a_command_to_type_next_repeats_file_record_and_place() {
        for (line, expected) in [
            ("plan run p.yaml", "plan state recover p.yaml"),
            (
                "plan run p.yaml --prune --environment stage --state st --inputs i.yaml --project-id 1 --region-id 7",
                "plan state recover p.yaml --environment stage --state st --inputs i.yaml --project-id 1 --region-id 7",
            ),
            ("plan preview p.yaml --state st", "plan state recover p.yaml --state st"),
            ("plan run p.yaml --set n=2 --set word=tell", "plan state recover p.yaml --set n=2 --set 'word=…'"),
            ("plan destroy p.yaml --environment stage", "plan state recover p.yaml --environment stage"),
            ("plan status p.yaml --state st --live", "plan state recover p.yaml --state st"),
            ("plan drift p.yaml --base-url http://x/", "plan state recover p.yaml --base-url http://x/"),
            ("plan state list p.yaml --environment stage", "plan state recover p.yaml --environment stage"),
            ("plan state mv p.yaml a b --state st", "plan state recover p.yaml --state st"),
            ("plan state resolve a --not-applied -f p.yaml", "plan state recover p.yaml"),
            ("plan state import p.yaml a id --state st", "plan state recover p.yaml --state st"),
            ("plan state salvage p.yaml --environment e", "plan state recover p.yaml --environment e"),
            ("plan output size -f p.yaml --environment e", "plan state recover p.yaml --environment e"),
            ("plan output p.yaml size", "plan state recover p.yaml"),
            ("plan sweep --state st", "plan state recover FILE --state st"),
            ("plan destroy --plan demo --environment e", "plan state recover FILE --environment e"),
        ] {
            let typed = typed(line);
            typed.tell_public(["n".to_owned()].into_iter());
            let command = typed.with_plan("state recover", &[]);
            assert_eq!(command, expected, "{line}");
            // It is a command.
            assert!(Cli::try_parse_from(command.split_whitespace()).is_ok(), "{command}");
            let status = typed.with_record("status", &[]);
            assert!(Cli::try_parse_from(status.split_whitespace()).is_ok(), "{status}");
        }
        let accept = ["--accept".to_owned(), quoted("web[0]=a b")];
        let said = typed("plan state recover p.yaml --state st").with_plan("state recover", &accept);
        assert_eq!(said, "plan state recover p.yaml --accept 'web[0]=a b' --state st");
        let said = typed("plan state list --plan demo --state st").with_record("status", &[]);
        assert_eq!(said, "plan status --plan demo --state st");
        let said = typed("plan sweep --state st").in_environment("pr-1").with_plan("state salvage", &[]);
        assert_eq!(said, "plan state salvage FILE --environment pr-1 --state st");
    }
}
