use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::body_file::{BodyFiles, Form, FormFile};

#[tokio::test]
async fn a_server_without_tls_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answered = async {
                stream.writable().await?;
                stream.try_write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            };
            answered.await.unwrap();
        }
    });
    let http =
        Http::new(&format!("https://{address}"), &"key".to_owned().into(), Duration::from_secs(30), &[]).unwrap();
    let lost = http.send(Request::get("/cloud/v1/projects")).await.unwrap_err();
    assert!(matches!(&lost, Lost::NoConnection(why) if why.contains("`127.0.0.1` does not speak TLS")), "{lost:?}");
}

/// The error for an answer with this head and body.
async fn lost_to(head: String, body: Vec<u8>) -> Lost {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Reads the head of the request, which has no body.
        while !matches!(stream.read_u8().await, Ok(b'\n') | Err(_)) {}
        // The client may close the connection early.
        drop(stream.write_all(&[head.as_bytes(), &body].concat()).await);
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    });
    let key = "key".to_owned().into();
    let http = Http::new(&format!("http://{address}"), &key, Duration::from_secs(30), &[]).unwrap();
    let lost = http.send(Request::get("/cloud/v1/tasks")).await.unwrap_err();
    drop(http);
    server.await.unwrap();
    lost
}

#[tokio::test]
async fn an_answer_has_a_largest_size_before_and_after_it_is_unpacked() {
    use std::io::Write as _;
    let zeros = vec![0; 1 << 20];
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..65).for_each(|_| packed.write_all(&zeros).unwrap());
    let bomb = packed.finish().unwrap();
    assert!(bomb.len() < zeros.len());
    let unpacked = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n".to_owned();
    for (head, body) in [(unpacked, bomb), (announced, Vec::new())] {
        let lost = lost_to(head.clone(), body).await;
        let told = matches!(&lost, Lost::Broken { cause, .. } if cause == "the answer is larger than 64 MiB");
        assert!(told, "{head}: {lost:?}");
    }
}

#[test]
fn plain_http_goes_to_this_machine_only() {
    for good in ["https://api.gcore.com", "http://127.0.0.1:8080", "http://localhost:1/x", "http://[::1]:80"] {
        assert!(base_url(good).is_ok(), "{good}");
    }
    for bad in [
        "http://api.gcore.com",
        "http://10.0.0.1",
        "ftp://x",
        "api.gcore.com",
        "https://u:p@api.gcore.com",
        "https://x?y=1",
    ] {
        assert!(base_url(bad).is_err(), "{bad}");
    }
    for (bad, told) in [
        ("http://api.gcore.com", "plain `http` would show the API key to the network; use `https`"),
        ("ftp://api.gcore.com", "only `https` (and `http` to this machine) is spoken"),
        ("api.gcore.com", "it should look like `https://api.gcore.com`"),
        ("https://user@api.gcore.com", "it may hold a host, a port and a path, nothing else"),
        ("https://:hunter2@api.gcore.com", "it may hold a host, a port and a path, nothing else"),
        ("https://api.gcore.com?x", "it may hold a host, a port and a path, nothing else"),
        ("https://api.gcore.com#x", "it may hold a host, a port and a path, nothing else"),
    ] {
        let error = base_url(bad).unwrap_err();
        assert!(matches!(&error, HttpError::BaseUrl(_, why) if *why == told), "{bad}: {error}");
    }
    for (bad, shown) in [
        ("https://user:hunter2@api.gcore.com", "`https://…@api.gcore.com` is not a base URL"),
        ("ftp://a@b@c", "`ftp://…@c` is not a base URL"),
        ("a@b://c", "`a@b://c` is not a base URL"),
    ] {
        let told = base_url(bad).unwrap_err().to_string();
        assert!(told.starts_with(shown), "{told}");
    }
}

