//! The functions and filters of plans in addition to minijinja's own.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use sha2::{Digest, Sha256};

use super::address;
use super::scope::{FunctionContext, SURROUNDINGS, value_of};
use super::text::{json_of, text_of};
use crate::files;
use crate::secret::is_reserved;
use crate::secret::{BrokenMarker, Secrets, hex};

/// The internal filter that converts the operands of `~` to text; its name cannot be used in a plan.
pub(super) const TEXT: &str = "__plan_text";
/// minijinja's own `format`, which ours calls.
const FORMAT: &str = "__plan_format";
/// The largest file that `file(...)` reads.
const LARGEST_FILE: u64 = 1 << 20;
/// The longest result of `join`.
const LONGEST_JOINED: usize = 16 << 20;
/// The longest name that most APIs accept for a host or resource.
const LONGEST_SLUG: usize = 63;

/// Adds the filters and functions of plans to the template language.
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter(TEXT, |value: &Value| text_of(value).map(|text| Value::from(text.as_ref())));
    environment.add_filter("string", |value: &Value| text_of(value).map(|text| Value::from(text.as_ref())));
    environment.add_filter("join", join);
    environment.add_filter(FORMAT, minijinja::filters::format);
    environment.add_filter("format", format);
    environment.add_filter("b64encode", b64encode);
    environment.add_filter("b64decode", b64decode);
    environment.add_filter("sha256", sha256);
    environment.add_filter("tojson", tojson);
    environment.add_filter("fromjson", fromjson);
    environment.add_filter("slug", slug);
    environment.add_filter("first_address", first_address);
    environment.add_filter("cidrsubnet", cidrsubnet);
    environment.add_function("cidrsubnet", cidrsubnet);
    environment.add_filter("cidrhost", cidrhost);
    environment.add_function("cidrhost", cidrhost);
    environment.add_function("file", file);
}

fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// A secret list is one marker: its items are joined behind it.
fn join(state: &State<'_, '_>, list: &Value, separator: Option<&str>, kwargs: Kwargs) -> Result<Value, Error> {
    kwargs.assert_all_used()?;
    let separator = separator.unwrap_or_default();
    let Some(marked) = list.as_str().filter(|text| Secrets::marks(text)) else {
        return joined(list, separator).map(Value::from);
    };
    let secrets = secrets(state)?;
    let broken = |error: BrokenMarker| refuse(error.to_string());
    let revealed = secrets.reveal(&serde_json::Value::from(marked)).map_err(broken)?;
    if !revealed.is_array() {
        return Err(refuse("`join` takes a list, and this secret is none"));
    }
    let separator = secrets.reveal_text(separator).map_err(broken)?;
    Ok(Value::from(secrets.derive(&joined(&value_of(&revealed), &separator)?)))
}

fn joined(list: &Value, separator: &str) -> Result<String, Error> {
    let mut out = String::new();
    for (index, item) in list.try_iter()?.checked().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(&text_of(&item?)?);
        if out.len() > LONGEST_JOINED {
            return Err(refuse("the joined text is too long"));
        }
    }
    Ok(out)
}

/// `"%02d" | format(n)`, with booleans written as in templates.
fn format(state: &mut State<'_, '_>, pattern: &Value, args: Rest<Value>) -> Result<Value, Error> {
    let mut all = vec![pattern.clone()];
    for arg in args.0 {
        all.push(match arg.kind() {
            ValueKind::Number => arg,
            _ => Value::from(text_of(&arg)?.as_ref()),
        });
    }
    state.apply_filter(FORMAT, &all)
}

fn b64encode(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    match value.as_bytes() {
        Some(bytes) if value.kind() == ValueKind::Bytes => Ok(Value::from(STANDARD.encode(bytes))),
        _ => on_secrets(state, &text_of(value)?, |text| Ok(STANDARD.encode(text))),
    }
}

fn b64decode(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    on_secrets(state, &text_of(value)?, |text| {
        let packed: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(packed).map_err(|_| refuse("this is no base64 text"))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("what the base64 text holds is not UTF-8"))?;
        match is_reserved(&text) {
            true => {
                Err(refuse("the base64 text holds one of the characters U+E000 to U+E005, which are private to `plan`"))
            }
            false => Ok(text),
        }
    })
}

