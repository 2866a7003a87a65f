//! Forms (`multipart/form-data`, RFC 7578): bodies of several parts, some of them files.
//!
//! The bytes of a form follow from its fields and from the measurements of its files, so that a repeated request is
//! the same, and its length is known before a file is read.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{BodyFile, Upload};
use crate::pointer;
use crate::secret::hex;

const MULTIPART: &str = "multipart/form-data";

/// A file in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFile {
    /// The field that it belongs to.
    pub field: String,
    pub upload: Upload,
}

/// A form as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Its media type, with the boundary between its parts.
    pub content_type: String,
    /// In bytes.
    pub size: u64,
    /// Its bytes, in order.
    pub chunks: Vec<Chunk>,
}

/// Successive bytes of a form.
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk {
    Text(Vec<u8>),
    File(Upload),
}

impl Form {
    /// The form of these fields, with these files in them.
    pub fn new(fields: &Value, files: &[FormFile]) -> Self {
        let parts = parts(fields, files);
        let boundary = boundary(&parts);
        let mut chunks = Vec::new();
        let mut text = String::new();
        for FormPart { name, content } in parts {
            match content {
                Content::Text(value) => {
                    text += &head(&boundary, name, None);
                    text += &value;
                }
                Content::File(upload) => {
                    text += &head(&boundary, name, Some(&upload.file));
                    chunks.push(Chunk::Text(std::mem::take(&mut text).into_bytes()));
                    chunks.push(Chunk::File(upload.clone()));
                }
            }
            text += "\r\n";
        }
        text += &format!("--{boundary}--\r\n");
        chunks.push(Chunk::Text(text.into_bytes()));
        let size = chunks.iter().map(Chunk::size).sum();
        Self { content_type: format!("{MULTIPART}; boundary={boundary}"), size, chunks }
    }
}

impl Chunk {
    /// In bytes.
    pub fn size(&self) -> u64 {
        match self {
            Chunk::Text(text) => text.len() as u64,
            Chunk::File(upload) => upload.file.size,
        }
    }
}

/// Calls `measure` for each path in the fields of a form that are files, with its JSON pointer, and replaces the path
/// by what this gives.
///
/// # Errors
///
/// The first error of `measure`.
pub fn each_path<E>(
    fields: &mut Value,
    files: &[String],
    mut measure: impl FnMut(&str, &str, &str) -> Result<Option<Value>, E>,
) -> Result<(), E> {
    for name in files {
        let pointer = pointer::to_field(name);
        let mut each = |pointer: &str, value: &mut Value| {
            if let Some(path) = value.as_str()
                && let Some(measured) = measure(name, pointer, path)?
            {
                *value = measured;
            }
            Ok(())
        };
        match fields.get_mut(name) {
            Some(Value::Array(items)) => {
                let mut items = items.iter_mut().enumerate();
                items.try_for_each(|(at, item)| each(&format!("{pointer}/{at}"), item))?;
            }
            Some(value) => each(&pointer, value)?,
            None => {}
        }
    }
    Ok(())
}

/// A part of a form.
#[derive(Debug, PartialEq)]
pub struct FormPart<'f> {
    pub name: &'f str,
    pub content: Content<'f>,
}

#[derive(Debug, PartialEq)]
pub enum Content<'f> {
    Text(String),
    File(&'f Upload),
}

/// The parts of a form: a field whose files are given is sent as these, a list once for each element, `null` not at
/// all.
pub fn parts<'f>(fields: &'f Value, files: &'f [FormFile]) -> Vec<FormPart<'f>> {
    let mut parts = Vec::new();
    for (name, value) in fields.as_object().into_iter().flatten() {
        let own = files.iter().filter(|file| file.field == *name);
        let own: Vec<Content<'_>> = own.map(|file| Content::File(&file.upload)).collect();
        let contents = if own.is_empty() { texts(value).into_iter().map(Content::Text).collect() } else { own };
        parts.extend(contents.into_iter().map(|content| FormPart { name, content }));
    }
    parts
}

/// The texts that a value is sent as.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// What stands before the content of a part.
fn head(boundary: &str, name: &str, file: Option<&BodyFile>) -> String {
    let name = quoted(name);
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
    if let Some(file) = file {
        head += &format!("; filename=\"{}\"\r\nContent-Type: {}", quoted(file.name()), file.content_type);
    }
    head + "\r\n\r\n"
}

