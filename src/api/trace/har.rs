//! Requests as a HAR file (HTTP Archive 1.2), for browsers and other tools. The file is complete after every entry.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use serde_json::{Value, json};

use super::super::Request;
use super::super::error::is_request_id;
use super::{Exchange, body, milliseconds, path_and_query};
use crate::body_file::{Content, Form, FormPart, Upload, parts};
use crate::catalog::MULTIPART;
use crate::secret::{Redacted, Secrets};

const END: &str = "\n]}}\n";
/// The value of HAR for an unknown number.
const UNKNOWN: i64 = -1;

/// A HAR file being written.
#[derive(Debug)]
pub(super) struct Har {
    file: File,
    entries: usize,
    error: Option<io::Error>,
}

impl Har {
    /// Starts a file without entries.
    pub(super) fn start(mut file: File) -> io::Result<Self> {
        let creator = json!({ "name": "plan", "version": env!("CARGO_PKG_VERSION") });
        write!(file, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[{END}")?;
        Ok(Self { file, entries: 0, error: None })
    }

    /// Adds an entry; nothing is written after an error.
    pub(super) fn add(&mut self, entry: &Redacted<Value>) {
        if self.error.is_some() {
            return;
        }
        let comma = if self.entries == 0 { "\n" } else { ",\n" };
        let text = format!("{comma}{entry}{END}");
        let end = i64::try_from(END.len()).unwrap_or(0);
        let written = self.file.seek(SeekFrom::End(-end)).and_then(|_| self.file.write_all(text.as_bytes()));
        self.error = written.err();
        self.entries += 1;
    }

    /// Completes the file.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }
}

/// One request and its answer.
pub(super) fn entry(exchange: &Exchange<'_>, private: bool, secrets: &Secrets) -> Redacted<Value> {
    let waited = milliseconds(exchange.took);
    secrets.seal(json!({
        "startedDateTime": exchange.at,
        "time": waited,
        "request": asked(exchange, secrets),
        "response": answered(exchange, private, secrets),
        "cache": {},
        "timings": { "send": 0, "wait": waited, "receive": 0 },
    }))
}

fn asked(exchange: &Exchange<'_>, secrets: &Secrets) -> Value {
    let Exchange { base_url, request, .. } = exchange;
    let pairs = |within: &str, pairs: &[(String, String)]| {
        let shown = |name: &str, value: &str| pair(name, &body::logged_text(within, name, value, secrets), secrets);
        pairs.iter().map(|(name, value)| shown(name, value)).collect::<Vec<_>>()
    };
    let mut asked = json!({
        "method": request.method,
        "url": format!("{}{}", base_url.trim_end_matches('/'), path_and_query(request, secrets)),
        "httpVersion": "HTTP",
        "headers": pairs("headers", &request.headers),
        "queryString": pairs("", &request.query),
        "cookies": [],
        "headersSize": UNKNOWN,
        "bodySize": size(request).map_or(json!(UNKNOWN), |size| json!(size)),
    });
    if let Some(posted) = posted(request, secrets) {
        asked["postData"] = posted;
    }
    asked
}

/// The body of a request.
fn posted(request: &Request, secrets: &Secrets) -> Option<Value> {
    if let Some(files) = &request.form {
        let fields = body::fields_of(&request.path, request.body.as_deref().unwrap_or(&Value::Null), secrets);
        let params: Vec<Value> = parts(&fields, files).iter().map(|part| param(part, secrets)).collect();
        return Some(json!({ "mimeType": MULTIPART, "params": params, "text": "" }));
    }
    if let Some(sent) = &request.body {
        return Some(
            json!({ "mimeType": "application/json", "text": body::logged_value(&request.path, sent, secrets) }),
        );
    }
    let file = &request.body_file.as_ref()?.file;
    let path = secrets.redact(&file.path);
    Some(json!({
        "mimeType": file.content_type,
        "params": [],
        "text": "",
        "comment": format!("the file `{path}`, {} bytes, SHA-256 {}", file.size, file.sha256),
    }))
}

fn answered(exchange: &Exchange<'_>, private: bool, secrets: &Secrets) -> Value {
    let (hidden, blind) = (|text: &str| secrets.redact(text).into_owned(), secrets.may_be_unknown());
    let (status, headers, content) = match exchange.answer {
        Ok(answer) => (
            answer.status,
            answer
                .headers
                .iter()
                .filter(|header| may_be_shown(header, secrets))
                .map(|(name, value)| pair(name, value, secrets))
                .collect::<Vec<_>>(),
            json!({
                "size": answer.body.len(),
                "mimeType": answer.header("content-type").filter(|_| !blind).map(hidden).unwrap_or_default(),
                "text": body::logged_answer(exchange.request, answer, private, secrets).unwrap_or_default(),
            }),
        ),
        Err(lost) => (0, Vec::new(), json!({ "size": 0, "mimeType": "", "comment": hidden(&lost.to_string()) })),
    };
    json!({
        "status": status,
        "statusText": "",
        "httpVersion": "HTTP",
        "headers": headers,
        "content": content,
        "cookies": [],
        "redirectURL": "",
        "headersSize": UNKNOWN,
        "bodySize": UNKNOWN,
    })
}

/// A header or a parameter.
fn pair(name: &str, value: &str, secrets: &Secrets) -> Value {
    json!({ "name": secrets.redact(name), "value": secrets.redact(value) })
}

/// The size of a body with files.
fn size(request: &Request) -> Option<u64> {
    let of_form = |files| Form::new(request.body.as_deref().unwrap_or(&Value::Null), files).size;
    request.form.as_deref().map(of_form).or_else(|| Some(request.body_file.as_ref()?.file.size))
}

/// A part of a form.
fn param(part: &FormPart<'_>, secrets: &Secrets) -> Value {
    match &part.content {
        Content::Text(text) => json!({ "name": part.name, "value": text }),
        Content::File(Upload { file, .. }) => json!({
            "name": part.name,
            "fileName": secrets.redact(&file.path),
            "contentType": file.content_type,
            "comment": format!("{} bytes, SHA-256 {}", file.size, file.sha256),
        }),
    }
}

/// Which headers are shown: never cookies; where secrets are not known, only request id and date.
pub(super) fn may_be_shown((name, value): &(String, String), secrets: &Secrets) -> bool {
    match name.as_str() {
        "set-cookie" => false,
        "date" => httpdate::parse_http_date(value).is_ok(),
        "request_id" | "x-request-id" => !secrets.may_be_unknown() || is_request_id(value),
        _ => !secrets.may_be_unknown(),
    }
}
