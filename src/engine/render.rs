//! Evaluates the templates of a step; returns the request to send, and its recorded form without secrets.

mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::context::Settings;
use super::operation::Parameters;
use super::paths::encoded;
use super::placeholder::is_known_later;
use super::repeated::Recording;
use crate::api::Request;
use crate::body_file::{BodyFile, BodyFiles, FormFile, each_path};
use crate::catalog::{BYTES, Operation, parameter_name};
use crate::id::StepId;
use crate::journal::RecordedCall;
use crate::plan::{Call, CallTemplate, FileTemplate, Plan, Segment, Step};
use crate::secret::{BrokenMarker, Secrets};
use crate::shared::Shared;
use crate::source::Span;
use crate::template::{Each, Scope, Template, TemplateError};

pub use value::{each_value, elements, step_value};

/// A text with its secrets, or with digests in their place.
type Unmarked<'t> = Result<Cow<'t, str>, BrokenMarker>;

/// The templates of a call, before evaluation.
pub struct CallParts<'a> {
    pub call: &'a Call,
    pub operation: Option<&'a Arc<Operation>>,
    pub query: Option<&'a Template>,
    pub body: Option<&'a Template>,
    pub body_file: Option<&'a FileTemplate>,
    pub headers: Option<&'a Template>,
    pub project_id: Option<&'a Template>,
    pub region_id: Option<&'a Template>,
}

impl<'a> CallParts<'a> {
    pub fn of_step(step: &'a Step) -> Self {
        Self {
            call: &step.call,
            operation: step.operation.as_ref(),
            query: step.query.as_deref(),
            body: step.body.as_ref(),
            body_file: step.body_file.as_deref(),
            headers: step.headers.as_deref(),
            project_id: step.project_id.as_deref(),
            region_id: step.region_id.as_deref(),
        }
    }

    /// A call given in `undo` or `on_change`: headers, project and region are taken from the step.
    pub fn of_template(template: &'a CallTemplate, step: &'a Step) -> Self {
        Self {
            call: &template.call,
            operation: template.operation.as_ref(),
            query: template.query.as_ref(),
            body: template.body.as_ref(),
            body_file: None,
            ..Self::of_step(step)
        }
    }

    fn body_span(&self) -> Span {
        self.body.map_or(self.call.span, |body| body.span)
    }
}

/// A call ready to be sent.
#[derive(Debug, Clone)]
pub struct Rendered {
    pub operation: Option<Arc<Operation>>,
    pub parameters: Parameters,
    /// With the secrets.
    pub request: Request,
    /// With digests in place of the secrets.
    pub recorded: Shared<RecordedCall>,
}

/// The files of a form, and its body with their measurements in place of their paths.
pub struct MeasuredForm {
    pub files: Vec<FormFile>,
    pub measured: Value,
}

/// The values that templates of a step can refer to, except the element of `for_each` and the step's own result.
pub struct RenderContext<'a> {
    pub settings: &'a Settings,
    pub secrets: &'a Secrets,
    pub digest_key: &'a [u8],
    pub folder: &'a Path,
    pub body_files: &'a BodyFiles,
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    pub steps: &'a BTreeMap<StepId, minijinja::Value>,
    pub each: Option<&'a Each>,
}

impl<'a> RenderContext<'a> {
    /// Before a run: the inputs are known, and no result of a step is. `steps`: an empty map.
    pub fn before_run(
        plan: &'a Plan,
        settings: &'a Settings,
        secrets: &'a Secrets,
        inputs: &'a BTreeMap<String, minijinja::Value>,
        steps: &'a BTreeMap<StepId, minijinja::Value>,
    ) -> Self {
        let (folder, body_files) = (&plan.folder, &plan.body_files);
        Self { settings, secrets, digest_key: &[], folder, body_files, inputs, steps, each: None }
    }

