//! An API that answers at once: creates without tasks, and volumes whose tasks end after a given time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gcore_plan::hash::HashMap;
use jiff::Timestamp;

/// How many tasks one page of a list may show.
const PAGE: usize = 1000;

/// A server with threads of its own, as it would have a machine of its own.
pub struct Server {
    pub base: String,
    state: Arc<State>,
}

struct State {
    began: Instant,
    /// How long a task runs.
    task: Duration,
    /// When each was accepted, in order; its number is its id.
    tasks: Mutex<Vec<Duration>>,
    requests: AtomicU64,
    lists: AtomicU64,
}

impl Server {
    pub fn start(task: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = Arc::new(State {
            began: Instant::now(),
            task,
            tasks: Mutex::default(),
            requests: AtomicU64::new(0),
            lists: AtomicU64::new(0),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A client that goes away ends its connection.
                std::thread::spawn(move || drop(state.serve(&stream)));
            }
        });
        Self { base, state }
    }

    /// The number of requests so far, and of those that listed tasks.
    pub fn counted(&self) -> (u64, u64) {
        (self.state.requests.load(Ordering::Relaxed), self.state.lists.load(Ordering::Relaxed))
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut reader, mut writer) = (BufReader::new(stream), stream);
        let (mut first, mut line) = (String::new(), String::new());
        loop {
            first.clear();
            if reader.read_line(&mut first)? == 0 {
                return Ok(());
            }
            let mut length = 0;
            loop {
                line.clear();
                reader.read_line(&mut line)?;
                if line == "\r\n" || line.is_empty() {
                    break;
                }
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
            let mut words = first.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (status, body) = self.answer(method, target);
            let date = httpdate::fmt_http_date(SystemTime::now());
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ndate: {date}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            writer.write_all(format!("{head}{body}").as_bytes())?;
        }
    }

    fn answer(&self, method: &str, target: &str) -> (&'static str, String) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let path = target.split('?').next().unwrap_or_default();
        match (method, path) {
            ("POST", path) if path.starts_with("/cloud/v1/volumes/") => {
                let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
                tasks.push(self.began.elapsed());
                ("200 OK", format!("{{\"tasks\":[\"{}\"]}}", id(tasks.len() - 1)))
            }
            ("POST", _) => ("201 Created", format!("{{\"id\":\"{}\"}}", id(usize::try_from(number).unwrap_or(0)))),
            ("GET", "/cloud/v1/tasks") => ("200 OK", self.list(target)),
            ("GET", path) if path.starts_with("/cloud/v1/tasks/") => self.task(&path["/cloud/v1/tasks/".len()..]),
            ("GET", _) => ("200 OK", "{\"count\":0,\"results\":[]}".to_owned()),
            _ => ("404 Not Found", "{}".to_owned()),
        }
    }

    /// Tasks since a time, oldest first, one page.
    fn list(&self, target: &str) -> String {
        self.lists.fetch_add(1, Ordering::Relaxed);
        let query: HashMap<&str, &str> = target.split(['?', '&']).filter_map(|pair| pair.split_once('=')).collect();
        let number = |name: &str| query.get(name).and_then(|value| value.parse::<usize>().ok());
        let from = query.get("from_timestamp").and_then(|from| from.replace("%3A", ":").parse::<Timestamp>().ok());
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |time: Duration| self.wall(time);
        let first = from.map_or(0, |from| tasks.partition_point(|accepted| at(*accepted) < from));
        let shown = tasks[first..].iter().enumerate().skip(number("offset").unwrap_or(0));
        let shown = shown.take(number("limit").unwrap_or(PAGE).min(PAGE));
        let shown = shown.map(|(place, accepted)| self.shown(first + place, *accepted));
        let results = shown.collect::<Vec<_>>().join(",");
        format!("{{\"count\":{},\"results\":[{results}]}}", tasks.len() - first)
    }

    /// One task, by its id.
    fn task(&self, task: &str) -> (&'static str, String) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let number = task.rsplit('-').next().and_then(|number| number.parse::<usize>().ok());
        let accepted = number.and_then(|number| Some((number, *tasks.get(number)?)));
        accepted
            .map_or(("404 Not Found", "{}".to_owned()), |(number, accepted)| ("200 OK", self.shown(number, accepted)))
    }

    fn shown(&self, number: usize, accepted: Duration) -> String {
        let (id, ends) = (id(number), accepted + self.task);
        let state = if self.began.elapsed() >= ends { "FINISHED" } else { "RUNNING" };
        format!(
            "{{\"id\":\"{id}\",\"state\":\"{state}\",\"task_type\":\"create_volume\",\"created_on\":\"{}\",\
             \"finished_on\":\"{}\",\"created_resources\":{{\"volumes\":[\"{id}\"]}}}}",
            self.wall(accepted),
            self.wall(ends),
        )
    }

    /// The wall-clock time of a moment, which is given as the time since the server began.
    fn wall(&self, time: Duration) -> Timestamp {
        let (now, wall) = (self.began.elapsed(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Timestamp::UNIX_EPOCH + (wall + time).saturating_sub(now)
    }
}

fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
