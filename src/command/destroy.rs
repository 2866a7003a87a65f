//! `plan destroy`.

use std::path::Path;
use std::time::Duration;

use crate::cli::{ApiOptions, DestroyArguments};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::EnvironmentFolder;

/// How an environment is taken down.
#[derive(Debug, Clone)]
pub struct TeardownOptions<'a> {
    pub parallelism: usize,
    pub timeout: Option<Duration>,
    pub lock_timeout: Duration,
    /// `--events FILE`
    pub events: Option<&'a Path>,
    pub api: &'a ApiOptions,
}

/// # Errors
///
/// Always: it is not part of this build yet.
pub async fn destroy(_context: &Context, _arguments: &DestroyArguments) -> Result<Exit, Error> {
    Err(Error::usage("`plan destroy` is not part of this build yet"))
}

/// Takes one environment down, from its record.
///
/// # Errors
///
/// Always: it is not part of this build yet.
pub async fn destroy_environment(
    _context: &Context,
    _folder: &EnvironmentFolder,
    _options: &TeardownOptions<'_>,
) -> Result<Exit, Error> {
    Err(Error::usage("`plan destroy` is not part of this build yet"))
}
