//! The default place of records, and whether it lasts.
//!
//! Pure: job, runner and folders are arguments.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::context::Environment;
use crate::secret::hex;

/// The value by which the user accepts that a record does not outlive the job.
pub const EPHEMERAL: &str = "ephemeral";
/// Next to the plan, or in the current folder.
const BESIDE_PLAN: &str = ".plan";
/// In a folder that lasts as long as the job.
const FOR_THE_JOB: &str = "plan-records";
/// The digits of a folder's digest that its name has: enough for the projects of one machine.
const DIGITS: usize = 16;

/// The default folder of records: next to the plan. In a job not in the workspace, which the next checkout deletes.
pub fn default_folder(environment: &Environment, beside: &Path) -> PathBuf {
    let Some(job) = &environment.github else { return beside.join(BESIDE_PLAN) };
    if job.hosted {
        return for_the_job(environment, beside);
    }
    // A folder shared by several repositories would mix their records.
    match (&environment.state_home, &job.repository) {
        (Some(home), Some(repository)) => home.join("plan").join(repository.replace('/', "-")),
        _ => beside.join(BESIDE_PLAN),
    }
}

/// A folder that is deleted with the job. Where no such folder is known, one in the folder for temporary files, which
/// outlives jobs and serves several projects: it is that of the plans in `beside` alone.
pub fn for_the_job(environment: &Environment, beside: &Path) -> PathBuf {
    match environment.github.as_ref().and_then(|job| job.runner_temp.as_ref()) {
        Some(temporary) => temporary.join(FOR_THE_JOB),
        None => {
            let digest = hex(&Sha256::digest(beside.as_os_str().as_encoded_bytes()));
            environment.temporary.join(format!("{FOR_THE_JOB}-{}", digest.get(..DIGITS).unwrap_or_default()))
        }
    }
}

/// Whether the folder of [`for_the_job`] belongs to the job alone.
pub fn is_of_job(environment: &Environment) -> bool {
    environment.github.as_ref().is_some_and(|job| job.runner_temp.is_some())
}

/// The schemes of addresses, as other tools write them as well.
const SCHEMES: [&str; 10] = ["s3", "gs", "az", "gcs", "azure", "abfs", "abfss", "http", "https", "file"];

/// What is meant by a text that begins like an address and is none, such as `s3:/bucket`: as a folder it would be lost
/// with the machine. A folder of this name is written with `./` before it.
pub fn misspelt_address(text: &str) -> Option<String> {
    let is_scheme = |word: &str| SCHEMES.contains(&word.to_ascii_lowercase().as_str());
    let (scheme, rest) = match (text.split_once(':'), text.split_once("//")) {
        (Some((scheme, rest)), _) if is_scheme(scheme) => (scheme, rest),
        (Some((scheme, rest)), _) if rest.starts_with('/') && is_word(scheme) => (scheme, rest),
        (_, Some((scheme, rest))) if is_scheme(scheme) => (scheme, rest),
        _ => return None,
    };
    Some(format!("{scheme}://{}", rest.trim_start_matches('/')))
}

/// Whether a text may be the scheme of an address. One letter is a drive of Windows.
fn is_word(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|character| character.is_ascii_alphanumeric())
}

/// Whether a record in a folder lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Durability {
    Lasts,
    /// It is deleted with the runner's disk, while its resources remain.
    Lost,
    Warned(String),
}

