//! The HTTP transport: HTTPS through reqwest. It follows no redirects and retries nothing: a redirected POST would
//! become a GET, and a repeated one could create twice.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Certificate, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::io::Io;
use super::upload::Stream;
use super::{Answer, Lost, Request, Sending, Transport};
use crate::body_file::{Chunk, Form, Upload};
use crate::catalog::Method;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest accepted answer, compressed or not; far above any answer of the API.
const LARGEST_ANSWER: usize = 64 << 20;
/// The lowest expected rate for sending a file, in bytes per millisecond, from which its timeout follows.
const SLOWEST: u64 = 128;
/// Idle connections are closed before servers usually do: a write on a closing connection would have an unknown
/// outcome.
const IDLE: Duration = Duration::from_secs(20);

/// An invalid address or key, or a problem with this machine's certificates.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("`{0}` is not a base URL: {1}")]
    BaseUrl(String, &'static str),
    #[error("the API key cannot be sent: {0}")]
    Key(&'static str),
    #[error("the file of `--ca-file` {0}")]
    Authorities(&'static str),
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

/// A client of one base URL with one key, which makes its requests on a thread of its own.
pub struct Http {
    io: Io,
    requests: Arc<Requests>,
}

struct Requests {
    client: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    real_timeout: Duration,
}

impl Http {
    /// `timeout` is for one request, from connecting to the last byte; `authorities` are certificates to trust in
    /// addition to the system's (PEM; may be empty).
    ///
    /// # Errors
    ///
    /// [`HttpError`] when the base URL is not allowed, the key cannot be a header, or TLS cannot be set up.
    pub fn new(base: &str, key: &SecretString, timeout: Duration, authorities: &[u8]) -> Result<Self, HttpError> {
        Self::with_scheme(base, "APIKey", key, timeout, authorities)
    }

    /// As [`Self::new`], with another scheme in `Authorization`.
    ///
    /// # Errors
    ///
    /// As for [`Http::new`].
    pub fn with_scheme(
        base: &str,
        scheme: &str,
        key: &SecretString,
        timeout: Duration,
        authorities: &[u8],
    ) -> Result<Self, HttpError> {
        let base = base_url(base)?;
        // Only the first installation has an effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut authorization = authorization(scheme, key)?;
        authorization.set_sensitive(true);
        let builder = reqwest::Client::builder();
        // No proxy for addresses of this machine.
        let builder = if is_loopback(&base) { builder.no_proxy() } else { builder };
        let authorities = certificates(authorities)?;
        // The system's are read in some milliseconds, and only TLS needs them.
        let builder = match base.scheme() {
            "http" => builder.tls_certs_only(authorities),
            _ => builder.tls_certs_merge(authorities),
        };
        let client = builder
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| HttpError::Client(cause(&error)))?;
        let io = Io::start().map_err(|error| HttpError::Client(error.to_string()))?;
        Ok(Self { io, requests: Arc::new(Requests { client, base, authorization, real_timeout: timeout }) })
    }
}

impl Requests {
    async fn request(&self, request: Request) -> Result<Answer, Lost> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut builder = self
            .client
            .request(method(request.method), url)
            .timeout(self.real_timeout)
            .header(AUTHORIZATION, self.authorization.clone());
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| Lost::NotSent(format!("`{name}` is no header name")))?;
            let value = HeaderValue::try_from(value.as_str())
                .map_err(|_| Lost::NotSent(format!("the value of header `{name}` cannot be sent")))?;
            builder = builder.header(name, value);
        }
        if let Some((content_type, size, chunks)) = streamed(&request) {
            let stream = Stream::open(chunks).map_err(Lost::NotSent)?;
            let content = HeaderValue::try_from(content_type.as_str())
                .map_err(|_| Lost::NotSent(format!("`{content_type}` is no media type")))?;
            builder = builder
                .header(CONTENT_TYPE, content)
                .timeout(self.real_timeout + longest_sending_time(size))
                .body(reqwest::Body::wrap(stream));
        } else if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let answer = builder.send().await.map_err(|error| lost(&error))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        // An answer has begun, so that the request was received, whatever happens to the body.
        match body_of(answer).await {
            Ok(body) => Ok(Answer { status, headers, body }),
            Err(cause) => Err(Lost::Broken { head: Answer { status, headers, body: Vec::new() }, cause }),
        }
    }
}

/// The media type, size and bytes of a body with files.
fn streamed(request: &Request) -> Option<(String, u64, Vec<Chunk>)> {
    if let Some(files) = &request.form {
        let form = Form::new(request.body.as_deref().unwrap_or(&Value::Null), files);
        return Some((form.content_type, form.size, form.chunks));
    }
    let upload = Upload::clone(request.body_file.as_deref()?);
    Some((upload.file.content_type.clone(), upload.file.size, vec![Chunk::File(upload)]))
}

/// The longest expected time for so many bytes of a file.
fn longest_sending_time(size: u64) -> Duration {
    Duration::from_millis(size / SLOWEST)
}

impl Transport for Http {
    fn send(&self, request: Request) -> Sending<'_> {
        let requests = self.requests.clone();
        Box::pin(async move {
            match self.io.run(async move { requests.request(request).await }).await {
                Ok(answered) => answered,
                // It may have left.
                Err(error) => Err(Lost::unknown(format!("the request broke off: {error}"))),
            }
        })
    }

    fn base_url(&self) -> &str {
        self.requests.base.as_str().trim_end_matches('/')
    }
}

