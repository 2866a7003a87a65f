//! Keeps a command from writing its output over a file that it, or another one, reads: `--har deploy.yaml` would leave a HAR
//! file in place of the plan.

use std::path::Path;

use crate::cli::{Command, is_yaml};
use crate::context::Context;
use crate::error::Error;

/// Checks the files that a command is about to write.
///
/// # Errors
///
/// When one is the plan or a file of inputs, or is YAML and exists: no output but that of `--write-output` is.
pub(super) fn check(context: &Context, command: &Command) -> Result<(), Error> {
    let global = [("--log", context.global.log.as_deref()), ("--har", context.global.har.as_deref())];
    let global = global.into_iter().filter_map(|(option, path)| Some((option, path?)));
    let read: Vec<_> = context.typed.files().filter_map(|path| context.resolve(path).canonicalize().ok()).collect();
    for (option, path) in global.chain(command.written_files()) {
        let Ok(there) = context.resolve(path).canonicalize() else { continue };
        if read.contains(&there) {
            return Err(refused(option, path, "and this command reads it"));
        }
        if option != "--write-output" && is_yaml(&there) {
            return Err(refused(option, path, "and it may be a plan: no output of this option is YAML"));
        }
    }
    Ok(())
}

fn refused(option: &str, path: &Path, why: &str) -> Error {
    Error::usage(format!("`{option}` would overwrite `{}`: it exists, {why}", path.display()))
        .help("name another file; nothing was written")
}
