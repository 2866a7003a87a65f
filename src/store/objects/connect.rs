//! Connects to a bucket by its address: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
//!
//! Credentials, region and endpoint come from the environment variables that the tools of each cloud read.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{Certificate, ClientOptions, ObjectStore, RetryConfig};

use super::bucket::Bucket;

/// The timeout of one request to the store.
const REQUEST: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Variables with the endpoint of S3, in order of precedence.
const S3_ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
/// Variables with the address of a server, and with the region, which becomes part of one.
const SERVERS: [&str; 6] = [
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "GOOGLE_BASE_URL",
    "AZURE_ENDPOINT",
    "AZURE_STORAGE_ENDPOINT",
];
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// The variable with a file of certificate authorities to trust.
pub const CA_FILE: &str = "PLAN_CA_FILE";

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    scheme: Scheme,
    bucket: String,
    prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    S3,
    Google,
    Azure,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            Scheme::S3 => "s3",
            Scheme::Google => "gs",
            Scheme::Azure => "az",
        };
        write!(f, "{scheme}://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl FromStr for Address {
    type Err = String;

    /// Parses an address.
    ///
    /// # Errors
    ///
    /// A message about what is wrong with it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        let scheme = match scheme {
            "s3" => Scheme::S3,
            "gs" => Scheme::Google,
            "az" => Scheme::Azure,
            other => return Err(format!("`{other}://` is not known: it may be `s3://`, `gs://` or `az://`")),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let named = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if bucket.is_empty() || !bucket.chars().all(named) {
            return Err(format!("`{bucket}` is no name of a bucket"));
        }
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| error.to_string())?;
        Ok(Self { scheme, bucket: bucket.to_owned(), prefix: prefix.to_string() })
    }
}

impl Address {
    /// The bucket, reached as the variables say.
    ///
    /// # Errors
    ///
    /// A message about what is missing or wrong.
    pub fn connect(&self, variables: &[(String, String)]) -> Result<Bucket, String> {
        // Only the first installation has an effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = authorities(variables)?;
        check_servers(variables)?;
        let store: Arc<dyn ObjectStore> = match self.scheme {
            Scheme::S3 => self.s3(variables, &authorities),
            Scheme::Google => self.google(variables, &authorities),
            Scheme::Azure => self.azure(variables, &authorities),
        }
        .map_err(|error| error.to_string())?;
        Ok(Bucket::new(store, Path::from(self.prefix.as_str())))
    }

    fn s3(
        &self,
        variables: &[(String, String)],
        authorities: &[Certificate],
    ) -> object_store::Result<Arc<dyn ObjectStore>> {
        let endpoint = S3_ENDPOINTS.iter().find_map(|name| value(variables, name));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_retry(retry())
            .with_client_options(client(endpoint, authorities));
        for (name, value) in variables {
            if let Some(key) = key::<AmazonS3ConfigKey>(name) {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(Arc::new(builder.build()?))
    }

    fn google(
        &self,
        variables: &[(String, String)],
        authorities: &[Certificate],
    ) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&self.bucket)
            .with_retry(retry())
            .with_client_options(client(value(variables, "GOOGLE_BASE_URL"), authorities));
        for (name, value) in variables {
            if let Some(key) = key::<GoogleConfigKey>(name) {
                builder = builder.with_config(key, value);
            }
        }
        Ok(Arc::new(builder.build()?))
    }

    fn azure(
        &self,
        variables: &[(String, String)],
        authorities: &[Certificate],
    ) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = MicrosoftAzureBuilder::new()
            .with_container_name(&self.bucket)
            .with_retry(retry())
            .with_client_options(client(value(variables, "AZURE_ENDPOINT"), authorities));
        for (name, value) in variables {
            if let Some(key) = key::<AzureConfigKey>(name) {
                builder = builder.with_config(key, value);
            }
        }
        Ok(Arc::new(builder.build()?))
    }
}

/// Checks what becomes part of the address of a server: the library does not expect it to be wrong.
fn check_servers(variables: &[(String, String)]) -> Result<(), String> {
    let given =
        |name: &'static str| value(variables, name).filter(|value| !value.is_empty()).map(|value| (name, value));
    let is_server = |text: &str| {
        reqwest::Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
    };
    if let Some((name, _)) = SERVERS.into_iter().filter_map(given).find(|(_, text)| !is_server(text)) {
        return Err(format!("`{name}` is not the address of a server, like `https://objects.example.org`"));
    }
    let is_region =
        |text: &str| text.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    match REGIONS.into_iter().filter_map(given).find(|(_, text)| !is_region(text)) {
        Some((name, _)) => Err(format!("`{name}` is not the name of a region, like `eu-west-1`")),
        None => Ok(()),
    }
}

fn value<'v>(variables: &'v [(String, String)], name: &str) -> Option<&'v str> {
    variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A setting by its name, except those for the bucket's name, which comes from the address.
fn key<K: FromStr>(name: &str) -> Option<K> {
    let name = name.to_ascii_lowercase();
    let places = ["bucket", "container", "conditional", "copy_if"];
    (!places.iter().any(|place| name.contains(place))).then(|| name.parse().ok()).flatten()
}

/// No retries by the library: a conditional create that it repeats would find its own first attempt. Retrying is done
/// here.
fn retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// The certificates in the file that the variable names, in addition to the system's.
fn authorities(variables: &[(String, String)]) -> Result<Vec<Certificate>, String> {
    let Some(path) = value(variables, CA_FILE) else { return Ok(Vec::new()) };
    let wrong = |why: String| format!("the authorities to trust cannot be read from `{path}`: {why}");
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("it has no certificate".to_owned())) } else { Ok(found) }
}

fn client(endpoint: Option<&str>, authorities: &[Certificate]) -> ClientOptions {
    let local = endpoint.is_some_and(|endpoint| {
        ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|start| endpoint.starts_with(start))
    });
    let options = ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT).with_allow_http(local);
    authorities.iter().cloned().fold(options, ClientOptions::with_root_certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, shown) in [
            ("s3://records", "s3://records"),
            ("s3://records/team/plan/", "s3://records/team/plan"),
            ("gs://records/x", "gs://records/x"),
            ("az://records/x", "az://records/x"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
        for (text, words) in [
            ("ftp://records", "`ftp://` is not known"),
            ("s3:///x", "no name of a bucket"),
            ("s3://key:secret@records", "no name of a bucket"),
            ("s3://records/a//b", "empty path segment"),
        ] {
            let wrong = text.parse::<Address>().unwrap_err();
            assert!(wrong.to_lowercase().contains(words), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_address_of_a_server_is_reported_and_not_used() {
        for (name, value, is_right) in [
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000", true),
            ("AWS_ENDPOINT_URL", "https://s3.example.com/base", true),
            ("AWS_ENDPOINT_URL", "", true),
            ("AWS_REGION", "eu-west-1", true),
            ("AWS_ENDPOINT_URL_S3", "http://exa mple:1", false),
            ("AWS_ENDPOINT_URL_S3", "http://b\u{fc}cher.example", false),
            ("AWS_ENDPOINT_URL", "s3.example.com", false),
            ("AWS_REGION", "eu west", false),
            ("AWS_DEFAULT_REGION", "eu/west", false),
            ("AZURE_ENDPOINT", "ftp://x", false),
            ("GOOGLE_BASE_URL", "http://", false),
        ] {
            let told = check_servers(&[(name.to_owned(), value.to_owned())]);
            assert_eq!(told.is_ok(), is_right, "{name} {value}");
            assert!(told.is_ok() || told.is_err_and(|told| told.contains(name) && !told.contains(value)));
        }
    }
}
