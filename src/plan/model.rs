//! The accepted plan: checked once by `check`, so that other modules need not check again.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::body_file::BodyFiles;
use crate::catalog::{AllowUnknown, Method, Operation};
use crate::hash::IndexMap;
use crate::id::{InstanceId, StepId};
use crate::secret::is_password;
use crate::source::{Source, Span};
use crate::template::{Expression, Template};
use crate::word::Word;

/// The steps of a plan by their ids, in file order.
pub type Steps = IndexMap<StepId, Step>;

/// A valid plan file.
#[derive(Debug, Clone)]
pub struct Plan {
    pub source: Arc<Source>,
    /// The folder of the plan file, where `file(...)` reads.
    pub folder: PathBuf,
    /// The files in it that are sent as bodies.
    pub body_files: Arc<BodyFiles>,
    pub name: String,
    pub description: Option<String>,
    pub inputs: IndexMap<String, Input>,
    /// Outputs of other plans, by their names in templates.
    pub records: IndexMap<String, RecordOf>,
    pub project_id: Option<Template>,
    pub region_id: Option<Template>,
    /// How long an environment of this plan lives before `plan sweep` may destroy it.
    pub ttl: Option<Duration>,
    pub steps: Steps,
    pub outputs: IndexMap<Word, Output>,
    /// Renamed steps and instances of earlier versions of the plan.
    pub moved: Vec<Moved>,
    /// What modules are given, where that is no constant.
    pub module_inputs: Vec<ModuleInput>,
}

impl Plan {
    /// Whether it has secret inputs, or secret steps.
    pub fn has_secrets(&self) -> bool {
        self.inputs.values().any(|input| input.secret) || self.steps.values().any(|step| step.secret)
    }

    /// Whether a message may repeat the value of an input: it is declared, and neither secret nor named as a secret is.
    pub fn shows_input(&self, name: &str) -> bool {
        self.inputs.get(name).is_some_and(|input| !input.secret) && !is_password(name)
    }
}

/// The record of another plan or environment, which is read and never written.
#[derive(Debug, Clone)]
pub struct RecordOf {
    pub span: Span,
    /// The name of the plan.
    pub plan: String,
    /// May refer to `inputs` and `environment`; without it, this plan's environment name is used.
    pub environment: Option<Template>,
    /// The outputs that templates refer to.
    pub outputs: Vec<RecordUse>,
}

/// A reference to a recorded output.
#[derive(Debug, Clone)]
pub struct RecordUse {
    pub output: String,
    pub span: Span,
    /// Used with `default(...)` or `is defined`, so that it may be missing.
    pub guarded: bool,
}

/// A step of an accepted plan; its keys in the file are read through `Deref`.
#[derive(Debug, Clone)]
pub struct Step {
    pub id: StepId,
    pub id_span: Span,
    pub call: Call,
    /// The catalogue's operation for the call.
    pub operation: Option<Arc<Operation>>,
    /// The call is sent on every run.
    pub always: bool,
    /// Whether any template refers to `steps.<id>.resource`.
    pub resource_used: bool,
    /// Whether a template of its own mentions `resource`: one whose path is computed may lead there.
    pub uses_resource: bool,
    /// In a box from the reading of the file on, so that it is never moved: a long plan has many of them.
    pub(super) written: Box<StepKeys>,
}

impl Step {
    /// Whether it certainly has no template and no condition.
    pub(super) fn is_constant(&self) -> bool {
        self.more.is_none() && self.is_written_out()
    }

    /// Whether no part of its call is a template.
    pub fn is_written_out(&self) -> bool {
        let segments = self.call.segments.iter().filter_map(Segment::template);
        let mapped = [self.query.as_deref(), self.headers.as_deref(), self.body.as_ref()].into_iter().flatten();
        segments.chain(mapped).all(Template::is_constant)
    }
}

impl Deref for Step {
    type Target = StepKeys;

    fn deref(&self) -> &StepKeys {
        &self.written
    }
}

/// The keys of a step in the file: those that most steps have, and through `Deref` the rest. A long plan has many
/// steps, so that they are kept small.
#[derive(Debug, Clone)]
pub struct StepKeys {
    /// The whole step in the file.
    pub span: Span,
    pub body: Option<Template>,
    /// The steps of `needs`, with their places.
    pub needs: Box<[(StepId, Span)]>,
    /// All steps that this one depends on, by references and `needs`. Sorted; not known before the plan is accepted.
    pub after: Box<[StepId]>,
    /// `None` when the step has no other keys.
    more: Option<Box<More>>,
}

impl StepKeys {
    pub(super) fn new(span: Span, body: Option<Template>, needs: Box<[(StepId, Span)]>, more: More) -> Self {
        let more = (!more.is_empty()).then(|| Box::new(more));
        Self { span, body, needs, after: Box::default(), more }
    }

    /// The call of `undo`, and that of `on_change: update`.
    pub(super) fn calls(&self) -> (Option<&CallTemplate>, Option<&CallTemplate>) {
        let undo = match &self.undo {
            Undo::Call(call) => Some(&**call),
            _ => None,
        };
        let update = match &self.on_change {
            Some(OnChange::Update(call)) => Some(&**call),
            _ => None,
        };
        (undo, update)
    }