/// The value of `Authorization`. A key is one word: with a second one, or with the word `APIKey` that is put in front
/// of it, the API would refuse every request.
fn authorization(scheme: &str, key: &SecretString) -> Result<HeaderValue, HttpError> {
    let key = key.expose_secret();
    if key.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("apikey ")) {
        return Err(HttpError::Key("it begins with the word `APIKey`"));
    }
    if key.contains(char::is_whitespace) {
        return Err(HttpError::Key("it has blanks or line ends in it"));
    }
    HeaderValue::try_from(format!("{scheme} {key}")).map_err(|_| HttpError::Key("it has control characters in it"))
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, HttpError> {
    let found = Certificate::from_pem_bundle(pem);
    let found = found.map_err(|_| HttpError::Authorities("holds a certificate that cannot be read"))?;
    match found.is_empty() && !pem.is_empty() {
        true => Err(HttpError::Authorities("holds no certificate")),
        false => Ok(found),
    }
}

/// The whole decompressed body, up to the largest accepted size; or an error message.
async fn body_of(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let too_large = || format!("the answer is larger than {} MiB", LARGEST_ANSWER >> 20);
    if answer.content_length().is_some_and(|length| length > LARGEST_ANSWER as u64) {
        return Err(too_large());
    }
    let broke_off = |error: reqwest::Error| format!("the answer broke off: {}", cause(&error));
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(broke_off)? {
        if body.len() + piece.len() > LARGEST_ANSWER {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Checks a base URL: `https`, or `http` to this machine; without user, query or fragment.
fn base_url(text: &str) -> Result<Url, HttpError> {
    // A user, a password and a query in it are not repeated.
    let (place, query) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    let without_user = place.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1)));
    let shown = without_user.map_or_else(|| place.to_owned(), |(scheme, host)| format!("{scheme}://…@{host}"));
    let shown = if query.is_empty() { shown } else { format!("{shown}{}…", &query[..1]) };
    let wrong = |why| HttpError::BaseUrl(shown.clone(), why);
    let url = Url::parse(text).map_err(|_| wrong("it should look like `https://api.gcore.com`"))?;
    url.host_str().ok_or_else(|| wrong("it names no host"))?;
    let loopback = is_loopback(&url);
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Err(wrong("plain `http` would show the API key to the network; use `https`")),
        _ => return Err(wrong("only `https` (and `http` to this machine) is spoken")),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it may hold a host, a port and a path, nothing else"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// Only a failed connection means that nothing was sent; after any other error the call may have been carried out.
fn lost(error: &reqwest::Error) -> Lost {
    let words = cause(error);
    if error.is_connect() {
        let host = error.url().and_then(Url::host_str).unwrap_or("the API");
        match causes(error).find_map(|cause| permanent_cause(cause, host)) {
            Some(why) => Lost::NoConnection(why),
            None => Lost::NotSent(format!("no connection to `{}`: {words}", host_of(error))),
        }
    } else if error.is_builder() {
        Lost::NotSent(words)
    } else if error.is_timeout() {
        Lost::Unknown { cause: format!("no answer in time: {words}"), timed_out: true }
    } else {
        Lost::unknown(words)
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| inner(*cause))
}

/// The inner error: an I/O error may contain that of TLS.
fn inner<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    held.map(|held| held as &(dyn Error + 'static)).or_else(|| cause.source())
}

/// The reason when a connection to this host can never succeed, so that retrying does not help.
fn permanent_cause(cause: &(dyn Error + 'static), host: &str) -> Option<String> {
    /// Resolver messages for a host that does not exist, on Linux, macOS and Windows; temporary failures have others.
    const UNKNOWN: [&str; 3] = ["Name or service not known", "nodename nor servname", "No such host is known"];
    match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(why)) => {
            Some(format!("the certificate of `{host}` is not trusted: {}", distrust(why)))
        }
        Some(rustls::Error::InvalidMessage(_)) => Some(format!("`{host}` does not speak TLS")),
        Some(_) => None,
        None => {
            let text = cause.to_string();
            let unknown = UNKNOWN.iter().any(|words| text.contains(words));
            unknown.then(|| format!("no address is known for the host `{host}`, or for a proxy to it"))
        }
    }
}

/// Why a certificate is not trusted.
fn distrust(why: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Why;
    match why {
        Why::Expired | Why::ExpiredContext { .. } => "it has expired",
        Why::NotValidYet | Why::NotValidYetContext { .. } => "it is not valid yet, or this machine's clock is wrong",
        Why::Revoked => "it was revoked",
        Why::UnknownIssuer => "its issuer is not known here",
        Why::NotValidForName | Why::NotValidForNameContext { .. } => "it is for another host",
        Why::BadEncoding | Why::BadSignature => "it is damaged",
        _ => "it is not one of a server that a known authority issued",
    }
}

/// The innermost cause, which is what happened; those around it only name the layers that it passed. None holds the
/// URL, which may be private.
fn cause(error: &reqwest::Error) -> String {
    let words = causes(error).last().map_or_else(|| "the request failed".to_owned(), ToString::to_string);
    // `Connection refused (os error 111)`
    let words = words.split(" (os error").next().unwrap_or_default();
    let mut characters = words.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// The host of the failed request: `api.gcore.com`, with its port unless it is the default one.
fn host_of(error: &reqwest::Error) -> String {
    let host = error.url().and_then(|url| Some((url.host_str()?, url.port())));
    match host {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "the API".to_owned(),
    }
}

#[cfg(test)]
mod tests;
