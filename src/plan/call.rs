//! Parses `METHOD /path`: its segments are literal, filled in by the engine, or templates.

use std::ops::Range;
use std::sync::Arc;

use super::model::{Call, CallTarget, Segment};
use crate::catalog::Method;
use crate::diagnostic::{Diagnostic, Findings, nearest};
use crate::source::Span;
use crate::template::Template;
use crate::yaml::Node;

/// The longest accepted call, with its templates. No server takes a longer path.
const LONGEST: usize = 64 << 10;

/// Parses a call and reports every finding.
pub(super) fn read(node: &Node, findings: &mut Findings) -> Option<Call> {
    let Some(text) = node.as_str() else {
        findings.push(super::fields::wrong_type(
            node,
            "`call`",
            "text like `POST /cloud/v1/networks/{project_id}/{region_id}`",
        ));
        return None;
    };
    if text.len() > LONGEST {
        let message = format!("the call is longer than {} KiB", LONGEST >> 10);
        findings.push(Diagnostic::error("bad-call", node.span, message));
        return None;
    }
    let before = findings.errors();
    let mut reader = CallReader { node, text, findings };
    let call = reader.read();
    if findings.errors() > before { None } else { call }
}

struct CallReader<'c> {
    node: &'c Node,
    text: &'c str,
    findings: &'c mut Findings,
}

impl CallReader<'_> {
    fn read(&mut self) -> Option<Call> {
        let trimmed = self.text.trim();
        let start = self.text.len() - self.text.trim_start().len();
        let Some((word, rest)) = trimmed.split_once(char::is_whitespace) else {
            let finding = if trimmed.starts_with('/') {
                self.invalid(start..start + trimmed.len(), "the method is missing")
            } else {
                self.invalid(start..start + trimmed.len(), "a call is a method and a path")
            };
            self.findings.push(finding.help("write it as in `POST /cloud/v1/networks/{project_id}/{region_id}`"));
            return None;
        };
        let method = self.method(word, start..start + word.len());
        let path = rest.trim_start();
        let path_start = start + trimmed.len() - path.len();
        if (word.len(), trimmed.len()) != (path_start - start - 1, self.text.len())
            || !trimmed[word.len()..].starts_with(' ')
        {
            let span = self.place(0..self.text.len());
            let finding =
                self.invalid(0..self.text.len(), "one space stands between method and path, and none around them");
            let (one, right) = (self.text.lines().count() == 1, format!("{word} {path}"));
            self.findings.push(if one { finding.suggest(span, right) } else { finding });
        }
        let segments = self.path(path, path_start);
        let target = CallTarget { method: method?, written: path.into(), segments: segments?.into() };
        Some(Call { span: self.node.span, target: Arc::new(target) })
    }

    fn method(&mut self, word: &str, range: Range<usize>) -> Option<Method> {
        if let Some(method) = Method::parse(word) {
            return Some(method);
        }
        let names = Method::ALL.map(Method::as_str);
        let finding = self
            .invalid(range.clone(), format!("`{word}` is no method of the API"))
            .help("the methods are `GET`, `POST`, `PUT`, `PATCH` and `DELETE`");
        let span = self.place(range);
        self.findings.push(match nearest(word, names) {
            Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
            None => finding,
        });
        None
    }

    /// The segments of a path that begins at byte `start` of the call's text; `None` when one is invalid, which is
    /// reported.
    fn path(&mut self, path: &str, start: usize) -> Option<Vec<Segment>> {
        let whole = start..start + path.len();
        if path.contains("://") || path.starts_with("//") {
            let finding = self.invalid(whole, "a call names a path, not an address");
            self.findings.push(finding.help("leave scheme and host out: flags and environment say where requests go"));
            return None;
        }
        let Some(rest) = path.strip_prefix('/') else {
            let finding = self.invalid(whole, "a path starts with `/`");
            self.findings.push(finding.help("write it as in the API reference: `/cloud/v1/...`"));
            return None;
        };
        let mut segments = Vec::new();
        let mut sound = true;
        for range in split(rest) {
            let at = start + 1 + range.start..start + 1 + range.end;
            match self.segment(&rest[range], at) {
                Some(segment) => segments.push(segment),
                None => sound = false,
            }
        }
        sound.then_some(segments)
    }

    /// The segment that a part of the path is; `None` when it is invalid, which is reported. `range`: its place in the
    /// call's text, in bytes.
    fn segment(&mut self, text: &str, range: Range<usize>) -> Option<Segment> {
        match text {
            "{project_id}" => return Some(Segment::ProjectId),
            "{region_id}" => return Some(Segment::RegionId),
            "" => {
                let place = range.start.saturating_sub(1)..range.end;
                let finding = self.invalid(place, "an empty part between two slashes").help("remove one slash");
                self.findings.push(finding);
                return None;
            }
            "." | ".." => {
                let finding = self.invalid(range, format!("`{text}` leads elsewhere")).help("write the path out");
                self.findings.push(finding);
                return None;
            }
            // Most segments.
            _ if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                return Some(Segment::Literal(text.into()));
            }
            _ => {}
        }
        if text.contains("{{") || text.contains("{%") {
            return match Template::compile_part(self.node, range) {
                Ok(template) => Some(Segment::Template(Box::new(template))),
                Err(found) => {
                    self.findings.extend(found);
                    None
                }
            };
        }
        if let Some(at) = text.find(['?', '#']) {
            let finding = self.invalid(range.start + at..range.end, "a path holds no query");
            self.findings.push(finding.help("parameters go below `query:`, as a mapping"));
            return None;
        }
        if let Some(open) = text.find(['{', '}']) {
            let end = text.rfind('}').map_or(text.len(), |end| end + 1).max(open + 1);
            self.placeholder(&text[open..end], range.start + open..range.start + end);
            return None;
        }
        if text.contains(char::is_whitespace) || text.contains(char::is_control) || text.contains('\\') {
            let finding = self.invalid(range, "a path holds no spaces and no backslashes");
            self.findings.push(finding);
            return None;
        }
        Some(Segment::Literal(text.into()))
    }

    fn placeholder(&mut self, text: &str, range: Range<usize>) {
        let name = text.trim_matches(['{', '}']);
        let span = self.place(range);
        let finding = Diagnostic::error("left-over-placeholder", span, format!("`{text}` is not filled in"))
            .label("only `{project_id}` and `{region_id}` are");
        self.findings.push(match nearest(name, ["project_id", "region_id"]) {
            Some(near) => finding.help(format!("did you mean `{{{near}}}`?")).suggest(span, format!("{{{near}}}")),
            None => finding.help("write a template in its place, such as `{{ steps.<step>.id }}`"),
        });
    }

    /// The finding about a part of the call's text.
    fn invalid(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error("bad-call", self.place(range), message)
    }

    fn place(&self, range: Range<usize>) -> Span {
        self.node.place(range)
    }
}

