//! `plan check`: reports everything that is wrong with plan files.

use std::io::Write;

use super::findings::{self, FileFindings};
use super::load;
use super::{note, online, print_json_text};
use crate::cli::{CheckArguments, CheckFormat};
use crate::context::Context;
use crate::diagnostic::Severity;
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::Plan;
use crate::report::diagnostics::{self, Findings, Format};
use crate::report::{count, sanitize};

/// `plan check`: prints the findings of plan files; with `--online` also what the API says about them.
///
/// # Errors
///
/// When a file cannot be read; findings are no error, but the exit code.
pub(super) async fn check(context: &Context, arguments: &CheckArguments) -> Result<Exit, Error> {
    let catalog = load::catalog(context, arguments.spec.as_deref())?;
    let mut found = Vec::new();
    let mut plans: Vec<Plan> = Vec::new();
    let mut unread = false;
    for file in &arguments.files {
        let (source, checked, beside) =
            match load::check_with_inputs(context, file, catalog, &arguments.plan, arguments.online) {
                Ok(checked) => checked,
                // The other files are checked nevertheless.
                Err(error @ Error::Read { .. }) if arguments.files.len() > 1 => {
                    findings::print_line(context, &error.to_string(), &error.hints(&context.typed))?;
                    unread = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
        if let Some(plan) = checked.plan.as_ref().filter(|_| !arguments.online) {
            load::warn_of_joined(context, &plan.inputs, &arguments.plan)?;
        }
        plans.extend(checked.plan);
        let findings = checked.findings;
        found.push(FileFindings { source, findings });
        found.extend(beside);
    }
    let found = findings::findings_by_file(&found, &context.secrets);
    let mut wrong = found.iter().flat_map(|found| &found.findings).any(|finding| is_wrong(finding.severity, arguments));
    print(context, arguments.format, &found)?;
    if arguments.online && !wrong {
        wrong = !online::check(context, arguments, &plans).await?;
    }
    Ok(match (wrong, unread) {
        (true, _) => Exit::PlanWrong,
        (false, true) => Exit::Usage,
        (false, false) => Exit::Done,
    })
}

fn is_wrong(severity: Severity, arguments: &CheckArguments) -> bool {
    severity == Severity::Error || (arguments.strict && severity == Severity::Warning)
}

fn print(context: &Context, format: Option<CheckFormat>, found: &[FileFindings]) -> Result<(), Error> {
    let format = match format {
        None | Some(CheckFormat::Human) => return print_people(context, found),
        Some(CheckFormat::Github) => return annotate(context, found),
        Some(CheckFormat::Json) => Format::Json,
        Some(CheckFormat::Sarif) => Format::Sarif,
    };
    let findings: Vec<Findings<'_>> = found.iter().map(|found| found.as_findings(&context.secrets)).collect();
    let mut text = Vec::new();
    diagnostics::write(&mut text, &findings, format)
        .and_then(|()| text.flush())
        .map_err(|error| Error::Stream { stream: "stdout", error })?;
    print_json_text(context, &context.secrets.redact(&String::from_utf8_lossy(&text)))
}

/// Prints annotations on stdout; in a job, file names are relative to the repository.
fn annotate(context: &Context, found: &[FileFindings]) -> Result<(), Error> {
    let findings: Vec<Findings<'_>> = found.iter().map(|found| found.as_findings(&context.secrets)).collect();
    let folder = context.environment.github.as_ref().map(|_| context.folder_in_repository());
    for annotation in diagnostics::annotations(&findings) {
        let annotation = match &folder {
            Some(folder) => annotation.below(folder),
            None => annotation,
        };
        let annotation = annotation.redacted(&context.secrets);
        context.stdout.command(&annotation.command()).map_err(|error| Error::Stream { stream: "stdout", error })?;
    }
    Ok(())
}

fn print_people(context: &Context, found: &[FileFindings]) -> Result<(), Error> {
    findings::print(context, found)?;
    match found.iter().filter(|found| found.findings.is_empty()).collect::<Vec<_>>()[..] {
        [] => Ok(()),
        [only] => note(context, &format!("no findings in {}", sanitize(&only.source.path().display().to_string()))),
        ref several => note(context, &format!("no findings in {}", count(several.len(), "file"))),
    }
}
