//! The accepted plan: checked once by `check`, so that other modules need not check again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use crate::body_file::BodyFiles;
use crate::catalog::{AllowUnknown, Method, Operation};
use crate::id::{InstanceId, StepId};
use crate::source::{Source, Span};
use crate::template::{Expression, Template};

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
    /// In file order.
    pub steps: IndexMap<StepId, Step>,
    pub outputs: IndexMap<String, Output>,
    /// Renamed steps and instances of earlier versions of the plan.
    pub moved: Vec<Moved>,
}

impl Plan {
    /// Whether it has secret inputs, or secret steps.
    pub fn has_secrets(&self) -> bool {
        self.inputs.values().any(|input| input.secret) || self.steps.values().any(|step| step.secret)
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

#[derive(Debug, Clone)]
pub struct Step {
    pub id: StepId,
    /// The whole step in the file.
    pub span: Span,
    pub id_span: Span,
    /// The name for people.
    pub name: Option<String>,
    pub call: Call,
    /// The catalogue's operation for the call.
    pub operation: Option<Arc<Operation>>,
    /// A mapping of parameter to value.
    pub query: Option<Template>,
    pub body: Option<Template>,
    /// The file that is sent as the body.
    pub body_file: Option<FileTemplate>,
    pub headers: Option<Template>,
    /// For a GET: the fields of the item to select.
    pub find: Option<Template>,
    pub project_id: Option<Template>,
    pub region_id: Option<Template>,
    /// The steps of `needs`, with their places.
    pub needs: Vec<(StepId, Span)>,
    pub when: Option<Expression>,
    pub for_each: Option<Template>,
    pub wait: Wait,
    pub ready: Ready,
    /// Fails the step during the wait for readiness, when the resource can never become ready.
    pub fail_when: Option<Expression>,
    pub retry: Option<Retry>,
    pub undo: Undo,
    /// `None`: the default (`auto` for creates, `rerun` for the rest).
    pub on_change: Option<OnChange>,
    /// Places of the call whose changes are ignored: `body/volumes/0/image_id`.
    pub ignored_changes: Vec<String>,
    pub on_conflict: OnConflict,
    /// The call is sent on every run.
    pub always: bool,
    /// The existing resource to adopt instead of creating one.
    pub adopt: Option<Adopt>,
    /// The answer is never recorded or printed.
    pub secret: bool,
    /// Whether this create may be sent with our tags.
    pub stamp: bool,
    /// Fields and parameters that may be sent although the catalogue does not know them.
    pub allow_unknown: AllowUnknown,
    /// All steps that this one depends on, by references and `needs`.
    pub after: BTreeSet<StepId>,
    /// Whether any template refers to `steps.<id>.resource`.
    pub resource_used: bool,
}

/// `METHOD /path`: segments are filled in and percent-encoded separately.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    /// The place of the whole value of `call`.
    pub span: Span,
    /// As written, for people: `/cloud/v1/subnets/{project_id}/{region_id}/{{ steps.subnet.id }}`.
    pub written: String,
    pub segments: Vec<Segment>,
}

/// The text between two slashes.
#[derive(Debug, Clone)]
pub enum Segment {
    Literal(String),
    ProjectId,
    RegionId,
    Template(Template),
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
    /// The catalogue's readiness of the kind.
    #[default]
    Usual,
    /// `ready: false`: nothing.
    Off,
    /// This condition in addition.
    Also(Expression),
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub attempts: u32,
    /// Statuses to retry, in addition to the default ones.
    pub on: Vec<u16>,
}

/// How a step is undone.
#[derive(Debug, Clone)]
pub enum Undo {
    /// The catalogue's delete.
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
    pub to: InstanceId,
    pub span: Span,
}

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

#[derive(Debug, Clone)]
pub struct Output {
    pub span: Span,
    pub value: Template,
    pub description: Option<String>,
    /// Declared secret, or contains a secret input or the answer of a secret step.
    pub secret: bool,
}