/// Whether a record in `folder` lasts. `accepted`: the user has accepted that it does not outlive the job. `is_new`: it
/// is being created. `work_tree`: the Git work tree that contains the folder.
pub fn durability(
    environment: &Environment,
    folder: &Path,
    accepted: bool,
    is_new: bool,
    work_tree: Option<&Path>,
) -> Durability {
    let shown = folder.display();
    if let Some(job) = &environment.github {
        if job.hosted {
            return if accepted || job.torn_down { Durability::Lasts } else { Durability::Lost };
        }
        if job.workspace.as_ref().is_some_and(|workspace| folder.starts_with(workspace)) {
            return Durability::Warned(format!(
                "the record is in the workspace, which the next checkout wipes: `{shown}`; keep it elsewhere, or in an \
                 object store (`--state s3://BUCKET/PREFIX`)"
            ));
        }
        return Durability::Lasts;
    }
    match work_tree {
        Some(tree) if environment.ci => Durability::Warned(format!(
            "the record is in the work tree `{}` of this job: `{shown}`; keep it where the next job finds it, or in an \
             object store (`--state s3://BUCKET/PREFIX`)",
            tree.display()
        )),
        Some(_) if is_new && !accepted => Durability::Warned(format!(
            "the record is in a git work tree, and `git clean -x` would take it away: `{shown}`"
        )),
        _ => Durability::Lasts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::GitHub;

    fn job(hosted: bool, torn_down: bool) -> Environment {
        let github = GitHub {
            hosted,
            torn_down,
            workspace: Some("/job/repo".into()),
            runner_temp: Some("/job/temp".into()),
            repository: Some("acme/web".to_owned()),
            ..GitHub::default()
        };
        Environment { github: Some(github), state_home: Some("/home/me/.local/state".into()), ..Environment::default() }
    }

    #[test]
    fn what_begins_like_an_address_is_no_folder() {
        for (text, meant) in [
            ("s3:/bucket/x", Some("s3://bucket/x")),
            ("s3:bucket", Some("s3://bucket")),
            ("s3//bucket", Some("s3://bucket")),
            ("GS:/bucket", Some("GS://bucket")),
            ("az:container/x", Some("az://container/x")),
            ("ftp:/host/x", Some("ftp://host/x")),
            ("./s3:/bucket", None),
            ("C:/records", None),
            ("C:\\records", None),
            ("records//old", None),
            ("records", None),
            ("team:records", None),
            ("s3", None),
            ("/srv/s3:/x", None),
        ] {
            assert_eq!(misspelt_address(text).as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn in_a_job_the_default_is_never_in_the_workspace() {
        let beside = Path::new("/job/repo/infra");
        for (environment, folder) in [
            (Environment::default(), "/job/repo/infra/.plan"),
            (job(true, false), "/job/temp/plan-records"),
            (job(false, false), "/home/me/.local/state/plan/acme-web"),
        ] {
            assert_eq!(default_folder(&environment, beside), Path::new(folder));
        }
    }

    #[test]
    fn outside_of_github_a_record_for_the_job_is_that_of_its_project() {
        let (none, here) = (Environment::default(), Path::new("/builds/a"));
        assert_eq!(for_the_job(&job(false, false), here), Path::new("/job/temp/plan-records"));
        assert_eq!(for_the_job(&none, here), for_the_job(&none, here));
        assert_ne!(for_the_job(&none, here), for_the_job(&none, Path::new("/builds/b")));
    }

    #[test]
    fn a_record_that_would_not_outlive_its_resources_is_refused() {
        let temporary = Path::new("/job/temp/plan-records");
        assert_eq!(durability(&job(true, false), temporary, false, true, None), Durability::Lost);
        assert_eq!(durability(&job(true, false), temporary, true, true, None), Durability::Lasts);
        assert_eq!(durability(&job(true, true), temporary, false, true, None), Durability::Lasts);
    }

    #[test]
    fn a_record_in_the_way_of_a_clean_is_warned_about() {
        let ci = Environment { ci: true, ..Environment::default() };
        let laptop = Environment::default();
        let (inside, tree) = (Path::new("/job/repo/.plan"), Some(Path::new("/job/repo")));
        for (environment, is_new, words) in [
            (&job(false, false), false, Some("the next checkout wipes")),
            (&ci, false, Some("where the next job finds it")),
            (&laptop, true, Some("git clean -x")),
            (&laptop, false, None),
        ] {
            match (durability(environment, inside, false, is_new, tree), words) {
                (Durability::Warned(said), Some(words)) => assert!(said.contains(words), "{said}"),
                (durability, words) => assert_eq!((durability, words), (Durability::Lasts, None)),
            }
        }
        assert_eq!(durability(&job(false, false), Path::new("/var/plan"), false, true, None), Durability::Lasts);
    }
}
