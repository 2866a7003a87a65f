//! `plan completions`: a script with which a shell asks this binary what may be typed next, and the answer.
//!
//! `candidates` says what there is to name: steps and outputs of the plan on the line, environments on record.

mod candidates;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::env::Shells;

use super::print_text;
use crate::cli::{Cli, CompletionsArguments, GlobalOptions};
use crate::context::{Context, Streams, Variable};
use crate::error::Error;
use crate::exit::Exit;
use candidates::Typed;

const SHELLS: Shells<'static> = Shells::builtins();
/// What a shell calls: whatever `plan` is in its `PATH` when it asks, so that an upgrade needs no new script.
const PROGRAM: &str = "plan";

pub(super) fn completions(context: &Context, arguments: &CompletionsArguments) -> Result<Exit, Error> {
    let name = arguments.shell.to_string();
    let shell =
        SHELLS.completer(&name).ok_or_else(|| Error::usage(format!("there are no completions for `{name}`")))?;
    let mut script = Vec::new();
    shell
        .write_registration(Variable::COMPLETE, PROGRAM, PROGRAM, PROGRAM, &mut script)
        .map_err(|error| Error::Stream { stream: "stdout", error })?;
    print_text(context, &String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Answers a shell that asks what may be typed next. `None`: nobody asks.
///
/// What goes wrong is the exit code and no word: it would stand in the middle of the line that somebody types.
pub fn answer(streams: &Streams) -> Option<Exit> {
    let shell = Variable::complete()?;
    let answered = candidates_for(&shell, streams).and_then(|answer| {
        let mut stdout = streams.stdout.clone();
        stdout.write_all(answer.as_bytes())?;
        stdout.finish()
    });
    Some(if answered.is_ok() { Exit::Done } else { Exit::StepFailed })
}

fn candidates_for(shell: &str, streams: &Streams) -> io::Result<String> {
    let context = Context::gather(GlobalOptions::default(), streams.clone())?;
    let shell = SHELLS.completer(shell).ok_or_else(|| io::Error::other("a shell that no script is for"))?;
    // What is typed stands behind the first `--`, the program's name first.
    let words: Vec<OsString> = context.arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    if words.is_empty() {
        return Err(io::Error::other("there is no line to complete"));
    }
    let folder = context.folder.clone();
    let mut command = candidates::teach(Cli::command(), &Typed::new(context, &words));
    let mut answer = Vec::new();
    shell.write_complete(&mut command, words, Some(&folder), &mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
