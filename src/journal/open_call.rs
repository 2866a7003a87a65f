//! The plan's own undo before the result of its step is known: a call with places that are open.
//!
//! Its texts are parts, literal ones and ones to fill in, so that no text of others can pass for a place to fill in.
//! Only while the templates are evaluated do marks stand for the places, with a random word of their own in each
//! ([`Marks`]).

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::RecordedCall;
use super::json_text::JsonText;
use crate::catalog::Method;

/// Characters around a mark; foreign text cannot hold them ([`crate::secret::is_reserved`]).
const OPEN: char = '\u{E002}';
const CLOSE: char = '\u{E003}';

/// A call whose texts have open places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenCall {
    pub method: Method,
    /// The segments of the path, decoded.
    pub path: Vec<Vec<CallTextPart>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, Vec<CallTextPart>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<OpenValue>,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallTextPart {
    Text(String),
    /// What the step's own result has at this JSON pointer.
    Own(String),
}

/// A value of a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenValue {
    /// Without open places.
    Known(JsonText),
    /// A text; a single open place takes a value of any type.
    Parts(Vec<CallTextPart>),
    List(Vec<OpenValue>),
    Fields(Vec<(String, OpenValue)>),
}

/// The marks of open places while templates are evaluated.
pub struct Marks {
    word: String,
    /// The pointers that were marked; `None`: whatever stands in a mark, as records of earlier versions have them.
    pointers: Option<Vec<String>>,
}

impl Marks {
    /// `word`: a random one, which no text can know.
    pub fn new(word: String) -> Self {
        Self { word, pointers: Some(Vec::new()) }
    }

    /// Those of earlier versions, which had no word.
    const fn of_earlier_versions() -> Self {
        Self { word: String::new(), pointers: None }
    }

    /// The mark for what the step's own result has at a JSON pointer.
    pub fn mark(&mut self, pointer: &str) -> String {
        self.pointers.get_or_insert_default().push(pointer.to_owned());
        format!("{OPEN}{}{pointer}{CLOSE}", self.word)
    }

    /// The call that was rendered with these marks; `None` when a template changed one, by a filter, say.
    pub fn open(&self, call: &RecordedCall) -> Option<OpenCall> {
        let segments = call.path.split('/').skip(1);
        let decoded = segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned());
        let text = |(name, value): &(String, String)| Some((name.clone(), self.parts(value)?));
        Some(OpenCall {
            method: call.method,
            path: decoded.map(|segment| self.parts(&segment)).collect::<Option<_>>()?,
            query: call.query.iter().map(text).collect::<Option<_>>()?,
            body: call.body.as_deref().map(|body| self.value(body)).map_or(Some(None), |body| body.map(Some))?,
        })
    }

    fn parts(&self, text: &str) -> Option<Vec<CallTextPart>> {
        let mut parts = Vec::new();
        let literal = |text: &str| match self.is_free(text) {
            true => Some((!text.is_empty()).then(|| CallTextPart::Text(text.to_owned()))),
            false => None,
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let (mark, after) = after.split_once(CLOSE)?;
            let pointer = mark.strip_prefix(&self.word)?;
            if self.pointers.as_ref().is_some_and(|known| !known.iter().any(|known| known == pointer)) {
                return None;
            }
            parts.extend(literal(before)?);
            parts.push(CallTextPart::Own(pointer.to_owned()));
            rest = after;
        }
        parts.extend(literal(rest)?);
        Some(parts)
    }

    /// Whether a text has nothing of a mark in it.
    fn is_free(&self, text: &str) -> bool {
        !text.contains([OPEN, CLOSE]) && (self.word.is_empty() || !text.contains(&self.word))
    }

    fn value(&self, value: &Value) -> Option<OpenValue> {
        if self.is_free(&value.to_string()) {
            return Some(OpenValue::Known(value.clone().into()));
        }
        match value {
            Value::String(text) => self.parts(text).map(OpenValue::Parts),
            Value::Array(items) => {
                items.iter().map(|item| self.value(item)).collect::<Option<_>>().map(OpenValue::List)
            }
            Value::Object(fields) => {
                let field = |(name, field): (&String, &Value)| match self.is_free(name) {
                    true => Some((name.clone(), self.value(field)?)),
                    false => None,
                };
                fields.iter().map(field).collect::<Option<_>>().map(OpenValue::Fields)
            }
            other => Some(OpenValue::Known(other.clone().into())),
        }
    }
}

