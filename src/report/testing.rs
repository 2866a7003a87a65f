//! Writers and events for the tests of reporters.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::event::{
    Activity, Did, EVENTS_VERSION, EffectKnown, ErrorClass, Event, Provenance, RunFinished, RunStarted, SourceLocation,
    Stamped, StepDone, StepError,
};
use crate::exit::Exit;
use crate::id::{InstanceId, StepId};

/// A writer that keeps what was written.
#[derive(Debug, Clone, Default)]
pub struct SharedOutput(Arc<Mutex<Vec<u8>>>);

impl SharedOutput {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for SharedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that fails every write.
#[derive(Debug)]
pub struct Broken(pub ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `web[0]` or `web`.
pub fn instance(name: &str) -> InstanceId {
    match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((step, key)) => InstanceId::new(StepId::new(step), Some(key.to_owned())),
        None => InstanceId::new(StepId::new(name), None),
    }
}

pub fn stamped(elapsed_ms: u64, event: Event) -> Stamped {
    let at = Timestamp::from_millisecond(1_800_000_000_000).unwrap()
        + SignedDuration::from_millis(i64::try_from(elapsed_ms).unwrap());
    Stamped { at, elapsed_ms, event }
}

pub fn started() -> Event {
    Event::RunStarted(RunStarted {
        version: EVENTS_VERSION,
        command: Activity::Run,
        plan: "web-demo".to_owned(),
        file: Some("deploy.yaml".to_owned()),
        environment: "default".to_owned(),
        steps: 3,
        instances: None,
        recorded: 0,
        state: Some(".plan/web-demo/default".to_owned()),
        api: "https://api.gcore.com".to_owned(),
    })
}

pub fn accepted(name: &str, earliest_ms: u64, latest_ms: u64) -> Event {
    Event::TasksAccepted { instance: instance(name), tasks: vec![format!("t-{name}")], earliest_ms, latest_ms }
}

pub fn done(name: &str, kind: &str, resource: &str) -> Event {
    Event::StepSucceeded {
        instance: instance(name),
        result: StepDone {
            provenance: Provenance::Called,
            call: format!("POST /cloud/v1/{kind}/1/7"),
            kind: Some(kind.to_owned()),
            id: Some(format!("id-{name}")),
            name: Some(resource.to_owned()),
            did: Did::Created,
            tasks: vec![format!("t-{name}")],
            duration_ms: 7_000,
        },
    }
}

pub fn error(message: &str) -> StepError {
    StepError {
        call: Some("POST /cloud/v2/instances/1/7".to_owned()),
        status: Some(409),
        request_id: Some("req-1".to_owned()),
        invalid_fields: vec![("/flavor".to_owned(), "is sold out".to_owned())],
        place: Some(SourceLocation { file: "deploy.yaml".to_owned(), line: 23, column: 5 }),
        help: vec!["raise the quota, or use a smaller flavor".to_owned()],
        ..StepError::new(EffectKnown::NotApplied, ErrorClass::Quota, message)
    }
}

pub fn failed(name: &str, message: &str) -> Event {
    Event::StepFailed { instance: instance(name), error: error(message) }
}

pub fn finished(exit: Exit) -> RunFinished {
    RunFinished {
        succeeded: 2,
        failed: usize::from(exit != Exit::Done),
        requests: 12,
        polls: 7,
        next: (exit != Exit::Done).then(|| "plan run deploy.yaml".to_owned()),
        ..RunFinished::new(exit, 80_000)
    }
}
