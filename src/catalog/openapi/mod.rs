//! Builds the facts of the catalogue from an OpenAPI document and our knowledge file.
//!
//! The same code generates the data in the repository, and reads a document that a user provides. It keeps facts, and
//! no prose: titles, descriptions and examples are left out.

mod convert;
mod document;
mod lists;

use std::collections::BTreeMap;

use serde_json::Value;

use self::convert::Converter;
pub(super) use self::document::Document;
use super::CatalogError;
use super::check::{MULTIPART, is_form};
use super::embedded::CLOUD;
use super::facts::{Answer, Facts};
use super::knowledge::{KnowledgeFile, KnownCreate, KnownResource};
use super::operation::{
    AlsoBy, BodyUse, Creates, DeleteCall, Effect, IdAt, Method, Operation, Parameter, Resource, Route,
};
use super::root_of;
use super::schema::{Additional, Schema, Type, Variant};
use crate::order::{ordered_map, sort_by_key};

/// The media type of nearly every body.
const JSON: &str = "application/json";
/// The format of a field that is a file.
const FILE: &str = "binary";

/// The facts of a document about the product of the knowledge file.
///
/// # Errors
///
/// [`CatalogError`] when a reference in it has no target.
pub(super) fn facts(document: &Document, knowledge: &KnowledgeFile) -> Result<Facts, CatalogError> {
    let corrected = (!knowledge.schemas.is_empty()).then(|| document.corrected(&knowledge.schemas));
    let document = corrected.as_ref().unwrap_or(document);
    let mut reader = Reader { document, knowledge, converter: Converter::new(document, knowledge) };
    let (mut operations, mut answers) = (Vec::new(), BTreeMap::new());
    for (path, item) in document.paths().filter(|(path, _)| root_of(path) == knowledge.root) {
        for method in Method::ALL {
            let Some(raw) = item.get(method.as_str().to_lowercase()) else { continue };
            let route = Route { method, path: path.clone() };
            if knowledge.merged.values().any(|others| KnowledgeFile::lists(others, &route)) {
                continue;
            }
            if knowledge.root != CLOUD
                && let Some(answer) = reader.answer_of(raw)?
            {
                answers.insert(route.clone(), answer);
            }
            operations.push(reader.operation(route, item, raw)?);
        }
    }
    sort_by_key(&mut operations, |operation| (operation.route.path.clone(), operation.route.method));
    let Converter { definitions, skipped_patterns, .. } = reader.converter;
    let bodies = operations.iter().filter_map(|operation| operation.body_schema.as_ref());
    let schemas = reachable(bodies, &definitions).into_iter().map(|(name, schema)| (name, schema.of_body()));
    let answer_schemas = reachable(answers.values().map(|answer| &answer.schema), &definitions);
    let answer_schemas = answer_schemas.into_iter().map(|(name, schema)| (name, schema.of_answer()));
    let (schemas, answer_schemas) = (ordered_map(schemas), ordered_map(answer_schemas));
    Ok(Facts { operations, schemas, answers, answer_schemas, skipped_patterns })
}

/// The facts about operations of an older version of the API.
pub(super) fn older_facts(knowledge: &KnowledgeFile) -> Result<Facts, CatalogError> {
    match knowledge.older.is_null() {
        true => facts(&Document::empty(), knowledge),
        false => facts(&Document::new(knowledge.older.clone())?, knowledge),
    }
}

/// The definitions that some schemas need; parameters have theirs expanded.
fn reachable<'s>(
    shapes: impl Iterator<Item = &'s Schema>,
    definitions: &BTreeMap<String, Schema>,
) -> BTreeMap<String, Schema> {
    let mut wanted: Vec<&str> = shapes.flat_map(Schema::references).collect();
    let mut found = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if let Some(schema) = definitions.get(name).filter(|_| !found.contains_key(name)) {
            wanted.extend(schema.references());
            found.insert(name.to_owned(), schema.clone());
        }
    }
    found
}

struct Reader<'d> {
    document: &'d Document,
    knowledge: &'d KnowledgeFile,
    converter: Converter<'d>,
}

