use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;
use crate::api::{Lost, Transport as _};
use crate::clock::Clock;
use crate::simulate::{Faults, InMemory, serve};

#[tokio::test(start_paused = true)]
async fn in_memory_time_is_tokios_time() {
    let now = "2026-05-23T05:00:00Z".parse().unwrap();
    let simulator = Arc::new(Mutex::new(Simulator::new(Options::default())));
    let transport = InMemory::new(Arc::clone(&simulator), Clock::starting_at(now, 1.0));
    let mut create = Request::new(Method::Post, NETWORKS);
    create.body = Some(json!({ "name": "net" }).into());
    let accepted = read(&transport.send(create).await.unwrap());
    let look = Request::get(format!("/cloud/v1/tasks/{}", accepted["tasks"][0].as_str().unwrap()));
    assert_eq!(read(&transport.send(look.clone()).await.unwrap())["state"], "RUNNING");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(read(&transport.send(look).await.unwrap())["state"], "FINISHED");
}

#[tokio::test(start_paused = true)]
async fn in_memory_a_reset_is_an_unknown_outcome() {
    let faults = Faults::parse(["reset:1", "cut:2"]).unwrap();
    let simulator = Arc::new(Mutex::new(Simulator::new(Options { faults, ..instant() })));
    let transport = InMemory::new(simulator, Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0));
    for _ in 0..2 {
        let lost = transport.send(Request::get(NETWORKS)).await.unwrap_err();
        assert!(!matches!(lost, Lost::NotSent(_)));
    }
    assert!(transport.send(Request::get(NETWORKS)).await.unwrap().is_success());
}

/// A server on a free port, and the sender that stops it.
async fn server(options: Options) -> (std::net::SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let simulator = Arc::new(Mutex::new(Simulator::new(options)));
    let clock = Clock::starting_at("2026-05-23T05:00:00Z".parse().unwrap(), 1.0);
    let served = tokio::spawn(async move {
        serve(listener, simulator, clock, async { drop(stopped.await) }).await.unwrap();
    });
    (address, stop, served)
}

/// Sends one request and gives everything received until the connection ends.
async fn exchange(stream: &mut TcpStream, head: &str, body: &str) -> std::io::Result<String> {
    let length = body.len();
    let request =
        format!("{head} HTTP/1.1\r\nhost: x\r\nauthorization: APIKey k\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(text);
            }
        }
        match stream.read(&mut piece).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_many_requests() {
    let (address, stop, served) = server(instant()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let made = exchange(&mut stream, &format!("POST {NETWORKS}"), r#"{"name":"net"}"#).await.unwrap();
    assert!(made.starts_with("HTTP/1.1 200 OK") && made.contains("date: Sat, 23 May 2026"), "{made}");
    let list = exchange(&mut stream, &format!("GET {NETWORKS}?name=net&limit=5"), "").await.unwrap();
    assert!(list.contains(r#""count":1"#), "{list}");
    let nonsense = exchange(&mut stream, &format!("POST {NETWORKS}"), "{").await.unwrap();
    assert!(nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
    drop(stop);
    served.await.unwrap();
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_cut_answer_ends_early() {
    let faults = Faults::parse(["reset:1", "cut:2"]).unwrap();
    let (address, stop, served) = server(Options { faults, ..instant() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let reset = exchange(&mut stream, "GET /cloud/v1/regions", "").await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(exchange(&mut stream, "GET /cloud/v1/regions", "").await.is_err());
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(exchange(&mut stream, "GET /cloud/v1/regions", "").await.is_ok());
    drop((stream, stop));
    served.await.unwrap();
}