/// A call that was read from a record: those of earlier versions hold marks.
pub(super) fn from_earlier_versions(call: &RecordedCall) -> Option<OpenCall> {
    let holds_marks = call.path.contains("%EE%80%82")
        || call.query.iter().any(|(_, value)| value.contains(OPEN))
        || call.body.as_ref().is_some_and(|body| body.to_string().contains(OPEN));
    holds_marks.then(|| Marks::of_earlier_versions().open(call)).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::journal::IntendedUndo;

    const WORD: &str = "4711";

    fn call(path: &str, query: &str, body: Value) -> RecordedCall {
        RecordedCall {
            query: vec![("of".to_owned(), query.to_owned())].into(),
            body: Some(body.into()),
            ..RecordedCall::new(Method::Post, path)
        }
    }

    fn own(pointer: &str) -> CallTextPart {
        CallTextPart::Own(pointer.to_owned())
    }

    fn text(text: &str) -> CallTextPart {
        CallTextPart::Text(text.to_owned())
    }

    #[test]
    fn marks_become_parts() {
        let mut marks = Marks::new(WORD.to_owned());
        let (id, name) = (marks.mark("/id"), marks.mark("/name"));
        let encoded = percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC);
        let body = json!({ "a": id, "b": [1, { "c": format!("x {name}/{id}") }], "d": { "e": "f" } });
        let open = marks.open(&call(&format!("/cloud/a%2Fb/{encoded}"), &format!("is {id}"), body)).unwrap();
        assert_eq!(open.path, [vec![text("cloud")], vec![text("a/b")], vec![own("/id")]]);
        assert_eq!(open.query, [("of".to_owned(), vec![text("is "), own("/id")])]);
        let written = serde_json::to_value(&open.body).unwrap();
        let b = json!({ "parts": [{ "text": "x " }, { "own": "/name" }, { "text": "/" }, { "own": "/id" }] });
        let expected = json!({ "fields": [
            ["a", { "parts": [{ "own": "/id" }] }],
            ["b", { "list": [{ "known": 1 }, { "fields": [["c", b]] }] }],
            ["d", { "known": { "e": "f" } }],
        ] });
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<OpenCall>(serde_json::to_value(&open).unwrap()).unwrap(), open);
    }

    #[test]
    fn a_changed_mark_or_one_of_others_is_none() {
        let mut marks = Marks::new(WORD.to_owned());
        let id = marks.mark("/id");
        let cut = id.char_indices().nth(3).map(|(at, _)| id[..at].to_owned()).unwrap();
        let forged = format!("{OPEN}/id{CLOSE}");
        let guessed = format!("{OPEN}{WORD}/created/x{CLOSE}");
        for wrong in [id.to_uppercase(), cut, id[OPEN.len_utf8()..].to_owned(), format!("{WORD}/id"), forged, guessed] {
            assert_eq!(marks.open(&call("/cloud/x", &wrong, json!({}))), None, "{wrong}");
            assert_eq!(marks.open(&call("/cloud/x", "", json!({ "a": [wrong] }))), None);
            assert_eq!(marks.open(&call("/cloud/x", "", json!({ wrong.clone(): 1 }))), None, "{wrong}");
        }
    }

    #[test]
    fn the_marks_of_earlier_versions_are_read() {
        let written = json!({ "call": {
            "method": "POST", "path": "/cloud/x/%EE%80%82%2Fid%EE%80%83/stop",
            "query": [["of", "id-\u{E002}/ids/0\u{E003}"]], "body": { "number": "\u{E002}/ids/0\u{E003}" },
        } });
        let IntendedUndo::Open(open) = serde_json::from_value(written).unwrap() else { panic!("it is not open") };
        assert_eq!(open.path[2], [own("/id")]);
        assert_eq!(open.query[0].1, [text("id-"), own("/ids/0")]);
        let known = json!({ "call": { "method": "DELETE", "path": "/cloud/x/1" } });
        let known: IntendedUndo = serde_json::from_value(known).unwrap();
        assert_eq!(known, IntendedUndo::Call(RecordedCall::new(Method::Delete, "/cloud/x/1").into()));
    }
}
