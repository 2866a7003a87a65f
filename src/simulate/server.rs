//! The simulator over HTTP, for any client. Uses hyper directly, because resets and cut answers need access to the
//! connection.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answer::{Refusal, http_date};
use super::core::Reaction;
use super::memory::{SharedSimulator, lock};
use super::multipart;
use super::product::Refused;
use crate::api::{Answer, Request};
use crate::body_file::Upload;
use crate::catalog::{CLOUD, Catalog, Method, root_of};
use crate::clock::Clock;

/// The request id in the refusal of a request that cannot be read.
const UNREADABLE: &str = "unreadable";

/// Serves until `shutdown` resolves; then accepts no further connection, and lets requests under way be answered.
///
/// # Errors
///
/// The listener's error, once it can accept no more connections.
pub async fn serve(
    listener: TcpListener,
    simulator: SharedSimulator,
    clock: Clock,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&simulator), clock, stopped.clone()));
                }
                // The client closed the connection before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            },
        }
    }
    drop(stop);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Serves one connection until the client closes it, a fault ends it, or the server stops.
async fn connection(stream: TcpStream, simulator: SharedSimulator, clock: Clock, mut stopped: watch::Receiver<()>) {
    let raw = socket2::SockRef::from(&stream).try_clone();
    let reset = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| answer(request, &simulator, clock, Arc::clone(&reset)));
    let served = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        _ = stopped.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    // An error here comes from the client or from an injected fault; nothing has to be reported.
    drop(ended);
    if reset.load(Ordering::Relaxed)
        && let Ok(raw) = raw
    {
        // A linger of zero sends RST instead of FIN. For a closed socket the call fails, which is harmless.
        let _ = raw.set_linger(Some(std::time::Duration::ZERO));
    }
}

/// Returned by the service to make hyper close the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be reset")]
struct HangUp;

async fn answer(
    request: hyper::Request<Incoming>,
    simulator: &SharedSimulator,
    clock: Clock,
    reset: Arc<AtomicBool>,
) -> Result<Response<Payload>, HangUp> {
    let request = match read(request).await {
        Ok(request) => request,
        Err(mut answer) => {
            answer.headers.push(("date".into(), http_date(clock.now())));
            return Ok(response(&answer, None));
        }
    };
    let mut reaction = lock(simulator).handle(&request, clock.now());
    loop {
        reaction = match reaction {
            Reaction::Answer(answer) => return Ok(response(&answer, None)),
            // Closed rather than reset, so that the client can read what arrived.
            Reaction::Cut { answer, bytes } => return Ok(response(&answer, Some(bytes))),
            Reaction::Reset | Reaction::LoseAnswer => {
                reset.store(true, Ordering::Relaxed);
                return Err(HangUp);
            }
            Reaction::Later { after, ticket } => {
                tokio::time::sleep(clock.real(after)).await;
                lock(simulator).answer_of(ticket, clock.now())
            }
            Reaction::Delay(length, then) => {
                tokio::time::sleep(clock.real(length)).await;
                *then
            }
        };
    }
}

/// Converts the HTTP request.
async fn read(request: hyper::Request<Incoming>) -> Result<Request, Answer> {
    let (head, body) = request.into_parts();
    let method = Method::parse(head.method.as_str());
    let refused = |status, words| Refusal::new(status, "HTTPError", words).answer(UNREADABLE);
    let method = method.ok_or_else(|| refused(405, "Method Not Allowed"))?;
    let mut read = Request::new(method, head.uri.path());
    read.query = head.uri.query().map(query).unwrap_or_default();
    for (name, value) in &head.headers {
        read.headers.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    let bytes = body.collect().await.map_err(|_| refused(400, "the body is incomplete"))?.to_bytes();
    let content = read.headers.iter().find(|(name, _)| name == "content-type").map(|(_, content)| content.clone());
    // A body with another content type is a file, whose contents are not parsed.
    let file = content.as_ref().filter(|content| !content.contains("json") && !bytes.is_empty());
    if let Some(boundary) = content.as_deref().and_then(multipart::boundary) {
        multipart::receive(&mut read, boundary, &bytes)
            .ok_or_else(|| refused(400, "There was an error parsing the body"))?;
    } else if let Some(content) = file {
        read.body_file = Some(Box::new(Upload::received(content, &bytes)));
    } else if !bytes.is_empty() {
        read.body = Some(serde_json::from_slice(&bytes).map_err(|_| unreadable(&read.path))?);
    }
    Ok(read)
}

/// The refusal of a body that is not JSON, in the form of the product.
fn unreadable(path: &str) -> Answer {
    let root = root_of(path);
    let is_product = root != CLOUD && Catalog::embedded().operations_of(root).next().is_some();
    match is_product {
        true => Refused::not_json().answer(root),
        false => Refusal::invalid_field("body", "is not JSON").answer(UNREADABLE),
    }
}

/// The pairs of a query, decoded.
fn query(text: &str) -> Vec<(String, String)> {
    let decoded = |word: &str| percent_decode_str(&word.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn response(answer: &Answer, cut: Option<usize>) -> Response<Payload> {
    let payload = Payload::new(answer, cut);
    let mut response = Response::new(payload);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        let pair = hyper::header::HeaderName::try_from(name.as_str()).ok().zip(value.parse().ok());
        if let Some((name, value)) = pair {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A body that can end before its announced length.
struct Payload {
    bytes: Option<Bytes>,
    announced: u64,
    cut: bool,
}

impl Payload {
    fn new(answer: &Answer, cut: Option<usize>) -> Self {
        let arrives = cut.unwrap_or(usize::MAX).min(answer.body.len());
        let bytes = (arrives > 0).then(|| Bytes::copy_from_slice(&answer.body[..arrives]));
        Self { bytes, announced: answer.body.len() as u64, cut: cut.is_some() }
    }
}

impl hyper::body::Body for Payload {
    type Data = Bytes;
    type Error = HangUp;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HangUp>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.cut => Poll::Ready(Some(Err(HangUp))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        // The full length is announced, so that the client detects the cut.
        SizeHint::with_exact(self.announced)
    }
}
