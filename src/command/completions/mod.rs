//! `plan completions`: the shell script that asks this binary for completions, and its answers.
//!
//! `candidates` provides the candidates: steps and outputs of the plan on the command line, recorded environments.

mod candidates;

use std::ffi::OsString;
use std::io;

use clap::CommandFactory;
use clap_complete::env::Shells;

use super::print_text;
use crate::cli::{Cli, CompletionsArguments, GlobalOptions};
use crate::context::{Context, Streams, Variable};
use crate::error::Error;
use crate::exit::Exit;
use candidates::Typed;

const SHELLS: Shells<'static> = Shells::builtins();
/// The program that the script calls: the `plan` in its `PATH`, so that an upgrade needs no new script.
const PROGRAM: &str = "plan";

/// `plan completions`: prints the script for a shell.
///
/// # Errors
///
/// When stdout cannot be written.
pub(super) fn completions(context: &Context, arguments: &CompletionsArguments) -> Result<Exit, Error> {
    let name = arguments.shell.to_string();
    let shell =
        SHELLS.completer(&name).ok_or_else(|| Error::usage(format!("there are no completions for `{name}`")))?;
    let mut script = Vec::new();
    shell
        .write_registration(Variable::COMPLETE, PROGRAM, PROGRAM, PROGRAM, &mut script)
        .map_err(|error| Error::Stream { stream: "stdout", error })?;
    print_text(context, &context.secrets.redact(&String::from_utf8_lossy(&script)))?;
    Ok(Exit::Done)
}

/// Answers a shell's completion request. `None` when this process is no such request.
///
/// Errors set only the exit code: a message would appear in the user's command line.
pub fn answer(streams: &Streams) -> Option<Exit> {
    let shell = Variable::complete()?;
    let told = Context::gather(GlobalOptions::default(), streams.clone()).and_then(|context| print(&shell, context));
    Some(if told.is_ok() { Exit::Done } else { Exit::StepFailed })
}

fn print(shell: &str, context: Context) -> io::Result<()> {
    let shell = SHELLS.completer(shell).ok_or_else(|| io::Error::other("an unknown shell"))?;
    // The command line follows the first `--`, beginning with the program's name.
    let words: Vec<OsString> = context.arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    if words.is_empty() {
        return Err(io::Error::other("there is no line to complete"));
    }
    let typed = Typed::new(context, &words);
    let mut command = candidates::with_candidates(Cli::command(), &typed);
    let mut answer = Vec::new();
    shell.write_complete(&mut command, words, Some(&typed.context.folder), &mut answer)?;
    let answer = typed.context.secrets.redact(&String::from_utf8_lossy(&answer));
    print_text(&typed.context, &answer).map_err(io::Error::other)?;
    typed.context.stdout.finish()
}
