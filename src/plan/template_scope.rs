//! Where a template stands, and what it can refer to there.

use std::collections::BTreeSet;

use crate::id::StepId;
use crate::template::ListFrom;

/// The place of a template, which determines what it can refer to.
#[derive(Debug, Clone)]
pub(super) struct TemplateScope {
    /// The place in words, for findings: `a step`.
    pub(super) what: &'static str,
    /// `steps` and `records` can be referred to.
    pub(super) steps: bool,
    /// `each` can be referred to.
    pub(super) each: bool,
    /// `self`, the result of the step's own call, can be referred to.
    pub(super) own_results: bool,
    /// `resource`, as a read shows it, can be referred to.
    pub(super) resource: bool,
    /// A secret must not decide: a condition, a loop.
    pub(super) decides: bool,
    /// A public output.
    pub(super) public: bool,
    /// The value is recorded until it is sent, and the record contains no secrets.
    pub(super) recorded: bool,
    /// The answer of the step itself is secret.
    pub(super) secret_answer: bool,
    /// `project_id` and `region_id` can be referred to.
    pub(super) ids: bool,
    /// The template is evaluated before the first call.
    pub(super) before_calls: bool,
    /// In `each` of a list built with `for`: the inputs and steps that its elements come from.
    pub(super) elements_of: Option<Sources>,
}

/// The inputs and steps that the elements of a list come from.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    pub(super) inputs: BTreeSet<String>,
    pub(super) steps: BTreeSet<StepId>,
}

impl TemplateScope {
    pub(super) const PLAN: TemplateScope = TemplateScope {
        what: "`project_id` and `region_id` of a plan",
        steps: false,
        each: false,
        own_results: false,
        resource: false,
        decides: false,
        public: false,
        recorded: false,
        secret_answer: false,
        ids: false,
        before_calls: false,
        elements_of: None,
    };

    pub(super) const RECORD: TemplateScope = TemplateScope { what: "`environment` of a record", ..TemplateScope::PLAN };

    pub(super) fn step(each: bool) -> Self {
        TemplateScope { what: "a step", steps: true, each, ids: true, ..Self::PLAN }
    }

    /// `each` may be used: the elements of the step are known before the first call.
    pub(super) fn body_file(each: bool) -> Self {
        TemplateScope { what: "`body_file`", each, decides: true, ids: true, before_calls: true, ..Self::PLAN }
    }

    pub(super) fn for_each() -> Self {
        TemplateScope { what: "`for_each`", steps: true, decides: true, ids: true, ..Self::PLAN }
    }

    pub(super) fn when(each: bool) -> Self {
        TemplateScope { what: "`when`", decides: true, ..Self::step(each) }
    }

    pub(super) fn own_results(each: bool) -> Self {
        TemplateScope { what: "this call", own_results: true, ..Self::step(each) }
    }

    pub(super) fn undo(each: bool, secret: bool) -> Self {
        TemplateScope { what: "an undo", recorded: true, secret_answer: secret, ..Self::own_results(each) }
    }

    pub(super) fn ready(each: bool) -> Self {
        TemplateScope { what: "`ready`", own_results: true, resource: true, decides: true, ..Self::step(each) }
    }

    pub(super) fn fail_when(each: bool) -> Self {
        TemplateScope { what: "`fail_when`", ..Self::ready(each) }
    }

    /// The same place inside the `each` of these lists.
    pub(super) fn in_lists(&self, lists: &[&ListFrom]) -> Self {
        if lists.is_empty() {
            return self.clone();
        }
        let mut sources = Sources::default();
        for program in lists.iter().flat_map(|list| list.list.programs()) {
            sources.inputs.extend(program.uses().inputs.iter().map(|used| used.name.to_string()));
            sources.steps.extend(program.uses().steps.iter().map(|used| used.step.clone()));
        }
        TemplateScope { elements_of: Some(sources), ..self.clone() }
    }

    pub(super) fn output(secret: bool) -> Self {
        TemplateScope { what: "an output", steps: true, public: !secret, ids: true, ..Self::PLAN }
    }

    pub(super) fn sees(&self, name: &str) -> bool {
        match name {
            "inputs" | "environment" => true,
            "steps" | "records" => self.steps,
            "each" => self.each,
            "self" => self.own_results,
            "resource" => self.resource,
            "item" | "key" | "index" => self.elements_of.is_some(),
            _ => self.ids,
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        crate::template::NAMES.iter().copied().filter(|name| self.sees(name))
    }
}