/// The ranges between slashes outside of templates.
fn split(path: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let bytes = path.as_bytes();
    while at < bytes.len() {
        let closing = match bytes.get(at..at + 2) {
            Some(b"{{") => Some("}}"),
            Some(b"{%") => Some("%}"),
            _ => None,
        };
        if let Some(closing) = closing {
            at = path[at..].find(closing).map_or(bytes.len(), |length| at + length + 2);
            continue;
        }
        if bytes[at] == b'/' {
            ranges.push(start..at);
            start = at + 1;
        }
        at += 1;
    }
    ranges.push(start..path.len());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Result<String, Vec<String>> {
        let root = crate::yaml::parse(&format!("'{}'", text.replace('\'', "''"))).root.unwrap();
        let mut findings = Findings::default();
        match read(&root, &mut findings) {
            Some(call) => {
                let segments: Vec<_> = call
                    .segments
                    .iter()
                    .map(|segment| match segment {
                        Segment::Literal(text) => text.to_string(),
                        Segment::ProjectId => "P".to_owned(),
                        Segment::RegionId => "R".to_owned(),
                        Segment::Template(template) => format!("T{}", template.programs().len()),
                    })
                    .collect();
                Ok(format!("{} {}", call.method, segments.join(" ")))
            }
            None => Err(findings.iter().map(|finding| finding.message.clone()).collect()),
        }
    }

    #[test]
    fn a_very_long_call_is_refused_without_a_look_at_its_segments() {
        let long = call(&format!("POST /cloud{}", "/a".repeat(LONGEST)));
        assert_eq!(long, Err(vec!["the call is longer than 64 KiB".to_owned()]));
    }

    #[test]
    fn a_path_is_split_outside_templates() {
        assert_eq!(call("POST /cloud/v1/networks/{project_id}/{region_id}").unwrap(), "POST cloud v1 networks P R");
        assert_eq!(call("GET /a/{{ steps.x.id }}/b-{{ 'c/d' }}").unwrap(), "GET a T1 T1");
        assert_eq!(call("DELETE /a").unwrap(), "DELETE a");
    }

    #[test]
    fn every_finding_about_a_call_is_reported() {
        for (text, words) in [
            ("/cloud/v1/x", "the method is missing"),
            ("post /cloud/v1/x", "`post` is no method"),
            ("  DELETE   /a ", "one space stands between method and path"),
            ("POST https://api.gcore.com/cloud", "not an address"),
            ("POST cloud/v1", "starts with `/`"),
            ("POST /a/../b", "leads elsewhere"),
            ("POST /a//b", "empty part"),
            ("POST /a/", "empty part"),
            ("POST /a/{subnet_id}", "`{subnet_id}` is not filled in"),
            ("POST /a/{region}", "`{region}` is not filled in"),
            ("POST /a?limit=1", "no query"),
            ("POST /a b", "no spaces"),
            ("POST /a/{{ x", "not closed"),
            ("", "a method and a path"),
        ] {
            let found = call(text).unwrap_err();
            assert!(found.iter().any(|message| message.contains(words)), "{text}: {found:?}");
        }
    }
}