impl Reader<'_> {
    fn operation(&mut self, route: Route, item: &Value, raw: &Value) -> Result<Operation, CatalogError> {
        let knowledge = self.knowledge;
        let (path_parameters, query_parameters) = self.parameters(&route, item, raw)?;
        let file = KnowledgeFile::entry(&knowledge.files, &route);
        let (body, body_schema) = if file.is_some() { (BodyUse::Required, None) } else { self.body(&route, raw)? };
        let content = file.map_or_else(|| self.content(raw), |content| Ok(vec![content.clone()]))?;
        let known = KnowledgeFile::entry(&knowledge.creates, &route);
        let creates = match known {
            Some(known) => self.creates(known, body_schema.as_ref())?,
            None => None,
        };
        let is_create = creates.as_ref().is_some_and(|creates| !creates.or_changes);
        let mut locks = knowledge.locks_of(&route).into_iter();
        let changes = matches!(route.method, Method::Put | Method::Patch);
        let changed = knowledge.read_at(&route.path).filter(|_| changes);
        let own_ready = KnowledgeFile::entry(&knowledge.ready, &route);
        let made = known.and_then(|known| knowledge.resources.get(&known.makes));
        Ok(Operation {
            ready: made.or(changed).and_then(|resource| resource.ready.clone()).or_else(|| own_ready.cloned()),
            file_fields: body_schema
                .as_ref()
                .filter(|_| !content.is_empty())
                .map_or_else(Vec::new, |body| self.files(body)),
            media_types: content,
            tag: text(raw.pointer("/tags/0")),
            operation_id: text(raw.get("operationId")),
            effect: self.effect(&route, is_create),
            asynchronous: self.is_asynchronous(raw)?,
            task_types: KnowledgeFile::entry(&knowledge.tasks, &route).cloned().unwrap_or_default(),
            may_be_no_op: KnowledgeFile::lists(&knowledge.may_be_no_op, &route),
            deprecated: raw.get("deprecated") == Some(&Value::Bool(true)),
            successor: KnowledgeFile::entry(&knowledge.successors, &route).and_then(|call| Route::parse(call)),
            takes_tags: knowledge.root == CLOUD
                && creates.is_some()
                && body_schema.as_ref().is_some_and(|body| self.takes_tags(body)),
            also_makes: KnowledgeFile::entry(&knowledge.updates_make, &route).cloned().unwrap_or_default(),
            locks: locks.next(),
            locks_else: locks.collect(),
            path_parameters,
            query_parameters,
            body,
            body_schema,
            creates,
            route,
        })
    }

    fn effect(&self, route: &Route, creates: bool) -> Effect {
        match route.method {
            Method::Get => Effect::Read,
            _ if KnowledgeFile::lists(&self.knowledge.only_compute, route) => Effect::Read,
            _ if creates => Effect::Create,
            Method::Delete => Effect::Delete,
            Method::Post | Method::Put | Method::Patch => Effect::Change,
        }
    }

    fn parameters(
        &mut self,
        route: &Route,
        item: &Value,
        raw: &Value,
    ) -> Result<(Vec<Parameter>, Vec<Parameter>), CatalogError> {
        let (mut path, mut query) = (Vec::new(), Vec::new());
        let both = [item, raw].into_iter().filter_map(|at| at.get("parameters")?.as_array()).flatten();
        for parameter in both {
            let parameter = self.document.resolve(parameter)?;
            let name = text(parameter.get("name"));
            let place = text(parameter.get("in"));
            let required = place == "path" || parameter.get("required") == Some(&Value::Bool(true));
            let mut schema = match parameter.get("schema") {
                Some(shape) => self.converter.parameter(&name, shape)?,
                None => Schema::default(),
            };
            schema.default = schema.default.filter(|_| place != "path");
            match place.as_str() {
                "path" => path.push(self.path_parameter(route, name, schema)),
                "query" => query.push(Parameter::new(name, required, schema)),
                _ => {}
            }
        }
        // Ordered as in the path.
        sort_by_key(&mut path, |parameter| route.path.find(&format!("{{{}}}", parameter.name)));
        Ok((path, query))
    }

    fn path_parameter(&self, route: &Route, name: String, mut schema: Schema) -> Parameter {
        let placeholder = format!("{{{name}}}");
        let prefix = route.path.find(&placeholder).map(|at| &route.path[..at + placeholder.len()]);
        let known = prefix.and_then(|prefix| self.knowledge.kind_at(prefix));
        schema.kind = known.map(|(kind, _)| kind.to_owned());
        schema.by_name = known.is_some_and(|(_, by_name)| by_name);
        Parameter::new(name, true, schema)
    }

    fn body(&mut self, route: &Route, raw: &Value) -> Result<(BodyUse, Option<Schema>), CatalogError> {
        let Some(body) = raw.get("requestBody") else { return Ok((BodyUse::None, None)) };
        let body = self.document.resolve(body)?;
        let of = |kind: &str| body.get("content")?.get(kind).filter(|content| content.get("schema").is_some());
        let content = of(JSON).or_else(|| of(MULTIPART).filter(|_| !has_others(body)));
        let Some(shape) = content.and_then(|content| content.get("schema")) else {
            let required = body.get("required") == Some(&Value::Bool(true));
            return Ok((if required { BodyUse::Required } else { BodyUse::None }, None));
        };
        let mut schema = self.converter.body(shape)?;
        let named = content.and_then(|content| content.get("examples")?.as_object()).into_iter().flatten();
        let named = named.filter_map(|(_, example)| example.get("value"));
        for example in content.and_then(|content| content.get("example")).into_iter().chain(named) {
            self.converter.widen(&mut schema, example);
        }
        for other in KnowledgeFile::entry(&self.knowledge.merged, route).into_iter().flatten() {
            if let Some(shape) = self.document.body_of(other)? {
                let own = if schema.variants.is_empty() {
                    vec![schema]
                } else {
                    schema.variants.into_iter().map(|variant| variant.schema).collect()
                };
                let more = std::iter::once(self.converter.body(shape)?);
                let variants = own.into_iter().chain(more).map(|schema| Variant { when: Vec::new(), schema });
                schema = Schema { variants: variants.collect(), ..Schema::default() };
            }
        }
        if route.method == Method::Patch && self.knowledge.partial_patch {
            schema = self.partial(&schema);
        }
        // The document rarely says `required`; a body with required fields is required.
        let required = body.get("required") == Some(&Value::Bool(true)) || self.needs_fields(&schema);
        Ok((if required { BodyUse::Required } else { BodyUse::Optional }, Some(schema.of_body())))
    }

    /// The media types of a body that is not JSON; forms only when there is no other.
    fn content(&self, raw: &Value) -> Result<Vec<String>, CatalogError> {
        let Some(body) = raw.get("requestBody") else { return Ok(Vec::new()) };
        let types = self.document.resolve(body)?.get("content").and_then(Value::as_object);
        let types: Vec<String> = types.into_iter().flat_map(|types| types.keys()).cloned().collect();
        let (forms, others): (Vec<String>, Vec<String>) = types.into_iter().partition(|content| is_form(content));
        let takes_json = others.iter().any(|content| content == JSON);
        let files: Vec<String> = others.into_iter().filter(|content| content != JSON).collect();
        Ok(match files.is_empty() && !takes_json {
            true if forms.iter().any(|form| form == MULTIPART) => vec![MULTIPART.to_owned()],
            true => forms,
            false => files,
        })
    }

    /// The fields of a form that are files, or lists of files.
    fn files(&self, form: &Schema) -> Vec<String> {
        let is_file = |schema: &Schema| self.whole(schema).format.as_deref() == Some(FILE);
        let fields = self.whole(form).properties.iter().filter(|(_, field)| {
            let field = self.whole(field);
            is_file(field) || field.items.as_deref().is_some_and(is_file)
        });
        fields.map(|(name, _)| name.clone()).collect()
    }

    /// Status and schema of a successful answer.
    fn answer_of(&mut self, raw: &Value) -> Result<Option<Answer>, CatalogError> {
        let responses = raw.get("responses").and_then(Value::as_object);
        let success = responses.into_iter().flatten().find(|(status, _)| status.starts_with('2'));
        let Some((status, response)) = success else { return Ok(None) };
        let shape = self.document.resolve(response)?.pointer("/content/application~1json/schema");
        let schema = shape.map(|shape| self.converter.body(shape)).transpose()?;
        Ok(Some(Answer { status: status.parse().unwrap_or(200), schema: schema.unwrap_or_default().of_answer() }))
    }

    fn needs_fields(&self, schema: &Schema) -> bool {
        let whole = self.whole(schema);
        whole.required.iter().any(|name| !whole.read_only.contains(name))
            || (!whole.variants.is_empty() && whole.variants.iter().all(|variant| self.needs_fields(&variant.schema)))
    }

    /// The same schema without required fields.
    fn partial(&self, schema: &Schema) -> Schema {
        let mut partial = self.whole(schema).clone();
        partial.required.clear();
        for variant in &mut partial.variants {
            variant.schema = self.partial(&variant.schema);
        }
        partial
    }

    /// The definition that a reference points to.
    fn whole<'s>(&'s self, schema: &'s Schema) -> &'s Schema {
        let mut whole = schema;
        for _ in 0..=self.converter.definitions.len() {
            match whole.reference.as_deref().and_then(|name| self.converter.definitions.get(name)) {
                Some(definition) => whole = definition,
                None => break,
            }
        }
        whole
    }

    /// The field with this name in a body, or in its first variant that has one.
    fn field<'s>(&'s self, schema: &'s Schema, name: &str) -> Option<&'s Schema> {
        let whole = self.whole(schema);
        whole
            .properties
            .get(name)
            .or_else(|| whole.variants.iter().find_map(|variant| self.field(&variant.schema, name)))
    }

    fn takes_tags(&self, body: &Schema) -> bool {
        let Some(tags) = self.field(body, "tags").map(|tags| self.whole(tags)) else { return false };
        let texts = match &tags.additional {
            Additional::None | Additional::Closed => false,
            Additional::Any | Additional::Meaningless | Additional::Usually(_) => true,
            Additional::Of(value) => self.whole(value).types.allow(Type::String),
        };
        tags.types.contains(Type::Object) && texts
    }

    /// Whether the answer has the form `{tasks: [id, …]}`.
    fn is_asynchronous(&self, raw: &Value) -> Result<bool, CatalogError> {
        let Some(shape) = self.answer(raw)? else { return Ok(false) };
        let fields = shape.get("properties").and_then(Value::as_object);
        Ok(fields.is_some_and(|fields| {
            fields.len() == 1
                && fields.get("tasks").is_some_and(|tasks| tasks.pointer("/items/type") == Some(&Value::from("string")))
        }))
    }

    /// The schema of a successful answer.
    fn answer<'a>(&'a self, raw: &'a Value) -> Result<Option<&'a Value>, CatalogError> {
        let Some(responses) = raw.get("responses").and_then(Value::as_object) else { return Ok(None) };
        let success = responses.iter().find(|(status, _)| status.starts_with('2')).map(|(_, response)| response);
        let Some(success) = success else { return Ok(None) };
        // A document may refer to answers that it does not include; then they are not known.
        let shape = self.document.resolve(success)?.pointer("/content/application~1json/schema");
        shape.map(|shape| self.document.resolve(shape)).transpose()
    }

    fn creates(&self, known: &KnownCreate, body: Option<&Schema>) -> Result<Option<Creates>, CatalogError> {
        let resource = self
            .knowledge
            .resources
            .get(&known.makes)
            .ok_or_else(|| CatalogError::Knowledge(format!("`{}` is no resource", known.makes)))?;
        let id_at = match (&known.task, &known.answer, &known.sent, &known.path) {
            (Some(keys), None, None, None) => IdAt::Task(keys.clone()),
            (None, Some(pointer), None, None) => IdAt::Response(pointer.clone()),
            (None, None, Some(pointer), None) => IdAt::Body(pointer.clone()),
            (None, None, None, Some(names)) => IdAt::Path(names.clone()),
            _ => {
                let words = "says not exactly one of `task`, `answer`, `sent` and `path`";
                return Err(CatalogError::Knowledge(format!("what makes `{}` {words}", known.makes)));
            }
        };
        Ok(Some(Creates {
            kind: resource.kind.clone(),
            id_at,
            integer_id: resource.integer,
            also: known.also.clone(),
            stays: known.stays.clone(),
            remark_at: body.and_then(|body| self.remark_at(resource, body)),
            told_once: known.told_once.clone(),
            shown_once: known.shown_once.clone(),
            name_at: body.and_then(|body| self.name_at(resource, body)),
            unique: resource.unique,
            or_changes: known.or_changes,
            secondary: known.secondary.clone(),
            resource: Some(self.resource(resource)?),
        }))
    }

    fn name_at(&self, resource: &KnownResource, body: &Schema) -> Option<String> {
        let names = || resource.name.as_deref().into_iter().chain(["name"]);
        if let Some(name) = names().find(|name| self.field(body, name).is_some()) {
            return Some(format!("/{name}"));
        }
        // The first version of security groups wraps the group.
        self.whole(body).properties.iter().find_map(|(outer, field)| {
            let whole = self.whole(field);
            let name = names().find(|name| whole.required.iter().any(|required| required == name))?;
            whole.types.contains(Type::Object).then(|| format!("/{outer}/{name}"))
        })
    }

    /// Beside the name, if there is one, where the body has such a field.
    fn remark_at(&self, resource: &KnownResource, body: &Schema) -> Option<String> {
        let remark = resource.remark.as_deref()?;
        let remark = remark.rsplit_once('/').map_or(remark, |(_, field)| field);
        let name_at = self.name_at(resource, body);
        let above = name_at.as_deref().and_then(|at| at.rsplit_once('/')).map_or("", |(above, _)| above);
        let beside = above.trim_start_matches('/');
        let holder = if beside.is_empty() { body } else { self.field(body, beside)? };
        self.field(holder, remark).map(|_| format!("{above}/{remark}"))
    }

    fn resource(&self, known: &KnownResource) -> Result<Resource, CatalogError> {
        let list = match &known.list {
            Some(path) => self.list_call(known, path)?,
            None => None,
        };
        Ok(Resource {
            parameter: known.parameter(),
            by_name: known.by_name,
            read: known.read(),
            list,
            delete: known.delete().map(|path| self.delete_call(known, path)).transpose()?,
        })
    }

    fn delete_call(&self, known: &KnownResource, path: String) -> Result<DeleteCall, CatalogError> {
        let mut also_by = Vec::new();
        for (kind, parameter) in &known.delete_with {
            let repeated = self
                .raw_query(&path, "delete", parameter)?
                .is_some_and(|shape| shape.pointer("/schema/type") == Some(&Value::from("array")));
            also_by.push(AlsoBy { kind: kind.clone(), parameter: parameter.clone(), repeated });
        }
        Ok(DeleteCall { method: Method::Delete, path, also_by })
    }

    /// A query parameter in the document.
    fn raw_query(&self, path: &str, method: &str, name: &str) -> Result<Option<&Value>, CatalogError> {
        let item = self.document.paths().find(|(known, _)| *known == path).map(|(_, item)| item);
        let Some(raw) = item.and_then(|item| item.get(method)) else { return Ok(None) };
        for parameter in raw.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let parameter = self.document.resolve(parameter)?;
            if text(parameter.get("name")) == name {
                return Ok(Some(parameter));
            }
        }
        Ok(None)
    }
}

/// Whether a body may be something else than a form.
fn has_others(body: &Value) -> bool {
    let types = body.get("content").and_then(Value::as_object);
    types.into_iter().flatten().any(|(content, _)| !is_form(content))
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
