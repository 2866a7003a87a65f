//! The environment of a GitHub Actions job.

use std::path::PathBuf;

use secrecy::SecretString;

/// The variable that the runner of a GitHub Actions job sets for every step.
pub(super) const RUNNER: &str = "GITHUB_ACTIONS";
pub(super) const RUNNER_VALUE: &str = "true";

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
    /// By the variables that the runner sets; `text` takes one by its name.
    pub(super) fn new(mut text: impl FnMut(&str) -> Option<String>) -> Self {
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
