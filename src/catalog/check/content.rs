//! Bodies that are not JSON: which files an operation takes, and forms with several parts.

use super::{BodyFinding, finding};
use crate::catalog::operation::{BodyUse, Operation};
use crate::diagnostic::{Severity, code};

/// The media type of forms with several parts, among them files.
pub const MULTIPART: &str = "multipart/form-data";
/// Any kind of file.
const ANY: &str = "*/*";
/// The media type of a file without a known one.
pub const BYTES: &str = "application/octet-stream";
/// The media type of simple forms, which no operation takes alone.
const URL_ENCODED: &str = "application/x-www-form-urlencoded";

/// A kind of file that an operation takes.
#[derive(Debug, PartialEq, Eq)]
pub struct FileKind {
    /// The path of the operation.
    path: &'static str,
    /// The first bytes of such a file.
    pub beginning: &'static [u8],
    pub name: &'static str,
    content_type: &'static str,
    /// What the API does with other files.
    pub otherwise: &'static str,
}

const FILE_KINDS: [FileKind; 2] = [
    FileKind {
        path: "/fastedge/v1/binaries/raw",
        beginning: b"\0asm",
        name: "a WebAssembly module",
        content_type: BYTES,
        otherwise: "the API takes any bytes, and says later that it cannot use them: build the module first",
    },
    FileKind {
        path: "/security/sifter/v3/protected_networks",
        beginning: b"%PDF-",
        name: "a PDF document",
        content_type: "application/pdf",
        otherwise: "the API takes documents in PDF alone, and answers 415 to others",
    },
];

impl Operation {
    /// Whether the body is a form, whose fields are written as those of a JSON body are.
    pub fn takes_form(&self) -> bool {
        self.media_types.iter().any(|media_type| media_type == MULTIPART) && self.body_schema.is_some()
    }

    /// Whether the body is a form of a kind that is not supported.
    pub fn takes_other_forms_only(&self) -> bool {
        !self.takes_form()
            && !self.media_types.is_empty()
            && self.media_types.iter().all(|media_type| is_form(media_type))
    }

    /// Whether the body is a file.
    pub fn takes_file(&self) -> bool {
        !self.media_types.is_empty() && !self.media_types.iter().any(|media_type| is_form(media_type))
    }

    /// The media type of a file that is sent as the body: the given one, or the only one that the operation takes.
    pub fn content_type<'o>(&'o self, asked: Option<&'o str>) -> Option<&'o str> {
        let first = self.media_types.first().filter(|_| self.takes_file());
        asked.or(first.map(|first| if first == ANY { BYTES } else { first }))
    }

    /// The media type of the files in a form.
    pub fn part_type(&self) -> &'static str {
        self.file_kind().map_or(BYTES, |kind| kind.content_type)
    }

    /// The kind of the files that it takes; `None` when that is not known.
    pub fn file_kind(&self) -> Option<&'static FileKind> {
        FILE_KINDS.iter().find(|kind| kind.path == self.route.path)
    }

    /// Findings for a file as the body of a call; `content_type`: the media type in the plan.
    pub fn check_file(&self, content_type: Option<&str>) -> Vec<BodyFinding> {
        if self.takes_other_forms_only() {
            return vec![self.other_form()];
        }
        let error = |code, message: String| finding(Severity::Error, code, message);
        if self.takes_form() {
            let message = format!("`{}` takes a form (`{MULTIPART}`), and not one file", self.route);
            let help = match &self.file_fields[..] {
                [] => "write its fields below `body:`".to_owned(),
                [name, ..] => format!("write its fields below `body:`, and there the paths of files: `{name}: …`"),
            };
            return vec![error("body-not-taken", message).help(help)];
        }
        if self.media_types.is_empty() {
            let (message, help) = match self.body {
                BodyUse::None => (format!("`{}` takes no body", self.route), "leave `body_file` out".to_owned()),
                _ => (
                    format!("`{}` takes JSON, and no file", self.route),
                    "write it below `body:`; what stands in a file comes in by `\"{{ file('NAME') }}\"` as text, \
                     and by `\"{{ file('NAME') | fromjson }}\"` as JSON"
                        .to_owned(),
                ),
            };
            return vec![error("body-not-taken", message).help(help)];
        }
        let taken =
            || self.media_types.iter().map(|media_type| format!("`{media_type}`")).collect::<Vec<_>>().join(", ");
        match content_type {
            Some(asked) if !self.takes(asked) => {
                let message = format!("`{}` does not take `{asked}`", self.route);
                vec![error(code::VALUE_NOT_ALLOWED, message).help(format!("it takes {}", taken()))]
            }
            None if self.media_types.len() > 1 => {
                let message = format!("`{}` takes files of several kinds", self.route);
                let help = format!("say which it is by `body_file: {{ path: …, content_type: … }}`: {}", taken());
                vec![error(code::MISSING_FIELD, message).help(help)]
            }
            _ => Vec::new(),
        }
    }

    /// Findings for a call without a file, when the body is one.
    pub(super) fn check_no_file(&self, has_body: bool) -> Option<BodyFinding> {
        if self.takes_other_forms_only() {
            return Some(self.other_form());
        }
        let first = self.media_types.first().filter(|_| self.takes_file())?;
        let write = "write `body_file:` and the path of the file";
        match (has_body, self.body) {
            (true, _) => {
                let message = format!("`{}` takes a file (`{first}`), and no JSON", self.route);
                Some(finding(Severity::Error, "body-not-taken", message).help(write))
            }
            (false, BodyUse::Required) => {
                let message = format!("`{}` needs a file (`{first}`) as its body", self.route);
                Some(finding(Severity::Error, "missing-body", message).help(write))
            }
            (false, _) => None,
        }
    }

    fn takes(&self, asked: &str) -> bool {
        let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.media_types.iter().any(|media_type| media_type == ANY || essence(media_type) == essence(asked))
    }

    fn other_form(&self) -> BodyFinding {
        let form = self.media_types.first().map_or(URL_ENCODED, String::as_str);
        let message = format!("`{}` takes a form (`{form}`), which `plan` does not send", self.route);
        finding(Severity::Error, "unsupported-body", message)
            .help("create it by hand, and adopt it: `adopt: { id: … }`")
    }
}

