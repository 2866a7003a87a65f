//! The world around one command: environment, terminal, current folder, wall clock, arguments, standard streams.
//!
//! The only reader of all these. Everybody else is given a [`Context`], so that a test can build one by hand.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::api::Trace;
use crate::cli::{ColorChoice, GlobalOptions};
use crate::report::{Color, Room, Verbosity, github};
use crate::secret::Secrets;
use crate::store::objects::CA_FILE;
use crate::stream::Stream;

/// Start of the names of variables that are inputs of a plan.
const INPUT_PREFIX: &str = "PLAN_INPUT_";
/// Where the authorities to trust are, unless the system says.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// What the runner of a GitHub Actions job sets for every step, and to what.
const RUNNER: &str = "GITHUB_ACTIONS";
const RUNNER_IS_THERE: &str = "true";

/// What one command works in.
#[derive(Debug)]
pub struct Context {
    pub environment: Environment,
    /// The current folder.
    pub folder: PathBuf,
    /// When the command started.
    pub now: Timestamp,
    /// What was typed, the program's name first: to say how to go on.
    pub arguments: Vec<OsString>,
    pub global: GlobalOptions,
    /// For results.
    pub stdout: Stream,
    /// For people.
    pub stderr: Stream,
    /// stdin can be asked: it is a terminal.
    pub interactive: bool,
    /// Everything that must not be shown.
    pub secrets: Secrets,
    /// Who is told of every request.
    pub trace: Option<Arc<Trace>>,
}

