//! What a run says when the API refuses a call, for each form of an error answer: what happened, where, what exists, and
//! what to type. `SNAPSHOTS=overwrite` rewrites these; read the difference.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use snapbox::data::Inline;
use snapbox::{assert_data_eq, str};

use crate::support::{Ended, Folder};

const PLAN: &str = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web, create_router: false }
    retry: { attempts: 1 }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: inner, network_id: \"{{ steps.network.id }}\", cidr: 10.0.0.0/24 }
";

const LOOK_UP: &str = "\
name: lookup
steps:
  - id: image
    call: GET /cloud/v1/images/{project_id}/{region_id}
    find: { name: ubuntu }
    retry: { attempts: 1 }
";

/// Status, further headers, body.
type Answer = (u16, &'static str, &'static str);

const EMPTY_LIST: Answer = (200, "", r#"{"count":0,"results":[]}"#);
const JSON: &str = "content-type: application/json\r\n";
const HTML: &str = "content-type: text/html\r\n";

/// A server that answers every read with `read`, and every write with `write`; its address.
fn serve(read: Answer, write: Answer) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || while one(&stream, read, write).is_some() {});
        }
    });
    address
}

/// Answers one request of a connection.
fn one(stream: &TcpStream, read: Answer, write: Answer) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(())?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let (status, headers, body) = if line.starts_with("GET ") { read } else { write };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).ok()
}

fn run(address: &str, arguments: &[&str]) -> Ended {
    let folder = Folder::new().with("plan.yaml", PLAN).with("lookup.yaml", LOOK_UP);
    let environment = [
        ("GCORE_BASE_URL", address),
        ("GCORE_API_KEY", "any"),
        ("GCORE_CLOUD_PROJECT_ID", "1"),
        ("GCORE_CLOUD_REGION_ID", "7"),
    ];
    folder.run_in(arguments, &environment)
}

/// Without the line that names the folder, without times, and without the number of requests, which depends on them.
fn told(ended: &Ended) -> String {
    let lines = ended.stderr.lines().filter(|line| !line.starts_with("running "));
    lines.map(|line| without_times(line) + "\n").collect()
}