/// A name in quotes, as browsers write it (WHATWG HTML, "multipart form data").
fn quoted(name: &str) -> String {
    name.replace('\n', "%0A").replace('\r', "%0D").replace('"', "%22")
}

/// A boundary that is in no part: not in a text, and derived from the digests of the files, which therefore cannot hold
/// it.
fn boundary(parts: &[FormPart<'_>]) -> String {
    let files = parts.iter().filter_map(|part| match part.content {
        Content::File(upload) => Some(upload.file.sha256.as_str()),
        Content::Text(_) => None,
    });
    let files: String = files.collect();
    let is_in =
        |part: &FormPart<'_>, boundary: &str| matches!(&part.content, Content::Text(text) if text.contains(boundary));
    let mut round = 0_u32;
    loop {
        let digest = hex(&Sha256::digest(format!("{round} {files}")));
        let boundary = format!("plan-{}", &digest[..32]);
        if !parts.iter().any(|part| is_in(part, &boundary)) {
            return boundary;
        }
        round += 1;
    }
}

impl BodyFile {
    /// Its name without folders, as a form sends it.
    pub fn name(&self) -> &str {
        Path::new(&self.path).file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// What stands for the file in the recorded body of a form.
    pub fn in_form(&self) -> Value {
        serde_json::json!({
            "file": self.name(),
            "content_type": self.content_type,
            "size": self.size,
            "sha256": self.sha256,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::body_file::BodyFiles;

    /// The whole form, with the contents of its files.
    fn bytes(form: &Form) -> Vec<u8> {
        let mut bytes = Vec::new();
        for chunk in &form.chunks {
            match chunk {
                Chunk::Text(text) => bytes.extend(text),
                Chunk::File(upload) => {
                    let mut pieces = upload.open().unwrap();
                    while let Some(piece) = pieces.read().unwrap() {
                        bytes.extend(piece);
                    }
                }
            }
        }
        assert_eq!(bytes.len() as u64, form.size);
        bytes
    }

    #[test]
    fn a_form_has_a_part_for_each_value_and_each_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("in/a\"b.pdf"), "%PDF-1\r\n--plan-").unwrap();
        let files = BodyFiles::below(folder.path());
        let upload = files.upload(files.measure("in/a\"b.pdf", "application/pdf").unwrap());
        let given = [FormFile { field: "files".to_owned(), upload }];
        let fields =
            json!({ "n": 65000, "t": "ä=&", "no": null, "files": ["in/a\"b.pdf"], "l": [true, "x"], "o": { "a": 1 } });
        let form = Form::new(&fields, &given);
        let boundary = form.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let part = |head: &str, content: &str| {
            format!("--{boundary}\r\nContent-Disposition: form-data; name={head}\r\n\r\n{content}\r\n")
        };
        let expected = [
            part("\"n\"", "65000"),
            part("\"t\"", "ä=&"),
            part("\"files\"; filename=\"a%22b.pdf\"\r\nContent-Type: application/pdf", "%PDF-1\r\n--plan-"),
            part("\"l\"", "true"),
            part("\"l\"", "x"),
            part("\"o\"", r#"{"a":1}"#),
            format!("--{boundary}--\r\n"),
        ];
        assert_eq!(String::from_utf8(bytes(&form)).unwrap(), expected.concat());
        assert_eq!(Form::new(&fields, &given), form, "the same again");
        let with_boundary = json!({ "t": boundary, "files": ["in/a\"b.pdf"] });
        assert_ne!(Form::new(&with_boundary, &given).content_type, form.content_type);
    }

    #[test]
    fn paths_are_replaced_where_files_are() {
        let mut fields = json!({ "files": ["a", 5, "later"], "one/x": "b", "text": "c" });
        let mut seen = Vec::new();
        let files = ["files".to_owned(), "one/x".to_owned(), "none".to_owned()];
        let measured: Result<(), ()> = each_path(&mut fields, &files, |field, pointer, path| {
            seen.push(format!("{field} {pointer} {path}"));
            Ok((path != "later").then(|| json!({ "file": path })))
        });
        assert!(measured.is_ok());
        assert_eq!(seen, ["files /files/0 a", "files /files/2 later", "one/x /one~1x b"]);
        assert_eq!(fields, json!({ "files": [{ "file": "a" }, 5, "later"], "one/x": { "file": "b" }, "text": "c" }));
        assert_eq!(each_path(&mut json!({ "files": "x" }), &files, |_, _, _| Err(7)), Err(7));
    }
}