fn sha256(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    on_secrets(state, &text_of(value)?, |text| Ok(hex(&Sha256::digest(text))))
}

fn tojson(state: &State<'_, '_>, value: &Value, indent: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => kwargs.get::<Option<Value>>("indent")?,
    };
    kwargs.assert_all_used()?;
    let pretty = indent.is_some_and(|indent| indent.is_true());
    let json = json_of(value)?;
    let write = |json: &serde_json::Value| match pretty {
        true => format!("{json:#}"),
        false => json.to_string(),
    };
    if !Secrets::marks_value(&json) {
        return Ok(Value::from(write(&json)));
    }
    let secrets = secrets(state)?;
    let revealed = secrets.reveal(&json).map_err(|error| refuse(error.to_string()))?;
    Ok(Value::from(secrets.derive(&write(&revealed))))
}

/// Whether an integer of the text was read as a float, and so as another number.
fn holds_long_integer(text: &str, json: &serde_json::Value) -> bool {
    let is_float = |value: &serde_json::Value| match value {
        serde_json::Value::Number(number) => number.is_f64(),
        _ => false,
    };
    fn any(value: &serde_json::Value, is: &dyn Fn(&serde_json::Value) -> bool) -> bool {
        match value {
            serde_json::Value::Array(items) => items.iter().any(|item| any(item, is)),
            serde_json::Value::Object(fields) => fields.values().any(|field| any(field, is)),
            other => is(other),
        }
    }
    if !any(json, &is_float) {
        return false;
    }
    // Outside of strings, more digits in a row than an integer of 64 bits has, without point or exponent.
    let (mut in_string, mut escaped, mut number) = (false, false, String::new());
    for letter in text.chars().chain([' ']) {
        match letter {
            _ if in_string => {
                (in_string, escaped) = (escaped || letter != '"', letter == '\\' && !escaped);
            }
            '"' => in_string = true,
            '0'..='9' | '-' | '+' | '.' | 'e' | 'E' => {
                number.push(letter);
                continue;
            }
            _ => {}
        }
        let is_integer =
            !number.is_empty() && number.trim_start_matches('-').bytes().all(|digit| digit.is_ascii_digit());
        if is_integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
            return true;
        }
        number.clear();
    }
    false
}

/// The value of a JSON text. An error message never contains any of the text.
fn fromjson(value: &Value) -> Result<Value, Error> {
    let text = text_of(value)?;
    if Secrets::marks(&text) {
        return Err(refuse("a secret cannot be taken apart; give its parts as inputs of their own"));
    }
    let json: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| refuse(format!("this is no JSON: line {}, column {}", error.line(), error.column())))?;
    if holds_long_integer(&text, &json) {
        return Err(refuse("the JSON holds an integer beyond 64 bits; write it as text in the JSON"));
    }
    // Escapes in JSON may give reserved characters.
    match is_reserved(&json.to_string()) {
        true => Err(refuse("the JSON holds one of the characters U+E000 to U+E005, which are private to `plan`")),
        false => Ok(value_of(&json)),
    }
}

/// Computes on the secrets behind markers, and conceals the result.
fn on_secrets(
    state: &State<'_, '_>,
    text: &str,
    compute: impl Fn(&str) -> Result<String, Error>,
) -> Result<Value, Error> {
    if !Secrets::marks(text) {
        return compute(text).map(Value::from);
    }
    let secrets = secrets(state)?;
    let revealed = secrets.reveal_text(text).map_err(|error| refuse(error.to_string()))?;
    Ok(Value::from(secrets.derive(&compute(&revealed)?)))
}

fn surroundings(state: &State<'_, '_>) -> Result<std::sync::Arc<FunctionContext>, Error> {
    state
        .lookup(SURROUNDINGS)
        .and_then(|value| value.downcast_object::<FunctionContext>())
        .ok_or_else(|| refuse("this function cannot be used here"))
}