#[test]
fn a_key_is_one_word() {
    let told = |key: &str| authorization("APIKey", &key.to_owned().into()).map_err(|error| error.to_string());
    assert!(told("123$abc").is_ok());
    assert_eq!(told("apikey 123$abc").unwrap_err(), "the API key cannot be sent: it begins with the word `APIKey`");
    for blank in ["123 abc", "123\tabc", "123\nabc"] {
        assert_eq!(told(blank).unwrap_err(), "the API key cannot be sent: it has blanks or line ends in it");
    }
    assert_eq!(told("a\u{7f}").unwrap_err(), "the API key cannot be sent: it has control characters in it");
}

/// The head and the first `length` bytes of the body that one request sends; the server answers with `answer`.
async fn written(base: &str, request: Request, length: usize, answer: Vec<u8>) -> (String, Result<Answer, Lost>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            read.push(stream.read_u8().await.unwrap());
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        stream.write_all(&answer).await.unwrap();
        String::from_utf8([read, body].concat()).unwrap()
    });
    let key = "123$abc".to_owned().into();
    let http = Http::new(&format!("http://{address}{base}"), &key, Duration::from_secs(30), &[]).unwrap();
    let answered = http.send(request).await;
    (server.await.unwrap(), answered)
}

fn answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\nx-request-id: r1\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn a_request_is_written_as_it_was_made() {
    let body = json!({ "name": "a" });
    for (method, word) in [
        (Method::Get, "GET"),
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
        (Method::Patch, "PATCH"),
        (Method::Delete, "DELETE"),
    ] {
        for base in ["", "/", "/proxy/"] {
            let mut request = Request { body: Some(body.clone().into()), ..Request::new(method, "/cloud/v1/x%20y") };
            let plain = written(base, Request { body: None, ..request.clone() }, 0, answer("{}")).await.0;
            let path = format!("{}/cloud/v1/x%20y", base.trim_end_matches('/'));
            assert!(plain.starts_with(&format!("{word} {path} HTTP/1.1\r\n")), "{plain}");
            request.query = vec![("a".to_owned(), "1 2".to_owned()), ("a".to_owned(), "&".to_owned())];
            request.headers = vec![("x-own".to_owned(), "own".to_owned())];
            let (text, answered) = written(base, request, body.to_string().len(), answer("[1]")).await;
            assert!(text.starts_with(&format!("{word} {path}?a=1+2&a=%26 HTTP/1.1\r\n")), "{text}");
            for line in ["authorization: APIKey 123$abc", "x-own: own", "content-type: application/json"] {
                assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
            }
            assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{text}");
            let answered = answered.unwrap();
            assert_eq!(
                (answered.status, answered.header("x-request-id"), &*answered.body),
                (201, Some("r1"), &b"[1]"[..])
            );
        }
    }
}

#[tokio::test]
async fn a_file_is_sent_whole_with_its_length_and_type() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.wasm"), "module").unwrap();
    let files = BodyFiles::below(folder.path());
    let upload = files.upload(files.measure("app.wasm", "application/octet-stream").unwrap());
    let request =
        Request { body_file: Some(Box::new(upload)), ..Request::new(Method::Post, "/fastedge/v1/binaries/raw") };
    let (text, answered) = written("", request, 6, answer("{}")).await;
    assert!(text.contains("\r\ncontent-length: 6\r\n") && text.ends_with("\r\n\r\nmodule"), "{text}");
    assert!(text.contains("\r\ncontent-type: application/octet-stream\r\n"), "{text}");
    assert!(answered.is_ok(), "{answered:?}");
    for (size, takes) in [(0, 0), (128, 1), (128_000_000, 1_000_000)] {
        assert_eq!(longest_sending_time(size), Duration::from_millis(takes));
    }
}

