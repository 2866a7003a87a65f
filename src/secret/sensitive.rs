//! Recognises secret fields: by their names, by the mapping that they are in, and by the form of their texts.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::Input;
use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::contiguous::NFA;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Parts of the names of secret fields.
const SENSITIVE: [&str; 16] = [
    "secret",
    "password",
    "passphrase",
    "admin_pass",
    "token",
    "private_key",
    "access_key",
    "account_key",
    "api_key",
    "client_key",
    "kubeconfig",
    "connection_string",
    "credential",
    "user_data",
    "auth_header_value",
    "origin_http_headers",
];
/// Endings of names that refer to a secret, count it, or describe it.
const HARMLESS: [&str; 16] = [
    "_applied",
    "_id",
    "_ids",
    "_name",
    "_names",
    "_type",
    "_at",
    "_on",
    "_limit",
    "_usage",
    "_requested",
    "_expires",
    "_mode",
    "_path",
    "_ref",
    "_status",
];
/// Objects and lists whose parts are named separately.
const GROUPS: [&str; 5] = ["secrets", "credentials", "api_keys", "tokens", "access_keys"];
/// The public part of a key pair, by which object storage identifies the pair and which its paths contain; and the name
/// of a secret of the container service.
const PUBLIC: [&str; 2] = ["access_key", "pull_secret"];
/// Fields whose names say nothing, by the mapping that they are in: the key that signs the addresses of a CDN resource,
/// and the contents of a secret of FastEdge. A body is in the mapping of its call, see [`place_of_body`]: passwords of
/// users, the token that renews another, and the contents of a secret of the cloud.
const BY_PLACE: [(&str, &str); 7] = [
    ("secure_key", "key"),
    ("secret_slots", "value"),
    ("password", "new"),
    ("password", "old"),
    ("password", "double"),
    ("refresh", "refresh"),
    ("secrets", "payload"),
];
/// Scripts may hold secrets, and are mostly no secrets themselves.
const SCRIPT: &str = "user_data";
/// Words in the names of HTTP headers that authorize a request.
const HEADER_WORDS: [&str; 16] = [
    "apikey",
    "auth",
    "authentication",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "jwt",
    "key",
    "pass",
    "password",
    "secret",
    "signature",
    "token",
    "verify",
];
/// Parameters of an address that authorize whoever knows it, besides those with the name of a secret.
const PARAMETERS: [&str; 4] = ["sig", "signature", "x_amz_signature", "x_goog_signature"];
/// The beginning of base64 of a text in PEM.
const PEM_IN_BASE64: &str = "LS0tLS1CRUdJTi";
/// Shorter words in a header can be names.
const SHORTEST_RANDOM: usize = 16;

/// Whether a field with this name is secret: `password`, `aws_secret_access_key`, `sslPrivateKey`, but not `secret_id`
/// or `public_key`.
pub fn is_sensitive_name(name: &str) -> bool {
    is_sensitive_word(&in_lower_case(name))
}

/// Whether a field with this name is a secret as a whole, which a script is not.
pub fn is_password(name: &str) -> bool {
    let name = in_lower_case(name);
    is_sensitive_word(&name) && !name.contains(SCRIPT)
}

/// Whether a text that stands in a plan is a secret by the name, place or form of its field; as a part of a script only
/// by its form.
pub fn is_written_secret(within: &str, name: &str, text: &str) -> bool {
    is_sensitive_text(within, if in_lower_case(name).contains(SCRIPT) { "" } else { name }, text)
}

/// `name`: in the form of the Cloud API.
fn is_sensitive_word(name: &str) -> bool {
    static PARTS: LazyLock<NFA> =
        LazyLock::new(|| NFA::builder().prefilter(false).build(SENSITIVE).expect("a few words fit"));
    PARTS.try_find(&Input::new(name).earliest(true)).is_ok_and(|found| found.is_some())
        && !HARMLESS.iter().any(|end| name.ends_with(end))
        && !GROUPS.contains(&name)
        && !PUBLIC.contains(&name)
}

/// Whether a field is secret by its name and the one of the mapping that it is in, see [`inside`].
pub fn is_sensitive_field(within: &str, name: &str) -> bool {
    is_sensitive_name(name)
        || BY_PLACE.contains(&(within, name))
        || (has_request_headers(within) && in_lower_case(name).split('_').any(|word| HEADER_WORDS.contains(&word)))
}

/// Whether a text in a field is secret, by its name, place or form. An empty one never is.
pub fn is_sensitive_text(within: &str, name: &str, text: &str) -> bool {
    !text.is_empty()
        && (is_sensitive_field(within, name)
            || holds_credential(text)
            || (has_request_headers(within) && is_random(text)))
}

/// Whether the last of these names, from the outermost mapping inward, is that of a secret field; indexes of lists are
/// no names.
pub fn is_sensitive_path<'n>(names: impl IntoIterator<Item = &'n str>) -> bool {
    let (mut within, mut last) = ("", "");
    for name in names.into_iter().filter(|name| name.parse::<i64>().is_err()) {
        (within, last) = (inside(within, last), name);
    }
    is_sensitive_field(within, last)
}

