//! Modules: `use:` instead of `call:` includes the steps of another file, with inputs and outputs of its own.
//!
//! A module is merged into the plan before steps are parsed: `inputs.<name>` in it becomes the value of `with`,
//! `steps.<id>` refers to its own step with a prefixed id, and `steps.<id>.outputs.<name>` outside becomes the
//! module's output. `file` reads modules in the order of `order`, `rewrite` replaces references in templates, `module`
//! parses a module's declarations. The result is one plan; places in modules remain places in their files.

mod file;
mod module;
mod order;
mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file::Files;
use module::Module;
use order::Order;
use rewrite::{Names, rewritten, rewritten_step};

use super::fields::{Fields, Shape, mapping, text};
use super::input_doc::InputDoc;
use super::model::ModuleInput;
use super::scalars::{is_identifier, missing_key};
use crate::diagnostic::{Diagnostic, Findings, code, nearest};
use crate::hash::{HashMap, HashSet};
use crate::source::{Source, Span};
use crate::template::Template;
use crate::yaml::{Growing, Key, List, Node, NodeKind};

/// The greatest depth of nested modules.
const DEEPEST: usize = 8;
/// The most steps of all modules: modules that include each other twice double with every level.
const MOST_STEPS: usize = 10_000;

const USE: Shape = Shape {
    name: "a step that uses a module",
    keys: &["id", "name", "use", "with", "needs"],
    hints: &[
        ("inputs", "write `with:`"),
        ("vars", "write `with:`"),
        ("variables", "write `with:`"),
        ("when", "give the module an input, and ask for it in the `when` of its steps"),
        ("for_each", "give the module the list as an input, and write `for_each` at its steps"),
        ("call", "a step has `call:` or `use:`"),
    ],
};

/// A plan file with its modules merged.
pub(super) struct Whole {
    pub root: Option<Node>,
    /// The text of the plan file, followed by those of the modules.
    pub source: Arc<Source>,
    /// The values given to modules, as written.
    pub given: Vec<GivenNode>,
    /// The values of the modules' secret inputs that stand in a file.
    pub secret: Vec<Node>,
}

/// A value given to a module, and the module's input.
pub(super) struct GivenNode {
    pub node: Node,
    /// `None` when the module has no such input.
    pub input: Option<InputDoc>,
}

impl GivenNode {
    /// The value for its input, when it is known only with the values of a run.
    pub(super) fn limited(&self, value: &Template) -> Option<ModuleInput> {
        let InputDoc { name, name_span, input } = self.input.as_ref()?;
        let (name, declared, value, input) = (name.clone(), *name_span, value.clone(), input.clone());
        (!value.is_constant()).then_some(ModuleInput { name, declared, value, input })
    }
}

/// Merges the modules of a plan. `folder`: the plan's; without it no module can be read.
pub(super) fn include(
    root: Option<Node>,
    source: &Arc<Source>,
    folder: Option<&Path>,
    findings: &mut Findings,
) -> Whole {
    let uses_modules = |root: &Node| {
        root.get("steps").and_then(Node::items).is_some_and(|steps| steps.iter().any(|step| step.get("use").is_some()))
    };
    let root = match root {
        Some(root) if uses_modules(&root) => root,
        root => return Whole { root, source: Arc::clone(source), given: Vec::new(), secret: Vec::new() },
    };
    let mut including = Including {
        files: Files::new(source, folder),
        secrets: secret_inputs(&root),
        steps: 0,
        given: Vec::new(),
        secret: Vec::new(),
        findings,
    };
    let root = including.plan(root);
    let (given, secret) = (including.given, including.secret);
    let source = including.files.joined(source);
    Whole { root: Some(root), source: Arc::new(source), given, secret }
}

/// The secret inputs of the plan.
fn secret_inputs(root: &Node) -> BTreeSet<String> {
    let inputs = root.get("inputs").and_then(Node::entries).into_iter().flatten();
    let is_secret = |node: &Node| node.get("secret").and_then(Node::scalar) == Some(serde_json::Value::Bool(true));
    inputs.filter(|(_, node)| is_secret(node)).map(|(key, _)| key.text.to_string()).collect()
}

struct Including<'f> {
    files: Files<'f>,
    secrets: BTreeSet<String>,
    /// The number of module steps so far.
    steps: usize,
    given: Vec<GivenNode>,
    secret: Vec<Node>,
    findings: &'f mut Findings,
}

