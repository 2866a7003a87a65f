//! Words of the command line that are more than text.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;

/// `name=value`, as `--set` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// Where it goes to a terminal
    #[default]
    Auto,
    Always,
    Never,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    #[default]
    Text,
    /// One object a line
    Json,
}

/// How a result is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ResultFormat {
    /// For people
    #[default]
    Human,
    /// For programs
    Json,
}

/// How a preview is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PreviewFormat {
    /// For people
    #[default]
    Human,
    /// For programs
    Json,
    /// For a summary, or a pull request
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Excerpts with carets
    Human,
    /// One JSON document
    Json,
    /// Annotations for a GitHub Actions job
    Github,
    /// For code scanning
    Sarif,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// Names, values and descriptions in columns
    #[default]
    Table,
    /// One object, values typed
    Json,
    /// `NAME='value'` lines for a shell
    Env,
    /// The bare value
    Raw,
}

/// Reads `name=value`.
pub(super) fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Assignment { name: name.to_owned(), value: value.to_owned() }),
        _ => Err("write it as `name=value`".to_owned()),
    }
}

/// Reads a duration such as `30s`, `15m` or `1h30m`; more than nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let zero = duration_or_zero(text)?;
    if zero.is_zero() { Err("it must be longer than 0".to_owned()) } else { Ok(zero) }
}

/// So that sums of durations stay far below the range of a clock.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
/// The longest time to resolve the outcome of a call.
const LONGEST_SEARCH: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a duration such as `30s` or `15m`; `0s` is allowed.
pub(super) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as `30s`, `15m` or `1h30m`".to_owned();
    let parsed: SignedDuration = text.parse().map_err(|_| wrong())?;
    match Duration::try_from(parsed).map_err(|_| wrong())? {
        duration if duration > LONGEST => Err("it is longer than ten years".to_owned()),
        duration => Ok(duration),
    }
}

/// How long the outcome of a call is resolved.
///
/// # Errors
///
/// In words: what is wrong with it.
pub(super) fn search_time(text: &str) -> Result<Duration, String> {
    match duration_or_zero(text)? {
        duration if duration > LONGEST_SEARCH => Err("it is longer than a day".to_owned()),
        duration => Ok(duration),
    }
}

/// The most characters of a plan's name.
pub const LONGEST_PLAN: usize = 100;
/// The most characters of an environment's name.
pub const LONGEST_ENVIRONMENT: usize = 64;

/// The name of a plan.
///
/// # Errors
///
/// In words: what is wrong with it.
pub fn plan_name(text: &str) -> Result<String, String> {
    name(text, LONGEST_PLAN)
}

/// The name of an environment.
///
/// # Errors
///
/// In words: what is wrong with it.
pub fn environment_name(text: &str) -> Result<String, String> {
    name(text, LONGEST_ENVIRONMENT)
}

/// A name that becomes a folder and goes into names of resources.
fn name(text: &str, longest: usize) -> Result<String, String> {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let rule = if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) || !text.chars().all(fits) {
        "it may hold letters, digits, `-`, `_` and `.`, and starts with a letter or digit".to_owned()
    } else if text.len() > longest {
        format!("it may have {longest} characters")
    } else {
        return Ok(text.to_owned());
    };
    let nearest = nearest_name(text, longest);
    Err(if nearest.is_empty() { rule } else { format!("{rule}; `{nearest}` would do") })
}

/// A name that may be, for one that may not: `feature/X` becomes `feature-x`.
fn nearest_name(text: &str, longest: usize) -> String {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && !matches!(character, '_' | '.'));
    let name = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let name: String = name.trim_start_matches(['-', '_', '.']).chars().take(longest).collect();
    name.trim_end_matches('-').to_owned()
}

/// The resource of a step, as the user names it: `web[0]=8f1c0a3e-…`.
///
/// # Errors
///
/// In words: what is wrong with it.
pub(super) fn accepted(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((step, id)) if !step.is_empty() && !id.is_empty() => Ok((step.to_owned(), id.to_owned())),
        _ => Err("say which step made what: `STEP=ID`".to_owned()),
    }
}

/// The id of a project or region.
pub(super) fn id(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| {
        "ids of projects and regions are whole numbers, as in the portal's address; names are not taken".to_owned()
    })
}

/// The API's word for a state of tasks, in any case.
pub(super) fn task_state(text: &str) -> Result<String, String> {
    const STATES: [&str; 4] = ["NEW", "RUNNING", "FINISHED", "ERROR"];
    let state = text.to_uppercase();
    if STATES.contains(&state.as_str()) { Ok(state) } else { Err(format!("it is one of {}", STATES.join(", "))) }
}

/// Reads `output=file`, as `--write-output` takes it.
pub(super) fn output_file(text: &str) -> Result<Assignment, String> {
    assignment(text).map_err(|_| "write it as `OUTPUT=FILE`".to_owned())
}

/// An address of this machine, with a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write it as `127.0.0.1:8080`, an address of this machine and a port up to 65535".to_owned())
}

/// A number above zero.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "it must be a number above zero".to_owned())
}

/// How many at once: 1 or more.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "it must be a number from 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_keeps_every_equals_sign_but_the_first() {
        let expected = Assignment { name: "url".into(), value: "a=b=".into() };
        assert_eq!(assignment("url=a=b="), Ok(expected));
        assert_eq!(assignment("empty=").unwrap().value, "");
        assert!(assignment("url").is_err() && assignment("=x").is_err());
    }

    #[test]
    fn durations_are_positive_and_have_units() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration_or_zero("0s"), Ok(Duration::ZERO));
        assert!(duration_or_zero("99999999h").is_err() && search_time("25h").is_err());
        assert_eq!(search_time("1h"), Ok(Duration::from_secs(3600)));
        for wrong in ["90", "-5s", "soon", "0s", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_invalid_name_is_reported_with_a_valid_one() {
        for (given, nearest) in
            [("feature/X", "`feature-x`"), ("a b//c", "`a-b-c`"), ("-_x", "`x`"), ("Grün 1", "`gr-n-1`")]
        {
            let told = environment_name(given).unwrap_err();
            assert!(told.contains(nearest), "{told}");
            let nearest = nearest_name(given, LONGEST_ENVIRONMENT);
            assert_eq!(environment_name(&nearest), Ok(nearest));
        }
        assert!(!environment_name("///").unwrap_err().contains("would do") && environment_name("pr-12.b_c").is_ok());
        let long = format!("feature/{}", "x".repeat(LONGEST_ENVIRONMENT));
        assert!(environment_name(&nearest_name(&long, LONGEST_ENVIRONMENT)).is_ok());
    }

    #[test]
    fn invalid_ids_and_states_are_described() {
        assert_eq!(id(" 76 "), Ok(76));
        assert!(id("Luxembourg").unwrap_err().contains("names are not taken"));
        assert_eq!(task_state("running"), Ok("RUNNING".to_owned()));
        assert!(task_state("done").unwrap_err().contains("FINISHED"));
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for right in ["pr-12", "v1.2_x", &"x".repeat(64)] {
            assert!(environment_name(right).is_ok() && plan_name(right).is_ok(), "{right}");
        }
        assert!(environment_name(&"x".repeat(65)).is_err() && plan_name(&"x".repeat(100)).is_ok());
        for wrong in ["", "..", "a/b", ".hidden", "-x", "a b", "ä", &"x".repeat(101)] {
            assert!(environment_name(wrong).is_err() && plan_name(wrong).is_err(), "{wrong}");
        }
    }
}