    pub fn scope(&self) -> Scope<'a> {
        Scope {
            environment: &self.settings.environment,
            project_id: self.settings.project_id,
            region_id: self.settings.region_id,
            inputs: self.inputs,
            steps: self.steps,
            records: self.settings.records.as_ref(),
            each: self.each,
            item: None,
            this: None,
            resource: None,
            folder: self.folder,
            secrets: Some(self.secrets),
        }
    }

    /// Evaluates all templates of a call.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] with the place in the plan.
    pub fn render(&self, parts: &CallParts<'_>, this: Option<&minijinja::Value>) -> Result<Rendered, TemplateError> {
        let mut scope = self.scope();
        scope.this = this;
        let project_id = identifier(parts.project_id, &scope, scope.project_id)?;
        let region_id = identifier(parts.region_id, &scope, scope.region_id)?;
        // `project_id` and `region_id` in templates are those of the step.
        scope.project_id = project_id;
        scope.region_id = region_id;

        let segments = self.segments(parts.call, &scope)?;
        let query = match parts.query {
            Some(template) => pairs(template, &template.evaluate(&scope)?)?,
            None => Vec::new(),
        };
        let headers = match parts.headers {
            Some(template) => pairs(template, &template.evaluate(&scope)?)?,
            None => Vec::new(),
        };
        let body = parts.body.map(|template| template.evaluate(&scope)).transpose()?;
        let file = self.body_file(parts, &scope)?;
        let form = self.form(parts, body.as_ref())?;
        let measured = form.as_ref().map(|form| &form.measured);
        let mut rendered = self.finish(parts, &segments, query, headers, (body, measured))?;
        rendered.request.body_file = file.clone().map(|file| Box::new(self.body_files.upload(file)));
        rendered.recorded.body_file = file.map(Box::new);
        rendered.request.form = form.map(|form| form.files.into());
        Ok(rendered)
    }

    /// The files of a body that is a form, measured.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] when one cannot be sent.
    pub fn form(&self, parts: &CallParts<'_>, body: Option<&Value>) -> Result<Option<MeasuredForm>, TemplateError> {
        let form = parts.operation.zip(parts.body).filter(|(operation, _)| operation.takes_form());
        let Some(((operation, template), body)) = form.zip(body) else { return Ok(None) };
        let (mut files, mut measured) = (Vec::new(), body.clone());
        each_path(&mut measured, &operation.file_fields, |field, pointer, path| {
            if is_known_later(path) {
                return Ok(None);
            }
            let file = self.body_files.measure(path, operation.part_type());
            let span = template.at(pointer).span;
            let file = file.map_err(|message| TemplateError { span, message, help: None })?;
            let recorded = file.in_form();
            files.push(FormFile { field: field.to_owned(), upload: self.body_files.upload(file) });
            Ok(Some(recorded))
        })?;
        Ok(Some(MeasuredForm { files, measured }))
    }

    /// The file that is the body of a call, measured.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] when its path cannot be evaluated, or it cannot be sent.
    pub fn body_file(&self, parts: &CallParts<'_>, scope: &Scope<'_>) -> Result<Option<BodyFile>, TemplateError> {
        let Some(file) = parts.body_file else { return Ok(None) };
        let path = file.path.evaluate_text(scope)?;
        let asked = file.content_type.as_ref().map(|(asked, _)| asked.as_str());
        let content_type = parts.operation.and_then(|operation| operation.content_type(asked)).or(asked);
        let measured = self.body_files.measure(&path, content_type.unwrap_or(BYTES));
        measured.map(Some).map_err(|message| TemplateError { span: file.path.span, message, help: None })
    }

    fn finish(
        &self,
        parts: &CallParts<'_>,
        segments: &[String],
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        (body, measured): (Option<Value>, Option<&Value>),
    ) -> Result<Rendered, TemplateError> {
        let sent = texts(&headers, &|text| self.secrets.reveal_text(text)).map_err(broken(parts.body_span()))?;
        each_on_one_line(parts, &sent)?;
        let recorded = self.recorded_call(parts, segments, &query, &headers, measured.or(body.as_ref()))?;
        Ok(Rendered {
            operation: parts.operation.cloned(),
            parameters: parameters(parts.operation, segments),
            request: self.request(parts, segments, &query, sent, body)?,
            recorded: Shared::from(recorded),
        })
    }

    /// The call with digests in place of its secrets.
    fn recorded_call(
        &self,
        parts: &CallParts<'_>,
        segments: &[String],
        query: &[(String, String)],
        headers: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<RecordedCall, TemplateError> {
        let recording = Recording { secrets: self.secrets, digest_key: self.digest_key };
        let wrong = broken(parts.body_span());
        Ok(RecordedCall {
            method: parts.call.method,
            path: path_of(parts.call, segments, &|template, text| recording.text(template, text))?,
            query: texts(query, &|text| recording.text(parts.query, text)).map_err(&wrong)?.into(),
            headers: texts(headers, &|text| recording.text(parts.headers, text)).map_err(&wrong)?.into(),
            body: body
                .zip(parts.body)
                .map(|(body, template)| recording.body(template, body))
                .transpose()
                .map_err(&wrong)?,
            body_file: None,
        })
    }

    /// The call with its secrets. `headers`: with theirs already.
    fn request(
        &self,
        parts: &CallParts<'_>,
        segments: &[String],
        query: &[(String, String)],
        headers: Vec<(String, String)>,
        body: Option<Value>,
    ) -> Result<Request, TemplateError> {
        let wrong = broken(parts.body_span());
        Ok(Request {
            method: parts.call.method,
            path: path_of(parts.call, segments, &|_, text| self.secrets.reveal_text(text))?,
            query: texts(query, &|text| self.secrets.reveal_text(text)).map_err(&wrong)?,
            headers,
            body: body.map(|body| revealed(self.secrets, body)).transpose().map_err(&wrong)?.map(Shared::from),
            body_file: None,
            form: None,
        })
    }

    fn segments(&self, call: &Call, scope: &Scope<'_>) -> Result<Vec<String>, TemplateError> {
        let missing = |what: &str, variable: &str| TemplateError {
            span: call.span,
            message: format!("the call needs a {what}, and none is set"),
            help: Some(format!("set `{variable}`, or `{what}` in the plan",)),
        };
        call.segments
            .iter()
            .map(|segment| {
                let (text, span) = match segment {
                    Segment::Literal(text) => return Ok(text.to_string()),
                    Segment::ProjectId => {
                        let id = scope.project_id.ok_or_else(|| missing("project_id", "GCORE_CLOUD_PROJECT_ID"))?;
                        return Ok(id.to_string());
                    }
                    Segment::RegionId => {
                        let id = scope.region_id.ok_or_else(|| missing("region_id", "GCORE_CLOUD_REGION_ID"))?;
                        return Ok(id.to_string());
                    }
                    Segment::Template(template) => (template.evaluate_text(scope)?, template.span),
                };
                // An empty segment would address the collection, `.` and `..` another path.
                if text.is_empty() || text == "." || text == ".." {
                    return Err(TemplateError {
                        span,
                        message: format!("a segment of the path became `{text}`"),
                        help: Some("every segment of a path needs a value".to_owned()),
                    });
                }
                Ok(text)
            })
            .collect()
    }
}

