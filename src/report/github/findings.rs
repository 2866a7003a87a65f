//! The job summary for a plan with findings.

use crate::diagnostic::{Diagnostic, Severity};
use crate::report::count;
use crate::report::diagnostics::{Findings, Lines, tally};
use crate::report::markdown::{code, text};
use crate::secret::{Redacted, Secrets};
use crate::source::Span;

/// The most bytes of the page: far below GitHub's limit for one step.
const SPACE: usize = 128 * 1024;

/// The findings in the given order, as Markdown; `None` without findings.
pub fn findings_summary(files: &[Findings<'_>], secrets: &Secrets) -> Option<Redacted> {
    let errors = files.iter().flat_map(|file| file.diagnostics).any(Diagnostic::is_error);
    let mut out = format!("## {} plan check: {}\n\n", if errors { "❌" } else { "⚠" }, text(&tally(files)?));
    let mut cut = 0;
    for file in files {
        for found in file.in_order() {
            // The first finding that does not fit ends the page, so that no finding in the middle is missing.
            let item = (cut == 0).then(|| item(file, found, secrets)).filter(|item| out.len() + item.len() <= SPACE);
            match item {
                Some(item) => out.push_str(&item),
                None => cut += 1,
            }
        }
    }
    if cut > 0 {
        out.push_str(&format!("\n{}, see the log.\n", count(cut, "more finding")));
    }
    out.push('\n');
    Some(secrets.redact(&out))
}

fn item(file: &Findings<'_>, found: &Diagnostic, secrets: &Secrets) -> String {
    const LONGEST_LINE: usize = 200;
    // The most bytes of a line that are searched for secrets before it is cut.
    const LONGEST_READ: usize = 16 * 1024;
    let place = file.source.position(found.primary.start());
    let level = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let shown = |words: &str| text(&secrets.redact(words));
    let at = format!("{}:{}:{}", file.source.path().display(), place.line, place.column);
    let mut out = format!("- **{level}** {}: {} at {}", code(found.code), shown(&found.message), code(&at));
    let start = Span::at(file.source.clamp(found.primary).start());
    if !file.source.has_line_longer_than(LONGEST_READ, start) {
        let lines = Lines::around(file.source, start, file.secrets);
        let line: String = lines.text.trim().chars().take(LONGEST_LINE).collect();
        if !line.is_empty() {
            out.push_str(&format!(": {}", code(&line)));
        }
    }
    out.push('\n');
    for help in &found.help {
        out.push_str(&format!("  - help: {}\n", shown(help)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn findings_stand_with_their_place_and_line() {
        let source = Source::new("deploy.yaml", "a: 1\nb: <x>\n");
        let found = [Diagnostic::error("bad-value", Span::new(8, 11), "`b` is | wrong").help("write 2")];
        let files = [Findings { source: &source, diagnostics: &found, secrets: &Secrets::default() }];
        assert_eq!(
            findings_summary(&files, &Secrets::default()).unwrap(),
            "## ❌ plan check: 1 error in deploy.yaml\n\n\
             - **error** <code>bad-value</code>: &#96;b&#96; is &#124; wrong at <code>deploy.yaml:2:4</code>: \
             <code>b: &#60;x&#62;</code>\n  - help: write 2\n\n"
        );
        let clean = [Findings { source: &source, diagnostics: &[], secrets: &Secrets::default() }];
        assert_eq!(findings_summary(&clean, &Secrets::default()), None);
    }

    #[test]
    fn a_line_of_megabytes_is_not_shown() {
        let source = Source::new("deploy.yaml", format!("a: [{}]\n", "x, ".repeat(10_000)));
        let found = [Diagnostic::error("bad-value", Span::new(4, 5), "wrong")];
        let files = [Findings { source: &source, diagnostics: &found, secrets: &Secrets::default() }];
        let page = findings_summary(&files, &Secrets::default()).unwrap();
        assert!(page.ends_with("at <code>deploy.yaml:1:5</code>\n\n"), "{page}");
    }

    #[test]
    fn thousands_of_findings_are_cut() {
        let source = Source::new("deploy.yaml", "x\n".repeat(5000));
        let found: Vec<_> =
            (0..5000).map(|line| Diagnostic::error("code", Span::at(2 * line), "no".repeat(50))).collect();
        let text = findings_summary(
            &[Findings { source: &source, diagnostics: &found, secrets: &Secrets::default() }],
            &Secrets::default(),
        )
        .unwrap();
        assert!(text.len() < SPACE + 200 && text.contains("more findings, see the log"));
    }
}
