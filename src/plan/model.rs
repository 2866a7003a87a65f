//! The plan as accepted: what `check` has looked at once, so that nobody else asks again.

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

/// A plan file that was found right.
#[derive(Debug, Clone)]
pub struct Plan {
    pub source: Arc<Source>,
    /// Where `file(...)` reads: the folder of the plan file.
    pub folder: PathBuf,
    /// The files below it that are bodies.
    pub body_files: Arc<BodyFiles>,
    pub name: String,
    pub description: Option<String>,
    pub inputs: IndexMap<String, Input>,
    /// Outputs of other plans, by the names templates give them.
    pub records: IndexMap<String, RecordOf>,
    pub project_id: Option<Template>,
    pub region_id: Option<Template>,
    /// How long an environment of this plan lives before a sweep may take it down.
    pub ttl: Option<Duration>,
    /// In the order of the file.
    pub steps: IndexMap<StepId, Step>,
    pub outputs: IndexMap<String, Output>,
    /// What went by another name in earlier versions of the plan.
    pub moved: Vec<Moved>,
}

impl Plan {
    /// It is given secrets, or asks for some.
    pub fn has_secrets(&self) -> bool {
        self.inputs.values().any(|input| input.secret) || self.steps.values().any(|step| step.secret)
    }
}

/// A record of another plan, or of another environment, that is read and never written.
#[derive(Debug, Clone)]
pub struct RecordOf {
    pub span: Span,
    /// The name of the plan.
    pub plan: String,
    /// Sees `inputs` and `environment`; without it the environment is called like this plan's.
    pub environment: Option<Template>,
    /// The outputs that templates ask for.
    pub outputs: Vec<RecordUse>,
}

/// A mention of an output on record.
#[derive(Debug, Clone)]
pub struct RecordUse {
    pub output: String,
    pub span: Span,
    /// Asked for with `default(...)` or `is defined`: it may be missing.
    pub guarded: bool,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub id: StepId,
    /// The whole step in the file.
    pub span: Span,
    pub id_span: Span,
    /// Words for people.
    pub name: Option<String>,
    pub call: Call,
    /// What the catalogue knows of the call.
    pub operation: Option<Arc<Operation>>,
    /// A mapping of parameter to value.
    pub query: Option<Template>,
    pub body: Option<Template>,
    /// A file in place of the body.
    pub body_file: Option<FileTemplate>,
    pub headers: Option<Template>,
    /// Of a GET: fields of the one item that is looked for.
    pub find: Option<Template>,
    pub project_id: Option<Template>,
    pub region_id: Option<Template>,
    /// Steps named by `needs`, with their places.
    pub needs: Vec<(StepId, Span)>,
    pub when: Option<Expression>,
    pub for_each: Option<Template>,
    pub wait: Wait,
    pub ready: Ready,
    /// Ends the wait for readiness, and the step: what it made cannot come good.
    pub fail_when: Option<Expression>,
    pub retry: Option<Retry>,
    pub undo: Undo,
    /// `None`: the default (`auto` for creates, `rerun` for the rest).
    pub on_change: Option<OnChange>,
    /// Places of the call whose changes do not count: `body/volumes/0/image_id`.
    pub ignored_changes: Vec<String>,
    pub on_conflict: OnConflict,
    /// The call is made on every run, whatever the record says.
    pub always: bool,
    /// Instead of making something, this is taken over.
    pub adopt: Option<Adopt>,
    /// What the call answers is never written or printed.
    pub secret: bool,
    /// A tag of ours may be left on what this create makes.
    pub stamp: bool,
    /// Fields and parameters that are sent though the catalogue does not know them.
    pub allow_unknown: AllowUnknown,
    /// Every step this one must come after: references and `needs` together.
    pub after: BTreeSet<StepId>,
    /// Some template, here or elsewhere, refers to `steps.<id>.resource`.
    pub resource_used: bool,
}

/// `METHOD /path`: segments are filled in and percent-encoded one by one.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    /// The whole value of `call` in the file.
    pub span: Span,
    /// As written, for people: `/cloud/v1/subnets/{project_id}/{region_id}/{{ steps.subnet.id }}`.
    pub written: String,
    pub segments: Vec<Segment>,
}

/// What stands between two slashes.
#[derive(Debug, Clone)]
pub enum Segment {
    Literal(String),
    ProjectId,
    RegionId,
    Template(Template),
}

/// A file that is the body of a call.
#[derive(Debug, Clone)]
pub struct FileTemplate {
    /// Where it is, from the plan's folder; it sees what is known before the first call.
    pub path: Template,
    /// The media type, where the plan says it.
    pub content_type: Option<(String, Span)>,
}

/// What must hold before a step counts as done, besides the end of its tasks.
#[derive(Debug, Clone, Default)]
pub enum Ready {
    /// What is known of the kind.
    #[default]
    Usual,
    /// `ready: false`: nothing.
    Off,
    /// This as well.
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

/// How long to wait for the tasks of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wait {
    /// `wait: false`: the step is done when the call is accepted.
    pub skip: bool,
    pub timeout: Option<Duration>,
    /// Interval between looks.
    pub every: Option<Duration>,
    /// Time of the first look after acceptance.
    pub first: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub attempts: u32,
    /// Statuses to repeat on, beyond the default policy.
    pub on: Vec<u16>,
}

/// The call that takes a step back.
#[derive(Debug, Clone)]
pub enum Undo {
    /// What the catalogue says.
    Default,
    /// `undo: none`: what the step made stays.
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
    /// In place where the API can; what it cannot stops the run.
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

/// A thing that exists, to be taken over instead of made.
#[derive(Debug, Clone)]
pub struct Adopt {
    pub by: AdoptBy,
    /// It is taken down with the environment, as if it had been made here.
    pub own: bool,
    pub span: Span,
}

/// By what it is found.
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

/// A step, or an instance, that goes by another name than it did.
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
    pub default: Option<Value>,
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
    /// Said so, or holds a secret input or the answer of a secret step.
    pub secret: bool,
}