#[tokio::test]
async fn a_form_is_sent_whole_with_its_length_and_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.pdf"), "%PDF-1").unwrap();
    let files = BodyFiles::below(folder.path());
    let upload = files.upload(files.measure("a.pdf", "application/pdf").unwrap());
    let request = Request {
        body: Some(json!({ "as_number": 65000, "files": ["a.pdf"] }).into()),
        form: Some([FormFile { field: "files".to_owned(), upload }].into()),
        ..Request::new(Method::Post, "/security/sifter/v3/protected_networks")
    };
    let size = Form::new(request.body.as_ref().unwrap(), request.form.as_ref().unwrap()).size;
    let mut sent = Vec::new();
    for _ in 0..2 {
        let (text, answered) = written("", request.clone(), usize::try_from(size).unwrap(), answer("{}")).await;
        assert!(answered.is_ok(), "{answered:?}");
        let content = text.split("\r\ncontent-type: multipart/form-data; boundary=").nth(1).unwrap();
        let boundary = content.split("\r\n").next().unwrap().to_owned();
        assert!(text.contains(&format!("\r\ncontent-length: {size}\r\n")) && !text.contains("chunked"), "{text}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with(&format!("--{boundary}\r\n")), "{text}");
        assert!(body.contains("filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1\r\n"), "{text}");
        assert!(body.ends_with(&format!("--{boundary}--\r\n")), "{text}");
        sent.push(body.to_owned());
    }
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test]
async fn a_request_without_an_answer_in_time_is_told_from_one_that_was_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let key = "key".to_owned().into();
    let http = Http::new(&format!("http://{address}"), &key, Duration::from_millis(20), &[]).unwrap();
    // The kernel takes the connection, and nothing answers.
    let lost = http.send(Request::get("/cloud/v1/tasks")).await.unwrap_err();
    assert!(matches!(&lost, Lost::Unknown { timed_out: true, .. }), "{lost:?}");
    let lost = lost_to(String::new(), b"HTTP/1.1 no answer in time\r\n\r\n".to_vec()).await;
    assert!(matches!(&lost, Lost::Unknown { timed_out: false, .. }), "{lost:?}");
}

#[tokio::test]
async fn an_answer_of_the_largest_size_is_accepted() {
    let body = "x".repeat(LARGEST_ANSWER);
    let (_, answered) = written("", Request::get("/cloud/v1/tasks"), 0, answer(&body)).await;
    assert_eq!(answered.unwrap().body.len(), LARGEST_ANSWER);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4000001\r\n".to_owned();
    let larger = [chunked.as_bytes(), body.as_bytes(), b"x\r\n0\r\n\r\n"].concat();
    let (head, rest) = larger.split_at(chunked.len());
    let lost = lost_to(String::from_utf8(head.to_vec()).unwrap(), rest.to_vec()).await;
    assert!(matches!(&lost, Lost::Broken { cause, .. } if cause == "the answer is larger than 64 MiB"), "{lost:?}");
}

#[tokio::test]
async fn an_address_that_refuses_is_named_with_its_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let key = "key".to_owned().into();
    let http = Http::new(&format!("http://{address}/base/"), &key, Duration::from_secs(30), &[]).unwrap();
    let lost = http.send(Request::get("/x")).await.unwrap_err();
    assert!(
        matches!(&lost, Lost::NotSent(why) if *why == format!("no connection to `{address}`: connection refused")),
        "{lost:?}"
    );
    assert_eq!(http.base_url(), format!("http://{address}/base"));
}

#[test]
fn every_reason_of_distrust_has_a_message() {
    use rustls::CertificateError as Why;
    for (why, words) in [
        (Why::Expired, "it has expired"),
        (Why::NotValidYet, "it is not valid yet, or this machine's clock is wrong"),
        (Why::Revoked, "it was revoked"),
        (Why::UnknownIssuer, "its issuer is not known here"),
        (Why::NotValidForName, "it is for another host"),
        (Why::BadEncoding, "it is damaged"),
        (Why::BadSignature, "it is damaged"),
        (Why::ApplicationVerificationFailure, "it is not one of a server that a known authority issued"),
    ] {
        assert_eq!(distrust(&why), words);
    }
}

#[test]
fn a_file_of_authorities_holds_certificates() {
    assert!(certificates(b"").is_ok_and(|none| none.is_empty()));
    let error = certificates(b"words").unwrap_err().to_string();
    assert_eq!(error, "the file of `--ca-file` holds no certificate");
}
