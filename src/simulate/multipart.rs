//! Parses forms (`multipart/form-data`, RFC 7578) as a server does.

use serde_json::{Map, Value};

use crate::api::Request;
use crate::body_file::{FormFile, Upload};
use crate::catalog::{BYTES, Catalog};

/// One part of a received form.
#[derive(Debug, PartialEq, Eq)]
struct FormPart<'b> {
    pub name: String,
    /// Of a file.
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub content: &'b [u8],
}

/// The boundary in a form's media type; `None` of another media type.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let rest = content_type.strip_prefix("multipart/form-data")?.trim_start().strip_prefix(';')?;
    let boundary = rest.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// Sets the fields and the files of a request that is a form; `None` when it is malformed.
pub(super) fn receive(request: &mut Request, boundary: &str, body: &[u8]) -> Option<()> {
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    for FormPart { name, file_name, content_type, content } in parse(boundary, body)? {
        let text = match file_name {
            Some(file_name) => {
                let upload = Upload::received(content_type.as_deref().unwrap_or(BYTES), content).named(&file_name);
                files.push(FormFile { field: name.clone(), upload });
                file_name
            }
            None => String::from_utf8_lossy(content).into_owned(),
        };
        fields.push((name, text));
    }
    let catalog = Catalog::embedded();
    let body = match catalog.matching(request.method, &request.path) {
        Some((operation, _)) => catalog.form_body(&operation, fields),
        None => fields.into_iter().map(|(name, text)| (name, Value::from(text))).collect::<Map<_, _>>().into(),
    };
    (request.body, request.form) = (Some(body.into()), Some(files.into()));
    Some(())
}

/// The parts of a form; `None` when it is malformed.
fn parse<'b>(boundary: &str, body: &'b [u8]) -> Option<Vec<FormPart<'b>>> {
    let delimiter = format!("--{boundary}");
    let between = format!("\r\n{delimiter}");
    let start = if body.starts_with(delimiter.as_bytes()) { 0 } else { find(body, between.as_bytes())? + 2 };
    let mut rest = &body[start + delimiter.len()..];
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, between.as_bytes())?;
        parts.push(part_of(&part[..end])?);
        rest = &part[end + between.len()..];
    }
    rest.starts_with(b"--").then_some(parts)
}

fn part_of(part: &[u8]) -> Option<FormPart<'_>> {
    let end = find(part, b"\r\n\r\n")?;
    let (head, content) = (std::str::from_utf8(&part[..end]).ok()?, &part[end + 4..]);
    let header = |wanted: &str| {
        let mut headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let disposition = header("content-disposition")?.strip_prefix("form-data")?;
    Some(FormPart {
        name: parameter(disposition, "name")?,
        file_name: parameter(disposition, "filename"),
        content_type: header("content-type").map(str::to_owned),
        content,
    })
}

/// A parameter of `Content-Disposition`, in quotes or not.
fn parameter(disposition: &str, wanted: &str) -> Option<String> {
    let mut rest = disposition;
    while let Some((_, after)) = rest.split_once(';') {
        let (name, value) = after.trim_start().split_once('=')?;
        let (value, more) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.find(';').map_or((value, ""), |end| value.split_at(end)),
        };
        if name == wanted {
            let plain = value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
            return Some(plain);
        }
        rest = more;
    }
    None
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_parsed_to_its_parts() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n--b\r\ncontent-type: application/pdf\r\n\
                    Content-Disposition: form-data; name=f; filename=\"x%22;y.pdf\"\r\n\r\n\r\n%PDF\r\n\r\n--b--\r\n";
        let parts =
            parse(boundary("multipart/form-data; charset=x; boundary=\"b\"").unwrap(), body.as_bytes()).unwrap();
        let file = FormPart {
            name: "f".to_owned(),
            file_name: Some("x\";y.pdf".to_owned()),
            content_type: Some("application/pdf".to_owned()),
            content: b"\r\n%PDF\r\n",
        };
        let text = FormPart { name: "a".to_owned(), file_name: None, content_type: None, content: b"1\r\n--x" };
        assert_eq!(parts, [text, file]);
        assert_eq!(parse("b", b"before\r\n--b--"), Some(vec![]));
    }

    #[test]
    fn a_malformed_form_is_none() {
        let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
        for body in
            ["", "--b", "--c--", part, &format!("{part}--b\r\n"), "--b\r\n\r\n\r\n1\r\n--b--", "--b\r\nx\r\n--b--"]
        {
            assert_eq!(parse("b", body.as_bytes()), None, "{body}");
        }
        assert!(parse("b", format!("{part}--b--").as_bytes()).is_some());
        for content in
            ["application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=b"]
        {
            assert_eq!(boundary(content), None, "{content}");
        }
    }
}
