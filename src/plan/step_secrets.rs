//! Secrets that the calls of a plan write out: found by the name, the place and the form of their fields, hidden as those of
//! inputs are, and reported.

use serde_json::Value;

use super::scalars::as_identifier;
use super::step_doc::may_set_header;
use crate::diagnostic::{Diagnostic, Findings};
use crate::hash::HashSet;
use crate::secret::{inside, is_written_secret, place_of_body};
use crate::yaml::{Key, Node, NodeKind};

const CODE: &str = "written-secret";
/// Shorter words of letters alone are mostly none: `true`, `none`, `header`.
const SHORTEST_WORD: usize = 8;

/// The secrets that the steps of a plan write out.
#[derive(Debug, Default)]
pub(super) struct StepSecrets {
    /// Each text once.
    pub found: Vec<Node>,
    known: HashSet<Box<str>>,
    /// Texts of these in undos, which a teardown takes from the record: they cannot be hidden there.
    pub in_undos: HashSet<Box<str>>,
}

impl StepSecrets {
    /// Collects and reports those of a step, before it is parsed.
    pub(super) fn read(&mut self, step: &Node, findings: &mut Findings) {
        let call = body_place(step);
        for (key, node) in step.entries().into_iter().flatten() {
            let place = match key.text.as_str() {
                // What these are called is not up to the plan, and says nothing of a text.
                _ if node.scalar().is_some() => continue,
                "body" => ("", call),
                "headers" => {
                    self.headers(node, findings);
                    continue;
                }
                name => ("", name),
            };
            self.collect(place, node, (key, key.text == "undo"), findings);
        }
    }

    /// Of a header that a plan cannot set, that is the finding.
    fn headers(&mut self, headers: &Node, findings: &mut Findings) {
        for (key, node) in headers.entries().into_iter().flatten() {
            let mut unsaid = Findings::default();
            let said = if may_set_header(&key.text) { &mut *findings } else { &mut unsaid };
            self.collect(("headers", &key.text), node, (key, false), said);
        }
    }

    fn collect(
        &mut self,
        (within, name): (&str, &str),
        node: &Node,
        (key, is_undo): (&Key, bool),
        findings: &mut Findings,
    ) {
        match &node.kind {
            NodeKind::Sequence(items) => {
                items.iter().for_each(|item| self.collect((within, name), item, (key, is_undo), findings));
            }
            NodeKind::Mapping(entries) => {
                let within = inside(within, name);
                for (key, node) in entries.iter() {
                    let place = match key.text.as_str() {
                        "body" => ("", body_place_of(entries.iter())),
                        name => (within, name),
                    };
                    self.collect(place, node, (key, is_undo), findings);
                }
            }
            NodeKind::Scalar(_) => {
                let Some(text) = node.as_str().filter(|text| is_secret((within, name), text)) else { return };
                if is_undo {
                    self.in_undos.insert(text.into());
                }
                if is_searched_for(text) && self.known.insert(text.into()) {
                    self.found.push(node.clone());
                }
                findings.push(finding(key, node));
            }
        }
    }
}

fn finding(key: &Key, node: &Node) -> Diagnostic {
    let message = format!("`{}` is written out: whoever can read the plan or its record reads it", key.text);
    let input = as_identifier(&key.text).unwrap_or_else(|| key.text.to_string());
    let help = format!("declare an input with `secret: true`, and write `\"{{{{ inputs.{input} }}}}\"`");
    Diagnostic::warning(CODE, node.span, message).help(help)
}

/// What the body of a call stands in, see [`place_of_body`].
fn body_place(call: &Node) -> &str {
    call.entries().map(|entries| body_place_of(entries.iter())).unwrap_or_default()
}

fn body_place_of<'n>(mut entries: impl Iterator<Item = &'n (Key, Node)>) -> &'n str {
    let call = entries.find(|(key, _)| key.text == "call").and_then(|(_, node)| node.as_str());
    call.map(place_of_body).unwrap_or_default()
}

/// Whether a text is a secret that is written out. A text with a template is not one as it stands there.
fn is_secret((within, name): (&str, &str), text: &str) -> bool {
    let has_template = text.contains('{') && (text.contains("{{") || text.contains("{%"));
    !has_template && !text.starts_with('<') && is_written_secret(within, name, text)
}

