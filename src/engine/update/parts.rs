//! Resolves a lost call that attaches, changes or detaches a part, by reading the part.

use serde_json::Value;

use super::fields::{UpdateState, fields_state};
use super::lookup::{has_group, interfaces_of, match_interfaces, ports_of};
use crate::api::{ReadError, Request};
use crate::catalog::Method;
use crate::engine::context::RunContext;
use crate::engine::operation::{self, Parameters, parameter};
use crate::engine::paths::{self, encode};
use crate::engine::project_region::PROJECT_AND_REGION;
use crate::engine::refresh::ReadResource;
use crate::journal::{Intent, RecordedCall, id_text};

const VOLUME: &str = "/cloud/v1/volumes/{project_id}/{region_id}/{volume_id}";
const POOL: &str = "/cloud/v2/k8s/clusters/{project_id}/{region_id}/{cluster_name}/pools/{pool_name}";

/// The state of the part; `None` when the call is about the whole resource. `before`: the create's call before the
/// update.
pub async fn part_state(context: &RunContext, intent: &Intent, before: &RecordedCall) -> Option<UpdateState> {
    let (operation, parameters) = operation::operation_of(context.catalog, &intent.call)?;
    let part = PartUpdate { context, intent, before, parameters };
    let path = operation.route.path.as_str();
    let read = match (operation.route.method, path.rsplit('/').next().unwrap_or_default()) {
        (_, "addsecuritygroup") => part.groups(true).await,
        (_, "delsecuritygroup") => part.groups(false).await,
        (_, "attach_interface") => part.attached_interface().await,
        (_, "detach_interface") => part.detached_interface().await,
        // A volume may also be attached by a step of its own.
        (_, word @ ("attach" | "detach")) if path.contains("/volumes/") && part.lists("volumes") => {
            part.volume_of_machine(word == "attach").await
        }
        (Method::Delete, "{pool_name}") => part.is_there(&intent.call.path).await.map(|there| done(!there)),
        (Method::Post, "pools") if part.lists("pools") => {
            let name = intent.call.body.as_ref()?.get("name")?.as_str()?;
            part.is_there(&format!("{}/{}", intent.call.path, encode(name))).await.map(done)
        }
        (Method::Patch, "{pool_name}") => part.element("pools", POOL).await,
        _ if path.starts_with(VOLUME) && part.lists("volumes") => part.element("volumes", VOLUME).await,
        _ => return None,
    };
    Some(read.unwrap_or_else(|error| UpdateState::of_error(&error)))
}

struct PartUpdate<'a> {
    context: &'a RunContext,
    intent: &'a Intent,
    before: &'a RecordedCall,
    parameters: Parameters,
}

fn done(is_so: bool) -> UpdateState {
    if is_so { UpdateState::Done } else { UpdateState::NotDone }
}

impl PartUpdate<'_> {
    fn sent(&self) -> &Value {
        self.intent.call.body.as_deref().unwrap_or(&Value::Null)
    }

    /// A list of the create's body.
    fn list<'c>(&self, call: Option<&'c RecordedCall>, field: &str) -> &'c [Value] {
        let list = call.and_then(|call| call.body.as_ref()?.get(field)?.as_array());
        list.map_or(&[], Vec::as_slice)
    }

    fn lists(&self, field: &str) -> bool {
        self.before.body.as_ref().is_some_and(|body| body.get(field).is_some())
    }

    async fn read(&self, path: &str) -> Result<Value, ReadError> {
        self.context.client.read(Request::get(path)).await
    }

    async fn is_there(&self, path: &str) -> Result<bool, ReadError> {
        match self.read(path).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether all requested ports have the requested groups, or none has any of them.
    async fn groups(&self, joins: bool) -> Result<UpdateState, ReadError> {
        let shown = ports_of(self.context, &self.intent.call).await?;
        let has = |port: &Value, name: &Value| has_group(port, "name", name);
        if let Some(name) = self.sent().get("name") {
            return Ok(done(!shown.is_empty() && shown.iter().all(|port| has(port, name) == joins)));
        }
        let asked = self.sent().get("ports_security_group_names").and_then(Value::as_array);
        let is_so = asked.into_iter().flatten().all(|asked| {
            let port = shown.iter().find(|port| port.get("id") == asked.get("port_id"));
            let names = asked.get("security_group_names").and_then(Value::as_array).into_iter().flatten();
            port.is_some_and(|port| names.into_iter().all(|name| has(port, name) == joins))
        });
        Ok(done(is_so))
    }

    async fn attached_interface(&self) -> Result<UpdateState, ReadError> {
        let shown = interfaces_of(self.context, &self.parameters).await?;
        let (all, _) = match_interfaces(self.list(self.intent.update.as_deref(), "interfaces"), &shown);
        Ok(done(all.iter().all(Option::is_some)))
    }

    async fn detached_interface(&self) -> Result<UpdateState, ReadError> {
        let shown = interfaces_of(self.context, &self.parameters).await?;
        Ok(done(shown.iter().all(|interface| interface.get("port_id") != self.sent().get("port_id"))))
    }

    async fn volume_of_machine(&self, joins: bool) -> Result<UpdateState, ReadError> {
        let of = |name: &str| parameter(&self.parameters, name);
        let place = PROJECT_AND_REGION.map(|name| of(name).map(encode).unwrap_or_default()).join("/");
        let machine = self.sent().get("instance_id").map(id_text).unwrap_or_default();
        let machine = self.read(&format!("/cloud/v1/instances/{place}/{}", encode(&machine))).await?;
        let Some(volumes) = machine.get("volumes").and_then(Value::as_array) else {
            return Ok(UpdateState::CannotTell);
        };
        let id = of("volume_id");
        Ok(done(volumes.iter().any(|volume| volume.get("id").and_then(Value::as_str) == id) == joins))
    }

    /// The element that the call changes, when it has a path of its own.
    async fn element(&self, field: &str, path: &str) -> Result<UpdateState, ReadError> {
        let (before, after) = (self.list(Some(self.before), field), self.list(self.intent.update.as_deref(), field));
        let Some((old, new)) = before.iter().zip(after).find(|(old, new)| old != new) else {
            return Ok(UpdateState::CannotTell);
        };
        let Some(own) = paths::fill_path(path, &self.parameters, "", "") else { return Ok(UpdateState::CannotTell) };
        let object = self.read(&own).await?;
        let shown = ReadResource {
            route: path,
            object: &object,
            digest_key: &self.context.digest_key,
            is_owned_by_another: &|_| false,
        };
        Ok(fields_state(Some(old), Some(new), &shown))
    }
}
