//! A preview in Markdown, for the job summary and for a comment on the pull request. All text from plans, inputs and
//! the API is escaped.

use std::fmt::Write;

use crate::report::count;
use crate::report::markdown::{code, text};

/// GitHub's limit for the body of a comment, in characters; used here for bytes.
pub const LONGEST_COMMENT: usize = 65_535;
/// The most fields shown for one change.
const MOST_FIELDS: usize = 20;

/// The number of changes by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All changes, including those that a run would fail at.
    pub changes: usize,
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub remove: usize,
    /// Taken off the record, and left where it is.
    pub forget: usize,
}

/// One instance that a run would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// `+`, `~`, `-/+`, …
    pub mark: &'static str,
    pub instance: String,
    pub words: String,
    pub call: String,
    pub fields: Vec<String>,
}

/// A preview for reviewers.
#[derive(Debug, Clone)]
pub struct PreviewPage<'a> {
    pub plan: &'a str,
    pub environment: &'a str,
    pub counts: Counts,
    /// Without instances that stay the same.
    pub rows: &'a [ChangeRow],
    pub kept: usize,
    /// The commit that was previewed.
    pub commit: Option<String>,
}

impl Counts {
    /// Lines for `$GITHUB_OUTPUT`: only numbers, which need no quoting.
    pub fn outputs(&self) -> String {
        let Counts { changes, create, update, replace, remove, forget: _ } = self;
        format!("changes={changes}\nto-create={create}\nto-update={update}\nto-replace={replace}\nto-remove={remove}\n")
    }

    fn words(&self) -> String {
        let kinds = [
            ("create", self.create),
            ("update", self.update),
            ("replace", self.replace),
            ("remove", self.remove),
            ("forget", self.forget),
        ];
        let other = self.changes.saturating_sub(kinds.iter().map(|(_, number)| number).sum());
        let words =
            kinds.into_iter().filter(|(_, number)| *number > 0).map(|(word, number)| format!("{number} to {word}"));
        let other = (other > 0).then(|| format!("{other} to decide"));
        words.chain(other).collect::<Vec<_>>().join(", ")
    }
}

impl PreviewPage<'_> {
    /// An HTML comment that identifies the comment of this plan and environment. Their names cannot contain its end.
    pub fn marker(&self) -> String {
        format!("<!-- gcore-plan preview {}/{} -->", self.plan, self.environment)
    }

    /// The body of a comment, with the marker first.
    pub fn comment(&self) -> String {
        let marker = self.marker();
        format!("{marker}\n{}", self.page(LONGEST_COMMENT - marker.len() - 1))
    }

    /// The page, at most `most` bytes long.
    pub fn page(&self, most: usize) -> String {
        let mut page = format!("### Preview of {}, environment {}\n\n", code(self.plan), code(self.environment));
        let kept = format!("{} as recorded", count(self.kept, "step"));
        let _ = match self.counts.changes {
            0 => writeln!(page, "Nothing to do: {kept}."),
            _ => writeln!(page, "**{}**, {kept}.", text(&self.counts.words())),
        };
        let end = match &self.commit {
            Some(commit) => format!("\nOf commit {}.\n", code(commit)),
            None => String::new(),
        };
        if !self.rows.is_empty() {
            page.push_str("\n| | step | what | call |\n|---|---|---|---|\n");
        }
        // Leaves room for the note about omitted rows.
        let room = most.saturating_sub(end.len() + 200);
        let mut left = 0;
        for row in self.rows {
            let line = row.line();
            if left == 0 && page.len() + line.len() <= room {
                page.push_str(&line);
            } else {
                left += 1;
            }
        }
        if left > 0 {
            let _ = writeln!(page, "\n{} left out here: the log of the job has them all.", count(left, "more row"));
        }
        page.push_str(&end);
        page
    }
}

impl ChangeRow {
    fn line(&self) -> String {
        let mut words = text(&self.words);
        for field in self.fields.iter().take(MOST_FIELDS) {
            let _ = write!(words, "<br>{}", code(field));
        }
        if self.fields.len() > MOST_FIELDS {
            let _ = write!(words, "<br>{} more", self.fields.len() - MOST_FIELDS);
        }
        format!("| {} | {} | {words} | {} |\n", code(self.mark), code(&self.instance), code(&self.call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(instance: &str, field: &str) -> ChangeRow {
        ChangeRow {
            mark: "~",
            instance: instance.to_owned(),
            words: "update".to_owned(),
            call: "PATCH /cloud/v1/x".to_owned(),
            fields: vec![field.to_owned()],
        }
    }

    fn page(rows: &[ChangeRow], changes: usize) -> PreviewPage<'_> {
        let counts = Counts { changes, update: changes, ..Counts::default() };
        PreviewPage { plan: "web", environment: "pr-7", counts, rows, kept: 2, commit: Some("abc123".to_owned()) }
    }

    #[test]
    fn a_comment_shows_the_changes_with_plan_and_environment() {
        let rows = [row("web[0]", "size: 1 → 2")];
        let comment = page(&rows, 1).comment();
        assert!(comment.starts_with("<!-- gcore-plan preview web/pr-7 -->\n### Preview of"), "{comment}");
        assert!(comment.contains("**1 to update**, 2 steps as recorded."), "{comment}");
        assert!(comment.contains("web&#91;0&#93;") && comment.contains("abc123"), "{comment}");
        assert!(page(&[], 0).comment().contains("Nothing to do: 2 steps as recorded."));
    }

    #[test]
    fn hostile_text_is_text() {
        let rows = [row("a|b\n<img src=x>", "@everyone --> [x](https://evil.example) `x`")];
        let comment = page(&rows, 1).comment();
        let body = comment.split_once("-->\n").unwrap().1;
        assert!(
            !body.contains("-->") && !body.contains("<img") && !body.contains("@everyone") && !body.contains("]("),
            "{body}"
        );
        assert_eq!(body.lines().filter(|line| line.starts_with("| ")).count(), 2, "{body}");
    }

    #[test]
    fn a_comment_is_never_longer_than_github_takes() {
        let rows: Vec<ChangeRow> = (0..5000).map(|nth| row(&format!("web[{nth}]"), &"ä|".repeat(50))).collect();
        let comment = page(&rows, 5000).comment();
        assert!(comment.len() <= LONGEST_COMMENT, "{}", comment.len());
        assert!(comment.contains("more rows left out here") && comment.ends_with("abc123</code>.\n"), "{comment}");
    }

    #[test]
    fn counts_become_outputs() {
        let counts = Counts { changes: 5, create: 1, update: 2, replace: 0, remove: 1, forget: 0 };
        assert_eq!(counts.outputs(), "changes=5\nto-create=1\nto-update=2\nto-replace=0\nto-remove=1\n");
        assert_eq!(counts.words(), "1 to create, 2 to update, 1 to remove, 1 to decide");
    }
}
