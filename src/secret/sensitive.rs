//! Recognises secret fields by their names.

/// Parts of the names of secret fields.
const SENSITIVE: [&str; 13] = [
    "secret",
    "password",
    "passphrase",
    "admin_pass",
    "token",
    "private_key",
    "access_key",
    "api_key",
    "client_key",
    "kubeconfig",
    "connection_string",
    "credential",
    "user_data",
];
/// Endings of names that refer to a secret, count it, or describe it.
const HARMLESS: [&str; 12] =
    ["_applied", "_id", "_ids", "_name", "_names", "_type", "_at", "_on", "_limit", "_usage", "_requested", "_expires"];
/// Objects and lists whose parts are named separately.
const GROUPS: [&str; 5] = ["secrets", "credentials", "api_keys", "tokens", "access_keys"];
/// The public part of a key pair: object storage identifies the pair by it, and its paths contain it.
const PUBLIC: &str = "access_key";

/// Whether a field with this name is secret: `password`, `aws_secret_access_key`, but not `secret_id` or
/// `public_key`.
pub fn is_sensitive_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SENSITIVE.iter().any(|part| name.contains(part))
        && !HARMLESS.iter().any(|end| name.ends_with(end))
        && !GROUPS.contains(&name.as_str())
        && name != PUBLIC
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field name in answers and bodies of the API that resembles a secret's.
    #[test]
    fn field_names_of_the_api_are_classified_as_secret_or_not() {
        for secret in [
            "aws_secret_access_key",
            "client_key",
            "connection_string",
            "encrypted_password",
            "password",
            "private_key",
            "pull_secret",
            "secret",
            "admin_pass",
            "access_key_secret",
            "secret_key",
            "api_key",
            "kubeconfig",
            "client_secret",
            "X-Auth-Token",
        ] {
            assert!(is_sensitive_name(secret), "{secret}");
        }
        for name in [
            "access_key",
            "access_keys",
            "api_keys",
            "aws_access_key_id",
            "ca_secret_id",
            "certificate",
            "client_certificate",
            "cluster_ca_certificate",
            "credentials",
            "credentials_name",
            "crl_secret_id",
            "inference_public_model_api_key_count_limit",
            "inference_public_model_api_key_count_usage",
            "key",
            "keypair",
            "kubeconfig_created_at",
            "kubeconfig_expires_at",
            "public_key",
            "routing_key",
            "secret_count_limit",
            "secret_count_requested",
            "secret_id",
            "secret_name",
            "secret_type",
            "secrets",
            "sni_secret_id",
            "ssh_key",
            "ssh_key_name",
            "token_id",
            "user_data_applied",
        ] {
            assert!(!is_sensitive_name(name), "{name}");
        }
    }
}
