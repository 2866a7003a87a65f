//! Which environment a command is about.

use crate::context::Context;
use crate::error::Error;

/// The environment of a command that names none.
pub(super) const DEFAULT_ENVIRONMENT: &str = "default";

/// `--environment`, else `PLAN_ENVIRONMENT`, else `default`.
///
/// # Errors
///
/// When the variable is not a valid name.
pub fn environment_name(context: &Context, option: Option<&str>) -> Result<String, Error> {
    match (option, &context.environment.environment) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, None) => Ok(DEFAULT_ENVIRONMENT.to_owned()),
        (None, Some(name)) => crate::cli::environment_name(name)
            .map_err(|why| Error::usage(format!("`PLAN_ENVIRONMENT` is no name: {why}"))),
    }
}
