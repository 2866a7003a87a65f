//! Converts a curl command, as in the API's documentation, to a step of a plan.
//!
//! Only method, address, headers and body are used. A key is always left out.

use serde_json::{Map, Value};

use crate::catalog::{CLOUD, Catalog, Method, Operation, parameter_name, root_of};
use crate::template::is_template;

/// A request as a curl command describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub method: Method,
    /// As written: it may contain `{name}`, `$NAME` and `<name>`.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Option<Body>,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Json(Value),
    /// The path of a file.
    File(String),
    /// Names and texts; the text of a file is its path.
    Form(Vec<(String, String)>),
}

/// A step, and notes for the user about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConvertedStep {
    pub yaml: String,
    pub notes: Vec<String>,
}

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
pub(super) fn parse(command: &str) -> Result<Call, String> {
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

/// The words of a command, as a shell separates them.
#[derive(Default)]
struct Words {
    ended: Vec<String>,
    /// The word that is being read.
    word: Option<String>,
    /// It is the file of a redirection, which is no part of the call.
    is_target: bool,
}

impl Words {
    fn push(&mut self, character: char) {
        self.word().push(character);
    }

    fn word(&mut self) -> &mut String {
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.is_target)
        {
            self.ended.push(word);
        }
    }

    /// The next word is the file, or the stream, of a redirection.
    fn redirect(&mut self) {
        // The number of a stream, as in `2>`.
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.is_target = true;
    }
}

/// The words of the first curl command in a line of a shell: quotes, backslashes, `$'…'`, continued lines, redirections.
/// Those of the line's first command when none of its commands is curl.
fn split_words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Words::default();
    let mut first = None;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('\n') | None => {}
                Some('\r') if rest.peek() == Some(&'\n') => drop(rest.next()),
                Some(escaped) => words.push(escaped),
            },
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                quoted(&mut rest, '\'', true, words.word())?;
            }
            '\'' => quoted(&mut rest, '\'', false, words.word())?,
            '"' => quoted(&mut rest, '"', true, words.word())?,
            blank if blank.is_whitespace() => words.end_word(),
            '<' if rest.peek() == Some(&'<') => {
                return Err("a body after `<<` is not read: write it after `-d`, in quotes".to_owned());
            }
            '<' | '>' => {
                words.redirect();
                while rest.next_if(|sign| matches!(sign, '<' | '>' | '&' | '|')).is_some() {}
            }
            // Of `&>`, a redirection of two streams.
            '&' if rest.peek() == Some(&'>') => {}
            // In an address without quotes. A shell would end the command here, and lose the rest of the query.
            '&' if words.word.is_some() && rest.peek().is_some_and(|next| *next != '&' && !next.is_whitespace()) => {
                words.push('&');
            }
            // The next command of a pipeline or list.
            '|' | ';' | '&' => {
                words.end_word();
                let ended = std::mem::take(&mut words).ended;
                if is_curl(&ended) {
                    return Ok(ended);
                }
                first = first.or(Some(ended).filter(|ended| !ended.is_empty()));
            }
            // A comment.
            '#' if words.word.is_none() => while rest.next().is_some_and(|sign| sign != '\n') {},
            other => words.push(other),
        }
    }
    words.end_word();
    Ok(if is_curl(&words.ended) { words.ended } else { first.unwrap_or(words.ended) })
}

fn is_curl(words: &[String]) -> bool {
    words.iter().any(|word| word == "curl")
}

