//! Which projects and regions this run's key can read.

use std::collections::HashMap;

use tokio::sync::Mutex;

use crate::event::StepError;

/// Whether the key can read a project or region, by path; each is read once.
#[derive(Debug, Default)]
pub struct Access(Mutex<HashMap<String, Result<(), StepError>>>);

impl Access {
    /// The known result for this path, or else the result of `read`, which is kept.
    ///
    /// # Errors
    ///
    /// The reason when the key cannot read it.
    pub async fn known_or(
        &self,
        path: String,
        read: impl Future<Output = Result<(), StepError>>,
    ) -> Result<(), StepError> {
        // One at a time: a task that waited finds the answer of the one before.
        let mut seen = self.0.lock().await;
        if let Some(known) = seen.get(&path) {
            return known.clone();
        }
        seen.entry(path).or_insert(read.await).clone()
    }
}
