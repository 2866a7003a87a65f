//! The runner's rules for the output of a step, as a table.
//!
//! | rule | source (actions/runner, `main`) |
//! |---|---|
//! | a line ends at CR, LF or both | `ProcessInvoker`: `StreamReader.ReadLine` |
//! | a line without `::` and `##[` is text | `OutputManager.OnDataReceived` |
//! | V2 is tried first: `::name k=v,k=v::data` after leading white space | `ActionCommand.TryParseV2` |
//! | then V1: the first `##[name k=v;k=v]data` anywhere | `ActionCommand.TryParse` |
//! | both only for registered names, in any case | `ActionCommandManager._registeredCommands` |
//! | while stopped only the token is recognised
//! `ActionCommandManager.TryProcessCommand` |
//! | comparisons may ignore characters without width
//! `String.IndexOf(string)` is a linguistic comparison |
//! | `name<<DELIMITER`, lines, `DELIMITER` in the files for outputs and state | `FileCommandManager` |

use std::collections::BTreeMap;

/// The registered commands, and `stop-commands`.
pub const REGISTERED: [&str; 16] = [
    "stop-commands",
    "set-env",
    "set-output",
    "save-state",
    "add-mask",
    "add-path",
    "add-matcher",
    "remove-matcher",
    "debug",
    "warning",
    "error",
    "notice",
    "group",
    "endgroup",
    "echo",
    "set-repo-path",
];

/// Parses lines as the runner does, and notes every command that it would execute.
#[derive(Debug, Default)]
pub struct Runner {
    stopped: Option<String>,
    pub heard: Vec<String>,
}

impl Runner {
    pub fn read(mut self, text: &str) -> Self {
        text.split(['\n', '\r']).for_each(|line| self.line(line));
        self
    }

    fn line(&mut self, line: &str) {
        let seen: String = line.chars().filter(|character| !is_passed_over(*character)).collect();
        let Some((name, data)) = self.version_2(&seen).or_else(|| self.version_1(&seen)) else { return };
        match &self.stopped {
            Some(token) if *token == name => self.stopped = None,
            Some(_) => {}
            None if name == "stop-commands" => self.stopped = Some(data.to_lowercase()),
            None => self.heard.push(name),
        }
    }

    fn version_2(&self, line: &str) -> Option<(String, String)> {
        let (info, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        self.named(info, data)
    }

    fn version_1(&self, line: &str) -> Option<(String, String)> {
        let (_, inside) = line.split_once("##[")?;
        let (info, data) = inside.split_once(']')?;
        self.named(info, data)
    }

    fn named(&self, info: &str, data: &str) -> Option<(String, String)> {
        let name = info.split(' ').next().unwrap_or_default().to_lowercase();
        let known = REGISTERED.contains(&name.as_str()) || self.stopped.as_ref() == Some(&name);
        known.then(|| (name, data.to_owned()))
    }
}

fn is_passed_over(character: char) -> bool {
    (character.is_control() && character != '\t')
        || ['\u{ad}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}'].contains(&character)
}

/// The values in a file for outputs or state.
pub fn values(file: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut lines = file.split('\n');
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        // Whichever comes first determines the form of the value.
        let heredoc = line.find("<<").filter(|at| line.find('=').is_none_or(|equals| *at < equals));
        if let (None, Some((name, value))) = (heredoc, line.split_once('=')) {
            values.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let (name, delimiter) = line.split_once("<<").unwrap_or_else(|| panic!("`{line}` begins no value"));
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        values.insert(name.to_owned(), value.join("\n"));
    }
    values
}

#[test]
fn the_table_is_read_as_the_runner_reads() {
    for (text, heard) in [
        ("::error::x", &["error"][..]),
        ("  ::Set-Output name=a::b", &["set-output"]),
        ("x ::error::y", &[]),
        ("x ##[save-state name=a;]b", &["save-state"]),
        ("##[unknown]##[error]x", &[]),
        ("::unknown::##[error]x", &["error"]),
        ("#\u{ad}#[error]x", &["error"]),
        ("a\r::error::x", &["error"]),
        ("::stop-commands::T\n::error::x\n##[t]\n::error::y", &["error"]),
    ] {
        assert_eq!(Runner::default().read(text).heard, heard, "{text:?}");
    }
}