fn quoted(rest: &mut impl Iterator<Item = char>, end: char, escapes: bool, word: &mut String) -> Result<(), String> {
    while let Some(character) = rest.next() {
        match character {
            character if character == end => return Ok(()),
            '\\' if escapes => match rest.next() {
                Some('\n') => {}
                Some(escaped) if escaped == end || matches!(escaped, '\\' | '$' | '`') => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            other => word.push(other),
        }
    }
    Err(format!("a `{end}` has no end"))
}

/// The step for a call.
pub(super) fn to_step(call: &Call, catalog: &Catalog) -> ConvertedStep {
    let mut notes = Vec::new();
    // The documentation of the Cloud API sometimes omits the prefix.
    let has_product = catalog.roots().any(|root| root == root_of(&call.path));
    let called = if has_product { call.path.clone() } else { format!("/{CLOUD}{}", call.path) };
    // Placeholders must not match words of documented paths.
    let plain: Vec<String> = called.split('/').map(plain_segment).collect();
    let matched = catalog.matching(call.method, &plain.join("/"));
    let known = matched.as_ref().map(|(operation, _)| operation);
    let path = match known {
        Some(operation) => fill(&operation.route.path, &called, &mut notes),
        None => {
            notes.push(format!("note: the catalogue knows no `{} {called}`", call.method));
            let segments = called.split('/').map(|segment| if is_template(segment) { "<value>" } else { segment });
            segments.collect::<Vec<_>>().join("/")
        }
    };
    if let Some(operation) = known.filter(|operation| operation.deprecated) {
        let successor = operation.successor.as_ref().map(|successor| format!(": use {successor}")).unwrap_or_default();
        notes.push(format!("note: this operation is deprecated{successor}"));
    }
    let id = known.map(|operation| catalog.new_step(operation));
    let first = id.as_deref().and_then(|step| step.lines().next()).unwrap_or("- id: step");
    let mut yaml = format!("{first}\n  call: {} {path}\n", call.method);
    let mut read = None;
    let body = match call.body.clone() {
        Some(Body::File(path)) if known.is_none_or(|operation| operation.takes_file()) => {
            ("body_file", Some(path.into()))
        }
        Some(Body::File(path)) => {
            let quoted = path.replace('\\', r"\\").replace('\'', r"\'");
            read = Some(format!("{{{{ file('{quoted}') | fromjson }}}}"));
            ("body", None)
        }
        Some(Body::Json(body)) => ("body", Some(body)),
        Some(Body::Form(parts)) => ("body", Some(form(parts, known.map(|operation| (catalog, &**operation))))),
        None => ("body", None),
    };
    let pairs = |pairs: &[(String, String)]| {
        Value::Object(pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect())
    };
    for (key, value) in [
        ("query", (!call.query.is_empty()).then(|| pairs(&call.query))),
        ("headers", (!call.headers.is_empty()).then(|| pairs(&call.headers))),
        (body.0, body.1),
    ] {
        if let Some(value) = value {
            write(&mut yaml, key, &literal(value));
        }
    }
    if let Some(template) = read {
        write(&mut yaml, "body", &template.into());
    }
    ConvertedStep { yaml, notes }
}

/// The fields of a form.
fn form(parts: Vec<(String, String)>, known: Option<(&Catalog, &Operation)>) -> Value {
    match known {
        Some((catalog, operation)) => catalog.form_body(operation, parts),
        None => parts.into_iter().map(|(name, text)| (name, Value::from(text))).collect::<Map<_, _>>().into(),
    }
}

/// A segment for matching with the catalogue: a placeholder becomes `x`, which any parameter matches.
fn plain_segment(segment: &str) -> String {
    if segment.contains(['{', '$', '<']) { "x".to_owned() } else { segment.to_owned() }
}

/// The documented path with the values of the call; project and region stay placeholders.
fn fill(documented: &str, called: &str, notes: &mut Vec<String>) -> String {
    let segments =
        documented.split('/').zip(called.split('/')).map(|(documented, called)| match parameter_name(documented) {
            None => documented.to_owned(),
            Some("project_id" | "region_id") => {
                if called.parse::<i64>().is_ok() {
                    let name = documented.trim_matches(['{', '}']);
                    notes.push(format!(
                        "note: `{documented}` stands for {called}: give it with `--{}`, or write `{name}: {called}` \
                         into the step",
                        name.replace('_', "-")
                    ));
                }
                documented.to_owned()
            }
            Some(name) if called.contains(['{', '$', '<']) => format!("<{name}>"),
            Some(_) => called.to_owned(),
        });
    segments.collect::<Vec<_>>().join("/")
}

/// The value with every text as it is: a command has no templates, and what looks like one is for another program.
fn literal(value: Value) -> Value {
    match value {
        Value::String(text) if is_template(&text) && text.contains("endraw") => {
            // The end of a raw part cannot stand in one.
            let quoted = |text: String, open: &str| text.replace(open, &format!("\u{0}{open}\u{0}"));
            let marked = ["{{", "{%", "{#"].into_iter().fold(text, quoted);
            let pieces = marked.split('\u{0}').enumerate();
            pieces
                .map(|(nth, piece)| if nth % 2 == 1 { format!("{{{{ '{piece}' }}}}") } else { piece.to_owned() })
                .collect::<String>()
                .into()
        }
        Value::String(text) if is_template(&text) => format!("{{% raw %}}{text}{{% endraw %}}").into(),
        Value::Array(items) => items.into_iter().map(literal).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (name, literal(field))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// Writes a key of the step, with its value in YAML below it.
fn write(yaml: &mut String, key: &str, value: &Value) {
    let text = serde_yaml::to_string(value).expect("JSON can be written as YAML");
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            yaml.push_str(&format!("  {key}:\n"));
            for line in text.lines() {
                // Empty lines of a block of text stay empty.
                yaml.push_str(&if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") });
            }
        }
        _ => yaml.push_str(&format!("  {key}: {value}\n")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMAND: &str = r#"curl -X POST "https://api.gcore.com/cloud/v1/subnets/$PROJECT_ID/{region_id}?a=b%20c" \
      -H 'Authorization: APIKey 123$abc' -H "X-Trace: one" -H 'Content-Type: application/json' \
      -d '{"name": "s", "cidr": "10.0.0.0/24", "network_id": "n"}' -s | jq ."#;

    #[test]
    fn a_command_of_the_documentation_becomes_a_call() {
        let call = parse(COMMAND).unwrap();
        assert_eq!(call.method, Method::Post);
        assert_eq!(call.path, "/cloud/v1/subnets/$PROJECT_ID/{region_id}");
        assert_eq!(call.query, [("a".to_owned(), "b c".to_owned())]);
        assert_eq!(call.headers, [("X-Trace".to_owned(), "one".to_owned())]);
        assert_eq!(call.body, Some(Body::Json(json!({ "name": "s", "cidr": "10.0.0.0/24", "network_id": "n" }))));
    }

    #[test]
    fn a_call_becomes_a_step_without_the_key() {
        let step = to_step(&parse(COMMAND).unwrap(), Catalog::embedded());
        assert_eq!(
            step.yaml,
            "- id: subnet\n  call: POST /cloud/v1/subnets/{project_id}/{region_id}\n  query:\n    a: b c\n  headers:\n    \
             X-Trace: one\n  body:\n    name: s\n    cidr: 10.0.0.0/24\n    network_id: n\n"
        );
        assert!(!format!("{step:?}").contains("123$abc"));
    }

    #[test]
    fn what_looks_like_a_template_stays_as_it_is() {
        let texts = [
            "a {{ environment }} b",
            "{{ x }}",
            "{% if x %}",
            "{# c #}\nend\n",
            "{%- raw %}{{{ x }}}{% endraw %}{{%",
            "it's {one} brace",
        ];
        let body = json!({ "texts": texts });
        let command = format!(
            "curl https://api.gcore.com/cloud/v1/none/{{{{x}}}} --json '{}'",
            body.to_string().replace('\'', r"'\''")
        );
        let step = to_step(&parse(&command).unwrap(), Catalog::embedded()).yaml;
        assert!(step.contains("call: POST /cloud/v1/none/<value>\n"), "{step}");
        let written = crate::yaml::parse(&step).root.unwrap();
        let written = written.items().unwrap().first().unwrap().get("body").unwrap().get("texts").unwrap();
        let template = crate::template::Template::compile(written).unwrap();
        assert_eq!(template.as_constant().or_else(|| known(&template)), Some(json!(texts)), "{step}");
    }

    fn known(template: &crate::template::Template) -> Option<Value> {
        let (inputs, steps) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
        let scope = crate::template::Scope {
            environment: "test",
            project_id: None,
            region_id: None,
            inputs: &inputs,
            steps: &steps,
            records: None,
            each: None,
            item: None,
            this: None,
            resource: None,
            folder: std::path::Path::new("."),
            secrets: None,
        };
        template.evaluate(&scope).ok()
    }

    #[test]
    fn ids_in_the_address_become_placeholders_and_are_reported() {
        let step =
            to_step(&parse("curl -XDELETE https://api.gcore.com/v1/networks/1/7/abc").unwrap(), Catalog::embedded());
        assert!(step.yaml.contains("call: DELETE /cloud/v1/networks/{project_id}/{region_id}/abc\n"), "{}", step.yaml);
        assert_eq!(step.notes.len(), 2);
        assert!(step.notes[0].contains("--project-id"), "{:?}", step.notes);
    }

    #[test]
    fn the_products_have_steps_of_their_own_and_files_are_named_by_their_paths() {
        let step = |command: &str| {
            let call = parse(&format!("curl https://api.gcore.com/{command} -H 'Authorization: APIKey k'")).unwrap();
            let step = to_step(&call, Catalog::embedded());
            assert_eq!(step.notes, Vec::<String>::new(), "{command}");
            step.yaml
        };
        assert_eq!(
            step("dns/v2/zones -d '{\"name\": \"e.com\"}'"),
            "- id: dns_zone\n  call: POST /dns/v2/zones\n  body:\n    name: e.com\n"
        );
        let binary = "- id: fastedge_binary\n  call: POST /fastedge/v1/binaries/raw\n  body_file: \"a.wasm\"\n";
        assert_eq!(step("fastedge/v1/binaries/raw --data-binary @a.wasm"), binary);
        assert_eq!(step("fastedge/v1/binaries/raw -X POST -T a.wasm"), binary);
        assert_eq!(
            step(
                "security/sifter/v3/protected_networks -F network=192.0.2.0/24 -F 'as_number=65000' \
                 -F 'files=@\"a;b.pdf\";type=application/pdf' -F'files=@c.pdf;type=application/pdf' \
                 --form-string comment=@7"
            ),
            "- id: security_network\n  call: POST /security/sifter/v3/protected_networks\n  body:\n    \
             network: 192.0.2.0/24\n    as_number: 65000\n    files:\n    - a;b.pdf\n    - c.pdf\n    comment: '@7'\n"
        );
        let put = parse("curl -T a.bin https://api.gcore.com/x/y").unwrap();
        assert_eq!((put.method, put.body), (Method::Put, Some(Body::File("a.bin".to_owned()))));
    }

    #[test]
    fn a_file_with_the_body_of_an_operation_that_takes_json_is_read_by_the_plan() {
        for option in ["-d @rule.json", "--json @rule.json", "--data-binary @rule.json"] {
            let call = parse(&format!("curl -X POST https://api.gcore.com/cloud/v1/networks/1/7 {option}")).unwrap();
            let step = to_step(&call, Catalog::embedded()).yaml;
            let line = "\n  body: \"{{ file('rule.json') | fromjson }}\"\n";
            assert!(step.ends_with(line), "{option}: {step}");
        }
        let quoted = parse(r#"curl https://api.gcore.com/cloud/v1/networks/1/7 -d "@it's.json""#).unwrap();
        let step = to_step(&quoted, Catalog::embedded()).yaml;
        let read: Value = serde_yaml::from_str(&step).unwrap();
        assert_eq!(read[0]["body"], json!(r"{{ file('it\'s.json') | fromjson }}"), "{step}");
    }

    #[test]
    fn texts_that_curl_encodes_are_those_of_the_query() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (options, query) in [
            ("--data-urlencode visibility=private", pair("visibility", "private")),
            ("--data-urlencode 'name=a+b &c=d'", pair("name", "a+b &c=d")),
            ("--data-urlencode=limit=5", pair("limit", "5")),
        ] {
            let call = parse(&format!("curl -G https://x/cloud/v1/a {options}")).unwrap();
            assert_eq!((call.method, call.query), (Method::Get, vec![query]), "{options}");
        }
        assert!(parse("curl -G https://x/a --data-urlencode name@file").unwrap_err().contains("is not read"));
    }

    #[test]
    fn a_body_alone_is_a_post_and_quotes_are_those_of_a_shell() {
        let call = parse("curl --url https://x/cloud/v1/a --json \"{\\\"a\\\": \\\"it's\\\"}\"").unwrap();
        assert_eq!((call.method, call.body), (Method::Post, Some(Body::Json(json!({ "a": "it's" })))));
        let call = parse("curl https://x/cloud/v1/a -G -d a=1 --data-raw 'b=2'").unwrap();
        assert_eq!((call.method, call.query.len()), (Method::Get, 2));
    }

    #[test]
    fn redirections_and_other_commands_of_the_line_are_no_part_of_the_call() {
        let plain = parse(r#"curl https://x/cloud/v1/a -d '{"name": "n"}'"#).unwrap();
        assert_eq!((plain.method, plain.body.is_some()), (Method::Post, true));
        for line in [
            r#"curl https://x/cloud/v1/a > out.json -d '{"name": "n"}'"#,
            r#"curl https://x/cloud/v1/a >out.json -d '{"name": "n"}'"#,
            r#"curl https://x/cloud/v1/a>"an answer.json" -d '{"name": "n"}'"#,
            r#"curl https://x/cloud/v1/a >> out.json 2>/dev/null -d '{"name": "n"}'"#,
            r#"curl 2> /dev/null https://x/cloud/v1/a -d '{"name": "n"}' 2>&1 | jq . -d x"#,
            r#"curl https://x/cloud/v1/a &>/dev/null -d '{"name": "n"}'"#,
            r#"curl https://x/cloud/v1/a <in.json -d '{"name": "n"}' >&2"#,
            r#"curl https://x/cloud/v1/a -d '{"name": "n"}' && echo done"#,
            r#"curl https://x/cloud/v1/a -d '{"name": "n"}'&&echo done"#,
            r#"curl https://x/cloud/v1/a -d '{"name": "n"}' || exit 1"#,
            r#"curl https://x/cloud/v1/a -d '{"name": "n"}'; echo done"#,
            r#"curl https://x/cloud/v1/a -d '{"name": "n"}' &"#,
            r#"cd /tmp && curl https://x/cloud/v1/a -d '{"name": "n"}'"#,
            r#"curl https://x/cloud/v1/a -d '{"name": "n"}' # makes it"#,
        ] {
            assert_eq!(parse(line).as_ref(), Ok(&plain), "{line}");
        }
        let query = |line| parse(line).unwrap().query.len();
        assert_eq!(query("curl https://x/cloud/v1/a?b=1&c=2 &"), 2, "an address without quotes keeps its query");
        assert_eq!(query("curl 'https://x/cloud/v1/a?b=1&c=2'&& true"), 2);
        let numbers = parse("curl https://x/cloud/v1/networks/1/7/2 -X GET").unwrap();
        assert_eq!(numbers.path, "/cloud/v1/networks/1/7/2", "digits are a stream only before a redirection");
    }

    #[test]
    fn an_unreadable_curl_command_is_reported() {
        for (command, words) in [
            ("wget x", "start with"),
            ("curl -X POST", "no address"),
            ("curl https://x/a -d '{'", "no JSON"),
            ("curl 'https://x/a", "has no end"),
            ("curl https://x/a -X BREW", "no method"),
            ("curl https://x/a -F file", "no part of a form"),
            ("curl https://x/a -d @- <<EOF", "write it after `-d`"),
            ("wget x | jq", "start with"),
        ] {
            let error = parse(command).unwrap_err();
            assert!(error.contains(words), "{command}: {error}");
        }
    }
}