fn secrets(state: &State<'_, '_>) -> Result<Secrets, Error> {
    surroundings(state)?.secrets.clone().ok_or_else(|| refuse("a secret cannot be used here"))
}

/// Lower-case letters, digits and single dashes, at most 63 characters or `length`.
fn slug(value: &Value, length: Option<usize>) -> Result<String, Error> {
    let text = text_of(value)?;
    if Secrets::marks(&text) {
        return Err(refuse("a secret cannot become a slug"));
    }
    let mut slug = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(length.unwrap_or(LONGEST_SLUG));
    Ok(slug.trim_end_matches('-').to_owned())
}

fn first_address(value: &Value) -> Result<String, Error> {
    address::first_address(&json_of(value)?)
        .ok_or_else(|| refuse("there is no address yet; a `ready` condition on the step can wait for one"))
}

fn cidrsubnet(network: &str, more: i64, number: i128) -> Result<String, Error> {
    address::cidr_subnet(network, more, number).map_err(refuse)
}

fn cidrhost(network: &str, number: i128) -> Result<String, Error> {
    address::cidr_host(network, number).map_err(refuse)
}

/// The text of a file in the plan's folder.
fn file(state: &State<'_, '_>, name: &str) -> Result<String, Error> {
    read_below(&surroundings(state)?.folder, name).map_err(refuse)
}

/// Why `file(name)` cannot be read in this folder; `None` when it can.
pub fn why_unreadable(folder: &Path, name: &str) -> Option<String> {
    read_below(folder, name).err()
}

/// The text of a file below a folder.
///
/// # Errors
///
/// A message why it cannot be read.
pub fn read_below(folder: &Path, name: &str) -> Result<String, String> {
    let file = files::open_below(folder, name)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot read `{name}`: {error}"))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("`{name}` is larger than {} KiB", LARGEST_FILE / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8 text"))?;
    match is_reserved(&text) {
        true => Err(format!("`{name}` holds one of the characters U+E000 to U+E005, which are private to `plan`")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_below_the_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("plan");
        std::fs::create_dir_all(inside.join("scripts")).unwrap();
        std::fs::write(inside.join("scripts/init.sh"), "#!/bin/sh\n").unwrap();
        std::fs::write(folder.path().join("outside"), "no").unwrap();
        assert_eq!(read_below(&inside, "scripts/init.sh").unwrap(), "#!/bin/sh\n");
        assert_eq!(read_below(&inside, "./scripts/init.sh").unwrap(), "#!/bin/sh\n");
        for name in ["../outside", "scripts/../../outside", "/etc/hostname", "", "scripts", "missing"] {
            assert!(read_below(&inside, name).is_err(), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("outside"), inside.join("link")).unwrap();
            std::os::unix::fs::symlink("scripts", inside.join("other")).unwrap();
            for name in ["link", "other/init.sh"] {
                assert!(read_below(&inside, name).unwrap_err().contains("links are not followed"), "{name}");
            }
            std::os::unix::fs::symlink(&inside, folder.path().join("same")).unwrap();
            assert_eq!(read_below(&folder.path().join("same"), "scripts/init.sh").unwrap(), "#!/bin/sh\n");
        }
        std::fs::write(inside.join("big"), vec![b'x'; (LARGEST_FILE + 1) as usize]).unwrap();
        assert!(read_below(&inside, "big").unwrap_err().contains("larger"));
    }

    #[test]
    fn an_integer_that_json_would_round_is_refused() {
        for (text, is_long) in [
            ("12345678901234567890123", true),
            ("[1, {\"a\": -12345678901234567890123}]", true),
            ("{\"a\": 1.5, \"b\": \"12345678901234567890123\"}", false),
            ("{\"a\\\"12345678901234567890123\": 1.5}", false),
            ("[18446744073709551615, -9223372036854775808, 1e30, 1.5, 12345678901234567890123.5]", false),
        ] {
            let json = serde_json::from_str(text).unwrap();
            assert_eq!(holds_long_integer(text, &json), is_long, "{text}");
        }
    }
}
