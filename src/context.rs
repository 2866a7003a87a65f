//! The context of a command: environment, terminal, current folder, wall clock, arguments, standard streams.
//!
//! This is the only module that reads environment variables, current folder and wall clock. Other modules are given a
//! [`Context`], so that tests can build one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::api::RequestTrace;
use crate::cli::{ColorChoice, GlobalOptions, Typed};
use crate::report::{Color, TerminalSize, Verbosity, github};
use crate::secret::Secrets;
use crate::store::objects::CA_FILE;
use crate::stream::Stream;

/// The prefix of environment variables for inputs.
const INPUT_PREFIX: &str = "PLAN_INPUT_";
/// Variables with certificate authorities that replace the system's.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// The variable that the runner of a GitHub Actions job sets for every step.
const RUNNER: &str = "GITHUB_ACTIONS";
const RUNNER_VALUE: &str = "true";

/// The context of one command.
#[derive(Debug)]
pub struct Context {
    pub environment: Environment,
    /// The current folder.
    pub folder: PathBuf,
    /// When the command started.
    pub now: Timestamp,
    /// The command line, including the program's name, to suggest the next command.
    pub arguments: Vec<OsString>,
    pub global: GlobalOptions,
    /// What the user typed that the next command repeats.
    pub typed: Typed,
    /// For results.
    pub stdout: Stream,
    /// For people.
    pub stderr: Stream,
    /// stdin is a terminal, so that the user can be asked.
    pub interactive: bool,
    /// All values that must be redacted.
    pub secrets: Secrets,
    /// The trace of requests, if one was asked for.
    pub trace: Option<Arc<RequestTrace>>,
    /// What was read from stdin and from pipes that the command line names, which can be read once only.
    pub read: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
}

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

/// The environment of a GitHub Actions job.
#[derive(Debug, Clone, Default)]
pub struct GitHub {
    pub output: Option<PathBuf>,
    pub step_summary: Option<PathBuf>,
    /// The folder of the repository.
    pub workspace: Option<PathBuf>,
    pub runner_debug: Option<String>,
    /// The runner's disk is deleted when the job ends.
    pub hosted: bool,
    /// A folder that is deleted when the job ends.
    pub runner_temp: Option<PathBuf>,
    /// `owner/name`
    pub repository: Option<String>,
    /// Run, attempt, job, runner and the runner's own mark of the job: equal for all steps of one job.
    pub job: Option<String>,
    /// The job destroys the environment at its end in any case.
    pub torn_down: bool,
    /// `PLAN_TEARDOWN_RECORD`: the file in which the run says which record it uses, for the end of the job.
    pub teardown_record: Option<PathBuf>,
    /// `PLAN_TEARDOWN_PLAN`: the plan whose record the end of the job takes down, whatever its file says by then.
    pub teardown_plan: Option<String>,
    /// `GITHUB_TOKEN`: the job's access to GitHub.
    pub token: Option<SecretString>,
    /// The address of GitHub's API.
    pub api_url: Option<String>,
    /// `refs/heads/main`, `refs/pull/7/merge`
    pub reference: Option<String>,
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// The file with the event that triggered the workflow.
    pub event: Option<PathBuf>,
}

