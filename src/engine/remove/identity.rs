//! Whether a resource that is identified by its name is still the one whose removal was begun. A DELETE that may have been
//! carried out must not be sent again to what another client has made by the same name since.
//!
//! The id that the API gives to a resource says that by itself. A zone, a record set or a bucket has a name only, so it is
//! read before its DELETE, and a digest of what tells it from another of its name is on record.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::api::timestamp;
use crate::catalog::{Catalog, Method};
use crate::engine::context::RunContext;
use crate::engine::made::read_of;
use crate::engine::results::is_name;
use crate::journal::RecordedResource;
use crate::order::sort_by_key;
use crate::secret::digest_of;

/// Fields with the time of the creation.
const CREATED: [&str; 4] = ["created", "created_at", "created_on", "creation_date"];

/// The clocks behind one API may differ by so much.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// Fields with the time of the creation, or with an id beside the name: whichever a read shows is enough.
const OF_CREATION: [&str; 6] = ["id", "uuid", "created", "created_at", "created_on", "creation_date"];

/// The path that reads a resource which is identified by its name; `None` for others, and where there is no such read.
pub(super) fn read_of_named(catalog: &Catalog, made: &RecordedResource) -> Option<String> {
    let (kind, id, undo) = (made.kind.as_deref()?, made.id.as_deref()?, made.undo.as_ref()?);
    if undo.method != Method::Delete || !is_name(id) {
        return None;
    }
    // One kind can have several versions of the API, of which not every one has a read.
    let same = catalog.matching(Method::Get, &undo.path).map(|_| undo.path.clone());
    same.or_else(|| read_of(catalog, kind, id, undo))
}

/// The digest of what tells a resource from another of its name.
pub(super) fn digest(context: &RunContext, id: Option<&Value>, item: &Value) -> String {
    digest_of(&telling(id, item), &context.digest_key)
}

/// The time of creation that a read shows, when that is clearly later than the time by which the resource existed: then
/// another client has created it again. A time without a zone says nothing.
pub(super) fn created_later(item: &Value, existed_on: Timestamp) -> Option<&str> {
    creations(item).find(|(_, created)| *created > existed_on + MARGIN).map(|(text, _)| text)
}

/// The time of creation that a read shows, when that is clearly earlier than the time by which the resource did not exist: then
/// no call that was sent afterwards made it. A time without a zone says nothing.
pub fn created_before(item: &Value, sent: Timestamp) -> Option<&str> {
    creations(item).find(|(_, created)| *created + MARGIN < sent).map(|(text, _)| text)
}

/// The times of creation with a zone, with their texts.
fn creations(item: &Value) -> impl Iterator<Item = (&str, Timestamp)> {
    let texts = CREATED.iter().filter_map(|field| item.get(field)?.as_str());
    let with_zone = texts.filter(|text| text.ends_with('Z') || text.contains('+'));
    with_zone.filter_map(|text| Some((text, timestamp(text)?)))
}

