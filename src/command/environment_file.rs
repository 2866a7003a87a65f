//! The file of an environment next to the plan: `environments/<name>.yaml`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::findings::FileFindings;
use super::note;
use crate::context::Context;
use crate::diagnostic::{Diagnostic, nearest};
use crate::error::Error;
use crate::plan::{EnvironmentFile, without_text};
use crate::source::{Source, folder_of};
use crate::template;

/// The folder of these files, next to the plan.
const FOLDER: &str = "environments";

/// Extensions that are probably a mistake: a file with one is reported, and not read.
const OTHER_EXTENSIONS: [&str; 4] = ["yml", "json", "YAML", "YML"];

/// A parsed file.
pub(super) struct ReadFile {
    pub source: Source,
    pub file: EnvironmentFile,
    pub findings: Vec<Diagnostic>,
}

impl ReadFile {
    pub fn is_right(&self) -> bool {
        !self.findings.iter().any(Diagnostic::is_error)
    }

    /// The findings in it; without any of its text when it may contain a secret.
    pub fn found(self, may_hold_secrets: bool) -> FileFindings {
        let (source, findings) = match may_hold_secrets {
            true => without_text(&self.source, self.findings),
            false => (Arc::new(self.source), self.findings),
        };
        FileFindings { source, findings }
    }
}

/// Reads the file of an environment; `None` without one. `plan`: the plan file, as given on the command line.
///
/// # Errors
///
/// When it exists and cannot be read, is outside the plan's folder, or has another extension.
pub(super) fn read(context: &Context, plan: &Path, environment: &str) -> Result<Option<ReadFile>, Error> {
    let beside = folder_of(plan);
    let folder = context.resolve(beside);
    let name = format!("{FOLDER}/{environment}.yaml");
    let is_there = |name: &str| std::fs::symlink_metadata(folder.join(name)).is_ok();
    if !is_there(&name) {
        let other =
            OTHER_EXTENSIONS.map(|end| format!("{FOLDER}/{environment}.{end}")).into_iter().find(|name| is_there(name));
        return other.map_or(Ok(None), |other| {
            Err(Error::usage(format!(
                "`{}` is not read: the file of an environment ends in `.yaml`",
                beside.join(&other).display()
            ))
            .help(format!("rename it to `{}`", beside.join(&name).display())))
        });
    }
    let text = template::read_below(&folder, &name).map_err(|why| {
        Error::usage(format!("the file of environment `{environment}` cannot be used: {why}")).help(
            "it is a file below the plan's folder; without it the environment is given what the command line says",
        )
    })?;
    let source = Source::new(beside.join(name), text);
    let (file, findings) = EnvironmentFile::read(&source);
    Ok(Some(ReadFile { source, file, findings }))
}

/// The environments with a file next to the plan, by name, with the path for messages.
pub(super) fn declared(context: &Context, plan: &Path) -> Vec<(String, PathBuf)> {
    let beside = folder_of(plan).join(FOLDER);
    let Ok(entries) = std::fs::read_dir(context.resolve(&beside)) else { return Vec::new() };
    let files = entries.filter_map(Result::ok).map(|entry| PathBuf::from(entry.file_name()));
    let mut names: Vec<(String, PathBuf)> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "yaml"))
        .filter_map(|file| Some((file.file_stem()?.to_str()?.to_owned(), beside.join(&file))))
        .filter(|(name, _)| crate::cli::environment_name(name).is_ok())
        .collect();
    names.sort_unstable();
    names
}

/// Warns when an environment has no file and another with a similar name has one: a typo would create a new
/// environment.
pub(super) fn print_near(context: &Context, plan: &Path, environment: &str) -> Result<(), Error> {
    let declared = declared(context, plan);
    let names = declared.iter().map(|(name, _)| name.as_str());
    let is_declared = declared.iter().any(|(name, _)| name == environment);
    match nearest(environment, names).filter(|_| !is_declared) {
        Some(near) => {
            note(context, &format!("warning: `{environment}` has no file in `{FOLDER}/`; did you mean `{near}`?"))
        }
        None => Ok(()),
    }
}
