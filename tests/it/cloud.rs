//! A simulated API on loopback that kills its client at a given request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use gcore_plan::api::{Answer, Request};
use gcore_plan::catalog::Method;
use gcore_plan::simulate::{Options, Reaction, Simulator};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::support::Ended;

/// How often the journal is checked before a client that writes nothing is killed nevertheless.
const LOOKS: usize = 100_000;

/// The point in a request's life at which its sender is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has arrived, and was not carried out yet.
    BeforeActing,
    /// The API has carried it out, and does not answer.
    Acted,
    /// The answer is sent.
    Answered,
    /// The journal has grown after the answer.
    Written,
}

impl Moment {
    pub const ALL: [Moment; 4] = [Moment::BeforeActing, Moment::Acted, Moment::Answered, Moment::Written];
}

/// The API, and the client it may kill. It serves as long as the tests run.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Mutex<Inner>>,
    simulator: Arc<Mutex<Simulator>>,
    journal: PathBuf,
    pub url: String,
}

struct Inner {
    client: Option<Child>,
    requests: u64,
    trap: Option<(u64, Moment)>,
}

/// The outcome of one client.
pub struct Life {
    pub killed: bool,
    pub requests: u64,
    pub ended: Ended,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Cloud {
    /// `journal`: the client's record.
    pub fn start(options: Options, journal: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cloud = Self {
            inner: Arc::new(Mutex::new(Inner { client: None, requests: 0, trap: None })),
            simulator: Arc::new(Mutex::new(Simulator::new(options))),
            journal,
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let served = cloud.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                // A killed client closes its connections, which ends their threads.
                std::thread::spawn(move || served.serve(stream).unwrap_or_default());
            }
        });
        cloud
    }

    pub fn simulator(&self) -> MutexGuard<'_, Simulator> {
        lock(&self.simulator)
    }

    /// Runs one client. `trap`: the request, counted from 1, at which it is killed.
    pub fn live(&self, mut command: Command, trap: Option<(u64, Moment)>) -> Life {
        let (mut stdout, mut stderr) = {
            let mut inner = lock(&self.inner);
            inner.requests = 0;
            inner.trap = trap;
            let mut client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let pipes = (client.stdout.take().unwrap(), client.stderr.take().unwrap());
            inner.client = Some(client);
            pipes
        };
        let (mut out, mut err) = (String::new(), String::new());
        // Both end with the client.
        stderr.read_to_string(&mut err).unwrap();
        stdout.read_to_string(&mut out).unwrap();
        let mut inner = lock(&self.inner);
        let status = inner.client.take().expect("it was started above").wait().unwrap();
        Life {
            killed: status.code().is_none(),
            requests: inner.requests,
            ended: Ended { code: status.code(), stdout: out, stderr: err },
        }
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        loop {
            let request = read_request(&mut reader)?;
            let moment = self.arrived();
            if moment == Some(Moment::BeforeActing) {
                self.kill();
                return None;
            }
            let reaction = self.simulator().handle(&request, Timestamp::now());
            if moment == Some(Moment::Acted) {
                self.kill();
                return None;
            }
            let size = self.journal_size();
            let Reaction::Answer(answer) = reaction else { return None };
            write_answer(&mut writer, &answer)?;
            match moment {
                Some(Moment::Answered) => self.kill(),
                Some(Moment::Written) => {
                    for _ in 0..LOOKS {
                        if self.journal_size() > size {
                            break;
                        }
                        std::thread::yield_now();
                    }
                    self.kill();
                }
                _ => {}
            }
        }
    }

    fn arrived(&self) -> Option<Moment> {
        let mut inner = lock(&self.inner);
        inner.requests += 1;
        let number = inner.requests;
        inner.trap.filter(|(nth, _)| *nth == number).map(|(_, moment)| moment)
    }

    /// SIGKILL.
    fn kill(&self) {
        if let Some(client) = &mut lock(&self.inner).client {
            client.kill().unwrap();
        }
    }

    fn journal_size(&self) -> u64 {
        std::fs::metadata(&self.journal).map_or(0, |metadata| metadata.len())
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (Method::parse(words.next()?)?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request::new(method, path);
    let decoded = |word: &str| percent_decode_str(&word.replace('+', " ")).decode_utf8_lossy().into_owned();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        request.query.push((decoded(name), decoded(value)));
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        request.headers.push((name, value));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = serde_json::from_slice(&body).ok();
    Some(request)
}

fn write_answer(writer: &mut TcpStream, answer: &Answer) -> Option<()> {
    let mut text = format!("HTTP/1.1 {} Answer\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    writer.write_all(&[text.as_bytes(), &answer.body].concat()).ok()
}
