//! `--api-key-command`: a program that prints the key.

use std::process::{Command, Stdio};

use secrecy::SecretString;

use crate::error::Error;
use crate::report::sanitize;
use crate::secret::Secrets;

/// Runs a command in the system's shell, uses its stdout as the key, and adds it to the secrets. Also returns its
/// stderr when `quiet`.
///
/// # Errors
///
/// When it cannot be started, fails, or prints no key.
pub(super) fn ask_command(command: &str, secrets: &Secrets, quiet: bool) -> Result<(SecretString, String), Error> {
    let mut shell = match cfg!(windows) {
        true => Command::new("cmd"),
        false => Command::new("sh"),
    };
    let words = if quiet { Stdio::piped() } else { Stdio::inherit() };
    shell.arg(if cfg!(windows) { "/C" } else { "-c" }).arg(command).stderr(words);
    let output = shell.output().map_err(|error| Error::KeyCommand(format!("it cannot be started: {error}")))?;
    secrets.hide(String::from_utf8_lossy(&output.stdout).trim());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        let said = said.lines().last().map(|line| format!(": {}", sanitize(line))).unwrap_or_default();
        // `exit status: 1`, or the signal on Unix.
        let status = output.status.to_string().replace(": ", " ");
        return Err(Error::KeyCommand(format!("it ended with {status}{said}")));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| Error::KeyCommand("it printed no text".to_owned()))?;
    match text.trim() {
        "" => Err(Error::KeyCommand("it printed nothing".to_owned())),
        key => Ok((key.to_owned().into(), said)),
    }
}
