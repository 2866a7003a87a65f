//! `environments/<name>.yaml` next to a plan: the settings of one environment, as written.

use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::fields::{Fields, Shape, mapping, text, wrong_type};
use super::withheld::withheld;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::source::{Source, Span};
use crate::yaml::{self, Key, List, Node};

/// The settings of an environment, under those of the command line.
#[derive(Debug, Default)]
pub struct EnvironmentFile {
    /// Values of inputs, by name.
    pub inputs: List<(Key, Node)>,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// How long the environment lives.
    pub ttl: Option<Duration>,
}

const FILE: Shape = Shape {
    name: "the file of an environment",
    keys: &["description", "inputs", "project_id", "region_id", "ttl"],
    hints: &[
        ("variables", "write `inputs:`"),
        ("vars", "write `inputs:`"),
        ("values", "write `inputs:`"),
        ("project", "write `project_id:`"),
        ("region", "write `region_id:`"),
        ("name", "the environment is called like its file"),
        ("environment", "the environment is called like its file"),
        ("state", "where records are is said by `--state` or `PLAN_STATE`"),
        ("api_key", "a key never stands in a file: set `GCORE_API_KEY`"),
        ("base_url", "only `--base-url` and `GCORE_BASE_URL` say where requests go"),
    ],
};

impl EnvironmentFile {
    /// Parses the file and reports every finding.
    pub fn read(source: &Source) -> (Self, Vec<Diagnostic>) {
        let parsed = yaml::parse(source.text());
        let mut findings = Findings::default();
        findings.add(parsed.findings, parsed.more);
        let mut file = EnvironmentFile::default();
        let root = parsed.root.filter(|root| !root.is_null());
        if let Some(fields) = root.as_ref().and_then(|root| Fields::open(root, &FILE, &mut findings)) {
            if let Some(node) = fields.get("description") {
                text(node, "`description`", &mut findings);
            }
            if let Some(node) = fields.get("inputs").filter(|node| !node.is_null()) {
                file.inputs = mapping(node, "`inputs`", &mut findings).unwrap_or_default().iter().cloned().collect();
            }
            file.project_id = fields.get("project_id").and_then(|node| number(node, "`project_id`", &mut findings));
            file.region_id = fields.get("region_id").and_then(|node| number(node, "`region_id`", &mut findings));
            file.ttl = fields.get("ttl").and_then(|node| duration::read(node, "`ttl`", &mut findings));
        }
        (file, findings.finish().0)
    }
}

/// The id of a project or region, without templates.
fn number(node: &Node, what: &str, findings: &mut Findings) -> Option<i64> {
    let number = node.scalar().and_then(|value| match value {
        serde_json::Value::String(digits) => digits.parse().ok(),
        other => other.as_i64(),
    });
    match number {
        Some(number) if number > 0 => Some(number),
        Some(_) => {
            findings.push(Diagnostic::error(code::OUT_OF_RANGE, node.span, format!("{what} is a positive number")));
            None
        }
        None => {
            let finding = wrong_type(node, what, "a whole number");
            let is_template = node.as_str().is_some_and(|text| text.contains("{{"));
            findings.push(match is_template {
                true => finding.help("values in this file are constants: a template goes into the plan"),
                false => finding,
            });
            None
        }
    }
}

