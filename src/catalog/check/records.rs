//! The contents of DNS records: which parts a record has is determined by its type, which is in the path of the call.
//!
//! The document has no schema for contents. The parts are those of its prose, of DNS itself, and of a recorded refusal
//! ("preference on position 0 should be integer"). Types that are not listed here may have any contents.

use super::words::{a_type, count};
use super::{BodyFinding, PathSegment, did_you_mean, field_list, finding, format};
use crate::catalog::operation::Operation;
use crate::catalog::value::Partial;
use crate::diagnostic::{Severity, code, nearest};

/// The path parameter for the type of the records.
const RECORD_TYPE: &str = "rrsetType";

/// The record types in the document.
const TYPES: [&str; 13] = ["A", "AAAA", "NS", "CNAME", "MX", "TXT", "SRV", "SOA", "PTR", "SVCB", "HTTPS", "CAA", "DS"];

/// One part of a record.
#[derive(Clone, Copy)]
enum RecordPart {
    /// An integer from 0 to a maximum.
    Number(&'static str, u64),
    /// The name of a host; `.` is the root.
    Host(&'static str),
    /// A text with one of the formats of the API, or any text.
    Text(&'static str, &'static str),
    /// A list of a name and its values: `[alpn, h3]`.
    Parameter,
}

/// The parts of a record. A last part that repeats may occur any number of times.
struct Layout {
    parts: &'static [RecordPart],
    repeats: bool,
    example: &'static str,
}

fn layout(kind: &str) -> Option<Layout> {
    const PORT: u64 = 65_535;
    let (parts, repeats, example): (&'static [RecordPart], _, _) = match kind {
        "A" => (&[RecordPart::Text("address", "ipv4")], true, "[192.0.2.1]"),
        "AAAA" => (&[RecordPart::Text("address", "ipv6")], true, "[\"2001:db8::1\"]"),
        "CNAME" | "NS" | "PTR" => (&[RecordPart::Host("target")], true, "[www.example.com]"),
        "TXT" => (&[RecordPart::Text("text", "")], true, "[\"v=spf1 -all\"]"),
        "MX" => {
            (&[RecordPart::Number("preference", PORT), RecordPart::Host("target")], false, "[10, mail.example.com]")
        }
        "SRV" => {
            const PARTS: [RecordPart; 4] = [
                RecordPart::Number("priority", PORT),
                RecordPart::Number("weight", PORT),
                RecordPart::Number("port", PORT),
                RecordPart::Host("target"),
            ];
            (&PARTS, false, "[100, 1, 5061, sip.example.com]")
        }
        "CAA" => {
            const PARTS: [RecordPart; 3] =
                [RecordPart::Number("flags", 255), RecordPart::Text("tag", ""), RecordPart::Text("value", "")];
            (&PARTS, false, "[0, issue, letsencrypt.org]")
        }
        "HTTPS" | "SVCB" => {
            const PARTS: [RecordPart; 3] =
                [RecordPart::Number("priority", PORT), RecordPart::Host("target"), RecordPart::Parameter];
            (&PARTS, true, "[1, \".\", [alpn, h3, h2]]")
        }
        _ => return None,
    };
    Some(Layout { parts, repeats, example })
}

impl Operation {
    /// Findings for the contents of DNS records. `parameters`: the known path parameters, by name.
    pub fn check_records(&self, parameters: &[(String, String)], body: Option<&Partial>) -> Vec<BodyFinding> {
        let kind = parameters.iter().find(|(name, _)| name == RECORD_TYPE).map(|(_, kind)| kind.to_ascii_uppercase());
        let records = body.and_then(|body| body.get("resource_records"));
        let (Some(kind), Some(Partial::List(records))) = (kind, records) else { return Vec::new() };
        let Some(layout) = layout(&kind) else { return Vec::new() };
        let mut found = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let Some(Partial::List(content)) = record.get("content") else { continue };
            let key = |name: &str| PathSegment::Key(name.to_owned());
            let at = [key("resource_records"), PathSegment::Index(index), key("content")];
            let wrong = layout.findings(&kind, content);
            if let (false, Some(other)) = (wrong.is_empty(), other_type(content)) {
                let message = format!("this is of type `{kind}`, and looks like a record of type `{other}`");
                let found_there = finding(Severity::Warning, "wrong-format", message);
                found.push(BodyFinding { at: at.to_vec(), ..found_there });
                continue;
            }
            let is_sure = !content.is_empty() && !content.iter().any(|part| matches!(part, Partial::Map(_)));
            for (part, finding) in wrong {
                let at = at.iter().cloned().chain(part.map(PathSegment::Index)).collect();
                let finding = BodyFinding { at, ..finding }.help(format!("such as `{}`", layout.example));
                // The schema of the document takes mappings, and nothing at all.
                found.push(if is_sure { finding } else { finding.warning() });
            }
        }
        found
    }
}

/// The type, among those with several parts and a host, whose layout the contents fit. The document shows one example
/// beside all types.
fn other_type(content: &[Partial]) -> Option<&'static str> {
    let fits = |kind: &&str| {
        let has_host = |layout: &Layout| layout.parts.iter().any(|part| matches!(part, RecordPart::Host(_)));
        let layout = layout(kind).filter(|layout| layout.parts.len() > 1 && has_host(layout));
        layout.is_some_and(|layout| layout.findings(kind, content).is_empty())
    };
    TYPES.into_iter().find(fits)
}

