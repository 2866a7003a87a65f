//! Updates of lists whose calls change one element each, or all new or all removed elements.

use serde_json::{Map, Value, json};

use super::patch::{FieldChange, elements};
use super::split::{NO_CALL, Splitting, put};
use crate::catalog::update::UpdateCall;

impl Splitting<'_> {
    /// One call for each removed or each new element.
    pub(super) fn each(&mut self, update_call: &UpdateCall, field: &str, key: &str, begin: bool) {
        let (old, new) = (elements(self.old.get(field)), elements(self.new.get(field)));
        let real = elements(self.revealed.get(field));
        let named = |item: &Value| item.get(key).cloned();
        let has = |list: &[Value], item: &Value| {
            named(item).is_some() && list.iter().any(|other| named(other) == named(item))
        };
        let going: Vec<usize> = if begin {
            (0..new.len()).filter(|at| !has(&old, &new[*at])).collect()
        } else {
            (0..old.len()).filter(|at| !has(&new, &old[*at])).collect()
        };
        let mut now = elements(self.now.body.as_ref().and_then(|body| body.get(field)));
        for at in going {
            let item = if begin { &new[at] } else { &old[at] };
            let (Some(value), Some(sent)) = (named(item), named(if begin { &real[at] } else { item })) else {
                self.done(field);
                return self.split.force(format!("body/{field}/{at}"), NO_CALL);
            };
            if begin {
                now.push(item.clone());
            } else {
                now.retain(|other| named(other).as_ref() != Some(&value));
            }
            let after = Some(Value::Array(now.clone()));
            self.step(update_call, field, Some(json!({ key: value })), Some(json!({ key: sent })), after);
        }
        if begin {
            self.end_list(field);
        }
    }

    /// One call for all removed or all new elements.
    pub(super) fn list(&mut self, update_call: &UpdateCall, field: &str, add: bool) {
        let (old, new) = (elements(self.old.get(field)), elements(self.new.get(field)));
        let real = elements(self.revealed.get(field));
        let places: Vec<usize> = if add {
            (0..new.len()).filter(|at| !old.contains(&new[*at])).collect()
        } else {
            (0..old.len()).filter(|at| !new.contains(&old[*at])).collect()
        };
        if !places.is_empty() {
            let pick = |list: &[Value]| places.iter().filter_map(|at| list.get(*at).cloned()).collect::<Value>();
            let (recorded, sent) = if add { (pick(&new), pick(&real)) } else { (pick(&old), pick(&old)) };
            let after = match add {
                true => new.clone(),
                false => old.into_iter().filter(|item| new.contains(item)).collect(),
            };
            let body = |value: Value| Some(json!({ field: value }));
            self.step(update_call, field, body(recorded), body(sent), Some(Value::Array(after)));
        }
        if add {
            self.end_list(field);
        }
    }

    /// After the last call for a list the resource agrees with the plan's list, including its order and the fields
    /// that no call compares.
    pub(super) fn end_list(&mut self, field: &str) {
        let last = self.split.calls.last_mut().filter(|call| call.fields.iter().any(|name| name == field));
        match last {
            Some(call) => {
                put(&mut call.agrees, field, self.new.get(field).cloned());
                self.now.clone_from(&call.agrees);
            }
            None => self.split.force(format!("body/{field}"), NO_CALL),
        }
        self.done(field);
    }

    /// One call for each new element.
    pub(super) fn make_elements(&mut self, update_call: &UpdateCall, field: &str, key: &str) {
        let (old, new) = (elements(self.old.get(field)), elements(self.new.get(field)));
        let real = elements(self.revealed.get(field));
        if real.len() != new.len() {
            self.done(field);
            return self.split.force(format!("body/{field}"), NO_CALL);
        }
        let mut now = old.clone();
        for (item, real) in new.iter().zip(&real).filter(|(item, _)| place_of(&old, key, item).is_none()) {
            now.push(item.clone());
            self.step(update_call, field, Some(item.clone()), Some(real.clone()), Some(Value::Array(now.clone())));
        }
        if self.is_forced(field) {
            self.done(field);
        }
    }

    /// One call for each element that exists before and after and differs.
    pub(super) fn elements(&mut self, update_call: &UpdateCall, field: &str, key: &str, parameter: &str) {
        let new = elements(self.new.get(field));
        let real = elements(self.revealed.get(field));
        let Some(update) = self.catalog.body_schema(&update_call.operation) else { return };
        let mut now = elements(self.now.body.as_ref().and_then(|body| body.get(field)));
        for (item, real) in new.iter().zip(&real) {
            let Some(at) = place_of(&now, key, item) else { continue };
            let (Some(before), Some(after), Some(sent), Some(name)) =
                (now[at].as_object().cloned(), item.as_object(), real.as_object(), name_of(item, key))
            else {
                continue;
            };
            let differing: Vec<&String> =
                before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).collect();
            let (mut recorded, mut body) = (Map::new(), Map::new());
            for name in differing {
                let change =
                    FieldChange { name, before: before.get(name), after: after.get(name), sent: sent.get(name) };
                let known = !super::patch::field_schemas(&update, name).is_empty();
                match change.value(&update, &update, true).ok().filter(|_| known) {
                    Some(both) => {
                        recorded.insert(name.clone(), both.recorded);
                        body.insert(name.clone(), both.sent);
                    }
                    None => {
                        self.done(field);
                        return self.split.force(format!("body/{field}/{at}/{name}"), NO_CALL);
                    }
                }
            }
            if !recorded.is_empty() {
                now[at].clone_from(item);
                let whole = Some(Value::Array(now.clone()));
                let more = [(parameter.to_owned(), name)];
                self.call_after(update_call, field, (Some(recorded.into()), Some(body.into())), whole, &more);
            }
        }
        if self.is_forced(field) {
            self.done(field);
        }
    }

    /// One call for each removed element, which also removes its contents, where that is allowed.
    pub(super) fn remove_elements(&mut self, update_call: &UpdateCall, field: &str, key: &str, parameter: &str) {
        let (old, new) = (elements(self.old.get(field)), elements(self.new.get(field)));
        for (at, item) in old.iter().enumerate().filter(|(_, item)| place_of(&new, key, item).is_none()) {
            let Some(name) = name_of(item, key) else {
                self.split.force(format!("body/{field}/{at}"), NO_CALL);
                continue;
            };
            if !self.may_remove {
                let reason = format!("`{name}` would be removed, and what runs in it");
                self.split.force(format!("body/{field}/{at}"), reason);
                continue;
            }
            let mut now = elements(self.now.body.as_ref().and_then(|body| body.get(field)));
            now.retain(|other| name_of(other, key).as_ref() != Some(&name));
            let calls = self.split.calls.len();
            let more = [(parameter.to_owned(), name.clone())];
            self.call_after(update_call, field, (None, None), Some(Value::Array(now)), &more);
            if let Some(call) = self.split.calls.get_mut(calls) {
                call.removes = Some(format!("`{name}` of `{field}`, and what runs in it"));
            }
        }
        match self.is_forced(field) {
            true => self.done(field),
            false => self.end_list(field),
        }
    }

    /// Whether a change of the field needs a new resource.
    pub(super) fn is_forced(&self, field: &str) -> bool {
        let (whole, below) = (format!("body/{field}"), format!("body/{field}/"));
        self.split.forced.iter().any(|forced| forced.field == whole || forced.field.starts_with(&below))
    }
}

fn name_of(item: &Value, key: &str) -> Option<String> {
    item.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The index of the element with the same name.
fn place_of(list: &[Value], key: &str, item: &Value) -> Option<usize> {
    let name = name_of(item, key)?;
    list.iter().position(|other| name_of(other, key).as_ref() == Some(&name))
}