impl GitHub {
    fn new(mut text: impl FnMut(&str) -> Option<String>) -> Self {
        let identity: Option<Vec<String>> =
            ["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME"].into_iter().map(&mut text).collect();
        // The jobs of a matrix share all of these where their runners have one name.
        let process = text("RUNNER_TRACKING_ID");
        Self {
            output: text("GITHUB_OUTPUT").map(PathBuf::from),
            step_summary: text("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            workspace: text("GITHUB_WORKSPACE").map(PathBuf::from),
            runner_debug: text("RUNNER_DEBUG"),
            hosted: text("RUNNER_ENVIRONMENT").as_deref() == Some("github-hosted"),
            runner_temp: text("RUNNER_TEMP").map(PathBuf::from),
            token: text("GITHUB_TOKEN").map(|token| token.trim().to_owned().into()),
            api_url: text("GITHUB_API_URL"),
            reference: text("GITHUB_REF"),
            commit: text("GITHUB_SHA"),
            event: text("GITHUB_EVENT_PATH").map(PathBuf::from),
            repository: text("GITHUB_REPOSITORY"),
            job: identity.map(|identity| identity.into_iter().chain(process).collect::<Vec<_>>().join("/")),
            torn_down: text("PLAN_TEARDOWN").as_deref() == Some("always"),
            teardown_record: text("PLAN_TEARDOWN_RECORD").map(PathBuf::from),
            teardown_plan: text("PLAN_TEARDOWN_PLAN"),
        }
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

/// The secrets inside the value of a variable for object stores: the password of an address (without one, the user), and
/// the signature of a SAS token. A message may repeat either alone, or encoded anew.
fn secrets_inside(value: &str) -> Vec<String> {
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

/// The prefixes of variables for object stores.
const STORE_PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

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
            // Not only a variable: systems have one without.
            temporary: PathBuf::new(),
        }
    }
}

fn home(mut text: impl FnMut(&str) -> Option<String>) -> Option<PathBuf> {
    let home = text("HOME").or_else(|| text("USERPROFILE"))?;
    Some(PathBuf::from(home).join(".local").join("state"))
}

/// Variables that are read before there is a context.
pub struct Variable;

impl Variable {
    /// Set by the script of `plan completions` to the shell that asks for completions.
    pub const COMPLETE: &str = "PLAN_COMPLETE";

    /// The shell that asks for completions. `None` for an ordinary command.
    pub fn complete() -> Option<String> {
        std::env::var(Self::COMPLETE).ok().filter(|shell| !shell.is_empty())
    }
}

/// The command line and the standard streams, which exist before the context.
#[derive(Debug, Clone)]
pub struct Streams {
    /// Including the program's name.
    pub arguments: Vec<OsString>,
    pub stdout: Stream,
    pub stderr: Stream,
}

impl Streams {
    /// The streams of this process; in a GitHub Actions job the runner reads both.
    pub fn of_process() -> Self {
        let runner = std::env::var_os(RUNNER).is_some_and(|value| value == RUNNER_VALUE);
        // Where it cannot be done (another system than Windows, no console) nothing has to be.
        let _ = anstyle_query::windows::enable_ansi_colors();
        Self {
            arguments: std::env::args_os().collect(),
            stdout: Stream::stdout(runner),
            stderr: Stream::stderr(runner),
        }
    }
}

impl Context {
    /// The context of this process.
    ///
    /// # Errors
    ///
    /// When the current folder does not exist.
    pub fn gather(global: GlobalOptions, streams: Streams) -> io::Result<Self> {
        let Streams { stdout, stderr, arguments } = streams;
        let context = Self {
            environment: Environment { temporary: std::env::temp_dir(), ..Environment::new(std::env::vars_os()) },
            folder: std::env::current_dir()?,
            now: Timestamp::now(),
            arguments,
            global,
            typed: Typed::default(),
            interactive: io::stdin().is_terminal() && stderr.terminal,
            stdout,
            stderr,
            secrets: Secrets::default(),
            trace: None,
            read: Mutex::default(),
        };
        context.hide_keys();
        Ok(context)
    }

    fn hide_keys(&self) {
        use secrecy::ExposeSecret;
        if let Some(key) = &self.environment.api_key {
            self.secrets.hide(key.expose_secret());
        }
        if let Some(token) = self.environment.github.as_ref().and_then(|github| github.token.as_ref()) {
            self.secrets.hide(token.expose_secret());
        }
        let secret =
            |name: &str| ["SECRET", "TOKEN", "ACCESS_KEY", "SAS", "PASSWORD"].iter().any(|word| name.contains(word));
        for (_, value) in self.environment.store.0.iter().filter(|(name, _)| secret(name) && !name.ends_with("_FILE")) {
            self.secrets.hide(value);
        }
        for (_, value) in &self.environment.store.0 {
            secrets_inside(value).iter().for_each(|secret| self.secrets.hide(secret));
        }
    }

