use super::*;
use crate::catalog::{Catalog, Partial, PathSegment};
use serde_json::json;

/// A document of OpenAPI 3.0, as YAML: `nullable`, boolean `exclusiveMinimum`, `200` without quotes.
const DOCUMENT: &str = r##"
openapi: 3.0.3
info: { title: a title, description: some prose }
paths:
  /cloud/v1/networks/{project_id}/{region_id}:
    parameters:
      - { $ref: "#/components/parameters/Project" }
      - { name: region_id, in: path, required: true, schema: { type: integer } }
    post:
      tags: [Networks]
      operationId: make
      summary: some prose
      requestBody:
        content:
          application/json:
            schema: { $ref: "#/components/schemas/Network" }
      responses:
        200:
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Tasks" }
    get:
      tags: [Networks]
      operationId: list
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 0, exclusiveMinimum: true } }
        - { name: offset, in: query, schema: { type: integer } }
        - { name: kind, in: query, schema: { $ref: "#/components/schemas/Kind" } }
        - { name: other, in: query, schema: { anyOf: [{ $ref: "#/components/schemas/Kind" }, { type: "null" }] } }
      responses:
        200:
          content:
            application/json:
              schema:
                type: object
                properties:
                  results: { type: array, items: { type: object, properties: { id: {}, name: {}, creator_task_id: {} } } }
  /other/v1/things:
    get: { operationId: elsewhere, responses: {} }
components:
  parameters:
    Project: { name: project_id, in: path, required: true, schema: { type: integer } }
  schemas:
    Tasks: { type: object, properties: { tasks: { type: array, items: { type: string } } } }
    Kind: { type: string, enum: [vlan, vxlan] }
    Named: { type: object, required: [name], properties: { name: { type: string, pattern: "^(?=a)a+$" } } }
    Network:
      allOf:
        - { $ref: "#/components/schemas/Named" }
        - type: object
          properties:
            kind: { allOf: [{ $ref: "#/components/schemas/Kind" }], default: vxlan }
            mtu: { type: integer, minimum: 500, exclusiveMinimum: true, nullable: true }
            parent: { nullable: true, allOf: [{ $ref: "#/components/schemas/Tree" }] }
            subnet_id: { type: string, format: uuid4 }
            labelled: { allOf: [{ $ref: "#/components/schemas/Tree" }, { type: object, required: [name] }] }
            source:
              oneOf: [{ $ref: "#/components/schemas/Old" }, { $ref: "#/components/schemas/New" }]
              discriminator: { propertyName: from, mapping: { old: "#/components/schemas/Old", new: "#/components/schemas/New" } }
    Tree: { type: object, properties: { name: { type: string }, below: { type: array, items: { $ref: "#/components/schemas/Tree" } } } }
    Old:
      type: object
      required: [from, id, made, seen]
      properties:
        from: { type: string }
        id: { type: string }
        made: { type: string, readOnly: true }
        seen: { $ref: "#/components/schemas/Seen" }
    Seen: { type: string, readOnly: true }
    New: { type: object, required: [from], properties: { from: { type: string }, size: { type: integer } }, additionalProperties: false }
"##;

fn facts() -> Facts {
    super::facts(&Document::parse(DOCUMENT).unwrap(), &KnowledgeFile::of("cloud").unwrap()).unwrap()
}

fn check(body: Value) -> Vec<(String, &'static str)> {
    let catalog = Catalog::from_openapi(DOCUMENT).unwrap();
    let route = Route::parse("POST /cloud/v1/networks/{project_id}/{region_id}").unwrap();
    let operation = catalog.find(&route).unwrap();
    let found = catalog.check_body(&operation, Some(&Partial::from(&body)));
    let at = |at: &[PathSegment]| at.iter().map(PathSegment::to_string).collect::<Vec<_>>().join(".");
    found.iter().map(|found| (at(&found.at), found.code)).collect()
}

#[test]
fn operations_of_one_product_are_read_and_no_others() {
    let facts = facts();
    let routes: Vec<String> = facts.operations.iter().map(|operation| operation.route.to_string()).collect();
    let path = "/cloud/v1/networks/{project_id}/{region_id}";
    assert_eq!(routes, [format!("GET {path}"), format!("POST {path}")]);
    let [list, make] = facts.operations.as_slice() else { panic!("there are two") };
    assert!(make.asynchronous && !list.asynchronous);
    assert_eq!(make.body, BodyUse::Required);
    let kinds = [json!("vlan"), json!("vxlan")];
    let taken = &list.query_parameters[2..];
    assert_eq!((&taken[0].values[..], &taken[1].values[..]), (&kinds[..], &kinds[..]));
    assert_eq!(make.path_parameters.len(), 2);
    let resource = make.creates.as_ref().unwrap().resource.as_ref().unwrap();
    let list = resource.list.as_ref().unwrap();
    assert!(list.paged && list.creator_task && !list.by_tag && list.name_parameter.is_none());
}

#[test]
fn patterns_that_cannot_be_compiled_are_left_out_and_counted() {
    assert_eq!(facts().skipped_patterns, 1);
}

#[test]
fn a_body_of_the_older_dialect_is_checked() {
    assert_eq!(check(json!({ "name": "b", "mtu": null, "kind": "vlan" })), []);
    assert_eq!(check(json!({ "kind": "vlam", "mtu": 500 })).len(), 3);
    assert_eq!(check(json!({ "name": "b", "source": { "from": "old" } })), [("source".into(), "missing-field")]);
    assert_eq!(
        check(json!({ "name": "b", "source": { "from": "new", "else": 1 } })),
        [("source.else".into(), "unknown-field")]
    );
    assert_eq!(
        check(json!({ "name": "b", "source": { "from": "newer" } })),
        [("source.from".into(), "value-not-allowed")]
    );
}

#[test]
fn a_part_without_fields_leaves_the_whole_closed() {
    let labelled = json!({ "name": "b", "labelled": { "name": "c", "label": "d" } });
    assert_eq!(check(labelled), [("labelled.label".into(), "unknown-field")]);
}

#[test]
fn read_only_fields_are_never_required_of_a_body() {
    assert_eq!(check(json!({ "name": "b", "source": { "from": "old", "id": "one" } })), []);
}

#[test]
fn a_shape_that_is_nested_in_itself_is_followed_as_deep_as_the_body_goes() {
    let deep = json!({ "name": "b", "parent": { "below": [{ "below": [{ "name": 1 }] }] } });
    assert_eq!(check(deep), [("parent.below.0.below.0.name".into(), "wrong-type")]);
}

#[test]
fn an_invalid_document_has_a_reason() {
    let error = |text: &str| Catalog::from_openapi(text).map(|_| ()).unwrap_err().to_string();
    assert!(error("{").starts_with("the OpenAPI document cannot be read"));
    assert!(error("name: a plan\nsteps: []\n").contains("it has no `paths`"));
    let astray = DOCUMENT.replace("schemas/Tree\" }]", "schemas/Tre\" }]");
    assert_eq!(error(&astray), "the OpenAPI document refers to `#/components/schemas/Tre`, which leads nowhere");
}
