//! Access to the API from options and environment: address, key, project and region.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::account::Account;
use super::key_command::ask_command;
use super::renew::Renewing;
use crate::api::{Client, HttpError, Transport};
use crate::cli::ApiOptions;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::Error;
use crate::report::sanitize;

pub const DEFAULT_BASE_URL: &str = "https://api.gcore.com";

impl Account {
    /// Flags take precedence over the environment. From here on the key is redacted in all output.
    ///
    /// # Errors
    ///
    /// When there is no key, its command fails, or an id in the environment is not a number.
    pub fn of(context: &Context, options: &ApiOptions) -> Result<Self, Error> {
        let environment = &context.environment;
        let key = match (&options.api_key_command, &environment.api_key) {
            (Some(command), _) => key_from(context, command)?,
            (None, Some(key)) => key.clone(),
            (None, None) => return Err(Error::NoKey { plan: None }),
        };
        context.secrets.hide(key.expose_secret());
        check_certificates(context)?;
        let base_url = options.base_url.as_ref().or(environment.base_url.as_ref());
        Ok(Self {
            base_url: base_url.map_or(DEFAULT_BASE_URL, String::as_str).to_owned(),
            key,
            request_timeout: options.request_timeout,
            authorities: authorities(context)?,
            project_id: number_of(&PROJECT, options.project_id, environment.project_id.as_deref())?,
            region_id: number_of(&REGION, options.region_id, environment.region_id.as_deref())?,
            renewal: options.api_key_command.clone().map(|command| (command, context.secrets.clone())),
        })
    }

    /// # Errors
    ///
    /// When the base URL is not allowed, or the key cannot be a header.
    pub fn transport(&self) -> Result<Arc<dyn Transport>, Error> {
        let http = self.http(&self.key)?;
        Ok(match &self.renewal {
            None => Arc::new(http),
            Some((command, secrets)) => Arc::new(Renewing::new(command, self, secrets, http)),
        })
    }

    /// # Errors
    ///
    /// As for [`Account::transport`].
    pub fn client(&self, context: &Context, clock: Clock) -> Result<Arc<Client>, Error> {
        Ok(Arc::new(
            Client::new(self.transport()?, clock).traced(context.trace.clone()).hiding(context.secrets.clone()),
        ))
    }
}

/// A client for reads outside of a run.
///
/// # Errors
///
/// When the address of the API is not valid.
pub(super) fn client_of(context: &Context, account: &Account) -> Result<Client, Error> {
    let clock = Clock::starting_at(context.now, 1.0);
    Ok(Client::new(account.transport()?, clock).traced(context.trace.clone()).hiding(context.secrets.clone()))
}

/// Checks the certificate paths in the environment: a wrong one would make every connection fail without naming the
/// file.
fn check_certificates(context: &Context) -> Result<(), Error> {
    for (variable, path) in &context.environment.certificates {
        // `SSL_CERT_DIR` may contain several.
        let mut paths = std::env::split_paths(path);
        let there = match *variable {
            "SSL_CERT_FILE" => {
                std::fs::File::open(path).is_ok_and(|file| file.metadata().is_ok_and(|facts| facts.is_file()))
            }
            _ => paths.any(|path| path.is_dir()),
        };
        if !there {
            return Err(Error::usage(format!("`{variable}` is `{}`, which cannot be read", path.display()))
                .help("name the certificates of the authorities to trust, or unset it to trust the system's"));
        }
    }
    Ok(())
}

/// The certificates in the file of `--ca-file` or its variable.
pub(super) fn authorities(context: &Context) -> Result<Vec<u8>, Error> {
    let Some((named, path)) = context.ca_file() else { return Ok(Vec::new()) };
    let pem = std::fs::read(&path).map_err(|error| {
        Error::usage(format!("`{named}` is `{}`, which cannot be read: {error}", path.display()))
            .help("name a file with the certificates of the authorities to trust, as PEM")
    })?;
    if pem.is_empty() { Err(HttpError::Authorities("holds no certificate").into()) } else { Ok(pem) }
}

/// The two ways to give an id: a flag, or else a variable.
pub struct IdOption {
    flag: &'static str,
    variable: &'static str,
}

pub const PROJECT: IdOption = IdOption { flag: "--project-id", variable: "GCORE_CLOUD_PROJECT_ID" };
pub const REGION: IdOption = IdOption { flag: "--region-id", variable: "GCORE_CLOUD_REGION_ID" };

/// An id from the flag, or else from the variable.
///
/// # Errors
///
/// When the variable is not an integer.
pub fn number_of(option: &IdOption, flag: Option<i64>, value: Option<&str>) -> Result<Option<i64>, Error> {
    let (given, number) = match (flag, value) {
        (Some(number), _) => (format!("{} {number}", option.flag), Some(number)),
        (None, None) => return Ok(None),
        (None, Some(text)) => (format!("{}={text}", option.variable), text.trim().parse().ok()),
    };
    match number.filter(|number| *number > 0) {
        Some(id) => Ok(Some(id)),
        None => Err(Error::usage(format!("`{given}` is no id: that is a whole number from 1"))
            .help("ids of projects and regions are numbers, as in the portal's address")),
    }
}

/// The key that a command prints; its stderr is passed on.
fn key_from(context: &Context, command: &str) -> Result<SecretString, Error> {
    // On a terminal it may ask for a password; in a job its stderr is written through our own stream.
    let (key, said) = ask_command(command, &context.secrets, context.stderr.runner)?;
    for line in said.lines() {
        super::note(context, &sanitize(line))?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_environment() {
        let option = IdOption { flag: "--in", variable: "IN" };
        assert_eq!(number_of(&option, Some(1), Some("x")).unwrap(), Some(1));
        assert_eq!(number_of(&option, None, Some(" 7 ")).unwrap(), Some(7));
        let told = |flag, value| number_of(&option, flag, value).unwrap_err().to_string();
        assert_eq!(told(None, Some("seven")), "`IN=seven` is no id: that is a whole number from 1");
        assert_eq!(told(Some(0), None), "`--in 0` is no id: that is a whole number from 1");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_may_print_the_key() {
        let (context, _) = crate::command::testing::context();
        assert_eq!(key_from(&context, "echo ' 1$abc '").unwrap().expose_secret(), "1$abc");
        assert!(key_from(&context, "exit 3").is_err() && key_from(&context, "true").is_err());
    }
}
