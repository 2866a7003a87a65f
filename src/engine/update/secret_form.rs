//! A value that the plan wrote out and takes from a secret now, or the other way round: it is the same value in another
//! form, and no change.

use serde_json::Value;

use crate::journal::{InstanceStatus, Phase, RecordedCall};
use crate::secret::{digest_of, hides, stands_for_secret};

/// The status with its values in the plan's form, where one is the digest of the other; `None` when there are none.
pub fn in_form_of(known: &InstanceStatus, plan: &RecordedCall, key: &[u8]) -> Option<InstanceStatus> {
    let agrees = known.agrees.as_ref().filter(|agrees| known.phase == Phase::Succeeded && ***agrees != *plan)?;
    let mut call = RecordedCall::clone(agrees);
    let mut changed = false;
    if let (Some(old), Some(new)) = (&mut call.body, &plan.body)
        && (stands_for_secret(old.text()) || stands_for_secret(new.text()))
    {
        old.edit(|old| changed = reform(old, new, key));
    }
    let pairs = call.query.iter_mut().zip(&plan.query).chain(call.headers.iter_mut().zip(&plan.headers));
    for ((name, old), (new_name, new)) in pairs {
        if name == new_name && (hides_in(new, old, key) || hides_in(old, new, key)) {
            old.clone_from(new);
            changed = true;
        }
    }
    changed.then(|| InstanceStatus { agrees: Some(call.into()), ..known.clone() })
}

/// Gives values the form that they have in `new`; returns whether any has another now.
fn reform(old: &mut Value, new: &Value, key: &[u8]) -> bool {
    if is_form_of(new, old, key) || is_form_of(old, new, key) {
        old.clone_from(new);
        return true;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let both = old.iter_mut().filter_map(|(name, old)| Some((old, new.get(name)?)));
            both.fold(false, |changed, (old, new)| reform(old, new, key) || changed)
        }
        (Value::Array(old), Value::Array(new)) => {
            old.iter_mut().zip(new).fold(false, |changed, (old, new)| reform(old, new, key) || changed)
        }
        _ => false,
    }
}

/// Whether `form` is the other value with digests in place of secrets.
fn is_form_of(form: &Value, value: &Value, key: &[u8]) -> bool {
    match (form, value) {
        (Value::String(form), Value::String(text)) => hides_in(form, text, key),
        (Value::String(form), value) => stands_for_secret(form) && *form == digest_of(value, key),
        _ => false,
    }
}

fn hides_in(form: &str, text: &str, key: &[u8]) -> bool {
    form != text && stands_for_secret(form) && hides(form, text, key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;

    const KEY: &[u8] = b"key";

    fn call(token: &str, body: Value) -> RecordedCall {
        RecordedCall {
            headers: [("X-Token".to_owned(), token.to_owned())].into_iter().collect(),
            body: Some(body.into()),
            ..RecordedCall::new(Method::Post, "/t")
        }
    }

    #[test]
    fn a_value_and_its_digest_are_one_value_in_two_forms() {
        let of = |value: Value| digest_of(&value, KEY);
        let both = |one: &str, other: &str| format!("user: a\npw: {one}\nkey: {other}\n");
        for (clear, digested) in [
            (json!("hunter2"), json!(of(json!("hunter2")))),
            (json!(2000), json!(of(json!(2000)))),
            (json!(["a", { "b": "c" }]), json!(of(json!(["a", { "b": "c" }])))),
            (json!(["a", { "b": "c" }]), json!(["a", { "b": of(json!("c")) }])),
            (json!("pw: 2000"), json!(format!("pw: {}", of(json!(2000))))),
            (json!(both("x", "key: y")), json!(both(&of(json!("x")), &of(json!("key: y"))))),
        ] {
            for (old, new) in [(&clear, &digested), (&digested, &clear)] {
                let before = call("t", json!({ "name": "a", "value": old }));
                let after = call(&of(json!("t")), json!({ "value": new, "name": "b" }));
                let known = InstanceStatus {
                    phase: Phase::Succeeded,
                    agrees: Some(before.into()),
                    ..InstanceStatus::default()
                };
                let reformed = in_form_of(&known, &after, KEY).unwrap();
                // What differs besides still does.
                let expected = call(&of(json!("t")), json!({ "name": "a", "value": new }));
                assert_eq!(reformed.agrees.as_deref(), Some(&expected), "{old} {new}");
                assert_eq!(in_form_of(&reformed, &after, KEY), None, "{old} {new}");
            }
        }
    }

    #[test]
    fn another_value_and_the_digest_of_another_key_differ() {
        let digest = |value: &str, key: &[u8]| digest_of(&json!(value), key);
        for (old, new) in [
            ("hunter2", digest("hunter3", KEY)),
            ("hunter2", digest("hunter2", b"other")),
            ("pw: x", format!("pw:{}", digest("x", KEY))),
            ("pw: x!", format!("pw: {}", digest("x", KEY))),
            ("hunter2", "hunter3".to_owned()),
        ] {
            for (old, new) in [(old, &*new), (&*new, old)] {
                let [agrees, plan] = [old, new].map(|value| call("t", json!({ "value": value })));
                let known = InstanceStatus {
                    phase: Phase::Succeeded,
                    agrees: Some(agrees.into()),
                    ..InstanceStatus::default()
                };
                assert_eq!(in_form_of(&known, &plan, KEY), None, "{old} {new}");
            }
        }
    }
}