/// Whether a media type is that of a form.
pub(in crate::catalog) fn is_form(media_type: &str) -> bool {
    media_type.starts_with("multipart/") || media_type == URL_ENCODED
}

#[cfg(test)]
mod tests {
    use crate::catalog::{Catalog, Operation, Partial, Route};

    fn operation(call: &str) -> Operation {
        (*Catalog::embedded().find(&Route::parse(call).unwrap()).unwrap()).clone()
    }

    fn codes(found: &[super::BodyFinding]) -> Vec<(&'static str, &str)> {
        found.iter().map(|found| (found.code, found.message.as_str())).collect()
    }

    #[test]
    fn a_call_has_the_body_that_its_operation_takes() {
        let binary = operation("POST /fastedge/v1/binaries/raw");
        let app = operation("POST /fastedge/v1/apps");
        let delete = operation("DELETE /fastedge/v1/apps/{app_id}");
        let prose = operation("POST /dns/v2/network-mappings/import");
        assert_eq!((prose.check_file(None), prose.content_type(None)), (vec![], Some("text/plain")));
        let form = operation("POST /security/sifter/v3/protected_networks");
        assert!(binary.takes_file() && !app.takes_file() && !form.takes_file() && form.takes_form());
        assert_eq!((&form.file_fields[..], form.part_type()), (&["files".to_owned()][..], "application/pdf"));
        let encoded = Operation { media_types: vec![super::URL_ENCODED.to_owned()], ..form.clone() };
        assert!(encoded.takes_other_forms_only() && !encoded.takes_form());
        assert_eq!(binary.content_type(None), Some("application/octet-stream"));
        let of = |operation: &Operation, body: Option<Partial>| {
            Catalog::embedded().check_request(operation, body.as_ref(), crate::catalog::ALLOW_NOTHING)
        };
        let some = || Some(Partial::Map(vec![]));
        for (found, code, words) in [
            (binary.check_file(Some("text/plain")), "value-not-allowed", "does not take `text/plain`"),
            (app.check_file(None), "body-not-taken", "takes JSON, and no file"),
            (delete.check_file(None), "body-not-taken", "takes no body"),
            (form.check_file(None), "body-not-taken", "takes a form (`multipart/form-data`), and not one file"),
            (encoded.check_file(None), "unsupported-body", "takes a form (`application/x-www-form-urlencoded`)"),
            (of(&binary, None), "missing-body", "needs a file (`application/octet-stream`)"),
            (of(&binary, some()), "body-not-taken", "takes a file (`application/octet-stream`), and no JSON"),
            (of(&encoded, some()), "unsupported-body", "does not send"),
            (of(&encoded, None), "unsupported-body", "does not send"),
            (of(&form, None), "missing-body", "needs a body"),
        ] {
            assert!(matches!(codes(&found)[..], [(is, message)] if is == code && message.contains(words)), "{found:?}");
        }
        assert_eq!(binary.check_file(None), []);
        assert_eq!(binary.check_file(Some("application/octet-stream; charset=x")), []);
        let several = Operation { media_types: vec!["image/png".to_owned(), "image/jpeg".to_owned()], ..binary };
        assert!(several.check_file(None)[0].message.contains("of several kinds"));
        assert_eq!(several.check_file(Some("image/jpeg")), []);
    }
}
