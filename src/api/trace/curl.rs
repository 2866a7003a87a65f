//! A request as a curl command, with the key as a variable.

use serde_json::Value;

use super::super::Request;
use super::{body, path_and_query};
use crate::body_file::{Content, parts};
use crate::secret::Secrets;
use crate::shell::in_quotes;

/// The command, for a shell in which `GCORE_API_KEY` is set.
pub(super) fn line(base_url: &str, request: &Request, secrets: &Secrets) -> String {
    let url = format!("{}{}", base_url.trim_end_matches('/'), path_and_query(request, secrets));
    let mut line =
        format!("curl -X {} {} -H \"Authorization: APIKey $GCORE_API_KEY\"", request.method, in_quotes(&url));
    for (name, value) in &request.headers {
        let value = body::logged_text("headers", name, value, secrets);
        line += &format!(" -H {}", in_quotes(&secrets.redact(&format!("{name}: {value}"))));
    }
    if let Some(files) = &request.form {
        let fields = body::fields_of(&request.path, request.body.as_deref().unwrap_or(&Value::Null), secrets);
        for part in parts(&fields, files) {
            line += &match part.content {
                Content::Text(text) => format!(" --form-string {}", in_quotes(&format!("{}={text}", part.name))),
                Content::File(upload) => {
                    let (path, content) = (secrets.redact(&upload.file.path), &upload.file.content_type);
                    let path = path.replace('\\', "\\\\").replace('"', "\\\"");
                    format!(" -F {}", in_quotes(&format!("{}=@\"{path}\";type={content}", part.name)))
                }
            };
        }
    } else if let Some(sent) = &request.body {
        line += &format!(
            " -H 'Content-Type: application/json' -d {}",
            in_quotes(&body::logged_value(&request.path, sent, secrets))
        );
    }
    if let Some(upload) = &request.body_file {
        let (content, path) = (&upload.file.content_type, secrets.redact(&upload.file.path));
        let content = in_quotes(&format!("Content-Type: {content}"));
        line += &format!(" -H {content} --data-binary {}", in_quotes(&format!("@{path}")));
    }
    line
}
