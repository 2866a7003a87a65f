use serde_json::json;

use super::*;
use crate::api::Answer;
use crate::catalog::Method;
use crate::engine::ProjectRegion;
use crate::engine::tests::apart::with_answers;
use crate::engine::tests::harness::{Trial, paused};
use crate::id::StepId;
use crate::secret::Secrets;
use crate::simulate::Options;

#[test]
fn each_refusal_has_its_way_out() {
    let call = |method| RecordedCall { body: Some(json!({}).into()), ..RecordedCall::new(method, "/x/1") };
    let (create, delete) = (call(Method::Post), RecordedCall::new(Method::Delete, "/x/1"));
    let attach = RecordedCall::new(Method::Post, "/cloud/v2/volumes/1/7/v-1/attach");
    let api = r#"{"message":"no"}"#;
    for (status, body, call, help) in [
        (301, api, Some(&create), "the base URL is not that of the API"),
        (400, "<html>a proxy</html>", Some(&create), "a proxy or another server"),
        (502, "<html>a proxy</html>", Some(&create), "run again later"),
        (500, "<html>a proxy</html>", Some(&create), "run again later"),
        (401, api, Some(&create), "check `GCORE_API_KEY`"),
        (403, api, Some(&create), "may not do this"),
        (400, r#"{"message":"quota limit"}"#, Some(&create), "ask for a higher limit"),
        (409, api, Some(&create), "on_conflict: adopt"),
        // It makes nothing that could be adopted.
        (409, api, Some(&attach), "resolve the conflict"),
        (409, api, Some(&delete), "resolve the conflict"),
        (409, api, None, "resolve the conflict"),
        (404, api, Some(&create), "check the ids in the call"),
        (429, api, Some(&create), "run again later"),
        (400, api, Some(&create), "plan ops --show 'POST /x/1'"),
        (422, api, Some(&create), "plan ops --show"),
        (418, api, Some(&create), "correct the call in the plan and run again: the run"),
        (400, api, Some(&delete), "correct the call in the plan and run again: the run"),
    ] {
        let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
        let answer = Answer { status, headers, body: body.as_bytes().to_vec() };
        let creates = call.is_some_and(|call| may_create(Catalog::embedded(), call));
        let told = refusal_help(&ApiError::read("/dns/v2/zones", &answer, 0, &Secrets::default()), call, creates);
        assert!(told.contains(help), "{status} {body} {call:?}: {told}");
    }
}

#[test]
fn a_name_in_a_header_is_one_word() {
    assert_eq!(header_word("web-1_x.y"), "web-1_x.y");
    assert_eq!(header_word(r#"a b(c);"d"\é"#), r#"a_b_c__"d"__"#);
    assert_eq!(header_word(&"x".repeat(100)).len(), LONGEST_WORD);
}

#[test]
fn a_refusal_repeats_all_that_the_api_said() {
    let about = About { call: Some(RecordedCall::new(Method::Post, "/x").into()), place: None };
    let body = json!({ "message": "no", "errors": { "body.name": ["too long"] } }).to_string().into_bytes();
    let headers = vec![("x-request-id".to_owned(), "r1".to_owned())];
    let error = ApiError::read("/dns/v2/zones", &Answer { status: 409, headers, body }, 0, &Secrets::default());
    let error = ApiError { invalid_fields: vec![("name".to_owned(), "too long".to_owned())], ..error };
    let told = with_answers([], async |context| context.refusal(&about, &error));
    assert_eq!((told.status, told.request_id.as_deref()), (Some(409), error.request_id.as_deref()));
    assert!(told.request_id.is_some() && told.invalid_fields == error.invalid_fields, "{told:?}");
    assert_eq!(
        (told.help, told.class),
        (vec![refusal_help(&error, about.call.as_deref(), true)], ErrorClass::Rejected)
    );
}

#[test]
fn the_words_of_a_failed_task_are_withheld_while_secrets_are_unknown() {
    let task = |error: Value| Task::read(&json!({ "id": "t", "state": "ERROR", "error": error })).unwrap();
    let words = with_answers([], async |context| {
        let before = [json!("full"), json!(null)].map(|error| context.words_of(&task(error)));
        context.secrets.expect_unknown();
        let after = [json!("full"), json!(null)].map(|error| context.words_of(&task(error)));
        (before, after)
    });
    let none = "the API gives no reason";
    assert_eq!(words, ([String::from("full"), none.to_owned()], [WITHHELD.to_owned(), none.to_owned()]));
}

#[test]
fn what_the_api_shows_once_is_hidden_before_it_is_reported() {
    let told = with_answers([], async |context| {
        context.hide_sensitive(&json!({ "private_key": "key-text", "name": "web" }));
        context.secrets.redact("key-text web").into_owned()
    });
    assert_eq!(told, format!("{} web", crate::secret::REDACTED));
}

#[test]
fn one_read_gets_the_servers_time_before_the_first_write() {
    paused(async {
        let trial = Trial::new(Options::default());
        let (known, _) = trial
            .apart(async |context| {
                let before = context.client.known_server_time(context.now());
                for _ in 0..2 {
                    context.contact(&ProjectRegion { project_id: Some(1), region_id: Some(7) }).await;
                }
                (before, context.client.known_server_time(context.now()))
            })
            .await;
        assert!(known.0.is_none() && known.1.is_some(), "{known:?}");
        let asked: Vec<String> = trial.requests.lock().unwrap().iter().map(|request| request.path.clone()).collect();
        assert_eq!(asked, ["/cloud/v1/tasks"]);
    });
}

#[test]
fn what_another_step_or_another_record_has_is_anothers() {
    paused(async {
        let text = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: net, create_router: false }\n";
        let mut trial = Trial::new(Options::default());
        trial.run(text).await;
        let status = trial.status();
        let (owner, known) = status.instances.iter().next().unwrap();
        let id = known.result.as_ref().unwrap().id.as_deref().unwrap().clone();
        let other = InstanceId::new(StepId::new("other"), None);
        let mut elsewhere = Trial::new(Options::default());
        elsewhere.other_records = vec![("other".to_owned(), status.clone())];
        for (trial, instance, kind, expected) in [
            (&trial, owner, "networks", false),
            (&trial, &other, "networks", true),
            (&trial, &other, "routers", false),
            (&elsewhere, owner, "networks", true),
            (&elsewhere, owner, "routers", false),
        ] {
            let work = async |context: &Arc<RunContext>| context.is_owned_by_another(instance, kind, &id);
            assert_eq!(trial.apart(work).await.0, expected, "{instance} {kind}");
        }
    });
}
