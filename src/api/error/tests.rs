use serde_json::json;

use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: vec![("content-type".into(), "text/html".into())], body: body.into() }
}

fn meaning(status: u16, body: &str) -> Meaning {
    ApiError::read("/dns/v2/zones", &answer(status, body), 0, &Secrets::default()).meaning()
}

#[test]
fn a_conflict_has_three_meanings() {
    assert_eq!(
        meaning(
            409,
            r#"{"exception_class":"ConflictError","message":"Operation on resource currently locked by running task to prevent concurrent operations. Repeat request a little later."}"#
        ),
        Meaning::Locked
    );
    assert_eq!(
        meaning(409, r#"{"message":"Not enough available resources to create requested server(s)"}"#),
        Meaning::Quota
    );
    assert_eq!(meaning(409, r#"{"message":"Registry already exists"}"#), Meaning::Conflict);
}

#[test]
fn the_meaning_of_a_refusal_decides_what_is_done_next() {
    for (status, message, expected) in [
        (400, "name is too long", Meaning::Rejected),
        (400, "name should be unique", Meaning::Conflict),
        (422, "zone already exists", Meaning::Conflict),
        (418, "zone already exists", Meaning::Rejected),
        (101, "", Meaning::Unknown),
        (301, "", Meaning::Rejected),
        (302, "", Meaning::Rejected),
        (303, "", Meaning::Unknown),
        (304, "", Meaning::Unknown),
        (308, "", Meaning::Rejected),
        (401, "", Meaning::NotAllowed),
        (403, "no", Meaning::NotAllowed),
        (404, "", Meaning::NotFound),
        // The server gave up waiting for the request: nothing says what it had read of it.
        (408, "", Meaning::Unknown),
        (409, "something", Meaning::Conflict),
        (425, "", Meaning::RateLimited),
        (429, "", Meaning::RateLimited),
        (499, "", Meaning::Rejected),
        (500, "", Meaning::Unknown),
        (503, "", Meaning::Unknown),
        (504, "", Meaning::Unknown),
    ] {
        let body = json!({ "message": message }).to_string();
        assert_eq!(meaning(status, &body), expected, "{status} {message}");
    }
}

#[test]
fn only_the_api_says_that_something_is_not_there() {
    let volume = "/cloud/v1/volumes/1/7/5f7f";
    let own = ("request_id", "889505f6a6e5014448a3363a0706e518");
    for (path, header, body, is_gone) in [
        (volume, None, r#"{"exception_class":"NotFoundError","message":"Volume 5f7f not found"}"#, true),
        (volume, None, r#"{"message":"no","request_id":"889505f6a6e5014448a3363a0706e518"}"#, true),
        (volume, Some(own), r#"{"message":"no"}"#, true),
        (volume, Some(own), "", true),
        // A gateway that has no route to the service.
        (volume, None, r#"{"message":"no Route matched with those values"}"#, false),
        (volume, Some(("x-request-id", "1")), r#"{"message":"no Route matched"}"#, false),
        (volume, None, "{}", false),
        (volume, None, "null", false),
        (volume, None, "", false),
        (volume, Some(own), "<html>404</html>", false),
        // Other products answer without these.
        ("/dns/v2/zones/a.com", None, r#"{"error":"zone is not found"}"#, true),
        ("/fastedge/v1/apps/7", None, "", true),
        ("/dns/v2/zones/a.com", None, "<html>404</html>", false),
    ] {
        let headers = header.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let answer = Answer { status: 404, headers, body: body.into() };
        let meaning = ApiError::read(path, &answer, 0, &Secrets::default()).meaning();
        assert_eq!(meaning == Meaning::NotFound, is_gone, "{path} {header:?} {body}");
    }
}

#[test]
fn a_resource_in_use_is_recognised_by_status_and_message() {
    for (status, message, in_use) in [
        (409, "Volume is attached to a server", true),
        (400, "Security group in use", true),
        (422, "The network has ports", true),
        (409, "Something else is wrong", false),
        (404, "Volume is attached to a server", false),
        (500, "Volume is attached to a server", false),
        (409, "Resource `in use` is wrong", false),
    ] {
        let body = json!({ "message": message }).to_string();
        let error = ApiError::read("/dns/v2/zones", &answer(status, &body), 0, &Secrets::default());
        assert_eq!(error.is_in_use(), in_use, "{status} {message}");
    }
}

#[test]
fn an_answer_without_words_of_the_api_is_foreign() {
    let read = |body: &str| ApiError::read("/dns/v2/zones", &answer(502, body), 0, &Secrets::default());
    for (body, foreign, message) in [
        (r#"{"message":"no"}"#, false, "no"),
        (r#"{"message":"","detail":"later"}"#, false, "later"),
        (r#"{"message":"[1]","detail":"later"}"#, false, "later"),
        ("<p>5 > 4</p>", true, "the answer is not the API's (text/html): 5 > 4"),
        ("", false, "the answer gives no reason"),
        (" \n", false, "the answer gives no reason"),
    ] {
        let error = read(body);
        assert_eq!((error.is_foreign(), error.message.as_str()), (foreign, message), "{body}");
    }
}

#[test]
fn a_page_of_a_proxy_says_nothing_of_a_resource_or_a_call() {
    let after = |body: &str| {
        let mut answer = answer(503, body);
        answer.headers.push(("retry-after".into(), "5".into()));
        ApiError::read("/dns/v2/zones", &answer, 0, &Secrets::default()).meaning()
    };
    for (body, missing, unavailable) in [
        (r#"{"message":"no"}"#, Meaning::NotFound, Meaning::Unavailable),
        (r#"{"reason":"no"}"#, Meaning::NotFound, Meaning::Unknown),
        ("", Meaning::NotFound, Meaning::Unknown),
        ("<h1>404 Not Found</h1>", Meaning::Rejected, Meaning::Unknown),
        ("default backend - 404", Meaning::Rejected, Meaning::Unknown),
    ] {
        assert_eq!((meaning(404, body), after(body)), (missing, unavailable), "{body}");
    }
}

#[test]
fn words_in_a_name_do_not_change_the_meaning() {
    for message in [
        "Keypair blocked-key already exists",
        "Key pair 'locked' already exists.",
        "Network `x is already locked by another task` already exists",
        "A resource named \\\"quota limit\\\" already exists",
        "Server group immutable state already exists",
    ] {
        assert_eq!(meaning(409, &format!(r#"{{"message":"{message}"}}"#)), Meaning::Conflict, "{message}");
    }
}

#[test]
fn locks_and_temporary_refusals_are_waited_for() {
    for (status, message) in [
        (
            409,
            "Operation on resource `n` currently locked by running task `create_subnet` with id `7714d837-0c0b-4c8e-8f5e-d43d0a5a3d1f` (2025-10-29 17:46:56.153319) to prevent concurrent operations. Repeat request a little later.",
        ),
        (409, "Resource `blocked` is already locked by another task. Please try again later."),
        (409, "Load Balancer `x` is in immutable state"),
        (400, "Load balancer 5a1f is not allowed to process the request"),
    ] {
        assert_eq!(meaning(status, &format!(r#"{{"message":"{message}"}}"#)), Meaning::Locked, "{message}");
    }
}

#[test]
fn only_a_server_error_that_says_when_to_return_was_surely_not_carried_out() {
    assert_eq!(meaning(503, ""), Meaning::Unknown);
    let mut later = answer(503, r#"{"message":"later"}"#);
    later.headers.push(("retry-after".into(), "3".into()));
    let error = ApiError::read("/dns/v2/zones", &later, 0, &Secrets::default());
    assert_eq!((error.meaning(), error.retry_after), (Meaning::Unavailable, Some(3)));
    assert_eq!(meaning(500, "{}"), Meaning::Unknown);
}

#[test]
fn a_quota_error_is_recognised_by_class_or_message() {
    assert_eq!(meaning(400, r#"{"exception_class":"QuotaLimitExceed","message":"x"}"#), Meaning::Quota);
    assert_eq!(
        meaning(403, r#"{"exception_class":"ForbiddenError","message":"flavor limit reached in region"}"#),
        Meaning::Quota
    );
    assert_eq!(meaning(403, r#"{"exception_class":"ForbiddenError","message":"no"}"#), Meaning::NotAllowed);
}

/// observed.md §8: a single limit is an object, several are a list; both with status 400.
#[test]
fn a_quota_message_has_usage_request_and_limit() {
    let limit = |attribute: &str| {
        format!(r#"{{"attribute":"{attribute}","current_usage":20,"requested_usage":21,"limit":20}}"#)
    };
    let one = format!(
        r#"{{"exception_class":"QuotaLimitExceed","message":"Quota limit for router_count exceeded by 1","info":{}}}"#,
        limit("router_count")
    );
    let error = ApiError::read("/dns/v2/zones", &answer(400, &one), 0, &Secrets::default());
    assert_eq!(error.meaning(), Meaning::Quota);
    assert_eq!(
        error.message,
        "Quota limit for router_count exceeded by 1: `router_count` usage 20, requested 21, limit 20"
    );
    let many = format!(
        r#"{{"exception_class":"MultipleQuotaLimitExceeded","message":"Limits.","info":[{},{}]}}"#,
        limit("cpu_count"),
        limit("ram_limit")
    );
    let error = ApiError::read("/dns/v2/zones", &answer(400, &many), 0, &Secrets::default());
    assert_eq!(error.meaning(), Meaning::Quota);
    assert_eq!(
        error.message,
        "Limits: `cpu_count` usage 20, requested 21, limit 20; `ram_limit` usage 20, requested 21, limit 20"
    );
}

/// observed.md §8: the message repeats a part of the token.
#[test]
fn the_words_for_a_bad_key_are_our_own() {
    for body in [
        r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
        r#"{"detail":"token 21788*****21788","invalid_fields":{"token":"21788*****21788"}}"#,
        "<h1>21788*****21788</h1>",
    ] {
        let error = ApiError::read("/dns/v2/zones", &answer(401, body), 0, &Secrets::default());
        assert!(!format!("{error:?} {}", error.story()).contains("21788"), "{error:?}");
        assert_eq!(error.meaning(), Meaning::NotAllowed);
    }
}

#[test]
fn a_secret_is_hidden_before_the_text_is_cut() {
    let secrets = Secrets::default();
    secrets.hide("hunter22-swordfish-hunter22");
    for before in 560..600 {
        let body = json!({ "message": format!("{}hunter22-swordfish-hunter22", "x ".repeat(before / 2)) });
        let error = ApiError::read("/dns/v2/zones", &answer(400, &body.to_string()), 0, &secrets);
        assert!(!error.message.contains("hunt"), "{}", error.message);
    }
}

#[test]
fn with_unknown_secrets_messages_are_withheld() {
    let secrets = Secrets::default();
    secrets.expect_unknown();
    let told = |class: &str, id: &str| {
        let body = json!({ "exception_class": class, "message": "port hunter22 is in use", "request_id": id,
            "invalid_fields": { "hunter22": ["bad hunter22"] } });
        ApiError::read("/dns/v2/zones", &answer(409, &body.to_string()), 0, &secrets)
    };
    let error = told("hunter22Error", "hunter22");
    assert!(!error.story().contains("hunter22") && error.invalid_fields.is_empty(), "{}", error.story());
    assert!(error.is_in_use(), "its words decide all the same");
    let error = told("ConflictError", "req-7d1c3c0e-54f0-4a3c-9d59-0f9f3a8a0b11");
    assert_eq!(
        error.story(),
        format!("ConflictError: {WITHHELD} (status 409, request_id req-7d1c3c0e-54f0-4a3c-9d59-0f9f3a8a0b11)")
    );
}

#[test]
fn html_becomes_words() {
    let error = ApiError::read(
        "/dns/v2/zones",
        &answer(502, "<html><body><h1>Bad  Gateway</h1></body></html>"),
        0,
        &Secrets::default(),
    );
    assert_eq!(error.story(), "the answer is not the API's (text/html): Bad Gateway (status 502)");
}

#[test]
fn invalid_fields_become_pointers() {
    let error = ApiError::read(
        "/dns/v2/zones",
        &answer(
            400,
            r#"{"exception_class":"ValidationError","message":"bad","request_id":"r1","invalid_fields":{"name":["required","short"],"volumes":{"0":{"size":["small"]}}}}"#,
        ),
        0,
        &Secrets::default(),
    );
    assert_eq!(
        error.invalid_fields,
        [("/name".into(), "required; short".into()), ("/volumes/0/size".into(), "small".into())]
    );
    assert_eq!(error.story(), "ValidationError: bad (status 400, request_id r1)");
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    assert_eq!(retry_after("2", 0), Some(2));
    assert_eq!(retry_after("0.4", 0), Some(1));
    assert_eq!(retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 70), Some(30));
    for none in ["soon", "-3", "-inf", "inf", "NaN"] {
        assert_eq!(retry_after(none, 0), None, "{none}");
    }
    assert_eq!((retry_after("0", 0), retry_after("Thu, 01 Jan 1970 00:01:40 GMT", -5)), (Some(0), Some(100)));
    for endless in ["1e300", "99999999999", "Tue, 01 Jan 2999 00:00:00 GMT"] {
        assert_eq!(retry_after(endless, 0), Some(LONGEST_PAUSE.as_secs()), "{endless}");
    }
}
