//! The context of a command: environment, terminal, current folder, wall clock, arguments, standard streams.
//!
//! This is the only module that reads environment variables, current folder and wall clock. Other modules are given a
//! [`Context`], so that tests can build one.

mod environment;
mod job;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::api::RequestTrace;
use crate::cli::{ColorChoice, GlobalOptions, Typed};
use crate::report::{Color, TerminalSize, Verbosity, github};
use crate::secret::Secrets;
use crate::store::objects::CA_FILE;
use crate::stream::Stream;
use environment::secrets_inside;
use job::{RUNNER, RUNNER_VALUE};

pub use environment::{Environment, Inputs, StoreVariables};
pub use job::GitHub;

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
        // Where it cannot be done (another system than Windows, no console) it is not needed.
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
