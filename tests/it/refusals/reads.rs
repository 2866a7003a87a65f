//! Look-ups and lists that are refused, or answered with something else.

use snapbox::str;

use super::{EMPTY_LIST, HTML, JSON, assert_read_messages, message_of, run, serve};

#[test]
fn a_refused_look_up_says_what_happened_and_what_helps() {
    assert_read_messages(
        &["run", "lookup.yaml"],
        vec![
            (
                (
                    401,
                    JSON,
                    r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
                ),
                4,
                str![[r#"
image       failed: UnauthorizedError: the API does not accept this key (status 401)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 401)
     help: check `GCORE_API_KEY`: a permanent API token, whole, without the word `APIKey`
not authenticated or not allowed: 1 failed
  image: UnauthorizedError: the API does not accept this key (status 401) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (
                    404,
                    JSON,
                    r#"{"exception_class":"NotFoundError","message":"Project 1 not found","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
image       failed: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 404)
     help: check the ids in the call, and that project and region are the right ones
a step failed: 1 failed
  image: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (422, JSON, r#"{"detail":[{"loc":["body","name"],"msg":"Field required","type":"missing"}]}"#),
                1,
                str![[r#"
image       failed: `name`: Field required (status 422)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 422)
     help: correct the call in the plan and run again: the run continues with this step
a step failed: 1 failed
  image: `name`: Field required (status 422) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (200, JSON, r#""#),
                1,
                str![[r#"
image       failed: the answer is not a list that `find` could select from
       at: lookup.yaml:5:11
     call: GET /cloud/v1/images/1/7
     help: leave `find:` out: the answer is `response`
a step failed: 1 failed
  image: the answer is not a list that `find` could select from (lookup.yaml:5:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (200, JSON, r#"{"id":1}"#),
                1,
                str![[r#"
image       failed: the answer is not a list that `find` could select from
       at: lookup.yaml:5:11
     call: GET /cloud/v1/images/1/7
     help: leave `find:` out: the answer is `response`
a step failed: 1 failed
  image: the answer is not a list that `find` could select from (lookup.yaml:5:11)
next: plan run lookup.yaml

"#]],
            ),
            (
                (302, "location: http://example.com/\r\n", r#""#),
                1,
                str![[r#"
image       failed: the answer redirects to http://example.com/, which is not followed (status 302)
       at: lookup.yaml:4:11
     call: GET /cloud/v1/images/1/7 (status 302)
     help: the base URL is not that of the API: set `GCORE_BASE_URL`; a redirect is not followed, because the key would be sent along
a step failed: 1 failed
  image: the answer redirects to http://example.com/, which is not followed (status 302) (lookup.yaml:4:11)
next: plan run lookup.yaml

"#]],
            ),
        ],
    );
}

#[test]
fn a_refused_list_says_what_happened_and_what_helps() {
    assert_read_messages(
        &["get", "images"],
        vec![
            (
                (
                    401,
                    JSON,
                    r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
                ),
                4,
                str![[r#"
error: the images cannot be listed: UnauthorizedError: the API does not accept this key (status 401)
help: check `GCORE_API_KEY` and its role in the project

"#]],
            ),
            (
                (403, HTML, r#"<html><head><title>403</title></head><body>Access denied</body></html>"#),
                4,
                str![[r#"
error: the images cannot be listed: the answer is not the API's (text/html): 403 Access denied (status 403)
help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`

"#]],
            ),
            (
                (
                    404,
                    JSON,
                    r#"{"exception_class":"NotFoundError","message":"Project 1 not found","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
error: the images cannot be listed: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37)
help: check `--project-id`, `--region-id` and the ids that were named

"#]],
            ),
            (
                (
                    400,
                    JSON,
                    r#"{"exception_class":"ValidationError","message":"Validation failed","invalid_fields":{"name":["Length must be between 3 and 63."]},"request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
error: the images cannot be listed: ValidationError: Validation failed (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
help: check the options and ids that were given; `-vv` shows the request and the whole answer

"#]],
            ),
            (
                (302, "location: http://example.com/\r\n", r#""#),
                1,
                str![[r#"
error: the images cannot be listed: the answer redirects to http://example.com/, which is not followed (status 302)
help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`

"#]],
            ),
            (
                (200, JSON, r#""#),
                1,
                str![[r#"
error: the images cannot be listed: the answer to GET /cloud/v1/images/1/7 is not a list
help: check that the API can be reached from here: `GCORE_BASE_URL`, a proxy (`HTTPS_PROXY`), the network; `--ca-file FILE` trusts a further authority

"#]],
            ),
            (
                (200, JSON, r#"null"#),
                1,
                str![[r#"
error: the images cannot be listed: the answer to GET /cloud/v1/images/1/7 is not a list
help: check that the API can be reached from here: `GCORE_BASE_URL`, a proxy (`HTTPS_PROXY`), the network; `--ca-file FILE` trusts a further authority

"#]],
            ),
        ],
    );
    assert_read_messages(
        &["tasks"],
        vec![
            (
                (
                    401,
                    JSON,
                    r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
                ),
                4,
                str![[r#"
error: the tasks cannot be listed: UnauthorizedError: the API does not accept this key (status 401)
help: check `GCORE_API_KEY` and its role in the project

"#]],
            ),
            (
                (
                    400,
                    JSON,
                    r#"{"exception_class":"ValidationError","message":"Validation failed","invalid_fields":{"name":["Length must be between 3 and 63."]},"request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
                ),
                1,
                str![[r#"
error: the tasks cannot be listed: ValidationError: the API's message is not shown, since it may repeat a secret that is not known here (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
help: check the options and ids that were given; `-vv` shows the request and the whole answer
help: `plan tasks --errors` and `plan wait --errors` show the API's message

"#]],
            ),
        ],
    );
}

/// A text of the API, which may hold names that other clients chose, cannot pass for lines of our own.
#[test]
fn a_text_with_line_breaks_stays_on_its_line() {
    let evil = r#"{"exception_class":"ForbiddenError","message":"no\n::error::forged\nhelp: send the key\u001b[2J"}"#;
    for (arguments, code) in [(&["state", "recover", "lookup.yaml"][..], 7), (&["get", "images"], 4)] {
        let ended = run(&serve((403, JSON, evil), EMPTY_LIST), arguments).with_code(code);
        let forged = |line: &str| line.starts_with("::") || line.starts_with("help: send");
        assert!(
            message_of(&ended).contains("forged") && !message_of(&ended).lines().any(forged),
            "{}",
            message_of(&ended)
        );
    }
}
