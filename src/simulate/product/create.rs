//! Creates of a product: the id, the fields and the parts of a new resource.

use serde_json::{Map, Value, json};

use super::call::{Call, innermost, several};
use super::item::Item;
use super::refusal::Refused;
use super::{Products, SHOWN_ONCE, id_fields};
use super::{cdn, fastedge, form, item, security, streaming};
use crate::api::Answer;
use crate::body_file::BodyFile;
use crate::catalog::{Creates, IdAt};
use crate::simulate::options::Options;

impl Products {
    /// Carries out a create.
    pub(super) fn create(&mut self, call: &Call<'_>, creates: &Creates, options: &Options) -> Result<Answer, Refused> {
        if let Some(bodies) = several(call, creates) {
            let told = bodies.into_iter().map(|fields| self.created(call, creates, fields, options));
            let told: Vec<Map<String, Value>> = told.collect::<Result<_, _>>()?;
            return Ok(form::answer_of_several(&call.operation, told, self.now));
        }
        let told = self.created(call, creates, innermost(call, creates), options)?;
        Ok(match creates.kind.as_str() {
            "fastedge_secrets" => fastedge::named(&told),
            _ => self.answer(call, &told),
        })
    }

    /// Stores a created resource with these fields. Returns its fields as the answer shows them.
    pub(super) fn created(
        &mut self,
        call: &Call<'_>,
        creates: &Creates,
        fields: Map<String, Value>,
        options: &Options,
    ) -> Result<Map<String, Value>, Refused> {
        self.check_references(call, options)?;
        let item = self.made(call, creates, fields)?;
        let item = self.get_ready(item, call, options);
        let mut told = item.shown(self.now);
        if let Some((_, field)) = SHOWN_ONCE.iter().find(|(kind, _)| *kind == item.kind) {
            told.insert((*field).to_owned(), self.draw.secret().into());
        }
        self.add(item);
        Ok(told)
    }

    /// The item of a create, not stored yet.
    fn made(&mut self, call: &Call<'_>, creates: &Creates, fields: Map<String, Value>) -> Result<Item, Refused> {
        let resource = creates.resource.as_ref().ok_or_else(|| Refused::not_found(&creates.kind))?;
        let named = creates.name_at.as_deref().and_then(|at| call.body.pointer(at)?.as_str()).map(str::to_owned);
        let id = self.new_id(call, creates, named.as_deref());
        let id_text = item::text(&id);
        let name = named.unwrap_or_else(|| id_text.clone());
        let own = if resource.by_name { &name } else { &id_text };
        let path = resource.read.as_ref().or(resource.delete.as_ref().map(|delete| &delete.path));
        let address = match path {
            Some(path) => call.address(path, &resource.parameter, own),
            None => format!("{}/{id_text}", call.own_address()),
        };
        let collection = address.rsplit_once('/').map_or("", |(above, _)| above);
        // A user is invited into an account, which only the body names.
        let account = fields.get("client_id");
        let is_in_account = |item: &Item| item.get("client_id").is_none_or(|other| Some(other) == account);
        let taken = |item: &Item| {
            item.kind == creates.kind && item.is_directly_below(collection) && item.name == name && is_in_account(item)
        };
        if self.at(&address).is_some() || (creates.unique && self.items.iter().any(taken)) {
            let sent = match &creates.id_at {
                IdAt::Body(pointer) => pointer,
                _ => creates.name_at.as_deref().unwrap_or("/name"),
            };
            let field = sent.trim_start_matches('/');
            return Err(Refused::taken(&creates.kind, field, &name));
        }
        let mut fields = fields;
        id_fields(&mut fields, resource, creates, &id, &name);
        let files: Vec<&BodyFile> = call.request.uploads().map(|upload| &upload.file).collect();
        self.complete(&creates.kind, &name, &files, &mut fields);
        let shown = self.form_of_read(call, resource, &fields);
        Ok(Item::new(&creates.kind, address, id, &name, shown))
    }

    /// The fields that a product adds to those of a request.
    pub(super) fn complete(&mut self, kind: &str, name: &str, files: &[&BodyFile], fields: &mut Map<String, Value>) {
        match kind.split_once('_').map(|(product, _)| product) {
            Some("cdn") => cdn::complete(self, kind, fields),
            Some("fastedge") => fastedge::complete(self, kind, name, files.first().copied(), fields),
            Some("security") => security::complete(self, kind, files, fields),
            Some("storage") => self.complete_storage(kind, name, fields),
            Some("streaming") => streaming::complete(kind, fields),
            _ => {}
        }
    }

    /// The fields that object storage adds to those of the request.
    fn complete_storage(&mut self, kind: &str, name: &str, fields: &mut Map<String, Value>) {
        if kind == "storage_object_storages" || kind == "storage_sftp_storages" {
            let location = fields.get("location_name").and_then(Value::as_str).unwrap_or("s-ed1").to_owned();
            fields.insert("address".to_owned(), format!("{location}.cloud.gcore.lu").into());
            fields.insert("full_name".to_owned(), format!("1001-{name}").into());
            fields.insert("provisioning_status".to_owned(), "active".into());
        }
        if kind == "storage_buckets" {
            for part in ["cors", "lifecycle", "policy"] {
                fields.entry(part).or_insert_with(|| json!({}));
            }
        }
        fields.entry("created_at").or_insert_with(|| item::time(self.now));
    }

    fn new_id(&mut self, call: &Call<'_>, creates: &Creates, name: Option<&str>) -> Value {
        match &creates.id_at {
            IdAt::Body(pointer) => call.body.pointer(pointer).cloned().unwrap_or_default(),
            IdAt::Path(names) => names.iter().map(|name| call.parameter(name)).collect::<Vec<_>>().join("/").into(),
            _ if creates.integer_id => self.number().into(),
            // A resource whose answer has the name as its id.
            IdAt::Response(pointer) if pointer == "/name" => name.unwrap_or_default().into(),
            _ if creates.kind == "storage_access_keys" => self.draw.secret()[..20].to_uppercase().into(),
            _ => self.draw.uuid().into(),
        }
    }
}
