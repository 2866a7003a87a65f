//! An object store on loopback, as S3 is asked: objects by name, conditional creates, lists.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use percent_encoding::percent_decode_str;

/// The objects, and how many more of them can be written before the store is away.
#[derive(Clone)]
pub struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    writes: Arc<AtomicUsize>,
    pub url: String,
}

struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    head: String,
    body: Vec<u8>,
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Asked {
    fn read(stream: &TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line)? > 2 {
            head += &line.to_lowercase();
            line.clear();
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect();
        // The first segment is the bucket.
        let path = decoded(path).trim_start_matches('/').split_once('/').map(|(_, key)| key.to_owned());
        Ok(Self { method: method.to_owned(), path: path.unwrap_or_default(), query, head, body })
    }
}

impl Bucket {
    /// Serves until the process ends.
    pub fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bucket = Self { objects: Arc::default(), writes: Arc::new(AtomicUsize::new(usize::MAX)), url };
        let served = bucket.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                // A closed connection ends its thread.
                std::thread::spawn(move || drop(served.one(stream)));
            }
        });
        bucket
    }

    /// The store is away after so many more objects.
    pub fn goes_away_after(&self, writes: usize) {
        self.writes.store(writes, Ordering::SeqCst);
    }

    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn one(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (status, body) = self.answer(&Asked::read(&stream)?);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\netag: \"e\"\r\n\
             last-modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }

    fn answer(&self, asked: &Asked) -> (u16, Vec<u8>) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        match asked.method.as_str() {
            "PUT" if self.writes.load(Ordering::SeqCst) == 0 => (503, Vec::new()),
            "PUT" if asked.head.contains("if-none-match:") && objects.contains_key(&asked.path) => (412, Vec::new()),
            "PUT" => {
                self.writes.fetch_sub(1, Ordering::SeqCst);
                objects.insert(asked.path.clone(), asked.body.clone());
                (200, Vec::new())
            }
            "GET" if asked.query.contains_key("list-type") => (200, listed(&objects, &asked.query).into_bytes()),
            "GET" => objects.get(&asked.path).map_or((404, Vec::new()), |bytes| (200, bytes.clone())),
            // A delete of several objects.
            "POST" => {
                let text = String::from_utf8_lossy(&asked.body).into_owned();
                let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
                keys.for_each(|key| drop(objects.remove(key)));
                (200, b"<?xml version=\"1.0\"?><DeleteResult></DeleteResult>".to_vec())
            }
            other => panic!("`{other}` is not asked of a store"),
        }
    }
}

fn listed(objects: &BTreeMap<String, Vec<u8>>, query: &BTreeMap<String, String>) -> String {
    let prefix = query.get("prefix").map_or("", String::as_str);
    let after = query.get("start-after").map_or("", String::as_str);
    let names = objects.keys().filter(|name| name.starts_with(prefix) && name.as_str() > after);
    let folder = |name: &String| {
        let below = &name[prefix.len()..];
        let (folder, _) = below.split_once('/').filter(|_| query.contains_key("delimiter"))?;
        Some(format!("{prefix}{folder}/"))
    };
    let mut folders: Vec<String> = names.clone().filter_map(folder).collect();
    folders.dedup();
    let object = |name: &String| {
        format!(
            "<Contents><Key>{name}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>\
             <ETag>&quot;e&quot;</ETag><Size>{}</Size></Contents>",
            objects[name].len()
        )
    };
    let contents: String = names.filter(|name| folder(name).is_none()).map(object).collect();
    let prefixes: String =
        folders.iter().map(|folder| format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>")).collect();
    format!(
        "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>{contents}{prefixes}</ListBucketResult>"
    )
}