/// A warning for a record type that the document does not have.
pub(super) fn unknown_type(name: &str, value: &Partial) -> Option<BodyFinding> {
    let Partial::String(text) = value else { return None };
    if name != RECORD_TYPE || TYPES.contains(&text.as_str()) {
        return None;
    }
    let found =
        finding(Severity::Warning, code::VALUE_NOT_ALLOWED, format!("`{text}` is no known type of DNS records"));
    let found = match nearest(&text.to_ascii_uppercase(), TYPES) {
        Some(near) => found.help(did_you_mean(near)),
        None => found,
    };
    let found = found.help(format!("known: {}", field_list(TYPES)));
    Some(BodyFinding { at: vec![PathSegment::Key(name.to_owned())], ..found })
}

impl Layout {
    /// Findings for one content, each with the index of its part.
    fn findings(&self, kind: &str, content: &[Partial]) -> Vec<(Option<usize>, BodyFinding)> {
        // Parameters may be absent; the only part may not.
        let least = self.parts.len() - usize::from(self.repeats && self.parts.len() > 1);
        // Public clients send more than three parts of a CAA record.
        let open = self.repeats || kind == "CAA";
        // Without the right number of parts, it is not known which is which.
        if content.len() < least || content.len() > least && !open {
            let wanted = format!("{}{}", if open { "at least " } else { "" }, count(least as u64, "part"));
            let message = format!("a record of type `{kind}` has {wanted}, and this has {}", content.len());
            return vec![(None, finding(Severity::Error, "wrong-length", message))];
        }
        let part = |index: usize| self.parts.get(index).or(self.parts.last().filter(|_| self.repeats));
        let found = content
            .iter()
            .enumerate()
            .filter_map(|(index, value)| Some((Some(index), part(index)?.finding(kind, value)?)));
        found.collect()
    }
}

impl RecordPart {
    fn finding(self, kind: &str, value: &Partial) -> Option<BodyFinding> {
        let (name, words) = match self {
            RecordPart::Number(name, most) => (name, format!("an integer from 0 to {most}")),
            RecordPart::Host(name) => (name, "the name of a host".to_owned()),
            RecordPart::Text(name, format) => (name, format::words(format).unwrap_or("a string").to_owned()),
            RecordPart::Parameter => ("parameter", "a list of its name and its values".to_owned()),
        };
        let wrong = |code, is: String| {
            let message = format!("the {name} of a record of type `{kind}` is {words}, and this is {is}");
            finding(Severity::Error, code, message)
        };
        match (self, value) {
            (_, Partial::Unknown(_) | Partial::Text(_)) => None,
            (_, Partial::OneOf(options)) => options.iter().find_map(|option| self.finding(kind, option)),
            (RecordPart::Number(_, most), Partial::Number(number)) => {
                let fits = number.as_u64().is_some_and(|number| number <= most);
                (!fits).then(|| wrong(code::OUT_OF_RANGE, number.to_string()))
            }
            (RecordPart::Host(_), Partial::String(text)) => {
                (!is_host(text)).then(|| wrong("wrong-format", format!("`{text}`")))
            }
            (RecordPart::Text(_, format), Partial::String(text)) => {
                format::problem(format, text).map(|_| wrong("wrong-format", format!("`{text}`")))
            }
            (RecordPart::Parameter, Partial::List(items)) if !items.is_empty() => None,
            (RecordPart::Number(..), Partial::String(text)) => {
                let bare = text.parse::<u64>().ok().map(|number| number.to_string());
                Some(wrong(code::WRONG_TYPE, "a string".to_owned()).write(bare))
            }
            (_, other) => Some(wrong(code::WRONG_TYPE, other.r#type().map_or("nothing (`null`)", a_type).to_owned())),
        }
    }
}

/// Whether a text may be the name of a host: labels of at most 63 bytes. DNS does not limit their characters.
fn is_host(text: &str) -> bool {
    const LONGEST: usize = 255;
    const LONGEST_LABEL: usize = 63;
    let mut labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let plain = !text.contains(|character: char| character.is_whitespace()) && !text.contains("://");
    let fits = |label: &str| !label.is_empty() && label.len() <= LONGEST_LABEL;
    // A backslash begins an escape, which may be of a dot.
    text == "." || plain && text.len() <= LONGEST && (text.contains('\\') || labels.all(fits))
}

#[cfg(test)]
mod tests;