    /// The calls of [`Self::calls`], to be changed.
    pub(super) fn calls_mut(&mut self) -> (Option<&mut CallTemplate>, Option<&mut CallTemplate>) {
        let Some(rare) = self.more.as_mut().and_then(|more| more.rare.as_mut()) else { return (None, None) };
        let undo = match &mut rare.undo {
            Undo::Call(call) => Some(&mut **call),
            _ => None,
        };
        let update = match &mut rare.on_change {
            Some(OnChange::Update(call)) => Some(&mut **call),
            _ => None,
        };
        (undo, update)
    }
}

impl Deref for StepKeys {
    type Target = More;

    fn deref(&self) -> &More {
        static NOTHING: LazyLock<More> = LazyLock::new(More::default);
        self.more.as_deref().unwrap_or_else(|| &NOTHING)
    }
}

/// Keys that some steps have; through `Deref` those that few have.
#[derive(Debug, Clone, Default)]
pub struct More {
    /// The name for people.
    pub name: Option<Box<str>>,
    /// A mapping of parameter to value.
    pub query: Option<Box<Template>>,
    /// For a GET: the fields of the item to select.
    pub find: Option<Box<Template>>,
    pub when: Option<Box<Expression>>,
    pub for_each: Option<Box<Template>>,
    /// `None` when the step has none of the rarer keys.
    pub(super) rare: Option<Box<Rare>>,
}

impl More {
    fn is_empty(&self) -> bool {
        let Self { name, query, find, when, for_each, rare } = self;
        let templates = [query, find, for_each];
        templates.into_iter().all(Option::is_none) && name.is_none() && when.is_none() && rare.is_none()
    }
}

impl Deref for More {
    type Target = Rare;

    fn deref(&self) -> &Rare {
        static NOTHING: LazyLock<Rare> = LazyLock::new(Rare::default);
        self.rare.as_deref().unwrap_or_else(|| &NOTHING)
    }
}

/// Keys that few steps have.
#[derive(Debug, Clone, Default)]
pub struct Rare {
    /// The file that is sent as the body.
    pub body_file: Option<Box<FileTemplate>>,
    pub headers: Option<Box<Template>>,
    pub project_id: Option<Box<Template>>,
    pub region_id: Option<Box<Template>>,
    pub wait: StepWait,
    pub ready: Ready,
    /// Fails the step during the wait for readiness, when the resource can never become ready.
    pub fail_when: Option<Box<Expression>>,
    pub retry: Option<Box<Retry>>,
    pub undo: Undo,
    /// `None`: the default (`auto` for creates, `rerun` for the rest).
    pub on_change: Option<OnChange>,
    /// Places of the call whose changes are ignored: `body/volumes/0/image_id`.
    pub ignored_changes: Box<[String]>,
    /// The place in the file of each of them.
    pub(super) ignored_at: Box<[Span]>,
    pub on_conflict: OnConflict,
    /// The existing resource to adopt instead of creating one.
    pub adopt: Option<Box<Adopt>>,
    /// The answer is never recorded or printed.
    pub secret: bool,
    /// `stamp: false`: this create may not be sent with our tags.
    pub unstamped: bool,
    /// Fields and parameters that may be sent although the catalogue does not know them.
    pub allow_unknown: AllowUnknown,
    /// The place of each path of `allow_unknown`.
    pub(super) allowed_at: Box<[Span]>,
}

impl Rare {
    /// `None` when every key has its default.
    pub(super) fn unless_default(self) -> Option<Box<Self>> {
        let Self { body_file, headers, project_id, region_id, wait, ready, fail_when, retry, undo, .. } = &self;
        let Self { on_change, ignored_changes, on_conflict, adopt, secret, unstamped, allow_unknown, .. } = &self;
        let nothing = [headers, project_id, region_id].into_iter().all(Option::is_none)
            && body_file.is_none()
            && wait.is_default()
            && matches!(ready, Ready::Usual)
            && fail_when.is_none()
            && retry.is_none()
            && matches!(undo, Undo::Default)
            && on_change.is_none()
            && ignored_changes.is_empty()
            && *on_conflict == OnConflict::Error
            && adopt.is_none()
            && !secret
            && !unstamped
            && allow_unknown.paths().is_empty();
        (!nothing).then(|| Box::new(self))
    }
}

/// `METHOD /path`.
#[derive(Debug, Clone)]
pub struct Call {
    /// The place of the whole value of `call`.
    pub span: Span,
    /// Calls that say the same share it, unless there are templates in it.
    pub target: Arc<CallTarget>,
}

impl Deref for Call {
    type Target = CallTarget;

    fn deref(&self) -> &CallTarget {
        &self.target
    }
}

/// Method and path of a call. Segments are filled in and percent-encoded separately.
#[derive(Debug)]
pub struct CallTarget {
    pub method: Method,
    /// As written, for people: `/cloud/v1/subnets/{project_id}/{region_id}/{{ steps.subnet.id }}`.
    pub written: Box<str>,
    pub segments: Box<[Segment]>,
}

