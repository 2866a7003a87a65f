use serde_json::json;

use super::super::testing::{intent, list};
use super::*;

const OURS: Verdict = Verdict::Ours(Evidence::Stamp);

#[test]
fn a_stamp_of_another_environment_tells_whose_a_resource_is() {
    for (stamp, is_anothers) in [
        ("demo/default/web", false),
        ("demo/default/web[a/b]", false),
        ("demo/production/web", true),
        ("other/default/web", true),
        ("demo/default2/web", true),
        // A tag of that name that is no stamp.
        ("gold", false),
        ("a/b", false),
        ("a//b", false),
    ] {
        assert_eq!(others_stamp(stamp, "demo/default/").is_some(), is_anothers, "{stamp}");
    }
}

#[test]
fn a_resource_says_by_its_tags_which_attempt_made_it() {
    let unstamped = intent(json!({}));
    let stamped = Intent { stamped: true, ..unstamped.clone() };
    let pair = |value: &str| json!([{ "key": "task_id", "value": "t" }, { "key": STAMP_ATTEMPT, "value": value }]);
    for (item, with_stamp, without) in [
        (json!({ "tags": pair("0ddba11") }), OURS, OURS),
        (json!({ "tags_v2": pair("0ddba11") }), OURS, OURS),
        (json!({ "metadata": { STAMP_ATTEMPT: "0ddba11" } }), OURS, OURS),
        (json!({ "tags": pair("c0ffee") }), Verdict::NotOurs, Verdict::NotOurs),
        (json!({ "tags": [] }), Verdict::NotOurs, Verdict::CannotTell),
        (json!({ "tags": [{ "key": "team", "value": "web" }] }), Verdict::NotOurs, Verdict::CannotTell),
        // As a recovery left it in doubt.
        (
            json!({ "tags": { STAMP: format!("demo/default/{}", unstamped.instance), STAMP_ATTEMPT: "c0ffee" } }),
            Verdict::NotOurs,
            Verdict::CannotTell,
        ),
        (
            json!({ "tags": { STAMP: "demo/default/another", STAMP_ATTEMPT: "c0ffee" } }),
            Verdict::NotOurs,
            Verdict::NotOurs,
        ),
        (json!({ "tags": null }), Verdict::CannotTell, Verdict::CannotTell),
        (json!({ "name": "web" }), Verdict::CannotTell, Verdict::CannotTell),
    ] {
        assert_eq!(verdict_of_item(&item, Some(&list()), &stamped), with_stamp, "{item}");
        assert_eq!(verdict_of_item(&item, None, &unstamped), without, "{item}");
    }
}

#[test]
fn a_text_of_the_clients_own_holds_the_stamp_where_there_are_no_tags() {
    let list = ListCall { tags: false, tags_field: None, remark_field: Some("description".to_owned()), ..list() };
    let stamped = Intent { stamped: true, ..intent(json!({})) };
    let (mut body, mut inner, mut own) =
        (json!({ "name": "a" }), json!({ "video": {} }), json!({ "description": "mine" }));
    assert!(remark(Some(&mut body), "/description", "demo/default/rule[a b]", "0ddba11"));
    assert!(remark(Some(&mut inner), "/video/description", "demo/default/rule", "0ddba11"));
    assert!(inner["video"]["description"].is_string(), "{inner}");
    assert!(!remark(Some(&mut own), "/description", "demo", "0ddba11") && own == json!({ "description": "mine" }));
    assert!(!remark(Some(&mut json!([])), "/description", "demo", "0ddba11"));
    assert_eq!(tag(&body, Some(&list), STAMP).as_deref(), Some("demo/default/rule[a b]"));
    for (item, expected) in [
        (body.clone(), OURS),
        (json!({ "description": "plan-attempt=c0ffee plan=demo/default/rule" }), Verdict::NotOurs),
        (json!({ "description": "plan-attempt=c0ffee" }), Verdict::NotOurs),
        (json!({ "description": "another's" }), Verdict::NotOurs),
        (json!({ "description": "" }), Verdict::CannotTell),
        (json!({ "description": null }), Verdict::CannotTell),
        (json!({ "name": "a" }), Verdict::CannotTell),
    ] {
        assert_eq!(verdict_of_item(&item, Some(&list), &stamped), expected, "{item}");
    }
    // The owner is left out where it does not fit.
    let nonce = "0".repeat(32);
    for (length, named) in [(49, true), (50, false)] {
        let mut body = json!({});
        remark(Some(&mut body), "/description", &"n".repeat(length), &nonce);
        assert_eq!(tag(&body, Some(&list), STAMP).is_some(), named, "{length}");
        assert_eq!(tag(&body, Some(&list), STAMP_ATTEMPT), Some(nonce.clone()));
        assert!(body["description"].as_str().unwrap().len() <= LONGEST_REMARK);
    }
}

#[test]
fn a_task_may_show_the_tags_of_its_resource() {
    let intent = intent(json!({}));
    for (data, expected) in [
        (json!({ "tags": ["plan=demo/default/ip", "plan-attempt=0ddba11"] }), OURS),
        (json!({ "metadata": { STAMP_ATTEMPT: "0ddba11" } }), OURS),
        (json!({ "tags": ["plan-attempt=c0ffee"] }), Verdict::NotOurs),
        // As a recovery left it in doubt.
        (
            json!({ "tags": [format!("plan=demo/default/{}", intent.instance), "plan-attempt=c0ffee"] }),
            Verdict::CannotTell,
        ),
        (json!({ "tags": [] }), Verdict::CannotTell),
        (json!(null), Verdict::CannotTell),
    ] {
        assert_eq!(verdict_of_data(&data, &intent), expected, "{data}");
    }
}