/// Source and findings without any text of the file, which may contain secrets: findings are shown with their lines.
pub fn without_text(source: &Source, findings: Vec<Diagnostic>) -> (Arc<Source>, Vec<Diagnostic>) {
    let blank = |character: char| if character == '\n' { '\n' } else { ' ' };
    // Every byte keeps its place.
    let text: String = source
        .text()
        .chars()
        .flat_map(|character| std::iter::repeat_n(blank(character), character.len_utf8()))
        .collect();
    let hidden = findings.into_iter().map(|finding| {
        let (message, help) = match finding.code {
            "unknown-key" => (
                format!("{} has no key of this name", FILE.name),
                vec!["its keys are `description`, `inputs`, `project_id`, `region_id` and `ttl`".to_owned()],
            ),
            "bad-duration" => (
                "this is no duration".to_owned(),
                vec!["write a number and a unit: `30s`, `15m`, `1h30m`, `8h`".to_owned()],
            ),
            // Their messages name the key and the types.
            code::WRONG_TYPE | code::OUT_OF_RANGE => (finding.message.clone(), Vec::new()),
            "input-value" => (finding.message.clone(), finding.help.clone()),
            _ => withheld(&finding),
        };
        let bare = Diagnostic::error(finding.code, Span::at(finding.primary.start()), message);
        let mut bare = help.into_iter().fold(bare, Diagnostic::help);
        bare.severity = finding.severity;
        bare
    });
    (Arc::new(Source::new(source.path(), text)), hidden.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (EnvironmentFile, Vec<String>) {
        let source = Source::new("environments/x.yaml", text);
        let (file, findings) = EnvironmentFile::read(&source);
        let told = findings.iter().map(|finding| {
            let at = source.position(finding.primary.start());
            format!("{}:{} {}", at.line, at.column, finding.code)
        });
        (file, told.collect())
    }

    #[test]
    fn an_environment_file_gives_the_settings_of_its_environment() {
        let (file, findings) = read("inputs: { size: 3 }\nproject_id: 5\nregion_id: '76'\nttl: 8h\n");
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(
            (file.project_id, file.region_id, file.ttl),
            (Some(5), Some(76), Some(Duration::from_secs(8 * 3600)))
        );
        assert_eq!(file.inputs[0].0.text, "size");
        assert_eq!(read("").1, Vec::<String>::new());
    }

    #[test]
    fn every_finding_has_its_place() {
        for (text, told) in [
            ("size: 3\n", "1:1 unknown-key"),
            ("inputs: {}\nregion: 7\n", "2:1 unknown-key"),
            ("inputs: [a]\n", "1:9 wrong-type"),
            ("ttl: 8\n", "1:6 bad-duration"),
            ("project_id: \"{{ inputs.p }}\"\n", "1:13 wrong-type"),
            ("region_id: 0\n", "1:12 out-of-range"),
            ("- a\n", "1:1 wrong-type"),
            ("inputs: {a: 1, a: 2}\n", "1:16 yaml-duplicate-key"),
        ] {
            assert_eq!(read(text).1, [told], "{text}");
        }
    }

    #[test]
    fn possible_secrets_are_not_repeated() {
        let source = Source::new("x.yaml", "inputs:\n  word: ä\nhunter22: 1\nttl: hunter22\n");
        let (_, findings) = EnvironmentFile::read(&source);
        assert_eq!(findings.len(), 2);
        let (shown, hidden) = without_text(&source, findings);
        assert_eq!(shown.text().len(), source.text().len());
        assert_eq!(shown.position(hidden[0].primary.start()).line, 3);
        assert!(!format!("{hidden:?}{}", shown.text()).contains("hunter"), "{hidden:?}");
    }

    #[test]
    fn a_finding_does_not_contain_the_value() {
        for (text, message, help) in [
            ("ttl: 8\n", "this is no duration", "write a number and a unit: `30s`, `15m`, `1h30m`, `8h`"),
            ("ttl: hunter22\n", "this is no duration", "write a number and a unit: `30s`, `15m`, `1h30m`, `8h`"),
            ("region_id: '{{ hunter }}'\n", "`region_id` must be a whole number, found text", ""),
            ("project_id: -22\n", "`project_id` is a positive number", ""),
            ("- hunter22\n", "the file of an environment must be a mapping, found a list", ""),
            (
                "inputs: [hunter22\n",
                "cannot be read as YAML here, and what it says is not shown: it may be a secret",
                "put quotes around the value; `plan explain yaml-syntax` says what this is about",
            ),
        ] {
            let source = Source::new("x.yaml", text);
            let hidden = without_text(&source, EnvironmentFile::read(&source).1).1;
            assert_eq!((&*hidden[0].message, &*hidden[0].help.join("")), (message, help), "{text}");
        }
    }
}
