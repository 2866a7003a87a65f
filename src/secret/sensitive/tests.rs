use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;

/// Names of secret fields in answers and bodies of the API.
const SECRET: [&str; 31] = [
    "X-Auth-Token",
    "access_key_secret",
    "account_key",
    "admin_pass",
    "api_key",
    "auth_header_value",
    "aws_secret_access_key",
    "client_key",
    "client_secret",
    "connection_string",
    "encrypted_password",
    "key_passphrase",
    "kubeconfig",
    "new_password",
    "one_time_password",
    "origin_http_headers",
    "passphrase",
    "password",
    "privateKey",
    "private_key",
    "s3_secret_access_key",
    "secret",
    "secret_access_key",
    "secret_key",
    "sftp_password",
    "srt_passphrase",
    "sslPrivateKey",
    "token",
    "userData",
    "user_data",
    "x-api-key",
];
/// Names of fields in answers and bodies of the API that resemble a secret's: ids, names, kinds, counts, public parts.
/// `key` and `value` are secret in some places, `config` and `payload` by what they hold.
const OPEN: [&str; 66] = [
    "access_key",
    "access_key_id",
    "access_keys",
    "account_name",
    "api_keys",
    "auth_header_name",
    "auth_type",
    "auth_types",
    "author",
    "aws_access_key_id",
    "ca_secret_id",
    "certificate",
    "certificate_chain",
    "client_certificate",
    "cluster_ca_certificate",
    "config",
    "credentials",
    "credentials_name",
    "crl_secret_id",
    "forward_except_keys",
    "forward_only_keys",
    "header_name",
    "inference_public_model_api_key_count_limit",
    "inference_public_model_api_key_count_usage",
    "key",
    "key_type",
    "keypair",
    "keys",
    "kubeconfig_created_at",
    "kubeconfig_expires_at",
    "match_payload",
    "password_mode",
    "payload",
    "payload_content_encoding",
    "payload_content_type",
    "private_key_path",
    "proxy_cache_key",
    "public_key",
    "pull_secret",
    "routing_key",
    "s3_access_key_id",
    "s3_auth_type",
    "secret_count_limit",
    "secret_count_requested",
    "secret_id",
    "secret_name",
    "secret_ref",
    "secret_type",
    "secrets",
    "secure_key",
    "signing_algs",
    "signup_process",
    "sni_secret_id",
    "ssh_key",
    "ssh_key_ids",
    "ssh_key_name",
    "sshkey_id",
    "sshkey_name",
    "sslCertificate",
    "sslCertificateChain",
    "tokenId",
    "token_id",
    "token_name",
    "token_type",
    "user_data_applied",
    "value",
];

#[test]
fn field_names_of_the_api_are_classified_as_secret_or_not() {
    SECRET.iter().for_each(|name| assert!(is_sensitive_name(name), "{name}"));
    OPEN.iter().for_each(|name| assert!(!is_sensitive_name(name), "{name}"));
}

/// A document that names a field like a secret, and that these tables do not know, needs a decision.
#[test]
fn the_tables_know_every_text_of_the_catalogue_whose_name_resembles_a_secret() {
    const RESEMBLES: [&str; 19] = [
        "account_",
        "api_key",
        "auth",
        "certificate",
        "connection_string",
        "cred",
        "jwt",
        "key",
        "kubeconfig",
        "pass",
        "payload",
        "pem",
        "private",
        "secret",
        "signature",
        "signing",
        "token",
        "user_data",
        "http_headers",
    ];
    let mut unknown = BTreeSet::new();
    let mut known = 0;
    for name in texts_of_the_catalogue() {
        let lower = in_lower_case(&name);
        let words = || lower.split('_').any(|word| RESEMBLES.contains(&word));
        match RESEMBLES.iter().any(|part| part.len() > 3 && lower.contains(part)) || words() {
            true if SECRET.contains(&name.as_str()) || OPEN.contains(&name.as_str()) => known += 1,
            true => drop(unknown.insert(name)),
            false => {}
        }
    }
    assert_eq!(unknown, BTreeSet::new());
    assert!(known > 40, "{known}");
}

/// The names of all text fields in the schemas of bodies and answers.
fn texts_of_the_catalogue() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalog/data"))) {
        if ["schemas.txt", "answers.txt"].iter().any(|name| file.ends_with(name)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let schemas = text.lines().filter_map(|line| serde_json::from_str::<Value>(line.split_once('\t')?.1).ok());
            schemas.for_each(|schema| named_texts("", &schema, &mut names));
        }
    }
    names
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn named_texts(name: &str, schema: &Value, found: &mut BTreeSet<String>) {
    if schema["type"].as_str().is_some_and(|types| types.contains("string")) {
        found.insert(name.to_owned());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        named_texts(name, field, found);
    }
    for part in schema["variants"].as_array().into_iter().flatten().chain(schema.get("items")) {
        named_texts(name, part.get("schema").unwrap_or(part), found);
    }
    if let Some(schema) = schema.get("schema") {
        named_texts(name, schema, found);
    }
}

