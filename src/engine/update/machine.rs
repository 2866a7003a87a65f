//! The parts of a machine: security groups, interfaces and volumes, which its body lists and the API attaches and
//! detaches one by one.

use serde_json::{Value, json};

use super::in_place::{Lookup, address_placeholder, group_placeholder, port_placeholder};
use super::patch::elements;
use super::split::{NO_CALL, Splitting, UpdatedResource, split};
use crate::catalog::update::{Act, MachinePart, UpdateCall};
use crate::catalog::{Method, Route};
use crate::journal::{RecordedCall, id_text};

/// The API's default group for interfaces without one.
const DEFAULT_GROUP: &str = "default";
/// The create of volumes that a machine makes for itself.
const VOLUMES: &str = "/cloud/v1/volumes/{project_id}/{region_id}";
/// The source of a volume in the body that is not the machine's own.
const EXISTING: &str = "existing-volume";

/// Security groups by id, or [`DEFAULT_GROUP`].
fn groups(holder: Option<&Value>) -> Option<Vec<String>> {
    let list = elements(holder?.get("security_groups"));
    let ids: Vec<String> = list.iter().filter_map(|group| group.get("id")).map(id_text).collect();
    (!ids.is_empty()).then_some(ids)
}

/// The elements of one list that are not in the other.
fn without<'l>(list: &'l [String], other: &'l [String]) -> impl Iterator<Item = &'l String> {
    list.iter().filter(|one| !other.contains(one))
}

/// A call that adds or removes groups, without the ports that it is about.
fn group_names(ids: &[&String]) -> (Vec<Value>, Vec<Lookup>) {
    let name =
        |id: &&String| if *id == DEFAULT_GROUP { DEFAULT_GROUP.into() } else { Value::from(group_placeholder(id)) };
    let looked_up = ids.iter().filter(|id| **id != DEFAULT_GROUP).map(|id| Lookup::Group { id: (*id).clone() });
    (ids.iter().map(name).collect(), looked_up.collect())
}

/// The fields of an interface that cannot be changed in place.
fn place(interface: &Value) -> Value {
    let kind = interface.get("type").cloned().unwrap_or_default();
    let names: &[&str] = match kind.as_str() {
        Some("subnet") => &["subnet_id"],
        Some("reserved_fixed_ip") => &["port_id"],
        _ => &["network_id", "ip_family", "ip_address"],
    };
    let known = names.iter().chain(&["interface_name"]).filter_map(|name| interface.get(*name));
    std::iter::once(kind.clone()).chain(known.cloned()).collect()
}

/// Whether a volume exists without the machine.
pub(super) fn is_existing(volume: &Value) -> bool {
    volume.get("source").and_then(Value::as_str) == Some(EXISTING)
}

/// The source and the name of a volume.
fn origin(volume: &Value) -> Vec<Option<&Value>> {
    ["source", "image_id", "snapshot_id", "apptemplate_id", "volume_id"].map(|name| volume.get(name)).to_vec()
}

type Likeness<'a> = &'a dyn Fn(&Value, &Value) -> bool;

