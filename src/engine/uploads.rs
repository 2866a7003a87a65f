//! The files that a plan sends are checked again before they are sent.

use super::context::{About, RunContext};
use crate::api::Request;
use crate::body_file::Upload;
use crate::event::{EffectKnown, ErrorClass, StepError};

/// Measures the files of a request again.
///
/// # Errors
///
/// When one has changed, or cannot be read any more: then nothing is sent.
pub async fn verify(context: &RunContext, about: &About, request: &Request) -> Result<(), StepError> {
    let uploads: Vec<Upload> = request.uploads().cloned().collect();
    if uploads.is_empty() {
        return Ok(());
    }
    let verify = move || uploads.iter().try_for_each(Upload::verify);
    let verified = tokio::task::spawn_blocking(verify).await.expect("nothing here panics");
    verified.map_err(|why| {
        let mut error =
            context.error(about, EffectKnown::NotApplied, ErrorClass::Template, format!("{why}: nothing was sent"));
        error.help.push("run again: the file is measured again".to_owned());
        error
    })
}