    /// The file of additional certificate authorities, and the option or variable that names it; the option takes
    /// precedence.
    pub fn ca_file(&self) -> Option<(&'static str, PathBuf)> {
        let option = self.global.ca_file.as_ref().map(|path| ("--ca-file", path));
        let (named, path) = option.or(self.environment.ca_file.as_ref().map(|path| (CA_FILE, path)))?;
        Some((named, self.resolve(path)))
    }

    /// The variables for access to object stores, including the file of certificate authorities.
    pub fn store_variables(&self) -> Vec<(String, String)> {
        let authorities = self.ca_file().map(|(_, path)| (CA_FILE.to_owned(), path.display().to_string()));
        self.environment.store.0.iter().cloned().chain(authorities).collect()
    }

    /// Redacts every input value in the environment, for commands that read no plan and so do not know which are
    /// secret.
    pub fn hide_inputs(&self) {
        self.environment.inputs.0.iter().for_each(|(_, value)| self.secrets.hide(value));
    }

    /// Whether to use colours on a stream.
    pub fn color(&self, stream: &Stream) -> Color {
        let environment = &self.environment;
        let on = match self.global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if environment.no_color => false,
            ColorChoice::Auto if environment.force_color => true,
            ColorChoice::Auto => stream.terminal && !environment.dumb,
        };
        if on { Color::On } else { Color::Off }
    }

    /// The width of a stream's terminal.
    pub fn width(&self, stream: &Stream) -> Option<usize> {
        (stream.terminal && stream.real).then(|| terminal_size().columns)
    }

    /// The verbosity from the options.
    pub fn verbosity(&self) -> Verbosity {
        let asked = match (self.global.quiet, self.global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, 1..) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        match &self.environment.github {
            Some(github) => github::verbosity(asked, github.runner_debug.as_deref()),
            None => asked,
        }
    }

    /// A path on the command line, relative to the current folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The current folder relative to the repository of a GitHub Actions job; elsewhere the folder itself.
    pub fn folder_in_repository(&self) -> PathBuf {
        let workspace = self.environment.github.as_ref().and_then(|github| github.workspace.as_ref());
        match workspace.and_then(|workspace| self.folder.strip_prefix(workspace).ok()) {
            Some(below) => below.to_owned(),
            None => self.folder.clone(),
        }
    }

    /// A random text for delimiters and tokens in GitHub's files.
    pub fn token(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }

    /// All of stdin.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not text.
    pub fn read_stdin(&self) -> io::Result<String> {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        Ok(text)
    }

    /// The bytes of stdin, at most `most` and one more.
    ///
    /// # Errors
    ///
    /// When stdin cannot be read.
    pub fn read_stdin_bytes(&self, most: usize) -> io::Result<Vec<u8>> {
        crate::files::read_at_most(&mut io::stdin().lock(), most, None)
    }

    /// What can be read once only, read when it is first asked for.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub fn read_once(&self, path: &Path, read: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known.get(path) {
            return Ok(bytes.clone());
        }
        let bytes = read()?;
        known.insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }

    /// A line typed by the user.
    ///
    /// # Errors
    ///
    /// When stdin cannot be read.
    pub fn read_line(&self) -> io::Result<String> {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(line)
    }
}

/// The size of the terminal of stderr, or a default. Not cached, because it can change.
#[expect(clippy::disallowed_methods, reason = "nothing is written: only the size is asked")]
pub fn terminal_size() -> TerminalSize {
    const USUAL: TerminalSize = TerminalSize { columns: 80, lines: 24 };
    terminal_size::terminal_size_of(io::stderr())
        .map_or(USUAL, |(columns, lines)| TerminalSize { columns: usize::from(columns.0), lines: usize::from(lines.0) })
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