/// Whether a secret that is written out is searched for in everything that is shown.
fn is_searched_for(text: &str) -> bool {
    text.len() >= SHORTEST_WORD || !text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The values of probable secrets in lines that cannot be read as YAML: `key: value`, also several in a line.
pub(super) fn in_lines(lines: &[&str], most: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut headers: Option<usize> = None;
    for line in lines {
        let here = indent(line);
        headers = headers.filter(|at| line.trim().is_empty() || here > *at);
        for (at, _) in line.match_indices(':') {
            let key = line[..at].trim_end_matches(['"', '\'']);
            let from = key.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').map_or(0, |before| before + 1);
            let key = key.get(from..).unwrap_or_default().trim_start_matches('-');
            if key == "headers" {
                headers = Some(here);
            }
            let text = value(&line[at + 1..]);
            if is_secret((headers.map_or("", |_| "headers"), key), text) && found.len() < most {
                found.push(Value::from(text));
            }
        }
    }
    found.retain(|text| text.as_str().is_some_and(is_searched_for));
    found
}

/// The value after a colon: to the end of its quotes, or of what it is in.
fn value(rest: &str) -> &str {
    let rest = rest.trim();
    let quoted =
        rest.starts_with(['"', '\'']).then(|| rest[1..].find(&rest[..1]).map(|end| &rest[..end + 2])).flatten();
    let plain = || {
        let end = ["}", ",", " #"].into_iter().filter_map(|mark| rest.find(mark)).min();
        rest[..end.unwrap_or(rest.len())].trim_end()
    };
    inside_quotes(quoted.unwrap_or_else(plain))
}

pub(super) fn inside_quotes(written: &str) -> &str {
    let written = written.trim();
    let inside = |quote| written.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(written)
}

pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::plan::{Checked, check};
    use crate::source::Source;

    fn checked(text: &str) -> Checked {
        check(&Arc::new(Source::new(Path::new("plan.yaml"), text)))
    }

    fn hidden(text: &str) -> Vec<String> {
        let mut found: Vec<String> =
            checked(text).secret.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
        found.sort();
        found
    }

    /// The steps below use the API's words in places that the catalogue does not know: only secrets are asked for.
    const PLAN: &str = r#"
name: web
inputs:
  given: { secret: true }
steps:
  - id: user
    call: PUT /iam/users/7/password
    headers: { X-Api-Key: of-the-header, X-Team: blue }
    query: { token: "of-the-query" }
    body: { old: "of \"old\"", new: of-new-1, double: of-new-1, hint: of-the-hint }
    undo: { call: PUT /iam/users/7/password, body: { new: of-old-1 } }
    on_change: { update: { call: PUT /iam/users/7/password, body: { old: of-update } } }
  - id: vm
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      password: "{{ inputs.given }}"
      token: <yours>
      user_data: I2Nsb3VkLWNvbmZpZw==
      api_key: header
      list: [{ admin_pass: 'of-the-list', name: web }, { text: "Bearer Of-the-form-1" }]
      mixed_password: "of-{{ environment }}"
"#;

    #[test]
    fn what_calls_write_out_is_hidden_and_reported() {
        let all = [
            "Bearer Of-the-form-1",
            "of \"old\"",
            "of \\\"old\\\"",
            "of-new-1",
            "of-old-1",
            "of-the-header",
            "of-the-list",
            "of-the-query",
            "of-update",
        ];
        assert_eq!(hidden(PLAN), all);
        let checked = checked(PLAN);
        let reported = checked.findings.iter().filter(|finding| finding.code == CODE);
        let names: Vec<&str> = reported.filter_map(|finding| finding.message.split('`').nth(1)).collect();
        let expected = ["X-Api-Key", "token", "old", "new", "double", "new", "old", "api_key", "admin_pass", "text"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_secret_that_an_undo_sends_stays_as_it_is_in_the_record() {
        let plan = |undo: &str, more: &str| {
            format!(
                "name: web\nsteps:\n- id: user\n  call: PUT /iam/users/7/password\n  body: {{ old: of-old-1, new: of-new-1, \
                 double: of-new-1 }}\n  undo: {{ call: PUT /iam/users/7/password, body: {{ old: of-new-1, new: {undo}, double: \
                 {undo} }} }}\n{more}"
            )
        };
        assert!(checked(&plan("of-undo-1", "")).plan.is_some(), "{:?}", checked(&plan("of-undo-1", "")).findings);
        assert_eq!(hidden(&plan("of-undo-1", "")), ["of-old-1"]);
        assert_eq!(hidden(&plan("of-old-1", "")), [""; 0]);
        let wrong = plan("of-undo-1", "outputs: 1\n");
        assert_eq!(hidden(&wrong), ["of-new-1", "of-old-1", "of-undo-1"], "nothing is run, and nothing recorded");
    }

    #[test]
    fn in_lines_that_are_no_yaml_secrets_are_found_by_name_place_and_form() {
        let lines = [
            "  - id: vm",
            "    headers:",
            "      X-Api-Key: of-the-header # ours",
            "      X-Team: blue",
            "    tags: { key: environment }",
            "    headers: { Cookie: 'of, the cookie' }",
            "    body: { name: a, password: \"of, quotes\", \"token\": of-the-token, size: 5 }",
            "      - password: of-the-list",
            "      api_key: {{ inputs.x }}",
            "      secret: true",
            "      url: amqps://guest:hunter2@192.0.2.1/",
        ];
        let found = in_lines(&lines, 10);
        let found: Vec<&str> = found.iter().filter_map(Value::as_str).collect();
        let expected = [
            "of-the-header",
            "of, the cookie",
            "of, quotes",
            "of-the-token",
            "of-the-list",
            "amqps://guest:hunter2@192.0.2.1/",
        ];
        assert_eq!(found, expected);
        assert_eq!(in_lines(&lines, 2).len(), 2);
    }
}