/// What tells a resource from another of its name: id and time of its creation, or else all that a read shows, besides
/// its status, which changes by itself.
fn telling(id: Option<&Value>, item: &Value) -> Value {
    let Some(fields) = item.as_object() else { return item.clone() };
    let pick = |wanted: &dyn Fn(&str, &Value) -> bool| -> Map<String, Value> {
        let mut picked: Vec<_> = fields.iter().filter(|(name, value)| wanted(name, value)).collect();
        sort_by_key(&mut picked, |(name, _)| *name);
        picked.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let of_creation = pick(&|name, value| OF_CREATION.contains(&name) && !value.is_null() && Some(value) != id);
    match of_creation.is_empty() {
        true => pick(&|name, _| !name.ends_with("status")).into(),
        false => of_creation.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::journal::RecordedCall;

    #[test]
    fn a_name_is_what_the_api_does_not_give_out() {
        for (id, named) in [
            (json!("example.com"), true),
            (json!("www.example.com/A"), true),
            (json!("17"), true),
            (json!(17), false),
            (json!("6f1d2c3b-0000-4000-8000-000000000001"), false),
        ] {
            assert_eq!(is_name(&id), named, "{id}");
        }
    }

    #[test]
    fn what_goes_by_its_name_is_read_where_it_is_deleted() {
        for (kind, id, path, read) in [
            ("dns_zones", json!("example.com"), "/dns/v2/zones/example.com", true),
            ("dns_rrsets", json!("www.example.com/A"), "/dns/v2/zones/example.com/www.example.com/A", true),
            ("storage_buckets", json!("pictures"), "/storage/v4/object_storages/7/buckets/pictures", true),
            ("storage_buckets", json!("pictures"), "/storage/provisioning/v1/storage/7/s3/bucket/pictures", false),
            ("cdn_resources", json!(7), "/cdn/resources/7", false),
        ] {
            let undo = Some(RecordedCall::new(Method::Delete, path));
            let made =
                RecordedResource { kind: Some(kind.to_owned()), id: Some(id.into()), undo, ..Default::default() };
            let found = read_of_named(Catalog::embedded(), &made);
            assert_eq!(found.as_deref(), read.then_some(path), "{path}");
        }
    }

    #[test]
    fn what_was_created_before_the_call_was_not_made_by_it() {
        let sent: Timestamp = "2027-01-15T08:00:00Z".parse().unwrap();
        for (item, before) in [
            (json!({ "created_at": "2027-01-15T07:00:00+0000" }), true),
            (json!({ "created_at": "2027-01-15T07:58:59Z" }), true),
            (json!({ "created_at": "2027-01-15T07:59:59Z" }), false),
            (json!({ "created_at": "2027-01-15T08:00:01Z" }), false),
            (json!({ "created_at": "2026-01-15T07:00:00" }), false),
            (json!({ "name": "a" }), false),
        ] {
            assert_eq!(created_before(&item, sent).is_some(), before, "{item}");
        }
    }

    #[test]
    fn what_was_created_after_ours_existed_is_anothers() {
        let ours: Timestamp = "2026-05-23T05:07:31Z".parse().unwrap();
        for (item, later) in [
            (json!({ "created_at": "2026-05-23T05:07:00Z" }), false),
            (json!({ "created_at": "2026-05-23T05:08:20+0000" }), false),
            (json!({ "created_at": "2026-05-23T05:09:00+0000" }), true),
            (json!({ "created": "2026-05-23T09:09:00+04:00" }), true),
            (json!({ "created_on": "2026-05-23T09:07:00+04:00" }), false),
            // Whose zone is this?
            (json!({ "created_at": "2026-05-23T09:09:00" }), false),
            (json!({ "created_at": 1779512940, "name": "x" }), false),
            (json!({ "updated_at": "2026-05-24T05:09:00Z" }), false),
            (json!([]), false),
        ] {
            assert_eq!(created_later(&item, ours).is_some(), later, "{item}");
        }
    }

    #[test]
    fn two_of_one_name_are_told_apart_by_their_creation_or_by_all_that_is_shown() {
        let name = json!("pictures");
        for (one, two, same) in [
            (
                json!({ "name": "pictures", "status": "pending" }),
                json!({ "status": "active", "name": "pictures" }),
                true,
            ),
            (json!({ "name": "pictures", "serial": 1 }), json!({ "name": "pictures", "serial": 2 }), false),
            (json!({ "created_at": "a", "size": 1 }), json!({ "created_at": "a", "size": 2 }), true),
            (json!({ "created_at": "a", "size": 1 }), json!({ "created_at": "b", "size": 1 }), false),
            (json!({ "id": "pictures", "size": 1 }), json!({ "id": "pictures", "size": 2 }), false),
            (json!({ "id": 1, "size": 1 }), json!({ "id": 1, "size": 2 }), true),
            (json!({ "id": 1 }), json!({ "id": 2 }), false),
            (json!({ "created_at": null, "size": 1 }), json!({ "created_at": null, "size": 2 }), false),
        ] {
            assert_eq!(telling(Some(&name), &one) == telling(Some(&name), &two), same, "{one} {two}");
        }
    }
}
