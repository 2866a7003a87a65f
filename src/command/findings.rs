//! Reports findings to people on a terminal or in a log, and to a GitHub Actions job.

use std::fs;
use std::io::{self, Write};
use std::sync::Arc;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::Error;
use crate::report::annotation::{Annotation, AnnotationLevel};
use crate::report::diagnostics::{self, Findings, Format};
use crate::report::github::{Log, append, findings_summary};
use crate::report::{Palette, sanitize};
use crate::secret::{Redact, Secrets};
use crate::source::{FileOf, Source, Span};

/// The findings in one file.
#[derive(Debug, Clone)]
pub struct FileFindings {
    pub source: Arc<Source>,
    pub findings: Vec<Diagnostic>,
}

/// The findings by file: for a plan with modules, each in the file that is wrong and in the one that uses it. Their
/// words are without secrets from here on, whatever they are shown in.
pub(super) fn findings_by_file(found: &[FileFindings], secrets: &Secrets) -> Vec<FileFindings> {
    let mut found: Vec<FileFindings> = found.iter().flat_map(FileFindings::by_file).collect();
    for finding in found.iter_mut().flat_map(|found| &mut found.findings) {
        *finding = secrets.seal(finding.clone()).into_owned();
    }
    found
}

impl Redact for Diagnostic {
    /// A suggestion with a secret is left out: without it, it would be wrong.
    fn redacted(mut self, secrets: &Secrets) -> Self {
        let words = [&mut self.message, &mut self.label].into_iter();
        let words = words.chain(self.related.iter_mut().map(|(_, words)| words)).chain(&mut self.help);
        words.for_each(|words| *words = secrets.redact(words).into_owned());
        self.suggestion = self.suggestion.filter(|suggestion| !secrets.shows(&suggestion.text));
        self
    }
}

impl FileFindings {
    fn by_file(&self) -> Vec<FileFindings> {
        let files = self.source.files();
        if files.len() == 1 {
            return vec![self.clone()];
        }
        let shown = |span: Span| self.source.shown(span.start());
        let file = |file: FileOf<'_>| {
            let here = |span: Span| file.range.start <= span.start() && span.start() <= file.range.end;
            let moved = |span: Span| Span::new(span.start() - file.range.start, span.end() - file.range.start);
            let findings = self.findings.iter().filter(|finding| here(finding.primary)).map(|finding| {
                let mut finding = finding.clone();
                finding.primary = moved(finding.primary);
                let (related, elsewhere): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut finding.related).into_iter().partition(|(span, _)| here(*span));
                finding.related = related.into_iter().map(|(span, words)| (moved(span), words)).collect();
                finding.help.extend(elsewhere.into_iter().map(|(span, words)| format!("{words}: {}", shown(span))));
                let users =
                    file.used_by.iter().map(|(user, place)| format!("`{user}` uses this module: {}", shown(*place)));
                finding.help.extend(users);
                let suggestion = finding.suggestion.take().filter(|suggestion| here(suggestion.span));
                finding.suggestion = suggestion.map(|mut suggestion| {
                    suggestion.span = moved(suggestion.span);
                    suggestion
                });
                finding
            });
            let findings: Vec<Diagnostic> = findings.collect();
            let text = self.source.text().get(file.range.clone()).unwrap_or_default();
            FileFindings { source: Arc::new(Source::new(file.path, text)), findings }
        };
        let found: Vec<FileFindings> = files.into_iter().map(file).collect();
        // A plan without findings in itself and its modules is listed once.
        match found.iter().all(|found| found.findings.is_empty()) {
            true => found.into_iter().take(1).collect(),
            false => found.into_iter().filter(|found| !found.findings.is_empty()).collect(),
        }
    }

    pub(super) fn as_findings<'f>(&'f self, secrets: &'f Secrets) -> Findings<'f> {
        Findings { source: &self.source, diagnostics: &self.findings, secrets }
    }
}

/// Whether a finding is shown before a run: notes are only for `plan check`.
pub(super) fn is_shown_before_run(finding: &Diagnostic) -> bool {
    finding.severity > Severity::Note
}

/// Reports findings on stderr, and to the job.
///
/// # Errors
///
/// When stderr or one of the job's files cannot be written.
pub fn print(context: &Context, found: &[FileFindings]) -> Result<(), Error> {
    let found = &findings_by_file(found, &context.secrets)[..];
    let findings: Vec<Findings<'_>> = found.iter().map(|found| found.as_findings(&context.secrets)).collect();
    warn(context, found)?;
    let page = context.environment.github.as_ref().and_then(|github| github.step_summary.as_ref());
    if let Some(path) = page
        && let Some(summary) = findings_summary(&findings, &context.secrets)
    {
        append(path, "the job summary", &summary)?;
    }
    Ok(())
}

/// Reports findings without the job summary, which a run writes itself.
///
/// # Errors
///
/// When stderr cannot be written.
pub(super) fn warn(context: &Context, found: &[FileFindings]) -> Result<(), Error> {
    let found = &findings_by_file(found, &context.secrets)[..];
    let findings: Vec<Findings<'_>> = found.iter().map(|found| found.as_findings(&context.secrets)).collect();
    let format = Format::Human { color: context.color(&context.stderr), width: context.width(&context.stderr) };
    let mut text = Vec::new();
    diagnostics::write(&mut text, &findings, format).map_err(stderr)?;
    let text = String::from_utf8_lossy(&text);
    let text = context.secrets.redact(&text);
    match &context.environment.github {
        None => context.stderr.clone().write_all(text.as_bytes()).map_err(stderr),
        Some(_) => print_log(context, &findings, &text),
    }
}

fn print_log(context: &Context, findings: &[Findings<'_>], text: &str) -> Result<(), Error> {
    let log = Log::new(context.stderr.clone(), context.secrets.clone(), context.token());
    let folder = context.folder_in_repository();
    let told: io::Result<()> = (|| {
        log.text().write_all(text.as_bytes())?;
        for annotation in diagnostics::annotations(findings) {
            log.annotate(&annotation.below(&folder))?;
        }
        log.finish()
    })();
    told.map_err(stderr)
}

/// Reports one problem with an input or option, which has no place in the plan.
///
/// # Errors
///
/// When stderr cannot be written.
pub(super) fn print_line(context: &Context, message: &str, help: &[String]) -> Result<(), Error> {
    let hidden = |text: &str| sanitize(&context.secrets.redact(text)).into_owned();
    let lines: Vec<String> = help.iter().map(|words| hidden(words)).collect();
    let told = match &context.environment.github {
        Some(_) => {
            let words = lines.iter().map(|words| format!("\nhelp: {words}")).collect::<String>();
            context.stderr.command(&Annotation::new(AnnotationLevel::Error, hidden(message) + &words).command())
        }
        None => {
            let palette = Palette::new(context.color(&context.stderr));
            let words = lines.iter().map(|words| format!("{} {words}\n", palette.name("help:"))).collect::<String>();
            let text = format!("{} {}\n{words}", palette.bad("error:"), hidden(message));
            context.stderr.clone().write_all(text.as_bytes())
        }
    };
    told.map_err(stderr)
}

/// The current size of one of the job's files in bytes.
pub(super) fn length(path: &std::path::Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

fn stderr(error: io::Error) -> Error {
    Error::Stream { stream: "stderr", error }
}
