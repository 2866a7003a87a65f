//! The commands that messages of a run tell the user to type next. They name the record of the run, so that a command
//! that is copied decides about no other one; a rehearsal has no record.

use super::context::Settings;
use crate::id::InstanceId;
use crate::shell::quoted;

impl Settings {
    /// A command of `plan state` about an instance, in backticks; `arguments`: what follows the instance.
    pub fn state_command(&self, command: &str, instance: &InstanceId, arguments: &str) -> String {
        let arguments = if arguments.is_empty() { String::new() } else { format!(" {arguments}") };
        format!("`plan state {command}{} {}{arguments}`", self.record_flags, quoted(&instance.to_string()))
    }

    /// The command that recovers the record from the account, for the plan in this file; in backticks.
    pub fn recover_command(&self, file: &str) -> String {
        format!("`plan state recover {}{}`", quoted(file), self.record_flags.without_plan())
    }

    /// The command that takes the environment down, in backticks.
    pub fn destroy_command(&self) -> String {
        format!("`plan destroy{}`", self.record_flags)
    }

    /// The command that compares the record with the account, in backticks.
    pub fn drift_command(&self) -> String {
        format!("`plan drift{}`", self.record_flags)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Files that may have such commands in their texts: they are made there, or the text is a manual.
    const MADE_IN: [&str; 3] = ["engine/commands.rs", "cli/typed.rs", "command/resume_command.rs"];

    /// Texts about a command that do not tell the user to type it.
    const DESCRIBED: [&str; 4] = [
        "in use by `plan run`",
        "and `plan destroy` will not know",
        "--events FILE` wrote",
        "; `plan state mv` renames",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match path.is_dir() {
                true if name != "tests" => sources(&path, found),
                false if name.ends_with(".rs") && !name.ends_with("tests.rs") => found.push(path),
                _ => {}
            }
        }
    }

    /// A command about a record that a message names needs the record in it.
    #[test]
    fn no_message_tells_a_command_without_its_record() {
        let mut files = Vec::new();
        sources(Path::new("src/engine"), &mut files);
        sources(Path::new("src/command"), &mut files);
        files.push("src/error/hints.rs".into());
        let mut bare = Vec::new();
        for file in files.iter().filter(|file| !MADE_IN.iter().any(|made| file.ends_with(made))) {
            let text = std::fs::read_to_string(file).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                for (at, _) in line.match_indices("`plan ") {
                    let words: Vec<&str> = line[at + "`plan ".len()..].split([' ', '`', '{', '"']).collect();
                    let is_about_a_record = match words[0] {
                        "destroy" | "run" | "drift" => true,
                        "state" => !matches!(words.get(1), Some(&("init" | "pull" | "push" | "list"))),
                        _ => false,
                    };
                    let ends = &line[at + 1..];
                    let names_it = ends
                        .split('`')
                        .next()
                        .is_some_and(|command| command.contains("{flags}") || command.contains("{}"));
                    if is_about_a_record && !names_it && !DESCRIBED.iter().any(|words| line.contains(words)) {
                        bare.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
                    }
                }
            }
        }
        assert!(bare.is_empty(), "say them with `Settings::state_command` or `Typed`:\n{}", bare.join("\n"));
    }
}
