//! Lists of the API: the items of a collection, found by name, by tag, or by the task that created them.

use serde_json::Value;

use super::context::RunContext;
use super::evidence::likeness::is_digest;
use super::evidence::tags::{STAMP, tag};
use super::names::is_same_name;
use super::pages::{Paging, pages};
use super::paths::fill_path;
use super::results;
use crate::api::{ReadError, Request};
use crate::catalog::{Creates, IdAt, ListCall, Operation};
use crate::hash::HashSet;
use crate::journal::{RecordedCall, id_text};

/// The id of the task that created a listed resource (`creator_task_id`).
pub fn creator_task(item: &Value) -> Option<String> {
    item.get("creator_task_id").and_then(Value::as_str).filter(|task| !task.is_empty()).map(str::to_owned)
}

/// The GET request of a list; `None` when a parameter of its path is not known.
pub fn list_call(list: &ListCall, parameters: &[(String, String)]) -> Option<Request> {
    Some(Request::get(fill_path(&list.path, parameters, "", "")?))
}

/// All items of a list, from all its pages; none when the parent of the list does not exist.
///
/// # Errors
///
/// When the list cannot be read.
pub async fn items(context: &RunContext, list: &ListCall, request: Request) -> Result<Vec<Value>, ReadError> {
    match pages(&context.client, &request, &list.items_at, Paging::of(list)).await {
        // The parent does not exist any more, and so neither do its items.
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        read => read.map(|elements| list.resources(elements)),
    }
}

/// The existing items with the name that a create asks for.
///
/// # Errors
///
/// When the list cannot be read.
pub async fn named_items(
    context: &RunContext,
    creates: &Creates,
    list: &ListCall,
    call: &RecordedCall,
    parameters: &[(String, String)],
) -> Result<Vec<Value>, ReadError> {
    if let Some(path) = own_path(creates, parameters) {
        // Without a list: the path of the create names the one resource.
        return match context.client.read(Request::get(path)).await {
            Ok(item) => Ok(vec![item]),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        };
    }
    let name = name_asked_for(creates, call);
    let Some(mut request) = list_call(list, parameters) else { return Ok(Vec::new()) };
    if let (Some(parameter), Some(Value::String(name))) = (&list.name_parameter, &name) {
        request = request.query(parameter, name);
    }
    let found = items(context, list, request).await?;
    let Some(name) = &name else { return Ok(found) };
    let field = list.name_field.as_deref().unwrap_or("name");
    let is_named = |item: &Value| item.get(field).is_some_and(|shown| is_same_name(&list.path, field, shown, name));
    Ok(found.into_iter().filter(is_named).collect())
}

/// The name that a create asks for, where the record has it.
pub fn name_asked_for(creates: &Creates, call: &RecordedCall) -> Option<Value> {
    let at = creates.name_at.as_deref().unwrap_or("/name");
    call.body.as_ref().and_then(|body| body.at(at)).filter(|name| !is_digest(name))
}

/// The path that reads the resource which the path of its create already names.
pub fn own_path(creates: &Creates, parameters: &[(String, String)]) -> Option<String> {
    let resource = creates.resource.as_ref().filter(|resource| creates.unique && resource.parameter.is_empty())?;
    fill_path(resource.read.as_ref()?, parameters, "", "")
}

/// The id that an item of a list would have as the result of a create.
pub fn item_id(operation: &Operation, list: &ListCall, call: &RecordedCall, item: &Value) -> Option<Value> {
    let named = operation.creates.as_ref().and_then(|creates| match &creates.id_at {
        IdAt::Path(names) => results::named_in_path(operation, call, names),
        _ => None,
    });
    named.or_else(|| item.get(&list.id_field).cloned()).filter(|id| id.is_string() || id.is_number())
}

/// The one existing resource with the name that a create asks for, for `on_conflict: adopt`; and whether it carries
/// this environment's stamp.
///
/// # Errors
///
/// A message that says why there is not exactly one.
pub async fn adoptable(
    context: &RunContext,
    operation: &Operation,
    call: &RecordedCall,
    parameters: &[(String, String)],
    owner: &str,
) -> Result<(Value, bool), String> {
    let creates = operation.creates.as_ref().ok_or("the call creates nothing that could be found by name")?;
    let list = creates.resource.as_ref().and_then(|resource| resource.list.as_ref());
    let list = list.ok_or("the API has no list to find it in")?;
    let found = named_items(context, creates, list, call, parameters).await.map_err(|error| error.to_string())?;
    let ids: HashSet<String> =
        found.iter().filter_map(|item| item_id(operation, list, call, item)).map(|id| id_text(&id)).collect();
    match (found.into_iter().next(), ids.len()) {
        (Some(item), 1) => {
            let ours = tag(&item, Some(list), STAMP).as_deref() == Some(owner);
            Ok((item, ours))
        }
        (_, 0) => Err("nothing of that name was found".to_owned()),
        (_, several) => Err(format!("{several} resources have that name")),
    }
}

/// The result of a create as if it had been answered with this item, and the item's other fields.
pub fn result_of_item(operation: Option<&Operation>, call: &RecordedCall, item: &Value) -> crate::journal::StepResult {
    let mut result = results::result_of_answer(operation, call, 200, item.clone());
    let list = operation.and_then(|operation| operation.creates.as_ref()?.resource.as_ref()?.list.as_ref());
    let id = operation.zip(list).and_then(|(operation, list)| item_id(operation, list, call, item));
    if let Some(id) = id {
        result.set_ids([id.clone()]);
        if let Some(kind) = &result.kind {
            result.created.insert(kind.clone(), result.ids.clone());
        }
    }
    result
}