/// Which old element each new one is, the closest likeness first; and the old ones that are left.
fn paired(old: &[Value], new: &[Value], likenesses: &[Likeness<'_>]) -> (Vec<Option<usize>>, Vec<usize>) {
    let mut pairs = vec![None; new.len()];
    let mut left: Vec<usize> = (0..old.len()).collect();
    for likeness in likenesses {
        for (item, pair) in new.iter().zip(&mut pairs).filter(|(_, pair)| pair.is_none()) {
            let found = left.iter().position(|before| likeness(&old[*before], item));
            *pair = found.map(|found| left.remove(found));
        }
    }
    (pairs, left)
}

/// Whether the machine boots from the volume: the body says so, or it is the first when none does.
pub(super) fn is_started_from(volumes: &[Value], at: usize) -> bool {
    let index = |volume: &Value| volume.get("boot_index").and_then(Value::as_i64);
    match index(&volumes[at]) {
        Some(index) => index == 0,
        None => at == 0 && volumes.iter().all(|volume| index(volume) != Some(0)),
    }
}

impl Splitting<'_> {
    /// Divides the differences in one of the machine's lists.
    pub(super) fn part(&mut self, field: &str, part: MachinePart) {
        match part {
            MachinePart::SecurityGroup => self.security_groups(field),
            MachinePart::Interface => self.interfaces(field),
            MachinePart::Volume => self.volumes(field),
        }
        self.done(field);
    }

    /// The call that attaches a part of this kind (`attaches`), or detaches it.
    fn call_for(&self, part: MachinePart, attaches: bool) -> Option<UpdateCall> {
        let is_it = |update_call: &&UpdateCall| match &update_call.act {
            Act::AttachPart { part: other, .. } => attaches && *other == part,
            Act::DetachPart { part: other, .. } => !attaches && *other == part,
            _ => false,
        };
        self.resource.update_calls.iter().find(is_it).cloned()
    }

    fn now_list(&self, field: &str) -> Vec<Value> {
        elements(self.now.body.as_ref().and_then(|body| body.get(field)))
    }

    /// A call for one element of a list, with the list afterwards.
    fn one(
        &mut self,
        (field, after): (&str, Vec<Value>),
        (part, attaches): (MachinePart, bool),
        body: Value,
        more: &[(String, String)],
        lookups: Vec<Lookup>,
    ) {
        let Some(update_call) = self.call_for(part, attaches) else {
            return self.split.force(format!("body/{field}"), NO_CALL);
        };
        let calls = self.split.calls.len();
        self.call_after(&update_call, field, (Some(body.clone()), Some(body)), Some(after.into()), more);
        if let Some(call) = self.split.calls.get_mut(calls) {
            call.lookups = lookups;
        }
    }

    // ── security groups ─────────────────────────────────────────────────────────────────────────────────────────────

    fn security_groups(&mut self, field: &str) {
        let bodies = [self.old, self.new].map(|body| Value::Object(body.clone()));
        let of_interfaces = bodies
            .iter()
            .flat_map(|body| elements(body.get("interfaces")))
            .any(|interface| groups(Some(&interface)).is_some());
        if of_interfaces {
            let reason = "the API has no call that moves them between a machine and its interfaces";
            return self.split.force(format!("body/{field}"), reason);
        }
        let [old, new] = bodies.map(|body| groups(Some(&body)).unwrap_or_else(|| vec![DEFAULT_GROUP.to_owned()]));
        let entry = |id: &String| json!({ "id": id });
        let mut now: Vec<String> = old.clone();
        // New groups are added first, so that the machine is never unprotected.
        for (id, attaches) in without(&new, &old).map(|id| (id, true)).chain(without(&old, &new).map(|id| (id, false)))
        {
            if attaches {
                now.push(id.clone());
            } else {
                now.retain(|other| other != id);
            }
            let (names, lookups) = group_names(&[id]);
            let after = now.iter().filter(|id| *id != DEFAULT_GROUP).map(entry).collect();
            let body = json!({ "name": names[0] });
            self.one((field, after), (MachinePart::SecurityGroup, attaches), body, &[], lookups);
        }
        if !self.is_forced(field) {
            self.end_list(field);
        }
    }

    /// Changes the groups of one interface's port.
    fn groups_of_port(&mut self, field: &str, at: usize, item: &Value, (old, new): (&[String], &[String])) {
        for (ids, attaches) in [(without(new, old).collect::<Vec<_>>(), true), (without(old, new).collect(), false)] {
            if ids.is_empty() {
                continue;
            }
            let mut after = self.now_list(field);
            let (names, mut lookups) = group_names(&ids);
            lookups.push(Lookup::Port { interfaces: after.clone(), at });
            let port = json!({ "port_id": port_placeholder(), "security_group_names": names });
            if !attaches || without(old, new).next().is_none() {
                after[at].clone_from(item);
            } else if let Some(interface) = after[at].as_object_mut() {
                let both = old.iter().chain(ids.iter().copied()).filter(|id| *id != DEFAULT_GROUP);
                let both: Value = both.map(|id| json!({ "id": id })).collect();
                interface.insert("security_groups".to_owned(), both);
            }
            let body = json!({ "ports_security_group_names": [port] });
            self.one((field, after), (MachinePart::SecurityGroup, attaches), body, &[], lookups);
        }
    }

    // ── interfaces ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn interfaces(&mut self, field: &str) {
        let (old, new) = (elements(self.old.get(field)), elements(self.new.get(field)));
        let whole = [self.old, self.new].map(|body| groups(Some(&Value::Object(body.clone()))));
        let effective = |interface: &Value, whole: &Option<Vec<String>>| {
            groups(Some(interface)).or_else(|| whole.clone()).unwrap_or_else(|| vec![DEFAULT_GROUP.to_owned()])
        };
        let (pairs, left) = paired(&old, &new, &[&|old, new| old == new, &|old, new| place(old) == place(new)]);
        for (at, item) in new.iter().enumerate() {
            let Some(before) = pairs[at] else { continue };
            if let Some(name) = differing(&old[before], item).find(|name| *name != "security_groups") {
                self.split.force(format!("body/{field}/{at}/{name}"), NO_CALL);
            } else if groups(Some(&old[before])) != groups(Some(item)) {
                let (of_old, of_new) = (effective(&old[before], &whole[0]), effective(item, &whole[1]));
                self.groups_of_port(field, before, item, (&of_old, &of_new));
            }
        }
        for at in (0..new.len()).filter(|at| pairs[*at].is_none()) {
            self.attach_interface(field, at, &new[at], whole[1].as_deref());
        }
        // From the end, so that earlier indices stay valid.
        for at in left.into_iter().rev() {
            let mut after = self.now_list(field);
            let lookup = Lookup::Port { interfaces: after.clone(), at };
            after.remove(at);
            let body = json!({ "port_id": port_placeholder(), "ip_address": address_placeholder() });
            self.one((field, after), (MachinePart::Interface, false), body, &[], vec![lookup]);
        }
        if !self.is_forced(field) {
            self.end_list(field);
        }
    }

    fn attach_interface(&mut self, field: &str, at: usize, item: &Value, whole: Option<&[String]>) {
        let Some(mut body) = item.as_object().cloned() else { return };
        if body.contains_key("floating_ip") {
            let reason =
                "the API attaches interfaces without a floating IP: bind it in a step of its own, by `port_id`";
            return self.split.force(format!("body/{field}/{at}/floating_ip"), reason);
        }
        if body.get("type").and_then(Value::as_str) == Some("subnet") {
            // The network follows from the subnet.
            body.shift_remove("network_id");
        }
        if let (None, Some(whole)) = (groups(Some(item)), whole) {
            body.insert("security_groups".to_owned(), whole.iter().map(|id| json!({ "id": id })).collect());
        }
        let mut after = self.now_list(field);
        after.push(item.clone());
        self.one((field, after), (MachinePart::Interface, true), body.into(), &[], Vec::new());
    }

    // ── volumes ─────────────────────────────────────────────────────────────────────────────────────────────────────

    fn volumes(&mut self, field: &str) {
        let (old, new) = (elements(self.old.get(field)), elements(self.new.get(field)));
        let named = |old: &Value, new: &Value| {
            let name = new.get("name").filter(|name| !name.is_null());
            name.is_some() && old.get("name") == name && origin(old) == origin(new)
        };
        let alike = |old: &Value, new: &Value| origin(old) == origin(new);
        let (pairs, left) = paired(&old, &new, &[&|old, new| old == new, &named, &alike]);
        for (at, item) in new.iter().enumerate() {
            if let Some(before) = pairs[at] {
                self.volume(field, (before, &old), (at, item));
            }
        }
        for at in (0..new.len()).filter(|at| pairs[*at].is_none()) {
            self.attach_volume(field, at, &new[at]);
        }
        for at in left.into_iter().rev() {
            self.detach_volume(field, &old, at);
        }
        if !self.is_forced(field) {
            self.end_list(field);
        }
    }

    fn attach_volume(&mut self, field: &str, at: usize, item: &Value) {
        let id = item.get("volume_id").map(id_text).filter(|_| is_existing(item));
        let (Some(id), Some(machine)) = (id, self.resource.own()) else {
            let reason = "the API gives a machine only volumes that exist: make it in a step of its own, with \
                          `instance_id_to_attach_to`, or list it here as `existing-volume`";
            return self.split.force(format!("body/{field}/{at}"), reason);
        };
        let unasked = ["boot_index", "delete_on_termination", "tags"];
        if let Some(name) = unasked.iter().find(|name| item.get(**name).is_some()) {
            let reason = "the call that attaches a volume does not take it";
            return self.split.force(format!("body/{field}/{at}/{name}"), reason);
        }
        let mut body = json!({ "instance_id": machine });
        if let (Some(tag), Some(body)) = (item.get("attachment_tag"), body.as_object_mut()) {
            body.insert("attachment_tag".to_owned(), tag.clone());
        }
        let mut after = self.now_list(field);
        after.push(item.clone());
        self.one((field, after), (MachinePart::Volume, true), body, &[("volume_id".to_owned(), id)], Vec::new());
    }

    fn detach_volume(&mut self, field: &str, old: &[Value], at: usize) {
        let id = old[at].get("volume_id").map(id_text).filter(|_| is_existing(&old[at]));
        let (Some(id), Some(machine)) = (id, self.resource.own()) else {
            let reason = "it was made with the machine, and the data on it would go";
            return self.split.force(format!("body/{field}/{at}"), reason);
        };
        if is_started_from(old, at) {
            return self.split.force(format!("body/{field}/{at}"), "the machine starts from it");
        }
        let mut after = self.now_list(field);
        after.retain(|volume| volume.get("volume_id").map(id_text).as_ref() != Some(&id));
        let body = json!({ "instance_id": machine });
        self.one((field, after), (MachinePart::Volume, false), body, &[("volume_id".to_owned(), id)], Vec::new());
    }

    /// Changes a volume that the machine created like any other.
    fn volume(&mut self, field: &str, (before, old): (usize, &[Value]), (at, item): (usize, &Value)) {
        let was = &old[before];
        if was == item {
            return;
        }
        let unchanging = ["boot_index", "delete_on_termination", "attachment_tag"];
        if let Some(name) = differing(was, item).find(|name| is_existing(item) || unchanging.contains(name)) {
            return self.split.force(format!("body/{field}/{at}/{name}"), NO_CALL);
        }
        let Some(create) = self.catalog.find(&Route { method: Method::Post, path: VOLUMES.to_owned() }) else { return };
        let own = old.iter().filter(|volume| !is_existing(volume)).count();
        let made: Vec<String> = self.resource.made.get("volumes").into_iter().flatten().map(|id| id_text(id)).collect();
        let (id, lookups) = match made.as_slice() {
            [id] if own == 1 => (id.clone(), Vec::new()),
            _ => {
                let machine = self.resource.own().unwrap_or_default().to_owned();
                let lookup = Lookup::Volume { machine, volumes: old.to_vec(), at: before, made };
                (lookup.token(), vec![lookup])
            }
        };
        let volume = UpdatedResource::below(self.catalog, create, self.resource, ("volume_id", id));
        let call =
            |body: &Value| RecordedCall { body: Some(body.clone().into()), ..RecordedCall::new(Method::Post, VOLUMES) };
        let real = elements(self.revealed.get(field)).get(at).cloned();
        let below = split(self.catalog, Some(&volume), &call(was), &call(item), real.as_ref(), self.may_remove);
        for forced in below.forced {
            let place = forced.field.strip_prefix("body/").unwrap_or(&forced.field).to_owned();
            self.split.force(format!("body/{field}/{at}/{place}"), forced.reason);
        }
        for mut call in below.calls {
            let mut after = self.now_list(field);
            if let (Some(volume), Some(body)) = (after.get_mut(before), call.agrees.body.take()) {
                *volume = body.into_value();
            }
            call.fields = vec![field.to_owned()];
            call.lookups.clone_from(&lookups);
            self.push(call, field, after.into());
        }
    }
}

/// The fields in which two elements differ.
fn differing<'v>(one: &'v Value, other: &'v Value) -> impl Iterator<Item = &'v str> {
    let names = |value: &'v Value| value.as_object().into_iter().flat_map(|fields| fields.keys());
    let both = names(one).chain(names(other).filter(|name| one.get(name.as_str()).is_none()));
    both.map(String::as_str).filter(|name| one.get(*name) != other.get(*name))
}
