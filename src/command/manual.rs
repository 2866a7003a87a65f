//! `plan man`: the manual page of one command, or those of all.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use super::{note, print_text};
use crate::cli::{Cli, ManArguments};
use crate::context::Context;
use crate::diagnostic::nearest;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::count;

/// `plan man`: prints or writes the manual pages.
///
/// # Errors
///
/// When a page cannot be written.
pub(super) fn man(context: &Context, arguments: &ManArguments) -> Result<Exit, Error> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    match &arguments.dir {
        Some(folder) => write_all(context, &root, folder)?,
        None => {
            let page = page(named(&root, &arguments.command)?)?;
            print_text(context, &context.secrets.redact(&page))?;
        }
    }
    Ok(Exit::Done)
}

/// The command with this path of words.
fn named<'c>(root: &'c clap::Command, words: &[String]) -> Result<&'c clap::Command, Error> {
    words.iter().try_fold(root, |command, word| {
        command.find_subcommand(word).ok_or_else(|| {
            let known = shown(command).map(clap::Command::get_name);
            let error = Error::usage(format!("`{}` has no command `{word}`", title(command)));
            match nearest(word, known) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("`{} --help` lists its commands", title(command))),
            }
        })
    })
}

/// The subcommands that are not hidden.
fn shown(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set())
}

/// The command as typed: `plan state list`.
fn title(command: &clap::Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &clap::Command) -> Result<String, Error> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).map_err(|error| Error::Stream { stream: "stdout", error })?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Writes `plan.1`, `plan-run.1`, `plan-state-list.1` and so on, replacing those of an earlier version.
fn write_all(context: &Context, root: &clap::Command, folder: &Path) -> Result<(), Error> {
    let place = context.resolve(folder);
    fs::create_dir_all(&place).map_err(|error| Error::write(folder, error))?;
    let pages = all(root);
    for command in &pages {
        let name = Man::new((*command).clone()).get_filename();
        fs::write(place.join(&name), page(command)?).map_err(|error| Error::write(&folder.join(&name), error))?;
    }
    note(context, &format!("wrote {} to {}", count(pages.len(), "page"), folder.display()))
}

fn all(command: &clap::Command) -> Vec<&clap::Command> {
    std::iter::once(command).chain(shown(command).flat_map(all)).collect()
}
