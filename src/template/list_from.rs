//! Lists built from lists: `{ for: LIST, each: VALUE }`.

use serde_json::Value;

use super::{Each, Scope, Template, TemplateError};

/// The most values in such a list, including nested ones; more than the API accepts in a body.
const MOST_VALUES: usize = 1_000_000;

/// `{ for: …, each: … }`
#[derive(Debug, Clone)]
pub struct ListFrom {
    /// The list or mapping to iterate over.
    pub list: Template,
    /// The template of each element; it can refer to `item`, `key` and `index`.
    pub each: Template,
}

impl ListFrom {
    /// The list in this scope.
    ///
    /// # Errors
    ///
    /// As for [`Template::evaluate`]; also for a value that is neither list nor mapping, and for too many elements.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        let elements = Each::of(self.list.evaluate(scope)?).map_err(|what| self.not_a_list(what))?;
        let (mut made, mut values) = (Vec::with_capacity(elements.len()), 0);
        for item in &elements {
            let value = self.each.evaluate(&Scope { item: Some(item), ..*scope })?;
            values += values_in(&value);
            if values > MOST_VALUES {
                let message = format!("the list grows beyond {MOST_VALUES} values");
                return Err(TemplateError { span: self.list.span, message, help: None });
            }
            made.push(value);
        }
        Ok(Value::Array(made))
    }

    /// The error for a value that cannot be iterated over.
    pub fn not_a_list(&self, what: &str) -> TemplateError {
        TemplateError {
            span: self.list.span,
            message: format!("`for` needs a list or a mapping, and this is {what}"),
            help: Some(Each::instead_of(what).to_owned()),
        }
    }
}

impl Each {
    /// The elements of a list or of a mapping.
    ///
    /// # Errors
    ///
    /// The type of the value, as text.
    pub fn of(value: Value) -> Result<Vec<Each>, &'static str> {
        match value {
            Value::Array(items) => {
                let each = |(index, value): (usize, Value)| Each { key: index.to_string(), value, index };
                Ok(items.into_iter().enumerate().map(each).collect())
            }
            Value::Object(fields) => {
                let each = |(index, (key, value))| Each { key, value, index };
                Ok(fields.into_iter().enumerate().map(each).collect())
            }
            Value::Null => Err("null"),
            Value::Bool(_) => Err("a boolean"),
            Value::Number(_) => Err("a number"),
            Value::String(_) => Err("text"),
        }
    }
}

impl Each {
    /// What to write instead of a value that has no elements: one of those named by [`Each::of`].
    pub fn instead_of(what: &str) -> &'static str {
        match what {
            "a number" => "as many elements as a number says: `{{ range(n) }}`",
            "text" => "`| split(',')` makes a list of a text, and `[x]` is a list of one",
            "null" => "for no element say `[]`, or `| default([], true)`",
            _ => "what decides whether there is one is a condition: `when`, or `{{ [x] if y else [] }}`",
        }
    }
}

fn values_in(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values_in).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(values_in).sum::<usize>(),
        _ => 1,
    }
}
