//! Keeps a command from writing its output over a file that it, or another one, reads: `--har deploy.yaml` would leave a HAR
//! file in place of the plan.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::{Command, is_yaml};
use crate::context::Context;
use crate::error::Error;
use crate::journal::is_record;
use crate::store::folder::JOURNAL;

/// Checks the files that a command is about to write.
///
/// # Errors
///
/// When one is the plan, a file of inputs or a record, or that of another option; or is YAML and exists: no output but that of
/// `--write-output` is.
pub(super) fn check(context: &Context, command: &Command) -> Result<(), Error> {
    let global = [("--log", context.global.log.as_deref()), ("--har", context.global.har.as_deref())];
    let global = global.into_iter().filter_map(|(option, path)| Some((option, path?)));
    let read: Vec<_> = context.typed.files().filter_map(|path| context.resolve(path).canonicalize().ok()).collect();
    let mut written: Vec<(&str, PathBuf)> = Vec::new();
    for (option, path) in global.chain(command.written_files()) {
        let place = place_of(&context.resolve(path));
        let exists = place.exists();
        // Devices can be written to by several.
        if let Some((other, _)) = written.iter().find(|(_, one)| *one == place && (!exists || place.is_file())) {
            return Err(refused(option, path, &format!("`{other}` writes to it")));
        }
        if holds_record(&place) {
            return Err(refused(option, path, "it is a record"));
        }
        if read.contains(&place) {
            return Err(refused(option, path, "it exists, and this command reads it"));
        }
        if exists && option != "--write-output" && is_yaml(&place) {
            return Err(refused(option, path, "it exists, and it may be a plan: no output of this option is YAML"));
        }
        written.push((option, place));
    }
    Ok(())
}

/// The path without links; of a file that does not exist, that of its folder.
fn place_of(path: &Path) -> PathBuf {
    let in_folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// The bytes by which a record is recognised.
const BEGINNING: u64 = 16;

/// Whether a file is a record, under whatever name, or has the name of one in a folder of records.
fn holds_record(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let file = File::open(path).ok().filter(|_| path.is_file());
    let read = file.map(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    path.ends_with(JOURNAL) || (read.is_some_and(|read| read.is_ok()) && is_record(&beginning))
}

fn refused(option: &str, path: &Path, why: &str) -> Error {
    Error::usage(format!("`{option}` would overwrite `{}`: {why}", path.display()))
        .help("name another file; nothing was written")
}