/// The context of a module: the file that uses it, the prefix of its steps, and the files that lead to it.
struct ModuleContext {
    /// The file, below the plan's folder.
    file: PathBuf,
    /// The prefix of its step ids.
    prefix: String,
    /// The files that lead here, this one last.
    trail: Vec<PathBuf>,
}

/// A step that uses a module, as written.
struct UseDoc {
    id: String,
    id_span: Span,
    place: Span,
    file: Option<(String, Span)>,
    with: List<(Key, Node)>,
    needs: Option<Node>,
}

/// The steps of a module in the plan that uses it.
struct Included {
    steps: List<Node>,
    /// The ids that the steps have in the plan.
    ids: Vec<String>,
    /// By output: the expression that replaces it outside the module.
    outputs: BTreeMap<String, String>,
}

impl Including<'_> {
    fn plan(&mut self, root: Node) -> Node {
        let span = root.span;
        let NodeKind::Mapping(mut entries) = root.kind else { return root };
        let level = ModuleContext { file: PathBuf::new(), prefix: String::new(), trail: Vec::new() };
        let mut names = Names::of_plan();
        for (_, node) in entries.iter_mut().filter(|(key, _)| key.text == "steps") {
            if let NodeKind::Sequence(items) = &mut node.kind {
                *items = self.list(std::mem::take(items), &level, &mut names);
            }
        }
        for (_, node) in entries.iter_mut().filter(|(key, _)| key.text == "outputs") {
            *node = rewritten(node, &names, self.findings);
        }
        Node { span, kind: NodeKind::Mapping(entries) }
    }

    /// A list of steps with modules replaced by their steps; `names` receives the modules' outputs.
    fn list(&mut self, items: List<Node>, level: &ModuleContext, names: &mut Names) -> List<Node> {
        let is_use = |step: &Node| step.get("use").is_some();
        let uses = items.iter().enumerate().filter(|(_, step)| is_use(step));
        let mut made: HashMap<usize, List<Node>> = HashMap::default();
        // Every module has a step.
        let uses = uses.take(MOST_STEPS + 1);
        let open: Vec<(usize, UseDoc)> = uses.filter_map(|(at, node)| Some((at, self.use_doc(node)?))).collect();
        names.modules.extend(open.iter().map(|(_, used)| used.id.clone()));
        let plain = items.iter().filter(|step| !is_use(step));
        let plain_ids: HashSet<&str> = plain.filter_map(|step| step.get("id")?.as_str()).collect();
        let mut seen = BTreeSet::new();
        for (_, used) in &open {
            if plain_ids.contains(used.id.as_str()) || !seen.insert(used.id.clone()) {
                let message = format!("two steps have the id `{}`", used.id);
                let finding = Diagnostic::error("duplicate-step-id", used.id_span, message);
                self.findings.push(finding.help("give each step an id of its own"));
            }
        }
        let mut order = Order::new(open.iter().map(|(_, used)| {
            let given = used.with.iter().flat_map(|(_, node)| rewrite::modules_in(node, names));
            given.chain(used.needs.iter().flat_map(|node| rewrite::modules_needed(node, names))).collect()
        }));
        while let Some(next) = order.next() {
            let (at, used) = &open[next];
            match self.module(used, level, names) {
                Some(Included { steps, ids, outputs }) => {
                    names.given.insert(used.id.clone(), outputs);
                    names.ids.insert(used.id.clone(), ids);
                    made.insert(*at, steps);
                }
                None => {
                    names.failed.insert(used.id.clone());
                }
            }
            order.settled(&used.id);
        }
        for (_, used) in open.iter().enumerate().filter(|(nth, _)| order.is_stuck(*nth)).map(|(_, stuck)| stuck) {
            let message = format!("the inputs of `{}` depend on its own outputs", used.id);
            self.findings.push(Diagnostic::error(code::CYCLE, used.id_span, message));
        }
        let mut all = Growing::default();
        for (at, node) in items.into_iter().enumerate() {
            match is_use(&node) {
                true => all.extend(made.remove(&at).into_iter().flatten()),
                false => all.push(rewritten_step(&node, names, self.findings)),
            }
        }
        all.into()
    }

    fn use_doc(&mut self, node: &Node) -> Option<UseDoc> {
        let fields = Fields::open(node, &USE, self.findings)?;
        let id = match fields.get("id") {
            Some(node) => text(node, "`id`", self.findings)?,
            None => {
                self.findings
                    .push(missing_key("a step", "id", fields.head()).help("its steps and outputs are named after it"));
                return None;
            }
        };
        if !is_identifier(&id.value) {
            let finding = Diagnostic::error("bad-name", id.span, format!("`{}` is no id for a step", id.value));
            self.findings.push(finding.help("letters, digits and `_`, and no digit first"));
            return None;
        }
        let file = fields.get("use").and_then(|node| text(node, "`use`", self.findings));
        let with = fields.get("with").filter(|node| !node.is_null());
        let with = with.and_then(|node| mapping(node, "`with`", self.findings)).unwrap_or_default();
        let with = with.iter().cloned().collect();
        let place = fields.key_span("use").unwrap_or(node.span);
        let file = file.map(|file| (file.value, file.span));
        Some(UseDoc { id: id.value, id_span: id.span, place, file, with, needs: fields.get("needs").cloned() })
    }

    /// The file of a module and its text; `None` when it cannot be read, uses itself, or is nested too deep.
    fn open(&mut self, used: &UseDoc, level: &ModuleContext) -> Option<(PathBuf, Node)> {
        let (written, place) = used.file.as_ref()?;
        let path = match self.files.path(written, &level.file) {
            Ok(path) => path,
            Err(finding) => {
                self.findings.push(finding.at(*place));
                return None;
            }
        };
        if level.trail.contains(&path) {
            let message = format!("`{}` uses itself, directly or by way of others", path.display());
            self.findings.push(Diagnostic::error(code::BAD_MODULE, *place, message));
            return None;
        }
        if level.trail.len() >= DEEPEST {
            let message = format!("modules in modules, more than {DEEPEST} deep");
            self.findings.push(Diagnostic::error(code::BAD_MODULE, *place, message));
            return None;
        }
        match self.files.read(&path, &used.id, *place, self.findings) {
            Ok(root) => Some((path, root?)),
            Err(finding) => {
                self.findings.push(finding.at(*place));
                None
            }
        }
    }

    /// What a step that uses a module becomes.
    fn module(&mut self, used: &UseDoc, level: &ModuleContext, names: &Names) -> Option<Included> {
        if self.steps > MOST_STEPS {
            return None;
        }
        let (path, root) = self.open(used, level)?;
        let module = Module::read(&root, self.findings)?;
        let mut inner = Names::of_module(format!("{}{}_", level.prefix, used.id), names);
        let given = used.with.iter().map(|(key, node)| (key.clone(), rewritten(node, names, self.findings)));
        let given: List<(Key, Node)> = given.collect();
        let with_input = |(key, node): &(Key, Node)| GivenNode { node: node.clone(), input: module.input(&key.text) };
        self.given.extend(given.iter().map(with_input));
        self.secret.extend(module.secret_of(&given).chain(&module.secret).cloned());
        inner.inputs = module.values(&given, used, &self.secrets, self.findings);
        self.steps += module.steps.len();
        if self.steps > MOST_STEPS {
            let message = format!("the modules of this plan come to more than {MOST_STEPS} steps");
            self.findings.push(Diagnostic::error(code::BAD_MODULE, used.file.as_ref()?.1, message));
            return None;
        }
        let trail = level.trail.iter().cloned().chain([path.clone()]).collect();
        let below = ModuleContext { file: path, prefix: inner.prefix.clone(), trail };
        let needs = used.needs.as_ref().map(|node| rewrite::needs(node, names));
        let mut steps = self.list(module.steps.clone(), &below, &mut inner);
        if let Some(needs) = needs {
            steps.iter_mut().for_each(|step| rewrite::add_needs(step, &needs));
        }
        let ids = steps.iter().filter_map(|step| Some(step.get("id")?.as_str()?.to_owned())).collect();
        let outputs = module.outputs(&inner, self.findings);
        module.report_unused(&inner, self.findings);
        Some(Included { steps, ids, outputs })
    }
}

/// A finding about a name that a module does not have, with the nearest one.
fn with_nearest<'n>(
    finding: Diagnostic,
    word: &str,
    span: Span,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Diagnostic {
    match nearest(word, names.clone()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
        None if names.clone().next().is_none() => finding.help("it has none"),
        None => finding.help(format!("it has {}", super::fields::listed(names))),
    }
}
