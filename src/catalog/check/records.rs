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
enum Part {
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
    parts: &'static [Part],
    repeats: bool,
    example: &'static str,
}

fn layout(kind: &str) -> Option<Layout> {
    const PORT: u64 = 65_535;
    let (parts, repeats, example): (&'static [Part], _, _) = match kind {
        "A" => (&[Part::Text("address", "ipv4")], true, "[192.0.2.1]"),
        "AAAA" => (&[Part::Text("address", "ipv6")], true, "[\"2001:db8::1\"]"),
        "CNAME" | "NS" | "PTR" => (&[Part::Host("target")], true, "[www.example.com]"),
        "TXT" => (&[Part::Text("text", "")], true, "[\"v=spf1 -all\"]"),
        "MX" => (&[Part::Number("preference", PORT), Part::Host("target")], false, "[10, mail.example.com]"),
        "SRV" => {
            const PARTS: [Part; 4] = [
                Part::Number("priority", PORT),
                Part::Number("weight", PORT),
                Part::Number("port", PORT),
                Part::Host("target"),
            ];
            (&PARTS, false, "[100, 1, 5061, sip.example.com]")
        }
        "CAA" => {
            const PARTS: [Part; 3] = [Part::Number("flags", 255), Part::Text("tag", ""), Part::Text("value", "")];
            (&PARTS, false, "[0, issue, letsencrypt.org]")
        }
        "HTTPS" | "SVCB" => {
            const PARTS: [Part; 3] = [Part::Number("priority", PORT), Part::Host("target"), Part::Parameter];
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

/// The type with several parts, one of them a host, that contents fit: the document has its example of one beside all
/// types.
fn other_type(content: &[Partial]) -> Option<&'static str> {
    let fits = |kind: &&str| {
        let has_host = |layout: &Layout| layout.parts.iter().any(|part| matches!(part, Part::Host(_)));
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

impl Part {
    fn finding(self, kind: &str, value: &Partial) -> Option<BodyFinding> {
        let (name, words) = match self {
            Part::Number(name, most) => (name, format!("an integer from 0 to {most}")),
            Part::Host(name) => (name, "the name of a host".to_owned()),
            Part::Text(name, format) => (name, format::words(format).unwrap_or("a string").to_owned()),
            Part::Parameter => ("parameter", "a list of its name and its values".to_owned()),
        };
        let wrong = |code, is: String| {
            let message = format!("the {name} of a record of type `{kind}` is {words}, and this is {is}");
            finding(Severity::Error, code, message)
        };
        match (self, value) {
            (_, Partial::Unknown(_) | Partial::Text(_)) => None,
            (_, Partial::OneOf(options)) => options.iter().find_map(|option| self.finding(kind, option)),
            (Part::Number(_, most), Partial::Number(number)) => {
                let fits = number.as_u64().is_some_and(|number| number <= most);
                (!fits).then(|| wrong(code::OUT_OF_RANGE, number.to_string()))
            }
            (Part::Host(_), Partial::String(text)) => {
                (!is_host(text)).then(|| wrong("wrong-format", format!("`{text}`")))
            }
            (Part::Text(_, format), Partial::String(text)) => {
                format::problem(format, text).map(|_| wrong("wrong-format", format!("`{text}`")))
            }
            (Part::Parameter, Partial::List(items)) if !items.is_empty() => None,
            (Part::Number(..), Partial::String(text)) => {
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
mod tests {
    use serde_json::{Value, json};

    use super::BodyFinding;
    use crate::catalog::{Catalog, Method, Partial, Route};
    use crate::diagnostic::Severity;

    fn of_type(kind: &str) -> Vec<(String, String)> {
        vec![("zoneName".to_owned(), "example.com".to_owned()), ("rrsetType".to_owned(), kind.to_owned())]
    }

    fn findings(kind: &str, content: Value) -> Vec<BodyFinding> {
        let route = "/dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}".to_owned();
        let operation = Catalog::embedded().find(&Route { method: Method::Post, path: route }).unwrap();
        let body = json!({ "resource_records": [{ "content": ["192.0.2.1"] }, { "content": content }] });
        let found = operation.check_records(&of_type(kind), Some(&Partial::from(&body))).into_iter();
        found.filter(|found| found.at[1].to_string() == "1").collect()
    }

    fn found(kind: &str, content: Value) -> Vec<String> {
        let words = findings(kind, content).into_iter().map(|found| {
            let part = found.at.get(3).map(|part| format!("{part}: ")).unwrap_or_default();
            format!("{part}{}", found.message)
        });
        words.collect()
    }

    /// Contents of the document, of recorded exchanges and of public clients.
    #[test]
    fn contents_that_the_api_takes_are_not_found_wrong() {
        for (kind, content) in [
            ("A", json!(["1.2.3.4", "5.6.7.8"])),
            ("a", json!(["1.2.3.4"])),
            ("AAAA", json!(["2001:db8::1", "2001:db8::2"])),
            ("CNAME", json!(["the.target.domain"])),
            ("CNAME", json!(["1/25.2.0.192.in-addr.arpa."])),
            ("NS", json!(["6.2.3.4"])),
            ("PTR", json!(["foo.bar.com"])),
            ("MX", json!([10, "mail1.example.com"])),
            ("MX", json!([0, "."])),
            ("SRV", json!([100, 1, 5061, "example.com"])),
            ("SRV", json!([0, 0, 0, "."])),
            ("TXT", json!(["\"v=DKIM1;k=rsa;p=A/kinda+of/long\""])),
            ("CAA", json!([0, "issue", "ca.unit.tests"])),
            ("CAA", json!([0, "issue", "\"company.org; account=12345\"", null])),
            ("HTTPS", json!([1, ".", ["alpn", "h3", "h2"], ["port", 1443], ["ipv4hint", "10.0.0.1"], ["ech", "AEn+"]])),
            ("SVCB", json!([0, "svc.example.com"])),
            ("SOA", json!([{}])),
            ("LOC", json!([{}])),
        ] {
            assert_eq!(found(kind, content.clone()), [""; 0], "{kind} {content}");
        }
    }

    #[test]
    fn contents_that_no_record_of_the_type_has_are_found() {
        for (kind, content, expected) in [
            ("A", json!(["host"]), "0: the address of a record of type `A` is an IPv4 address, and this is `host`"),
            ("A", json!(["1.2.3.4", "::1"]), "1: the address of a record of type `A` is an IPv4 address"),
            ("A", json!([42]), "and this is an integer"),
            ("A", json!([null]), "and this is nothing (`null`)"),
            ("A", json!([]), "a record of type `A` has at least 1 part, and this has 0"),
            ("AAAA", json!(["1.2.3.4"]), "is an IPv6 address, and this is `1.2.3.4`"),
            ("CNAME", json!(["https://example.com"]), "is the name of a host"),
            ("CNAME", json!(["10 mail.example.com"]), "is the name of a host"),
            ("CNAME", json!(["a..b"]), "is the name of a host"),
            ("CNAME", json!([""]), "is the name of a host"),
            ("MX", json!(["10 mail.example.com"]), "a record of type `MX` has 2 parts, and this has 1"),
            ("MX", json!(["mail1.example.com", "mail2.example.com"]), "0: the preference of a record of type `MX`"),
            ("MX", json!(["10", "mail.example.com"]), "is an integer from 0 to 65535, and this is a string"),
            ("MX", json!([70_000, "mail.example.com"]), "is an integer from 0 to 65535, and this is 70000"),
            ("MX", json!([1.5, "mail.example.com"]), "and this is 1.5"),
            ("MX", json!([10, 20]), "1: the target of a record of type `MX` is the name of a host"),
            ("SRV", json!([1, 2, "example.com"]), "has 4 parts, and this has 3"),
            ("SRV", json!([1, 2, true, "example.com"]), "2: the port of a record of type `SRV`"),
            ("TXT", json!([["a"]]), "is a string, and this is a list"),
            ("CAA", json!([256, "issue", "a"]), "from 0 to 255"),
            ("CAA", json!(["issue", "a"]), "has at least 3 parts"),
            ("HTTPS", json!([1, ".", "alpn=h3"]), "2: the parameter of a record of type `HTTPS` is a list"),
            ("HTTPS", json!([1]), "has at least 2 parts, and this has 1"),
        ] {
            let found = found(kind, content.clone());
            assert!(matches!(found.as_slice(), [only] if only.contains(expected)), "{kind} {content}: {found:?}");
        }
    }

    #[test]
    fn the_example_of_the_document_is_suspicious_beside_another_type() {
        let part = "0: the address of a record of type `A` is an IPv4 address, and this is a mapping";
        for (kind, content, expected) in [
            ("A", json!([100, 1, 5061, "example.com"]), "this is of type `A`, and looks like a record of type `SRV`"),
            ("CNAME", json!([10, "a.example.com"]), "this is of type `CNAME`, and looks like a record of type `MX`"),
            ("A", json!([{}]), part),
            ("MX", json!([]), "a record of type `MX` has 2 parts, and this has 0"),
        ] {
            assert_eq!(found(kind, content.clone()), [expected], "{kind} {content}");
            assert_eq!(findings(kind, content)[0].severity, Severity::Warning, "{kind}");
        }
    }

    #[test]
    fn what_a_template_makes_of_a_part_is_not_known() {
        let operation = Catalog::embedded()
            .find(&Route::parse("PUT /dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}").unwrap())
            .unwrap();
        let content = |part: Partial| {
            let record = Partial::Map(vec![("content".to_owned(), Partial::List(vec![part]))]);
            Partial::Map(vec![("resource_records".to_owned(), Partial::List(vec![record]))])
        };
        assert_eq!(operation.check_records(&of_type("A"), Some(&content(Partial::unknown()))), []);
        let either = Partial::OneOf(vec![Partial::String("192.0.2.1".into()), Partial::String("x".into())]);
        assert_eq!(operation.check_records(&of_type("A"), Some(&content(either.clone()))).len(), 1);
        assert_eq!(operation.check_records(&[], Some(&content(either))), [], "the type is not known");
    }
}
