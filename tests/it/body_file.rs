//! Files as bodies: what leaves, what is on record, and what happens when the file changes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::support::Folder;

/// The smallest WebAssembly module, and another one.
const MODULE: &str = "\0asm\x01\0\0\0";
const OTHER: &str = "\0asm\x01\0\0\0\0\0";

const PLAN: &str = "name: edge\nsteps:\n  - id: binary\n    call: POST /fastedge/v1/binaries/raw\n    body_file: app.wasm\n    \
                    on_change: replace\noutputs: { id: \"{{ steps.binary.id }}\" }\n";

/// One request with its head and its body.
type Seen = (String, Vec<u8>);

/// A FastEdge of its own: it answers creates and reads, and keeps what it was sent.
fn listen() -> (String, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (head, body) = read(&mut stream);
            let answer = match head.starts_with("DELETE") {
                true => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned(),
                false => {
                    let body = r#"{"id":7,"status":1,"api_type":"wasi-http"}"#;
                    let length = body.len();
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
                }
            };
            kept.lock().unwrap().push((head, body));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (address, seen)
}

/// Reads one request: its head and its body.
fn read(stream: &mut impl Read) -> Seen {
    let (mut reader, mut head, mut length) = (BufReader::new(stream), String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

fn uploads(seen: &Arc<Mutex<Vec<Seen>>>) -> Vec<Seen> {
    seen.lock().unwrap().iter().filter(|(head, _)| head.starts_with("POST ")).cloned().collect()
}

#[test]
fn a_file_is_sent_as_it_is_and_only_its_measure_is_kept() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    // Longer than what is read at a time, and a secret in it.
    let long = [MODULE.as_bytes(), &b"hunter2-hunter2 ".repeat(100_000)].concat();
    fs::write(folder.path().join("app.wasm"), &long).unwrap();
    let (address, seen) = listen();
    let environment = [("GCORE_API_KEY", "key"), ("GCORE_BASE_URL", address.as_str())];
    let run = ["run", "plan.yaml", "-vv", "--curl", "--log", "run.log", "--har", "run.har"];
    let ended = folder.run_in(&run, &environment);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let sent = uploads(&seen);
    let [(head, body)] = &sent[..] else { panic!("{}", sent.len()) };
    let head = head.to_lowercase();
    assert!(head.contains("content-type: application/octet-stream\r\n"), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", long.len())), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(body == &long);

    let record = fs::read_to_string(folder.path().join(".plan/edge/default/journal.jsonl")).unwrap();
    assert!(record.contains(&format!(
        r#""body_file":{{"path":"app.wasm","content_type":"application/octet-stream","size":{}"#,
        long.len()
    )));
    let [log, har] = ["run.log", "run.har"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap());
    assert!(log.contains("-H 'Content-Type: application/octet-stream' --data-binary '@app.wasm'"), "{log}");
    assert!(har.contains("the file `app.wasm`, 1600008 bytes, SHA-256 "), "{har}");
    for text in [&record, &log, &har, &ended.stderr, &ended.stdout] {
        assert!(!text.contains("hunter2"));
    }
}

#[test]
fn different_bytes_are_a_change_and_a_different_file_name_is_not() {
    let folder = Folder::new().with("plan.yaml", PLAN).with("app.wasm", MODULE);
    let (address, seen) = listen();
    let environment = [("GCORE_API_KEY", "key"), ("GCORE_BASE_URL", address.as_str())];
    assert_eq!(folder.run_in(&["run", "plan.yaml"], &environment).code, Some(0));
    let folder = folder.with("renamed.wasm", MODULE).with("plan.yaml", &PLAN.replace("app.wasm", "renamed.wasm"));
    let same = folder.run_in(&["preview", "plan.yaml", "--exit-code"], &environment);
    assert_eq!((same.code, same.stdout.as_str()), (Some(0), "nothing to do: 1 step as recorded\n"));
    let folder = folder.with("renamed.wasm", OTHER);
    let changed = folder.run_in(&["preview", "plan.yaml", "--exit-code"], &environment);
    let words = "body_file: `8 bytes, SHA-256 93a44bbb96c75121…` → `10 bytes, SHA-256 e5ddb81afd7ff27f…`";
    assert_eq!(changed.code, Some(10));
    assert!(changed.stdout.contains(words), "{}", changed.stdout);
    assert_eq!(folder.run_in(&["run", "plan.yaml"], &environment).code, Some(0));
    let bodies: Vec<Vec<u8>> = uploads(&seen).into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, [MODULE.as_bytes(), OTHER.as_bytes()]);
    assert_eq!(folder.run_in(&["destroy", "plan.yaml", "--yes"], &environment).code, Some(0));
}

const FORM: &str = "name: shield\nsteps:\n  - id: network\n    call: POST /security/sifter/v3/protected_networks\n    body:\n      \
                    network: 192.0.2.0/24\n      as_number: 65000\n      files: [letter.pdf, in/map.pdf]\n";

#[test]
fn the_files_of_a_form_are_measured_sent_and_compared() {
    let folder = Folder::new().with("plan.yaml", FORM);
    fs::create_dir(folder.path().join("in")).unwrap();
    // Longer than what is read at a time.
    let long = [&b"%PDF-"[..], &b"hunter2-hunter2 ".repeat(20_000)].concat();
    fs::write(folder.path().join("letter.pdf"), &long).unwrap();
    fs::write(folder.path().join("in/map.pdf"), "%PDF-map").unwrap();
    let (address, seen) = listen();
    let environment = [("GCORE_API_KEY", "key"), ("GCORE_BASE_URL", address.as_str())];
    let run = ["run", "plan.yaml", "-vv", "--log", "run.log"];
    let ended = folder.run_in(&run, &environment);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let sent = uploads(&seen);
    let [(head, body)] = &sent[..] else { panic!("{}", sent.len()) };
    let boundary = head.split("multipart/form-data; boundary=").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(
        head.to_lowercase().contains("content-length: ") && !head.to_lowercase().contains("transfer-encoding"),
        "{head}"
    );
    let part = |name: &str, file: &str, content: &[u8]| {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    let file = |name: &str| format!("; filename=\"{name}\"\r\nContent-Type: application/pdf");
    let parts = [
        part("network", "", b"192.0.2.0/24"),
        part("as_number", "", b"65000"),
        part("files", &file("letter.pdf"), &long),
        part("files", &file("map.pdf"), b"%PDF-map"),
    ];
    let parts = parts.concat();
    assert!(body.starts_with(&parts), "{}", String::from_utf8_lossy(&body[..300]));
    // What follows is our stamp in the comment.
    let rest = String::from_utf8_lossy(&body[parts.len()..]).into_owned();
    assert!(rest.contains("name=\"comment\"\r\n\r\nplan-attempt="), "{rest}");
    assert!(rest.ends_with(&format!("\r\n--{boundary}--\r\n")), "{rest}");

    let record = fs::read_to_string(folder.path().join(".plan/shield/default/journal.jsonl")).unwrap();
    let measured =
        format!(r#"{{"file":"letter.pdf","content_type":"application/pdf","size":{},"sha256":""#, long.len());
    assert!(record.contains(&measured), "{record}");
    let log = fs::read_to_string(folder.path().join("run.log")).unwrap();
    assert!(!record.contains("hunter2") && !log.contains("hunter2"), "{log}");

    // Another folder is no difference, another name or other bytes are one.
    let preview = |files: &str| {
        fs::write(folder.path().join("plan.yaml"), FORM.replace("letter.pdf, in/map.pdf", files)).unwrap();
        folder.run_in(&["preview", "plan.yaml", "--exit-code"], &environment)
    };
    fs::write(folder.path().join("map.pdf"), "%PDF-map").unwrap();
    assert_eq!(preview("letter.pdf, map.pdf").code, Some(0));
    fs::write(folder.path().join("other.pdf"), "%PDF-map").unwrap();
    let renamed = preview("letter.pdf, other.pdf").stdout;
    assert!(renamed.contains("body/files/1/file: `map.pdf` → `other.pdf`"), "{renamed}");
    fs::write(folder.path().join("map.pdf"), "%PDF-new").unwrap();
    let changed = preview("letter.pdf, map.pdf").stdout;
    assert!(changed.contains("body/files/1/sha256: "), "{changed}");
}

#[test]
fn of_a_file_that_cannot_be_sent_nothing_is_tried() {
    let folder = Folder::new().with("plan.yaml", PLAN);
    let (address, seen) = listen();
    let environment = [("GCORE_API_KEY", "key"), ("GCORE_BASE_URL", address.as_str())];
    let missing = folder.run_in(&["run", "plan.yaml"], &environment);
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    assert!(missing.stderr.contains("error[unreadable-file]: cannot read `app.wasm`"), "{}", missing.stderr);
    assert!(missing.stderr.contains("plan.yaml:5:16"), "{}", missing.stderr);
    assert!(seen.lock().unwrap().is_empty());
}
