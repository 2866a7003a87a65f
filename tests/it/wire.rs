//! Connections to the API: certificate authorities, refused keys, servers without TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::support::{Ended, Folder};

/// A certificate authority, and a server certificate signed by it, valid until 2120. The server's private key is
/// public: 32 bytes of 7; that of the authority was deleted.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBNDCB56ADAgECAgEBMAUGAytlcDAhMR8wHQYDVQQDDBZhbiBhdXRob3JpdHkg
Zm9yIHRlc3RzMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAhMR8w
HQYDVQQDDBZhbiBhdXRob3JpdHkgZm9yIHRlc3RzMCowBQYDK2VwAyEA5IPHn7dQ
ZMq5KKbgwH6ALFUG2akqRp0reZuzLT7qreOjQjBAMA8GA1UdEwEB/wQFMAMBAf8w
DgYDVR0PAQH/BAQDAgIEMB0GA1UdDgQWBBRX+OByp7oDqHkLtj2uVJDAsumQZzAF
BgMrZXADQQD5kWDCpRUySDa1iMY6p1l8OP/QRPWHg8Sd5JMi4jqvQxn5CYxIWQMz
5c6VydAcw0/xVE6Nf3P0PFgnGTnvqb0I
-----END CERTIFICATE-----
";
const SERVER: &str = "\
-----BEGIN CERTIFICATE-----
MIIBYjCCARSgAwIBAgIBAjAFBgMrZXAwITEfMB0GA1UEAwwWYW4gYXV0aG9yaXR5
IGZvciB0ZXN0czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowHTEb
MBkGA1UEAwwSYSBzZXJ2ZXIgZm9yIHRlc3RzMCowBQYDK2VwAyEA6kpsY+KcUgq+
9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iyjczBxMA8GA1UdEQQIMAaHBH8AAAEwCQYD
VR0TBAIwADATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4EFgQUTF7OQCOgNB7i
rP/MTRcVSoVPAuUwHwYDVR0jBBgwFoAUV/jgcqe6A6h5C7Y9rlSQwLLpkGcwBQYD
K2VwA0EA5bfXtMe6ykCOgU1JMHAaWpPSaoCks+LJZ23Gj63g812V4kK1TOo5dLEh
OnxKGb0bL5uv9gz3i0VHogoa9/KuCA==
-----END CERTIFICATE-----
";

/// PKCS #8 of the Ed25519 key that is thirty-two times seven (RFC 8410 §7).
fn server_key() -> PrivateKeyDer<'static> {
    const HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from([&HEAD[..], &[7; 32]].concat()))
}

/// Reads one request and answers it, as HTTP.
fn answer(stream: &mut (impl Read + Write), head: &str, body: &[u8]) -> std::io::Result<()> {
    let (mut reader, mut length, mut line) = (BufReader::new(&mut *stream), 0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let length = body.len();
    write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")?;
    stream.write_all(body)?;
    stream.flush()
}

/// Gives every connection to `serve`, until the process ends; returns the port, and how many there were.
fn listen(serve: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (count, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(serve));
    let seen = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            seen.fetch_add(1, Ordering::SeqCst);
            let serve = Arc::clone(&counted);
            // A client that went away is served no more.
            std::thread::spawn(move || drop(serve(stream)));
        }
    });
    (port, count)
}

/// A server of an account without tasks that speaks TLS.
fn listen_with_tls() -> u16 {
    // Installing twice is harmless: the first stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = vec![CertificateDer::from_pem_slice(SERVER.as_bytes()).unwrap()];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, server_key()).unwrap();
    let config = Arc::new(config);
    let (port, _) = listen(move |mut stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
        let mut connection = connection;
        let mut inside = rustls::Stream::new(&mut connection, &mut stream);
        answer(&mut inside, "200 OK\r\ncontent-type: application/json", br#"{"count":0,"results":[]}"#)
    });
    port
}

/// Thirty steps that do not wait for one another.
fn plan() -> String {
    let steps: String = (0..30)
        .map(|nth| {
            format!(
                "  - {{ id: n{nth}, call: 'POST /cloud/v1/networks/{{project_id}}/{{region_id}}', \
                            body: {{ name: net-{nth} }} }}\n"
            )
        })
        .collect();
    format!("name: demo\nsteps:\n{steps}")
}

fn run(folder: &Folder, url: &str, arguments: &[&str], more: &[(&str, &str)]) -> Ended {
    let environment = [
        ("GCORE_BASE_URL", url),
        ("GCORE_API_KEY", "9999$sesame-open-seventy-seven"),
        ("GCORE_CLOUD_PROJECT_ID", "1"),
        ("GCORE_CLOUD_REGION_ID", "7"),
    ];
    folder.run_in(arguments, &[&environment[..], more].concat())
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let folder = Folder::new().with("ca.pem", AUTHORITY).with("empty.pem", "");
    let url = format!("https://127.0.0.1:{}", listen_with_tls());
    let refused = run(&folder, &url, &["tasks"], &[]);
    refused.says("the certificate of `127.0.0.1` is not trusted");
    refused.says("--ca-file FILE");
    run(&folder, &url, &["tasks", "--ca-file", "ca.pem"], &[]).with_code(0).says("no such tasks");
    run(&folder, &url, &["tasks"], &[("PLAN_CA_FILE", "ca.pem")]).with_code(0).says("no such tasks");
    let missing = run(&folder, &url, &["tasks", "--ca-file", "no.pem"], &[("PLAN_CA_FILE", "ca.pem")]).with_code(2);
    missing.says("`--ca-file` is");
    missing.says("no.pem");
    run(&folder, &url, &["tasks"], &[("PLAN_CA_FILE", "no.pem")]).with_code(2).says("`PLAN_CA_FILE` is");
    run(&folder, &url, &["tasks", "--ca-file", "empty.pem"], &[]).with_code(2).says("holds no certificate");
    run(&folder, &url, &["tasks"], &[("SSL_CERT_FILE", "no.pem")]).with_code(2).says("`SSL_CERT_FILE` is `no.pem`");
    let store = [("AWS_ENDPOINT_URL", url.as_str()), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "secret-b")];
    let elsewhere = ["status", "--all", "--state", "s3://records/x", "--ca-file", "no.pem"];
    run(&folder, &url, &elsewhere, &store).says("the authorities to trust cannot be read from");
}

#[test]
fn a_refused_key_is_found_out_once_whatever_the_number_of_steps() {
    let folder = Folder::new().with("plan.yaml", &plan());
    let (port, requests) = listen(|mut stream| answer(&mut stream, "401 Unauthorized", b"{}"));
    let ended = run(&folder, &format!("http://127.0.0.1:{port}"), &["run", "plan.yaml"], &[]).with_code(4);
    ended.says("does not accept this key");
    assert_eq!(requests.load(Ordering::SeqCst), 1, "{}", ended.stderr);
}

#[test]
fn a_server_that_speaks_no_tls_is_found_out_once_whatever_the_number_of_steps() {
    let folder = Folder::new().with("plan.yaml", &plan());
    let (port, connections) = listen(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let ended = run(&folder, &format!("https://127.0.0.1:{port}"), &["run", "plan.yaml"], &[]);
    assert_ne!(ended.code, Some(0));
    ended.says("does not speak TLS");
    assert_eq!(connections.load(Ordering::SeqCst), 1, "{}", ended.stderr);
}
