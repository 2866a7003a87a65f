//! The files that a plan sends are checked again before each is sent.

use super::context::{About, RunContext};
use crate::body_file::Upload;
use crate::event::{EffectKnown, ErrorClass, StepError};

/// Measures a file again.
///
/// # Errors
///
/// When it has changed, or cannot be read any more: then it is not sent.
pub async fn verify(context: &RunContext, about: &About, upload: &Upload) -> Result<(), StepError> {
    let upload = upload.clone();
    let verified = tokio::task::spawn_blocking(move || upload.verify()).await.expect("nothing here panics");
    verified.map_err(|why| {
        let mut error =
            context.error(about, EffectKnown::NotApplied, ErrorClass::Template, format!("{why}: nothing was sent"));
        error.help.push("run again: the file is measured again".to_owned());
        error
    })
}