/// The text between two slashes.
#[derive(Debug, Clone)]
pub enum Segment {
    Literal(Box<str>),
    ProjectId,
    RegionId,
    Template(Box<Template>),
}

impl Segment {
    pub fn template(&self) -> Option<&Template> {
        match self {
            Segment::Template(template) => Some(template),
            _ => None,
        }
    }
}

/// A file that is sent as the body of a call.
#[derive(Debug, Clone)]
pub struct FileTemplate {
    /// Its path in the plan's folder; it can refer to values that are known before the first call.
    pub path: Template,
    /// The media type, when the plan gives one.
    pub content_type: Option<(String, Span)>,
}

/// The conditions for readiness, in addition to the end of the tasks.
#[derive(Debug, Clone, Default)]
pub enum Ready {
    /// The step waits until the resource is ready as the catalogue says of its kind.
    #[default]
    Usual,
    /// `ready: false`: the step waits for no readiness.
    Off,
    /// The step also waits for this condition.
    Also(Box<Expression>),
}

impl Ready {
    /// The plan's own condition.
    pub fn condition(&self) -> Option<&Expression> {
        match self {
            Ready::Also(condition) => Some(condition),
            Ready::Usual | Ready::Off => None,
        }
    }

    pub fn is_off(&self) -> bool {
        matches!(self, Ready::Off)
    }
}

/// How to wait for the tasks of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wait {
    /// `wait: false`: the step is done when the call is accepted.
    pub skip: bool,
    pub timeout: Option<Duration>,
    /// Interval between polls.
    pub every: Option<Duration>,
    /// Time of the first poll after acceptance.
    pub first: Option<Duration>,
}

impl Wait {
    const DEFAULT: Wait = Wait { skip: false, timeout: None, every: None, first: None };
}

/// The [`Wait`] of a step, which few steps write: the default takes no room.
#[derive(Debug, Clone, Default)]
pub struct StepWait(Option<Box<Wait>>);

impl StepWait {
    fn is_default(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Wait> for StepWait {
    fn from(wait: Wait) -> Self {
        Self((wait != Wait::DEFAULT).then(|| Box::new(wait)))
    }
}

impl Deref for StepWait {
    type Target = Wait;

    fn deref(&self) -> &Wait {
        self.0.as_deref().unwrap_or(&Wait::DEFAULT)
    }
}

/// How refused or unanswered requests of a step are sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub attempts: u32,
    /// Statuses to retry, in addition to the default ones.
    pub on: Vec<u16>,
}

/// How a step is undone.
#[derive(Debug, Clone, Default)]
pub enum Undo {
    /// The catalogue's delete.
    #[default]
    Default,
    /// `undo: none`: the resource is kept.
    Keep,
    Call(Box<CallTemplate>),
}

/// A call written out in `undo` or `on_change: update`.
#[derive(Debug, Clone)]
pub struct CallTemplate {
    pub call: Call,
    pub operation: Option<Arc<Operation>>,
    pub query: Option<Template>,
    pub body: Option<Template>,
}

/// What a run does when the step's call differs from the recorded one.
#[derive(Debug, Clone)]
pub enum OnChange {
    /// Changes in place where the API can; otherwise the run fails.
    Auto,
    Error,
    Replace,
    Rerun,
    Ignore,
    Update(Box<CallTemplate>),
}

/// What a run does when the API answers that the resource exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    #[default]
    Error,
    Adopt,
}

/// An existing resource to adopt instead of creating one.
#[derive(Debug, Clone)]
pub struct Adopt {
    pub by: AdoptBy,
    /// Whether it is deleted with the environment, as if the step had created it.
    pub own: bool,
    pub span: Span,
}

/// What identifies it.
#[derive(Debug, Clone)]
pub enum AdoptBy {
    Id(Template),
    Name(Template),
}

impl AdoptBy {
    pub fn template(&self) -> &Template {
        match self {
            AdoptBy::Id(template) | AdoptBy::Name(template) => template,
        }
    }
}

/// A renamed step or instance.
#[derive(Debug, Clone)]
pub struct Moved {
    pub from: InstanceId,
    pub from_span: Span,
    pub to: InstanceId,
    pub to_span: Span,
}

/// A value given to an input of a module.
#[derive(Debug, Clone)]
pub struct ModuleInput {
    pub name: String,
    /// The name in the module.
    pub declared: Span,
    pub value: Template,
    pub input: Input,
}

/// An input of a plan: its type, and what its value may be.
#[derive(Debug, Clone)]
pub struct Input {
    pub span: Span,
    pub r#type: InputType,
    pub default: Option<Arc<Value>>,
    pub required: bool,
    pub r#enum: Option<Vec<Value>>,
    pub pattern: Option<String>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub secret: bool,
    pub description: Option<String>,
}

/// The type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    #[default]
    String,
    Integer,
    Number,
    Boolean,
    List,
    Map,
}

/// An output of a plan.
#[derive(Debug, Clone)]
pub struct Output {
    pub span: Span,
    pub value: Template,
    pub description: Option<Box<str>>,
    /// Declared secret, or contains a secret input or the answer of a secret step.
    pub secret: bool,
}
