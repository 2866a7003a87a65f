//! What a trial shows: what exists, what was said, and what was sent.

use std::collections::BTreeMap;

use serde_json::Value;

use super::harness::Trial;
use crate::catalog::Method;
use crate::engine::RunEnd;
use crate::event::Event;
use crate::exit::Exit;
use crate::hash::HashSet;

impl Trial {
    /// What a teardown could not remove: instance and reason.
    pub fn left(&self) -> Vec<String> {
        let left = self.events.iter().filter_map(|event| match event {
            Event::ResourceLeft { instance, error, .. } => Some(format!("{instance}: {}", error.message)),
            _ => None,
        });
        left.collect()
    }

    pub fn warnings(&self) -> String {
        let words = self.events.iter().filter_map(|event| match event {
            Event::Warned { message } => Some(message.as_str()),
            _ => None,
        });
        words.collect::<Vec<_>>().join("\n")
    }

    /// Kind and name of every existing resource, sorted.
    pub fn alive(&self) -> Vec<String> {
        let simulator = self.simulator.lock().unwrap();
        let mut names: Vec<String> =
            simulator.everything().iter().map(|held| format!("{} {}", held.kind, held.name)).collect();
        names.sort();
        names
    }

    /// How many resources of each kind were ever created.
    pub fn made(&self) -> BTreeMap<&'static str, u64> {
        self.simulator.lock().unwrap().ever_made()
    }

    /// The number of requests other than GET.
    pub fn writes(&self) -> usize {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.method != Method::Get).count()
    }

    pub fn output(end: &RunEnd, name: &str) -> Value {
        end.outputs.iter().find(|output| output.name == name).map_or(Value::Null, |output| output.value.clone())
    }

    pub fn failures(&self) -> Vec<String> {
        let failed = self.events.iter().filter_map(|event| match event {
            Event::StepFailed { instance, error } | Event::StepUnknown { instance, error } => {
                Some(format!("{instance}: {}", error.message))
            }
            _ => None,
        });
        failed.collect()
    }
}

/// Asserts that a run succeeded.
pub fn assert_done(trial: &Trial, end: &RunEnd) {
    assert_eq!(end.finished.exit, Exit::Done, "{:#?}", trial.failures());
}

/// All distinct values.
pub fn distinct<T: Eq + std::hash::Hash>(values: impl IntoIterator<Item = T>) -> usize {
    values.into_iter().collect::<HashSet<_>>().len()
}
