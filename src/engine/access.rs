//! Which projects and regions this run's key can read.

use std::sync::OnceLock;

use tokio::sync::Mutex;

use crate::event::StepError;
use crate::hash::HashMap;

/// Whether the key can read a project or region, by path; each is read once.
#[derive(Debug, Default)]
pub struct Access {
    seen: Mutex<HashMap<String, Result<(), StepError>>>,
    /// A place on record, by name and path, that stands for calls without one.
    stand_in: OnceLock<Vec<(String, String)>>,
}

impl Access {
    /// The places that stand for a call which is in none; `find` is asked once.
    pub fn stand_in(&self, find: impl FnOnce() -> Vec<(String, String)>) -> Vec<(String, String)> {
        self.stand_in.get_or_init(find).clone()
    }

    /// The result that was read for this path before; otherwise reads it with `read`, one at a time, and keeps the
    /// result.
    ///
    /// # Errors
    ///
    /// The reason when the key cannot read it.
    pub async fn get_or_read(
        &self,
        path: String,
        read: impl Future<Output = Result<(), StepError>>,
    ) -> Result<(), StepError> {
        // One at a time: a task that waited finds the answer of the one before.
        let mut seen = self.seen.lock().await;
        if let Some(known) = seen.get(&path) {
            return known.clone();
        }
        seen.entry(path).or_insert(read.await).clone()
    }
}
