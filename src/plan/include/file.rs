//! The files of modules: inside the plan's folder, each read once, and appended to the plan's text so that every
//! place has one offset.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Diagnostic, Findings, code};
use crate::source::{Joined, Source, Span};
use crate::template::read_below;
use crate::yaml::{self, Node};

/// Why a module cannot be used, without a place.
pub(super) struct Unusable {
    message: String,
    help: &'static str,
}

impl Unusable {
    fn new(message: impl Into<String>, help: &'static str) -> Self {
        Self { message: message.into(), help }
    }

    pub(super) fn at(self, place: Span) -> Diagnostic {
        Diagnostic::error(code::BAD_MODULE, place, self.message).help(self.help)
    }
}

const LOCAL: &str =
    "a module is a file below the plan's folder, named from where it is used: `use: ./modules/web.yaml`";

/// The modules of a plan.
pub(super) struct Files<'f> {
    folder: Option<&'f Path>,
    /// The path of the plan file in messages.
    shown: PathBuf,
    read: BTreeMap<PathBuf, Option<Node>>,
    joined: Vec<Joined>,
    /// The offset of the next text.
    next: usize,
}

impl<'f> Files<'f> {
    pub(super) fn new(source: &Source, folder: Option<&'f Path>) -> Self {
        let shown = source.folder().to_owned();
        // A line break separates two texts.
        Self { folder, shown, read: BTreeMap::new(), joined: Vec::new(), next: source.text().len() + 1 }
    }

    /// The path of a module inside the plan's folder, as a file there names it.
    pub(super) fn path(&self, written: &str, from: &Path) -> Result<PathBuf, Unusable> {
        if written.contains("://") || Path::new(written).is_absolute() {
            return Err(Unusable::new(format!("`{written}` is no file beside the plan"), LOCAL));
        }
        let mut path = from.parent().unwrap_or_else(|| Path::new("")).to_owned();
        for part in Path::new(written).components() {
            match part {
                Component::Normal(name) => path.push(name),
                Component::CurDir => {}
                _ => return Err(Unusable::new(format!("`{written}` leads out of the folder it is in"), LOCAL)),
            }
        }
        Ok(path)
    }

    /// The parsed contents of a module, with its places after the plan's text. `None` when it is invalid YAML, which
    /// is reported.
    pub(super) fn read(
        &mut self,
        path: &Path,
        user: &str,
        place: Span,
        findings: &mut Findings,
    ) -> Result<Option<Node>, Unusable> {
        if let Some(known) = self.read.get(path) {
            let shown = self.shown.join(path);
            if let Some(joined) = self.joined.iter_mut().find(|joined| joined.path == shown) {
                joined.used_by.push((user.to_owned(), place));
            }
            return Ok(known.clone());
        }
        let Some(folder) = self.folder else {
            return Err(Unusable::new("modules cannot be read here", "check the plan as a file of its own"));
        };
        let name = path.to_string_lossy().into_owned();
        let text = read_below(folder, &name).map_err(|why| Unusable::new(why, LOCAL))?;
        let base = self.next;
        self.next += text.len() + 1;
        let parsed = yaml::parse(&text);
        let wrong = parsed.findings.iter().any(Diagnostic::is_error);
        findings.add(parsed.findings.into_iter().map(|finding| finding.moved(base)).collect(), parsed.more);
        let root = parsed.root.filter(|root| !wrong && !root.is_null()).map(|root| root.moved(base));
        if root.is_none() {
            let what = if wrong { format!("`{name}` cannot be read") } else { format!("there is nothing in `{name}`") };
            let finding = Diagnostic::error(code::BAD_MODULE, place, what);
            findings.push(finding.help("a module has `steps`, and may have `inputs` and `outputs`"));
        }
        let used_by = vec![(user.to_owned(), place)];
        self.joined.push(Joined { path: self.shown.join(path), text, used_by });
        self.read.insert(path.to_owned(), root.clone());
        Ok(root)
    }

    /// The plan's text and those of the modules.
    pub(super) fn joined(self, source: &Source) -> Source {
        source.with(self.joined)
    }
}
