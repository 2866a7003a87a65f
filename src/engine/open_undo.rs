//! Fills the open places of an undo call with values of the step's result.
//!
//! Pure.

use serde_json::Value;

use super::paths::encode;
use crate::journal::{CallTextPart, OpenCall, OpenValue, RecordedCall, StepResult, id_text};

/// The call, with values of the result in its open places. `None` when the result has no value for a segment of the
/// path: the call would address another resource.
pub fn fill(call: &OpenCall, result: &StepResult) -> Option<RecordedCall> {
    let own = Own(serde_json::to_value(result).expect("a result can be written as JSON"));
    let path: Option<String> = call.path.iter().map(|parts| own.segment(parts)).collect();
    Some(RecordedCall {
        query: call.query.iter().map(|(name, parts)| (name.clone(), own.text(parts))).collect(),
        body: call.body.as_ref().map(|body| own.value(body).into()),
        ..RecordedCall::new(call.method, path?)
    })
}

/// The step's own result.
struct Own(Value);

impl Own {
    fn at(&self, pointer: &str) -> Value {
        self.0.pointer(pointer).cloned().unwrap_or_default()
    }

    /// A segment of the path, with the slash before it.
    fn segment(&self, parts: &[CallTextPart]) -> Option<String> {
        let is_known = |part: &CallTextPart| match part {
            CallTextPart::Text(_) => true,
            CallTextPart::Own(pointer) => matches!(self.at(pointer), Value::String(_) | Value::Number(_)),
        };
        let text = parts.iter().all(is_known).then(|| self.text(parts))?;
        // These would address the collection, or another path.
        let is_segment = !["", ".", ".."].contains(&text.as_str());
        is_segment.then(|| format!("/{}", encode(&text)))
    }

    fn text(&self, parts: &[CallTextPart]) -> String {
        let text = |part: &CallTextPart| match part {
            CallTextPart::Text(text) => text.clone(),
            CallTextPart::Own(pointer) => id_text(&self.at(pointer)),
        };
        parts.iter().map(text).collect()
    }

    fn value(&self, value: &OpenValue) -> Value {
        match value {
            OpenValue::Known(value) => Value::clone(value),
            OpenValue::Parts(parts) => match &parts[..] {
                [CallTextPart::Own(pointer)] => self.at(pointer),
                parts => Value::String(self.text(parts)),
            },
            OpenValue::List(items) => items.iter().map(|item| self.value(item)).collect(),
            OpenValue::Fields(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), self.value(field)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;

    #[test]
    fn open_places_are_filled_with_the_result() {
        let own = |pointer: &str| CallTextPart::Own(pointer.to_owned());
        let text = |text: &str| CallTextPart::Text(text.to_owned());
        let call = OpenCall {
            method: Method::Post,
            path: vec![vec![text("cloud")], vec![text("x-"), own("/id")], vec![text("stop")]],
            query: vec![("of".to_owned(), vec![text("id-"), own("/ids/0")])],
            body: Some(OpenValue::Fields(vec![
                ("number".to_owned(), OpenValue::Parts(vec![own("/ids/0")])),
                ("note".to_owned(), OpenValue::Known(json!("\u{E002}/id\u{E003}").into())),
            ])),
        };
        let result = StepResult { id: Some(json!("a/b").into()), ids: vec![json!(7).into()], ..StepResult::default() };
        let filled = fill(&call, &result).unwrap();
        assert_eq!(filled.path, "/cloud/x-a%2Fb/stop");
        assert_eq!(filled.query[..], [("of".to_owned(), "id-7".to_owned())]);
        assert_eq!(filled.body, Some(json!({ "number": 7, "note": "\u{E002}/id\u{E003}" }).into()));
        assert_eq!(fill(&call, &StepResult { id: None, ..result.clone() }), None);
        for elsewhere in ["", ".", ".."] {
            let alone = OpenCall { path: vec![vec![own("/id")]], ..call.clone() };
            assert_eq!(fill(&alone, &StepResult { id: Some(json!(elsewhere).into()), ..result.clone() }), None);
        }
    }
}