/// What the environment says, as far as it concerns us.
#[derive(Debug, Default)]
pub struct Environment {
    pub api_key: Option<SecretString>,
    pub base_url: Option<String>,
    pub project_id: Option<String>,
    pub region_id: Option<String>,
    pub state: Option<PathBuf>,
    /// `PLAN_ENVIRONMENT`
    pub environment: Option<String>,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`: the authorities to trust in place of the system's.
    pub certificates: Vec<(&'static str, PathBuf)>,
    /// `PLAN_CA_FILE`: authorities to trust besides them.
    pub ca_file: Option<PathBuf>,
    /// `PLAN_LOG`
    pub log: Option<String>,
    /// `PLAN_INPUT_…`: whole names and values. Some are secret: they are never printed.
    pub inputs: Inputs,
    /// Set inside a GitHub Actions job.
    pub github: Option<GitHub>,
    /// `CI`: some service runs this job.
    pub ci: bool,
    pub store: StoreVariables,
    /// Where programs keep what must last: `XDG_STATE_HOME`, else `~/.local/state`.
    pub state_home: Option<PathBuf>,
    pub no_color: bool,
    pub force_color: bool,
    /// `TERM=dumb`: a terminal that only takes lines.
    pub dumb: bool,
}

/// Values of inputs from the environment; shows none.
#[derive(Default)]
pub struct Inputs(pub Vec<(String, String)>);

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What a GitHub Actions job offers.
#[derive(Debug, Clone, Default)]
pub struct GitHub {
    pub output: Option<PathBuf>,
    pub step_summary: Option<PathBuf>,
    /// The folder of the repository.
    pub workspace: Option<PathBuf>,
    pub runner_debug: Option<String>,
    /// The runner's disk is gone when the job ends.
    pub hosted: bool,
    /// A folder that lasts as long as the job.
    pub runner_temp: Option<PathBuf>,
    /// `owner/name`
    pub repository: Option<String>,
    /// Run, attempt, job and runner: what a later step of the same job has in common with this one.
    pub job: Option<String>,
    /// The end of the job takes everything down, whatever happens.
    pub torn_down: bool,
    /// `GITHUB_TOKEN`: what the job may do at GitHub.
    pub token: Option<SecretString>,
    /// Where GitHub's API is.
    pub api_url: Option<String>,
    /// `refs/heads/main`, `refs/pull/7/merge`
    pub reference: Option<String>,
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// A file with what started the workflow.
    pub event: Option<PathBuf>,
}

impl GitHub {
    fn new(mut text: impl FnMut(&str) -> Option<String>) -> Self {
        let identity: Option<Vec<String>> =
            ["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME"].into_iter().map(&mut text).collect();
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
            job: identity.map(|identity| identity.join("/")),
            torn_down: text("PLAN_TEARDOWN").as_deref() == Some("always"),
        }
    }
}

/// Variables that say how an object store is reached: whole names and values. Some are secret: they are never printed.
#[derive(Clone, Default)]
pub struct StoreVariables(pub Vec<(String, String)>);

impl std::fmt::Debug for StoreVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Starts of the names of variables that object stores are configured with.
const STORE_PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

impl Environment {
    /// Sorts out variables, given as names and values. Empty ones count as not set: workflows pass them on so.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut set: BTreeMap<String, OsString> = BTreeMap::new();
        let mut inputs = Vec::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            if name.starts_with(INPUT_PREFIX) {
                // Also an empty one: it is a value.
                inputs.push((name, value.to_string_lossy().into_owned()));
            } else if !value.is_empty() {
                set.insert(name, value);
            }
        }
        inputs.sort();
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
            github: (text(RUNNER).as_deref() == Some(RUNNER_IS_THERE)).then(|| GitHub::new(&mut text)),
            ci: text("CI").is_some_and(|value| value != "false" && value != "0"),
            store: StoreVariables(store),
            state_home: text("XDG_STATE_HOME").map(PathBuf::from).or_else(|| home(&mut text)),
            no_color: text("NO_COLOR").is_some(),
            force_color: text("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: text("TERM").as_deref() == Some("dumb"),
            inputs: Inputs(inputs),
            state: set.remove("PLAN_STATE").map(PathBuf::from),
        }
    }
}

fn home(mut text: impl FnMut(&str) -> Option<String>) -> Option<PathBuf> {
    let home = text("HOME").or_else(|| text("USERPROFILE"))?;
    Some(PathBuf::from(home).join(".local").join("state"))
}

/// Variables that are asked for before anything else is known.
pub struct Variable;

impl Variable {
    /// The script of `plan completions` sets it to the shell that asks.
    pub const COMPLETE: &str = "PLAN_COMPLETE";

    /// The shell that asks what may be typed next. `None`: this is a command like any other.
    pub fn complete() -> Option<String> {
        std::env::var(Self::COMPLETE).ok().filter(|shell| !shell.is_empty())
    }
}

/// Where this process writes, known before anything else is.
#[derive(Debug, Clone)]
pub struct Streams {
    pub stdout: Stream,
    pub stderr: Stream,
}

impl Streams {
    /// The streams of this process; in a GitHub Actions job a runner reads both.
    pub fn of_process() -> Self {
        let runner = std::env::var_os(RUNNER).is_some_and(|value| value == RUNNER_IS_THERE);
        // Where it cannot be done (another system than Windows, no console) nothing has to be.
        let _ = anstyle_query::windows::enable_ansi_colors();
        Self { stdout: Stream::stdout(runner), stderr: Stream::stderr(runner) }
    }
}

impl Context {
    /// The context of this process.
    ///
    /// # Errors
    ///
    /// When the current folder is not there any more.
    pub fn gather(global: GlobalOptions, streams: Streams) -> io::Result<Self> {
        let Streams { stdout, stderr } = streams;
        let context = Self {
            environment: Environment::new(std::env::vars_os()),
            folder: std::env::current_dir()?,
            now: Timestamp::now(),
            arguments: std::env::args_os().collect(),
            global,
            interactive: io::stdin().is_terminal() && stderr.terminal,
            stdout,
            stderr,
            secrets: Secrets::default(),
            trace: None,
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
    }

    /// The file of authorities to trust besides the system's, and what named it; the option wins.
    pub fn ca_file(&self) -> Option<(&'static str, PathBuf)> {
        let option = self.global.ca_file.as_ref().map(|path| ("--ca-file", path));
        let (named, path) = option.or(self.environment.ca_file.as_ref().map(|path| (CA_FILE, path)))?;
        Some((named, self.resolve(path)))
    }

    /// The variables that say how an object store is reached, the file of authorities among them.
    pub fn store_variables(&self) -> Vec<(String, String)> {
        let authorities = self.ca_file().map(|(_, path)| (CA_FILE.to_owned(), path.display().to_string()));
        self.environment.store.0.iter().cloned().chain(authorities).collect()
    }

    /// Hides every value of an input in the environment: for a command that reads no plan, and does not know which are
    /// secret.
    pub fn hide_inputs(&self) {
        self.environment.inputs.0.iter().for_each(|(_, value)| self.secrets.hide(value));
    }

    /// Whether to write colour to a stream.
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

    /// Columns of the terminal that a stream goes to.
    pub fn width(&self, stream: &Stream) -> Option<usize> {
        (stream.terminal && stream.real).then(|| room().columns)
    }

    /// How much to say.
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

    /// A path as given on the command line, seen from the current folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The current folder as seen from the repository of a GitHub Actions job; the folder itself elsewhere.
    pub fn folder_in_repository(&self) -> PathBuf {
        let workspace = self.environment.github.as_ref().and_then(|github| github.workspace.as_ref());
        match workspace.and_then(|workspace| self.folder.strip_prefix(workspace).ok()) {
            Some(below) => below.to_owned(),
            None => self.folder.clone(),
        }
    }

    /// A random word nobody can guess: delimiters and tokens for GitHub's files.
    pub fn token(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }

    /// All of stdin.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is no text.
    pub fn read_stdin(&self) -> io::Result<String> {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        Ok(text)
    }

    /// The same, text or not.
    ///
    /// # Errors
    ///
    /// When stdin cannot be read.
    pub fn read_stdin_bytes(&self, most: usize) -> io::Result<Vec<u8>> {
        crate::files::read_at_most(&mut io::stdin().lock(), most)
    }

    /// One line that somebody types.
    ///
    /// # Errors
    ///
    /// When stdin cannot be read.
    pub fn read_answer(&self) -> io::Result<String> {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(line)
    }
}

/// The size of the terminal behind stderr, or a usual one. Asked anew each time: windows change.
#[expect(clippy::disallowed_methods, reason = "nothing is written: only the size is asked")]
pub fn room() -> Room {
    const USUAL: Room = Room { columns: 80, lines: 24 };
    terminal_size::terminal_size_of(io::stderr())
        .map_or(USUAL, |(columns, lines)| Room { columns: usize::from(columns.0), lines: usize::from(lines.0) })
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
    fn neither_key_nor_inputs_are_shown() {
        let shown =
            format!("{:?}", environment(&[("GCORE_API_KEY", "hunter22"), ("PLAN_INPUT_PASSWORD", "swordfish")]));
        assert!(!shown.contains("hunter22") && !shown.contains("swordfish"), "{shown}");
        assert!(shown.contains("PLAN_INPUT_PASSWORD"));
    }
}
