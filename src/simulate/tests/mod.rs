//! The simulated cloud as a whole, over several requests and times.

mod busy;
mod conformance;
pub(crate) mod every_operation;
mod products;
mod resources;
mod transport;
mod trouble;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Durations, Options, Reaction, Simulator};
use crate::api::{Answer, Request};
use crate::catalog::Method;

/// A simulator and its current time.
struct World {
    simulator: Simulator,
    now: Timestamp,
}

const NETWORKS: &str = "/cloud/v1/networks/1/7";
const SUBNETS: &str = "/cloud/v1/subnets/1/7";
const VOLUMES: &str = "/cloud/v1/volumes/1/7";
const MACHINES: &str = "/cloud/v1/instances/1/7";

fn world(options: Options) -> World {
    World { simulator: Simulator::new(options), now: "2026-05-23T05:00:00Z".parse().unwrap() }
}

fn request(method: Method, path: &str, body: Option<Value>) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request = Request::new(method, path);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        request = request.query(name, value);
    }
    request.headers.push(("authorization".into(), "APIKey 1$key".into()));
    request.body = body.map(Into::into);
    request
}

impl World {
    fn react(&mut self, method: Method, path: &str, body: Option<Value>) -> Reaction {
        self.simulator.handle(&request(method, path, body), self.now)
    }

    fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.answered(&request(method, path, body))
    }

    fn answered(&mut self, request: &Request) -> (u16, Value) {
        match self.simulator.handle(request, self.now) {
            Reaction::Answer(answer) => (answer.status, read(&answer)),
            other => panic!("{} {}: {other:?}", request.method, request.path),
        }
    }

    fn get(&mut self, path: &str) -> Value {
        let (status, body) = self.send(Method::Get, path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn post(&mut self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::Post, path, Some(body))
    }

    fn delete(&mut self, path: &str) -> (u16, Value) {
        self.send(Method::Delete, path, None)
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Advances the time until no task is pending.
    fn settle(&mut self) {
        while let Some(end) = self.simulator.next_end() {
            self.now = self.now.max(end);
            self.simulator.advance(self.now);
        }
    }

    /// The task of an accepted call, after its end.
    fn ended(&mut self, (status, accepted): (u16, Value)) -> Value {
        assert_eq!(status, 200, "{accepted}");
        self.settle();
        let task = accepted["tasks"][0].as_str().unwrap_or_else(|| panic!("no task in {accepted}"));
        self.get(&format!("/cloud/v1/tasks/{task}"))
    }

    /// Creates a resource; returns its id.
    fn make(&mut self, path: &str, body: Value) -> String {
        let accepted = self.post(path, body);
        let task = self.ended(accepted);
        assert_eq!(task["state"], "FINISHED", "{task}");
        let created = task["created_resources"].as_object().unwrap();
        let kind = match path.split('/').nth(3).unwrap() {
            "lblisteners" => "listeners",
            "lbpools" => "pools",
            other => other,
        };
        created[kind][0].as_str().unwrap().to_owned()
    }

    fn network(&mut self) -> String {
        self.make(NETWORKS, json!({ "name": "net", "create_router": false }))
    }

    fn subnet(&mut self, network: &str) -> String {
        self.make(SUBNETS, json!({ "name": "sub", "network_id": network, "cidr": "10.0.0.0/24" }))
    }

    fn machine(&mut self, network: &str, subnet: &str) -> String {
        self.make(
            "/cloud/v2/instances/1/7",
            json!({
                "name": "web-1", "flavor": "g2-standard-2-4",
                "volumes": [{ "source": "image", "image_id": IMAGE, "size": 10, "boot_index": 0 }],
                "interfaces": [{ "type": "subnet", "network_id": network, "subnet_id": subnet }],
            }),
        )
    }
}

const IMAGE: &str = "8f1c3b5e-9a44-4b43-9d2c-0f8f0e6d1f10";

fn read(answer: &Answer) -> Value {
    if answer.body.is_empty() { Value::Null } else { serde_json::from_slice(&answer.body).unwrap() }
}

fn instant() -> Options {
    Options { durations: Durations::Fixed(Duration::ZERO), ..Options::default() }
}
