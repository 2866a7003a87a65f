//! Keeps a command from taking `~` for the name of a folder: a shell replaces it at the start of a word only, and nothing does in
//! a workflow. A record below `./~` would be missed by every later command that has the right path.

use std::ffi::OsStr;

use crate::context::Context;
use crate::error::Error;

/// The option whose value a shell reads.
const READ_BY_A_SHELL: &str = "--api-key-command";

/// Checks the words of the command line and `PLAN_STATE`.
///
/// # Errors
///
/// When one begins with `~/`, or is `~`.
pub(super) fn check(context: &Context) -> Result<(), Error> {
    let state = context.environment.state.as_deref().filter(|state| is_home(state.as_os_str()));
    if let Some(state) = state {
        return Err(refused("PLAN_STATE=", state.as_os_str()));
    }
    let mut option = "";
    for word in context.arguments.iter().skip(1) {
        let text = word.to_str().unwrap_or_default();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, value),
            _ => (option, text),
        };
        if name != READ_BY_A_SHELL && is_home(value.as_ref()) {
            return Err(refused("", word));
        }
        option = text;
    }
    Ok(())
}

fn is_home(word: &OsStr) -> bool {
    word == "~" || word.as_encoded_bytes().starts_with(b"~/")
}

fn refused(variable: &str, word: &OsStr) -> Error {
    Error::usage(format!("`{variable}{}`: `~` was not replaced with the home folder", word.display()))
        .help("a shell replaces it at the start of a word only, and a workflow never does: write the whole path")
        .help("`./~/…` is a folder of that name")
}
