//! `plan completions` and `plan man`: what a shell and `man` want to know of the command line.

use clap::CommandFactory;

use super::print_text;
use crate::cli::{Cli, CompletionsArguments};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

pub(super) fn completions(context: &Context, arguments: &CompletionsArguments) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "plan", &mut script);
    print_text(context, &context.secrets.redact(&String::from_utf8_lossy(&script)))?;
    Ok(Exit::Done)
}

/// One page: the command itself, then every subcommand.
pub(super) fn man(context: &Context) -> Result<Exit, Error> {
    let mut page = Vec::new();
    let wrong = |error| Error::Stream { stream: "stdout", error };
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(wrong)?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let man = clap_mangen::Man::new(subcommand.clone());
        for part in [clap_mangen::Man::render_synopsis_section, clap_mangen::Man::render_options_section] {
            part(&man, &mut page).map_err(wrong)?;
        }
    }
    print_text(context, &context.secrets.redact(&String::from_utf8_lossy(&page)))?;
    Ok(Exit::Done)
}
