//! The environment variables that `plan` uses, selected by their names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::SecretString;

use super::job::{GitHub, RUNNER, RUNNER_VALUE};
use crate::store::objects::CA_FILE;

/// The prefix of environment variables for inputs.
const INPUT_PREFIX: &str = "PLAN_INPUT_";
/// Variables with certificate authorities that replace the system's.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// The prefixes of variables for object stores.
const STORE_PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// The environment variables that `plan` uses.
#[derive(Debug, Default)]
pub struct Environment {
    pub api_key: Option<SecretString>,
    pub base_url: Option<String>,
    pub project_id: Option<String>,
    pub region_id: Option<String>,
    pub state: Option<PathBuf>,
    /// `PLAN_ENVIRONMENT`
    pub environment: Option<String>,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`: certificate authorities that replace the system's.
    pub certificates: Vec<(&'static str, PathBuf)>,
    /// `PLAN_CA_FILE`: additional certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// `PLAN_LOG`
    pub log: Option<String>,
    /// `PLAN_INPUT_…`: names and values. Some are secret, so that they are never printed.
    pub inputs: Inputs,
    /// Set inside a GitHub Actions job.
    pub github: Option<GitHub>,
    /// `CI`: the command runs in a CI job.
    pub ci: bool,
    pub store: StoreVariables,
    /// The folder for persistent state: `XDG_STATE_HOME`, else `~/.local/state`.
    pub state_home: Option<PathBuf>,
    /// The folder for temporary files, which may be shared with other users.
    pub temporary: PathBuf,
    pub no_color: bool,
    pub force_color: bool,
    /// `TERM=dumb`: a terminal without cursor movement.
    pub dumb: bool,
}

/// Values of inputs from the environment; `Debug` shows none.
#[derive(Default)]
pub struct Inputs(pub Vec<(String, String)>);

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Variables for access to object stores: names and values. Some are secret, so that they are never printed.
#[derive(Clone, Default)]
pub struct StoreVariables(pub Vec<(String, String)>);

impl std::fmt::Debug for StoreVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The secrets inside the value of a variable for object stores: the password of an address (without one, the user),
/// and the signature of a SAS token. A message may repeat either alone, or encoded anew.
pub(super) fn secrets_inside(value: &str) -> Vec<String> {
    let userinfo = value.split_once("://").and_then(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A password may be written with an `@` of its own.
        let (userinfo, _) = authority.rsplit_once('@')?;
        Some(
            userinfo
                .split_once(':')
                .map_or(userinfo, |(user, password)| if password.is_empty() { user } else { password }),
        )
    });
    let signatures = value.split(['?', '&', ';']).filter_map(|field| field.strip_prefix("sig="));
    let written = userinfo.into_iter().chain(signatures);
    written
        .flat_map(|text| [text.to_owned(), percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()])
        .collect()
}

impl Environment {
    /// Selects variables from names and values. Empty ones count as unset, because workflows pass unset ones on as
    /// empty.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut set: BTreeMap<String, OsString> = BTreeMap::new();
        let mut inputs = Vec::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            if name.starts_with(INPUT_PREFIX) {
                // An empty input is a value.
                inputs.push((name, value.to_string_lossy().into_owned()));
            } else if !value.is_empty() {
                set.insert(name, value);
            }
        }
        inputs.sort_unstable();
        let store = set.iter().filter(|(name, _)| STORE_PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
        let store = store.map(|(name, value)| (name.clone(), value.to_string_lossy().into_owned())).collect();
        let mut text = |name: &str| set.remove(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            api_key: text("GCORE_API_KEY").map(|key| key.trim().to_owned().into()),
            base_url: text("GCORE_BASE_URL"),
            project_id: text("GCORE_CLOUD_PROJECT_ID"),
            region_id: text("GCORE_CLOUD_REGION_ID"),
            environment: text("PLAN_ENVIRONMENT"),
            log: text("PLAN_LOG"),
            ca_file: text(CA_FILE).map(PathBuf::from),
            certificates: CERTIFICATES
                .into_iter()
                .filter_map(|name| text(name).map(|value| (name, PathBuf::from(value))))
                .collect(),
            github: (text(RUNNER).as_deref() == Some(RUNNER_VALUE)).then(|| GitHub::new(&mut text)),
            ci: text("CI").is_some_and(|value| value != "false" && value != "0"),
            store: StoreVariables(store),
            state_home: text("XDG_STATE_HOME").map(PathBuf::from).or_else(|| home(&mut text)),
            no_color: text("NO_COLOR").is_some(),
            force_color: text("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: text("TERM").as_deref() == Some("dumb"),
            inputs: Inputs(inputs),
            state: set.remove("PLAN_STATE").map(PathBuf::from),
            // Set by the caller: a system has such a folder also without a variable.
            temporary: PathBuf::new(),
        }
    }
}

fn home(mut text: impl FnMut(&str) -> Option<String>) -> Option<PathBuf> {
    let home = text("HOME").or_else(|| text("USERPROFILE"))?;
    Some(PathBuf::from(home).join(".local").join("state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn empty_variables_are_not_set_but_empty_inputs_are() {
        let environment = environment(&[("GCORE_API_KEY", ""), ("PLAN_STATE", ""), ("PLAN_INPUT_A", "")]);
        assert!(environment.api_key.is_none() && environment.state.is_none() && environment.github.is_none());
        assert_eq!(environment.inputs.0, [("PLAN_INPUT_A".to_owned(), String::new())]);
    }

    #[test]
    fn a_job_is_known_by_its_runner() {
        let job = environment(&[("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", "/out"), ("RUNNER_DEBUG", "1")]);
        let github = job.github.unwrap();
        assert_eq!(github.output, Some(PathBuf::from("/out")));
        assert!(environment(&[("GITHUB_OUTPUT", "/out")]).github.is_none());
    }

    #[test]
    fn jobs_of_a_matrix_on_runners_of_one_name_are_different_jobs() {
        let job = |tracking: &str| {
            let ids = ["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME"].map(|name| (name, "1"));
            let marks = [("GITHUB_ACTIONS", "true"), ("RUNNER_TRACKING_ID", tracking)];
            environment(&[&ids[..], &marks].concat()).github.unwrap().job
        };
        assert_eq!(job("github_a").as_deref(), Some("1/1/1/1/github_a"));
        assert_ne!(job("github_a"), job("github_b"));
        assert_eq!(job("").as_deref(), Some("1/1/1/1"), "a runner that sets none");
    }

    #[test]
    fn what_is_secret_inside_the_variables_of_a_store_is_known() {
        for (value, secrets) in [
            ("http://usr:hunter2pass@127.0.0.1:9000", &["hunter2pass", "hunter2pass"][..]),
            ("http://usr:p%40ss%3Aword@host/x?y=a@b", &["p%40ss%3Aword", "p@ss:word"]),
            ("https://only-a-token@host", &["only-a-token", "only-a-token"]),
            ("https://host/a@b", &[]),
            ("sv=2024&se=2026-01-01T00%3A00%3A00Z&sig=aB%2Bc%2Fd%3D", &["aB%2Bc%2Fd%3D", "aB+c/d="]),
            ("?sig=aB+c/d=&sv=1", &["aB+c/d=", "aB+c/d="]),
            ("BlobEndpoint=https://x/;SharedAccessSignature=sv=1&sig=zZ9%3D", &["zZ9%3D", "zZ9="]),
            ("AKIAEXAMPLE", &[]),
        ] {
            assert_eq!(secrets_inside(value), secrets, "{value}");
        }
    }

    #[test]
    fn neither_key_nor_inputs_are_shown() {
        let shown =
            format!("{:?}", environment(&[("GCORE_API_KEY", "hunter22"), ("PLAN_INPUT_PASSWORD", "swordfish")]));
        assert!(!shown.contains("hunter22") && !shown.contains("swordfish"), "{shown}");
        assert!(shown.contains("PLAN_INPUT_PASSWORD"));
    }
}