/// The name of the mapping that a body is, by the path of its call: `password` of `/iam/users/7/password`, `secrets` of
/// `/cloud/v1/secrets/1/7`.
pub fn place_of_body(path: &str) -> &str {
    let is_word =
        |segment: &&str| segment.len() > 1 && segment.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'-'));
    path.rsplit('/').find(is_word).unwrap_or_default()
}

/// The name of the mapping that the fields of `name` are in. An option of the CDN has its contents in `value`.
pub fn inside<'n>(within: &'n str, name: &'n str) -> &'n str {
    if name == "value" && has_request_headers(within) { within } else { name }
}

/// A name in the form of the Cloud API: `X-Api-Key` and `xApiKey` are `x_api_key`. Most names have it.
fn in_lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
        return Cow::Borrowed(name);
    }
    let mut lower = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            lower.push('_');
        }
        lower.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
        before = letter;
    }
    Cow::Owned(lower)
}

/// Whether a mapping has the headers of a request to another server. Those of responses are public.
fn has_request_headers(name: &str) -> bool {
    let is_of_responses =
        |name: &str| name.contains("response") || name.starts_with("rsp_") || name == "static_headers";
    name.ends_with("eaders") && {
        let name = in_lower_case(name);
        name.ends_with("headers") && !is_of_responses(&name)
    }
}

/// Whether a text is a secret by its form, whatever its field is called.
fn holds_credential(text: &str) -> bool {
    // Ids and names, which most texts are, have none of these.
    if memchr::memchr3(b' ', b'.', b':', text.as_bytes()).is_none() && !text.starts_with(PEM_IN_BASE64) {
        return false;
    }
    holds_private_key(text)
        || is_kubeconfig(text)
        || is_web_token(text)
        || is_authorization(text)
        || is_authorized_address(text)
}

fn holds_private_key(text: &str) -> bool {
    let is_private = |text: &str| text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----");
    match text.strip_prefix(PEM_IN_BASE64) {
        None => is_private(text),
        Some(_) => {
            let code: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(code).is_ok_and(|plain| is_private(&String::from_utf8_lossy(&plain)))
        }
    }
}

fn is_kubeconfig(text: &str) -> bool {
    text.contains("client-key-data") || (text.contains("current-context") && text.contains("users"))
}

/// A JSON Web Token.
fn is_web_token(text: &str) -> bool {
    let is_code = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
    text.starts_with("eyJ")
        && text.split('.').count() == 3
        && text.split('.').all(|part| part.len() > 8 && is_code(part))
}

/// `Bearer …` or `Basic …` with what authorizes, also after the name of the header.
fn is_authorization(text: &str) -> bool {
    let value = text.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let value = value.map_or(text, |(_, value)| value.trim_start());
    let Some((scheme, rest)) = value.split_once(' ') else { return false };
    let is_word = rest.len() >= 8 && !rest.contains(' ') && rest.bytes().any(|byte| !byte.is_ascii_lowercase());
    let names_user = || STANDARD.decode(rest).is_ok_and(|plain| plain.contains(&b':'));
    is_word && (scheme.eq_ignore_ascii_case("bearer") || (scheme.eq_ignore_ascii_case("basic") && names_user()))
}

/// An address with a password, or with a parameter that is a secret.
fn is_authorized_address(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    if text.contains(char::is_whitespace) {
        return false;
    }
    let (server, _) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let user = server.rsplit_once('@').map_or("", |(user, _)| user);
    let is_told = |value: &str| !value.is_empty() && !value.bytes().all(|byte| byte == b'*' || byte == b'x');
    if user.split_once(':').is_some_and(|(_, password)| is_told(password)) {
        return true;
    }
    // A console's address has its token in a path that is a parameter itself.
    let query = rest.split_once(['?', '#']).map_or("", |(_, query)| query);
    let query =
        query.replace("%3F", "&").replace("%3f", "&").replace("%26", "&").replace("%3D", "=").replace("%3d", "=");
    query.split(['&', '?', '#', ';']).any(|parameter| {
        let (name, value) = parameter.rsplit_once('=').unwrap_or_default();
        let name = in_lower_case(name.rsplit_once('=').map_or(name, |(_, name)| name));
        is_told(value) && (is_sensitive_name(&name) || PARAMETERS.contains(&&*name))
    })
}

/// Whether a header's text is one word as random generators make them.
fn is_random(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let code = text.trim_end_matches('=');
    let is_hex = || code.bytes().all(|byte| byte.is_ascii_hexdigit()) && has(u8::is_ascii_digit);
    let is_code = || {
        code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/_".contains(&byte))
            && has(u8::is_ascii_digit)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
    };
    code.len() >= SHORTEST_RANDOM && (is_hex() || is_code() || uuid::Uuid::try_parse(text).is_ok())
}

#[cfg(test)]
mod tests;
