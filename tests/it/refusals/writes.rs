//! Writes that the API, or a proxy in front of it, refuses.

use snapbox::str;

use super::{HTML, JSON, assert_write_messages};

#[test]
fn a_refused_call_says_what_happened_and_what_helps() {
    assert_write_messages(vec![
        (
            (
                401,
                JSON,
                r#"{"exception_class":"UnauthorizedError","message":"Invalid <APIKey> authentication token: 21788*****21788"}"#,
            ),
            4,
            str![[r#"
network     failed: UnauthorizedError: the API does not accept this key (status 401)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 401)
      now: the call changed nothing
     help: check `GCORE_API_KEY`: a permanent API token, whole, without the word `APIKey`
subnet      skipped: `network` did not succeed
not authenticated or not allowed: 1 failed, 1 skipped
  network: UnauthorizedError: the API does not accept this key (status 401) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                403,
                JSON,
                r#"{"exception_class":"ForbiddenError","message":"You have no permission to perform this action","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            4,
            str![[r#"
network     failed: ForbiddenError: You have no permission to perform this action (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 403)
      now: the call changed nothing
     help: the key is valid but may not do this: check its role in the project
subnet      skipped: `network` did not succeed
not authenticated or not allowed: 1 failed, 1 skipped
  network: ForbiddenError: You have no permission to perform this action (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                403,
                JSON,
                r#"{"exception_class":"ForbiddenError","message":"Flavor limit reached in region","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            5,
            str![[r#"
network     failed: ForbiddenError: Flavor limit reached in region (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 403)
      now: the call changed nothing
     help: ask for a higher limit, choose another flavor or region, or delete resources
subnet      skipped: `network` did not succeed
quota or capacity exceeded: 1 failed, 1 skipped
  network: ForbiddenError: Flavor limit reached in region (status 403, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (403, HTML, r#"<html><head><title>403</title></head><body>Access denied</body></html>"#),
            4,
            str![[r#"
network     failed: the answer is not the API's (text/html): 403 Access denied (status 403)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 403)
      now: the call changed nothing
     help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`
subnet      skipped: `network` did not succeed
not authenticated or not allowed: 1 failed, 1 skipped
  network: the answer is not the API's (text/html): 403 Access denied (status 403) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

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
network     failed: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 404)
      now: the call changed nothing
     help: check the ids in the call, and that project and region are the right ones
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: NotFoundError: Project 1 not found (status 404, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (405, JSON, r#"{"message":"Method \"POST\" not allowed.","code":"method_not_allowed"}"#),
            1,
            str![[r#"
network     failed: method_not_allowed: Method "POST" not allowed. (status 405)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 405)
      now: the call changed nothing
     help: correct the call in the plan and run again: the run continues with this step
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: method_not_allowed: Method "POST" not allowed. (status 405) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

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
network     failed: ValidationError: Validation failed (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:5:19
     call: POST /cloud/v1/networks/1/7 (status 400)
    field: `/name` Length must be between 3 and 63.
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: ValidationError: Validation failed (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:5:19)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                400,
                JSON,
                r#"{"errors":{"sources":{"backup.example.com":{"source":["The domain name cannot be resolved."]}}}}"#,
            ),
            1,
            str![[r#"
network     failed: `sources.backup.example.com.source`: The domain name cannot be resolved. (status 400)
       at: plan.yaml:5:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: `sources.backup.example.com.source`: The domain name cannot be resolved. (status 400) (plan.yaml:5:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (400, JSON, r#"{"errors":{"name":["Network name should be unique."]}}"#),
            1,
            str![[r#"
network     failed: `name`: Network name should be unique. (status 400)
       at: plan.yaml:5:19
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: to use the existing resource, say `on_conflict: adopt` in the step
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: `name`: Network name should be unique. (status 400) (plan.yaml:5:19)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                400,
                JSON,
                r#"{"exception_class":"QuotaLimitExceed","message":"Quota limit for router_count exceeded by 1","request_id":"0523d9bee946fba7b9a98c5c3f190a37","info":{"attribute":"router_count","current_usage":20,"requested_usage":21,"limit":20}}"#,
            ),
            5,
            str![[r#"
network     failed: QuotaLimitExceed: Quota limit for router_count exceeded by 1: `router_count` usage 20, requested 21, limit 20 (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: ask for a higher limit, choose another flavor or region, or delete resources
subnet      skipped: `network` did not succeed
quota or capacity exceeded: 1 failed, 1 skipped
  network: QuotaLimitExceed: Quota limit for router_count exceeded by 1: `router_count` usage 20, requested 21, limit 20 (status 400, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (400, JSON, r#""#),
            1,
            str![[r#"
network     failed: the answer gives no reason (status 400)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer gives no reason (status 400) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (400, "content-type: text/plain\r\n", r#"bad things happened"#),
            1,
            str![[r#"
network     failed: the answer is not the API's (text/plain): bad things happened (status 400)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 400)
      now: the call changed nothing
     help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer is not the API's (text/plain): bad things happened (status 400) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                409,
                JSON,
                r#"{"exception_class":"ConflictError","message":"Network already exists","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            1,
            str![[r#"
network     failed: ConflictError: Network already exists (status 409, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 409)
      now: the call changed nothing
     help: to use the existing resource, say `on_conflict: adopt` in the step
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: ConflictError: Network already exists (status 409, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (409, JSON, r#"{"message":"Not enough available resources to create requested server(s)"}"#),
            5,
            str![[r#"
network     failed: Not enough available resources to create requested server(s) (status 409)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 409)
      now: the call changed nothing
     help: ask for a higher limit, choose another flavor or region, or delete resources
subnet      skipped: `network` did not succeed
quota or capacity exceeded: 1 failed, 1 skipped
  network: Not enough available resources to create requested server(s) (status 409) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (413, HTML, r#"<html><h1>413 Request Entity Too Large</h1></html>"#),
            1,
            str![[r#"
network     failed: the answer is not the API's (text/html): 413 Request Entity Too Large (status 413)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 413)
      now: the call changed nothing
     help: a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: the answer is not the API's (text/html): 413 Request Entity Too Large (status 413) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (422, JSON, r#"{"detail":[{"loc":["body","name"],"msg":"Field required","type":"missing"}]}"#),
            1,
            str![[r#"
network     failed: `name`: Field required (status 422)
       at: plan.yaml:5:19
     call: POST /cloud/v1/networks/1/7 (status 422)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: `name`: Field required (status 422) (plan.yaml:5:19)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
        (
            (
                422,
                JSON,
                r#"{"exception_class":"UnprocessableEntity","message":"cannot process","request_id":"0523d9bee946fba7b9a98c5c3f190a37"}"#,
            ),
            1,
            str![[r#"
network     failed: UnprocessableEntity: cannot process (status 422, request_id 0523d9bee946fba7b9a98c5c3f190a37)
       at: plan.yaml:4:11
     call: POST /cloud/v1/networks/1/7 (status 422)
      now: the call changed nothing
     help: correct the call in the plan and run again; `plan ops --show 'POST /cloud/v1/networks/1/7'` lists its fields
subnet      skipped: `network` did not succeed
a step failed: 1 failed, 1 skipped
  network: UnprocessableEntity: cannot process (status 422, request_id 0523d9bee946fba7b9a98c5c3f190a37) (plan.yaml:4:11)
not made: subnet (`network` did not succeed)
next: plan run plan.yaml

"#]],
        ),
    ]);
}