#[test]
fn a_field_is_secret_by_its_place_as_well() {
    let secret: [&[&str]; 11] = [
        &["options", "secure_key", "key"],
        &["secret_slots", "0", "value"],
        &["options", "staticRequestHeaders", "value", "Authorization"],
        &["options", "static_request_headers", "value", "X-Origin-Key"],
        &["config", "upload", "headers", "X-Auth"],
        &["config", "retry", "headers", "Cookie"],
        &["probes", "liveness_probe", "http_get", "headers", "Proxy-Authorization"],
        &["headers", "X-Origin-Verify"],
        &["headers", "x-shared-secret"],
        &["config", "account_key"],
        &["response", "password"],
    ];
    let open: [&[&str]; 13] = [
        &["tags", "0", "key"],
        &["key"],
        &["secure_key", "type"],
        &["secret_slots", "0", "slot"],
        &["value"],
        &["options", "staticRequestHeaders", "enabled"],
        &["options", "staticRequestHeaders", "value", "Host"],
        &["options", "staticRequestHeaders", "value", "X-Forwarded-Proto"],
        &["options", "staticHeaders", "value", "X-Key"],
        &["options", "static_response_headers", "value", "0", "key"],
        &["rsp_headers", "Set-Cookie"],
        &["options", "hostHeader", "value"],
        &["options", "proxy_cache_key", "value"],
    ];
    secret.iter().for_each(|path| assert!(is_sensitive_path(path.iter().copied()), "{path:?}"));
    open.iter().for_each(|path| assert!(!is_sensitive_path(path.iter().copied()), "{path:?}"));
}

#[test]
fn a_text_is_secret_by_its_form_whatever_its_field_is_called() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEA\n-----END CERTIFICATE-----\n";
    let (key_in_base64, certificate_in_base64) = (STANDARD.encode(key), STANDARD.encode(certificate));
    let bundle = format!("{certificate}{key}");
    for secret in [
        key,
        &bundle,
        &key_in_base64,
        "apiVersion: v1\nusers:\n- name: admin\n  user:\n    client-key-data: LS0t",
        "apiVersion: v1\nclusters: []\ncurrent-context: c\nusers:\n- name: admin\n  user: { token: t }",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoi.c2lnbmF0dXJl",
        "Bearer UrlSigningKey-Zq81xLw0",
        "Basic dXNlcjpwYXNzd29yZA==",
        "Authorization: Bearer abcdefgh12345",
        "amqps://guest:hunter2@192.0.2.1:5671/",
        "redis://:hunter2@cache.example:6379/0",
        "rtsp://user:hunter2@camera.example/live",
        "srt://in.example:1234?mode=caller&passphrase=0123456789",
        "https://console.example/vnc_lite.html?path=%3Ftoken%3D78cb2f12",
        "https://s3.example/b/o?X-Amz-Expires=60&X-Amz-Signature=0a1b2c",
        "https://a.example/logs?sig=0a1b2c",
        "https://a.example/#access_token=0a1b2c",
    ] {
        assert!(is_sensitive_text("", "text", secret), "{secret}");
    }
    for open in [
        "",
        certificate,
        &certificate_in_base64,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIjx user@example",
        "Basic authentication",
        "basic",
        "Bearer",
        "bearer of good news",
        "Bearer authentication",
        "https://user@example.com/",
        "https://user:***@example.com/",
        "https://a.example/list?token_type=x&page=2",
        "https://a.example/?token=",
        "https://a.example/tokens/12?limit=5",
        "rtmp://in.example/live/12?0a1b2c",
        "see https://a.example/?token=abc for more",
        "srt://example.com:1234?mode=caller",
        "eyJust a sentence. Another. And more",
        "our-zone.example",
        "2026-11-28T20:00:00Z",
        "c8e0a2f6-5b1e-4a52-9f6d-0d6a2b1f3c4e",
        "private_key",
    ] {
        assert!(!is_sensitive_text("", "text", open), "{open}");
    }
}

#[test]
fn a_random_word_is_secret_in_a_header_of_a_request_only() {
    for (text, is_secret) in [
        ("c8e0a2f6-5b1e-4a52-9f6d-0d6a2b1f3c4e", true),
        ("0a1b2c3d4e5f60718293", true),
        ("Zq81xLw0Zq81xLw0Yy", true),
        ("origin.example.com", false),
        ("https", false),
        ("max-age=31536000", false),
        ("application/octet-stream", false),
        ("release-2026-11-28", false),
        ("Sat, 28 Nov 2026 23:41:20 GMT", false),
    ] {
        assert_eq!(is_sensitive_text("headers", "X-Example", text), is_secret, "{text}");
        assert!(!is_sensitive_text("response_headers", "X-Example", text), "{text}");
        assert!(!is_sensitive_text("", "text", text), "{text}");
    }
}
