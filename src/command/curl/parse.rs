//! Reads the options of a curl command.

use super::shell::split_words;
use super::{Body, Call};
use crate::catalog::Method;

/// Options with a value that do not affect the request.
const IGNORED_WITH_VALUE: [&str; 18] = [
    "-o",
    "--output",
    "-A",
    "--user-agent",
    "-e",
    "--referer",
    "-b",
    "--cookie",
    "-c",
    "--cookie-jar",
    "-u",
    "--user",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "-w",
    "--write-out",
];

/// Headers that the client sets itself, or that contain the key.
const OWN_HEADERS: [&str; 9] = [
    "authorization",
    "content-type",
    "accept",
    "host",
    "content-length",
    "user-agent",
    "cookie",
    "connection",
    "accept-encoding",
];

/// Parses a curl command.
///
/// # Errors
///
/// A message about what cannot be parsed.
pub fn parse(command: &str) -> Result<Call, String> {
    let words = split_words(command)?;
    let start = words.iter().position(|word| word == "curl").ok_or("it does not start with `curl`")?;
    let mut method: Option<String> = None;
    let mut url: Option<String> = None;
    let mut headers = Vec::new();
    let mut data: Vec<String> = Vec::new();
    let mut form: Vec<(String, String)> = Vec::new();
    let (mut file, mut puts) = (None, false);
    let mut as_query = false;
    let mut rest = words[start + 1..].iter().cloned();
    while let Some(word) = rest.next() {
        let (name, glued) = split_option(&word);
        let mut value = || glued.clone().or_else(|| rest.next()).ok_or(format!("`{name}` has no value"));
        match name.as_str() {
            "-X" | "--request" => method = Some(value()?),
            "-H" | "--header" => headers.extend(header(&value()?)),
            "-d" | "--data" | "--data-raw" | "--data-binary" | "--data-ascii" | "--json" => data.push(value()?),
            "--data-urlencode" => data.push(encoded(&value()?)?),
            "-F" | "--form" => form.push(part(&value()?)?),
            "--form-string" => form.push(pair_of_form(&value()?)?),
            "-T" | "--upload-file" => (file, puts) = (Some(value()?), true),
            "--url" => url = Some(value()?),
            "-G" | "--get" => as_query = true,
            ignored if IGNORED_WITH_VALUE.contains(&ignored) => drop(value()?),
            option if option.starts_with('-') => {}
            _ => url = Some(word),
        }
    }
    let (path, mut query) = address(&url.ok_or("it names no address")?)?;
    let body = match (as_query, &data[..], file) {
        (_, [], None) => (!form.is_empty()).then_some(Body::Form(form)),
        (_, [], Some(file)) => Some(Body::File(file)),
        (true, pairs, _) => {
            query.extend(pairs.iter().flat_map(|pairs| pairs_of(pairs)));
            None
        }
        (false, [one], _) if one.starts_with('@') => Some(Body::File(one[1..].to_owned())),
        (false, parts, _) => {
            let text = parts.concat();
            Some(Body::Json(serde_json::from_str(&text).map_err(|_| {
                let start: String = text.chars().take(40).collect();
                format!("the body `{start}` is no JSON, which the API takes: write it as `-d '{{\"name\": \"…\"}}'`")
            })?))
        }
    };
    let method = match (method, &body, puts) {
        (Some(word), ..) => Method::parse(&word.to_uppercase()).ok_or(format!("the API has no method `{word}`"))?,
        (None, Some(_), true) => Method::Put,
        (None, Some(_), false) => Method::Post,
        (None, None, _) => Method::Get,
    };
    Ok(Call { method, path, query, headers, body })
}

/// `-XPOST` is `-X POST`; `--request=POST` is `--request POST`.
fn split_option(word: &str) -> (String, Option<String>) {
    if let Some((name, value)) = word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
        return (name.to_owned(), Some(value.to_owned()));
    }
    match word.as_bytes() {
        [b'-', b'X' | b'H' | b'd' | b'F' | b'T', _, ..] => (word[..2].to_owned(), Some(word[2..].to_owned())),
        _ => (word.to_owned(), None),
    }
}

/// What `--data-urlencode` sends: `name=text`, `=text` and `text` with the text encoded.
fn encoded(text: &str) -> Result<String, String> {
    let (name, value) = match text.split_once('=') {
        None if text.contains('@') => {
            return Err(format!("the file of `--data-urlencode {text}` is not read: write `name=` and its text"));
        }
        None => ("", text),
        Some(pair) => pair,
    };
    let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
    Ok(if name.is_empty() { value.to_string() } else { format!("{name}={value}") })
}

/// A part of a form, `name=text` or `name=@path;type=…`.
fn part(text: &str) -> Result<(String, String), String> {
    let (name, value) = pair_of_form(text)?;
    let Some(path) = value.strip_prefix('@') else { return Ok((name, value)) };
    let path = match path.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
        Some((path, _)) => path,
        None => path.split(';').next().unwrap_or_default(),
    };
    Ok((name, path.to_owned()))
}

fn pair_of_form(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or(format!("`{text}` is no part of a form"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(':')?;
    let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
    (!OWN_HEADERS.contains(&name.to_lowercase().as_str())).then_some((name, value))
}

/// Path and query of an address, without scheme and host.
fn address(url: &str) -> Result<(String, Vec<(String, String)>), String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map(|at| &rest[at..]).ok_or(format!("`{url}` has no path"))?;
    let path = path.split('#').next().unwrap_or(path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Ok((path.trim_end_matches('/').to_owned(), pairs_of(query)))
}

fn pairs_of(query: &str) -> Vec<(String, String)> {
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}