fn without_times(line: &str) -> String {
    let is_clock = |text: &str| text.contains(':') && text.bytes().all(|byte| b" 0123456789:".contains(&byte));
    if let Some((_, rest)) = line.split_at_checked(9).filter(|(clock, _)| is_clock(clock)) {
        return rest.to_owned();
    }
    match line.split_once(", after ").and_then(|(what, rest)| Some((what, rest.split_once(": ")?.1))) {
        Some((what, totals)) => format!("{what}: {}", totals.split("; ").next().unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[track_caller]
fn each_write_is_told(cases: Vec<(Answer, i32, Inline)>) {
    for (answer, code, words) in cases {
        let ended = run(&serve(EMPTY_LIST, answer), &["run", "plan.yaml", "--resolve-time", "0s"]).with_code(code);
        assert_data_eq!(told(&ended), words);
    }
}

#[test]
fn a_refused_call_says_what_happened_and_what_helps() {
    each_write_is_told(vec![
        (
            (
                401,
                JSON,
                r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
            ),
            4,
            str![[r#"
network     failed: UnauthorizedError: the API does not accept this key (status 401)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 401)
      now: the call changed nothing
     help: check `GCORE_API_KEY`: a permanent API token, whole, without the word `APIKey`
subnet      skipped: `network` did not succeed
not authenticated or not allowed: 1 failed, 1 skipped
  network: UnauthorizedError: the API does not accept this key (status 401) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                403,
                JSON,
                r#"{"exception_class":"ForbiddenError","message":"You have no permission to perform this action","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            4,
            str![[r#"
network     failed: ForbiddenError: You have no permission to perform this action (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 403)
      now: the call changed nothing
     help: the key is valid but may not do this: check its role in the project
subnet      skipped: `network` did not succeed
not authenticated or not allowed: 1 failed, 1 skipped
  network: ForbiddenError: You have no permission to perform this action (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                403,
                JSON,
                r#"{"exception_class":"ForbiddenError","message":"Flavor limit reached in region","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            5,
            str![[r#"
network     failed: ForbiddenError: Flavor limit reached in region (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 403)
      now: the call changed nothing
     help: ask for a higher limit, choose another flavor or region, or delete resources
subnet      skipped: `network` did not succeed
quota or capacity exceeded: 1 failed, 1 skipped
  network: ForbiddenError: Flavor limit reached in region (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (403, HTML, r#"<html><head><title>403</title></head><body>Access denied</body></html>"#),
            4,
            str![[r#"
network     failed: the answer is not the API's (text/html): 403 Access denied (status 403)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 403)
      now: the call changed nothing
     help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`
subnet      skipped: `network` did not succeed
not authenticated or not allowed: 1 failed, 1 skipped
  network: the answer is not the API's (text/html): 403 Access denied (status 403) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                404,
                JSON,
                r#"{"exception_class":"NotFoundError","message":"Project 1 not found","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            1,
            str![[r#"
network     failed: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 404)
      now: the call changed nothing
     help: check the ids in the call, and that project and region are the right ones
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (405, JSON, r#"{"message":"Method \"POST\" not allowed.","code":"method_not_allowed"}"#),
            1,
            str![[r#"
network     failed: method_not_allowed: Method "POST" not allowed. (status 405)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 405)
      now: the call changed nothing
     help: correct the call in the plan and run again: the run continues with this step
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: method_not_allowed: Method "POST" not allowed. (status 405) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                400,
                JSON,
                r#"{"exception_class":"ValidationError","message":"Validation failed","invalid_fields":{"name":["Length must be between 3 and 63."]},"request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            1,
            str![[r#"
network     failed: ValidationError: Validation failed (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:5:19
     call: POST /cloud/v1/networks/1/7 (status 400)
    field: `/name` Length must be between 3 and 63.
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: ValidationError: Validation failed (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:5:19)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                400,
                JSON,
                r#"{"errors":{"sources":{"backup.example.com":{"source":["The domain name cannot be resolved."]}}}}"#,
            ),
            1,
            str![[r#"
network     failed: `sources.backup.example.com.source`: The domain name cannot be resolved. (status 400)
       at: plan.yaml:5:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: `sources.backup.example.com.source`: The domain name cannot be resolved. (status 400) (plan.yaml:5:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (400, JSON, r#"{"errors":{"name":["Network name should be unique."]}}"#),
            1,
            str![[r#"
network     failed: `name`: Network name should be unique. (status 400)
       at: plan.yaml:5:19
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: to use the existing resource, say `on_conflict: adopt` in the step
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: `name`: Network name should be unique. (status 400) (plan.yaml:5:19)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                400,
                JSON,
                r#"{"exception_class":"QuotaLimitExceed","message":"Quota limit for router_count exceeded by 1","request_id":"0523d9bee946fba7b9a98c5c3f190a37","info":{"attribute":"router_count","current_usage":20,"requested_usage":21,"limit":20}}"#,
            ),
            5,
            str![[r#"
network     failed: QuotaLimitExceed: Quota limit for router_count exceeded by 1: `router_count` usage 20, requested 21, limit 20 (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: ask for a higher limit, choose another flavor or region, or delete resources
subnet      skipped: `network` did not succeed
quota or capacity exceeded: 1 failed, 1 skipped
  network: QuotaLimitExceed: Quota limit for router_count exceeded by 1: `router_count` usage 20, requested 21, limit 20 (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (400, JSON, r#""#),
            1,
            str![[r#"
network     failed: the answer gives no reason (status 400)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer gives no reason (status 400) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (400, "content-type: text/plain\r\n", r#"bad things happened"#),
            1,
            str![[r#"
network     failed: the answer is not the API's (text/plain): bad things happened (status 400)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer is not the API's (text/plain): bad things happened (status 400) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                409,
                JSON,
                r#"{"exception_class":"ConflictError","message":"Network already exists","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            1,
            str![[r#"
network     failed: ConflictError: Network already exists (status 409, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 409)
      now: the call changed nothing
     help: to use the existing resource, say `on_conflict: adopt` in the step
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: ConflictError: Network already exists (status 409, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (409, JSON, r#"{"message":"Not enough available resources to create requested server(s)"}"#),
            5,
            str![[r#"
network     failed: Not enough available resources to create requested server(s) (status 409)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 409)
      now: the call changed nothing
     help: ask for a higher limit, choose another flavor or region, or delete resources
subnet      skipped: `network` did not succeed
quota or capacity exceeded: 1 failed, 1 skipped
  network: Not enough available resources to create requested server(s) (status 409) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (413, HTML, r#"<html><h1>413 Request Entity Too Large</h1></html>"#),
            1,
            str![[r#"
network     failed: the answer is not the API's (text/html): 413 Request Entity Too Large (status 413)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 413)
      now: the call changed nothing
     help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer is not the API's (text/html): 413 Request Entity Too Large (status 413) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (422, JSON, r#"{"detail":[{"loc":["body","name"],"msg":"Field required","type":"missing"}]}"#),
            1,
            str![[r#"
network     failed: `name`: Field required (status 422)
       at: plan.yaml:5:19
     call: POST /cloud/v1/networks/1/7 (status 422)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: `name`: Field required (status 422) (plan.yaml:5:19)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                422,
                JSON,
                r#"{"exception_class":"UnprocessableEntity","message":"cannot process","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            1,
            str![[r#"
network     failed: UnprocessableEntity: cannot process (status 422, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 422)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: UnprocessableEntity: cannot process (status 422, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (302, "location: http://example.com/\r\n", r#""#),
            1,
            str![[r#"
network     failed: the answer gives no reason (status 302)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 302)
      now: the call changed nothing
     help: the base URL is not that of the API: set `GCORE_BASE_URL`; a redirect is not followed, because the key would be sent along
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer gives no reason (status 302) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (200, HTML, r#"<html><title>login</title>Please sign in</html>"#),
            7,
            str![[r#"
network     resolving the outcome of the call: the answer (status 200) is not readable JSON
network     unknown: the API carried it out, and what it made was not found: the answer (status 200) is not readable JSON
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 200)
      now: not known whether the call was carried out
     help: run again: the outcome is looked up once more
     help: or decide: `plan state resolve 'network' --id ID` (it exists), or `--not-applied` (it does not)
subnet      skipped: `network` did not succeed
an outcome is unknown: 1 unknown, 1 skipped
  network: the API carried it out, and what it made was not found: the answer (status 200) is not readable JSON (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (200, JSON, r#""#),
            7,
            str![[r#"
network     resolving the outcome of the call: the answer (status 200) does not say what was made
network     unknown: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 200)
      now: not known whether the call was carried out
     help: run again: the outcome is looked up once more
     help: or decide: `plan state resolve 'network' --id ID` (it exists), or `--not-applied` (it does not)
subnet      skipped: `network` did not succeed
an outcome is unknown: 1 unknown, 1 skipped
  network: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (200, JSON, r#"null"#),
            7,
            str![[r#"
network     resolving the outcome of the call: the answer (status 200) does not say what was made
network     unknown: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 200)
      now: not known whether the call was carried out
     help: run again: the outcome is looked up once more
     help: or decide: `plan state resolve 'network' --id ID` (it exists), or `--not-applied` (it does not)
subnet      skipped: `network` did not succeed
an outcome is unknown: 1 unknown, 1 skipped
  network: the API carried it out, and what it made was not found: the answer (status 200) does not say what was made (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
    ]);
}

#[track_caller]
fn each_read_is_told(arguments: &[&str], cases: Vec<(Answer, i32, Inline)>) {
    for (answer, code, words) in cases {
        let ended = run(&serve(answer, answer), arguments).with_code(code);
        assert_data_eq!(told(&ended), words);
    }
}

#[test]
fn a_refused_look_up_says_what_happened_and_what_helps() {
    each_read_is_told(
        &["run", "lookup.yaml"],
        vec![
            (
                (
                    401,
                    JSON,
                    r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
                ),
                4,
                str![[r#"
image       failed: UnauthorizedError: the API does not accept this key (status 401)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 401)
     help: check `GCORE_API_KEY`: a permanent API token, whole, without the word `APIKey`
not authenticated or not allowed: 1 failed
  image: UnauthorizedError: the API does not accept this key (status 401) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (
                    404,
                    JSON,
                    r#"{"exception_class":"NotFoundError","message":"Project 1 not found","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
image       failed: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 404)
     help: check the ids in the call, and that project and region are the right ones
a step failed: 1 failed
  image: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (422, JSON, r#"{"detail":[{"loc":["body","name"],"msg":"Field required","type":"missing"}]}"#),
                1,
                str![[r#"
image       failed: `name`: Field required (status 422)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 422)
     help: correct the call in the plan and run again: the run continues with this step
a step failed: 1 failed
  image: `name`: Field required (status 422) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (200, JSON, r#""#),
                1,
                str![[r#"
image       failed: the answer is not a list that `find` could select from
       at: lookup.yaml:5:11
     call: GET /cloud/v1/images/1/7
     help: leave `find:` out: the answer is `response`
a step failed: 1 failed
  image: the answer is not a list that `find` could select from (lookup.yaml:5:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (200, JSON, r#"{"id":1}"#),
                1,
                str![[r#"
image       failed: the answer is not a list that `find` could select from
       at: lookup.yaml:5:11
     call: GET /cloud/v1/images/1/7
     help: leave `find:` out: the answer is `response`
a step failed: 1 failed
  image: the answer is not a list that `find` could select from (lookup.yaml:5:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (302, "location: http://example.com/\r\n", r#""#),
                1,
                str![[r#"
image       failed: the answer gives no reason (status 302)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 302)
     help: the base URL is not that of the API: set `GCORE_BASE_URL`; a redirect is not followed, because the key would be sent along
a step failed: 1 failed
  image: the answer gives no reason (status 302) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
        ],
    );
}

#[test]
fn a_refused_list_says_what_happened_and_what_helps() {
    each_read_is_told(
        &["get", "images"],
        vec![
            (
                (
                    401,
                    JSON,
                    r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
                ),
                4,
                str![[r#"
error: the images cannot be listed: UnauthorizedError: the API does not accept this key (status 401)
help: check `GCORE_API_KEY` and its role in the project

"#]],
            ),
            (
                (403, HTML, r#"<html><head><title>403</title></head><body>Access denied</body></html>"#),
                4,
                str![[r#"
error: the images cannot be listed: the answer is not the API's (text/html): 403 Access denied (status 403)
help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`

"#]],
            ),
            (
                (
                    404,
                    JSON,
                    r#"{"exception_class":"NotFoundError","message":"Project 1 not found","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
error: the images cannot be listed: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37)
help: check `--project-id`, `--region-id` and the ids that were named

"#]],
            ),
            (
                (
                    400,
                    JSON,
                    r#"{"exception_class":"ValidationError","message":"Validation failed","invalid_fields":{"name":["Length must be between 3 and 63."]},"request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
error: the images cannot be listed: ValidationError: Validation failed (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
help: check the options and ids that were given; `-vv` shows the request and the whole answer

"#]],
            ),
            (
                (302, "location: http://example.com/\r\n", r#""#),
                1,
                str![[r#"
error: the images cannot be listed: the answer gives no reason (status 302)
help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`

"#]],
            ),
            (
                (200, JSON, r#""#),
                1,
                str![[r#"
error: the images cannot be listed: the answer is not a list
help: check that the API can be reached from here: `GCORE_BASE_URL`, a proxy (`HTTPS_PROXY`), the network; `--ca-file FILE` trusts a further authority

"#]],
            ),
            (
                (200, JSON, r#"null"#),
                1,
                str![[r#"
error: the images cannot be listed: the answer is not a list
help: check that the API can be reached from here: `GCORE_BASE_URL`, a proxy (`HTTPS_PROXY`), the network; `--ca-file FILE` trusts a further authority

"#]],
            ),
        ],
    );
    each_read_is_told(
        &["tasks"],
        vec![
            (
                (
                    401,
                    JSON,
                    r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
                ),
                4,
                str![[r#"
error: the tasks cannot be listed: UnauthorizedError: the API does not accept this key (status 401)
help: check `GCORE_API_KEY` and its role in the project

"#]],
            ),
            (
                (
                    400,
                    JSON,
                    r#"{"exception_class":"ValidationError","message":"Validation failed","invalid_fields":{"name":["Length must be between 3 and 63."]},"request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
error: the tasks cannot be listed: ValidationError: the API's message is not shown, since it may repeat a secret that is not known here (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
help: check the options and ids that were given; `-vv` shows the request and the whole answer
help: `plan tasks --errors` and `plan wait --errors` show the API's message

"#]],
            ),
        ],
    );
}