/// The error for a part of a secret marker at a place.
fn broken(span: Span) -> impl Fn(BrokenMarker) -> TemplateError {
    move |error| TemplateError {
        span,
        message: error.to_string(),
        help: Some("use the secret as a whole, or encode it with `b64encode`".to_owned()),
    }
}

/// The pairs with `secret` applied to their values.
fn texts(
    values: &[(String, String)],
    secret: &dyn Fn(&str) -> Unmarked<'_>,
) -> Result<Vec<(String, String)>, BrokenMarker> {
    values.iter().map(|(name, value)| Ok((name.clone(), secret(value)?.into_owned()))).collect()
}

/// The path of a call from its segments, with `secret` applied to each.
fn path_of(
    call: &Call,
    segments: &[String],
    secret: &dyn for<'t> Fn(Option<&Template>, &'t str) -> Unmarked<'t>,
) -> Result<String, TemplateError> {
    let mut path = String::with_capacity(segments.iter().map(|text| text.len() + 1).sum());
    for (template, text) in call.segments.iter().map(Segment::template).zip(segments) {
        path.push('/');
        path.extend(encoded(&secret(template, text).map_err(broken(call.span))?));
    }
    Ok(path)
}

/// Refuses headers that would hold a line break.
fn each_on_one_line(parts: &CallParts<'_>, headers: &[(String, String)]) -> Result<(), TemplateError> {
    let is_broken = |value: &str| value.contains(|c: char| c.is_control() && c != '\t');
    let Some((name, _)) = headers.iter().find(|(_, value)| is_broken(value)) else { return Ok(()) };
    Err(TemplateError {
        span: parts.headers.map_or(parts.call.span, |headers| headers.span),
        message: format!("the header `{name}` would hold a line break"),
        help: Some("a header is one line: `b64encode` makes one of any text".to_owned()),
    })
}

/// The value with its secrets in place of their markers.
fn revealed(secrets: &Secrets, value: Value) -> Result<Value, BrokenMarker> {
    if Secrets::marks_value(&value) { secrets.reveal(&value) } else { Ok(value) }
}

/// The project or region id that a template evaluates to.
pub(super) fn identifier(
    template: Option<&Template>,
    scope: &Scope<'_>,
    default: Option<i64>,
) -> Result<Option<i64>, TemplateError> {
    let Some(template) = template else { return Ok(default) };
    let value = template.evaluate(scope)?;
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    number.filter(|id| *id > 0).map(Some).ok_or_else(|| TemplateError {
        span: template.span,
        message: "a project or region id is a positive whole number".to_owned(),
        help: None,
    })
}

/// Path parameters, by the names that the operation gives them.
fn parameters(operation: Option<&Arc<Operation>>, segments: &[String]) -> Parameters {
    let Some(operation) = operation else { return Vec::new() };
    let names = operation.route.path.split('/').skip(1);
    names
        .zip(segments)
        .filter_map(|(name, value)| {
            let name = parameter_name(name)?;
            Some((name.to_owned(), value.clone()))
        })
        .collect()
}

/// A mapping as pairs of name and text: a list repeats its name, `null` omits it.
fn pairs(template: &Template, value: &Value) -> Result<Vec<(String, String)>, TemplateError> {
    let Value::Object(fields) = value else {
        return Err(TemplateError { span: template.span, message: "this must be a mapping".to_owned(), help: None });
    };
    let mut pairs = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::Array(items) => pairs.extend(items.iter().map(|item| (name.clone(), text(item)))),
            other => pairs.push((name.clone(), text(other))),
        }
    }
    Ok(pairs)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
