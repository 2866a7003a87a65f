use std::collections::BTreeSet;

use super::*;
use crate::catalog::product::keyed_lines;
use crate::catalog::schema::Schema;
use crate::packed::Packed;

fn route(call: &str) -> Route {
    Route::parse(&knowledge::full_call("cloud", call)).expect("tests write calls rightly")
}

/// The data files of a product in the repository: operations, schemas, answers.
fn texts(root: &str) -> [String; 3] {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/data");
    let folder = if root == CLOUD { folder } else { folder.join(root) };
    let read = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    [read("operations"), read("schemas"), if root == CLOUD { String::new() } else { read("answers") }]
}

fn definitions(text: &str) -> impl Iterator<Item = Schema> {
    keyed_lines(text).filter(|(name, _)| !name.contains(' ')).map(|(_, at)| store::schema(&text[at]).unwrap())
}

fn find(call: &str) -> Arc<Operation> {
    Catalog::embedded().find(&route(call)).unwrap_or_else(|| panic!("`{call}` is in the catalogue"))
}

fn exists(method: Method, path: &str) -> bool {
    Catalog::embedded().find(&Route { method, path: path.to_owned() }).is_some()
}

/// By product: the number of writes, of reads, and of writes that only compute.
#[test]
fn every_operation_of_every_product_is_there() {
    for (root, writes, reads, computing) in [
        ("cloud", 335, 215, 43),
        ("dns", 14, 22, 0),
        ("cdn", 48, 47, 5),
        ("storage", 38, 25, 2),
        ("fastedge", 17, 18, 0),
        ("waap", 36, 59, 1),
        ("streaming", 37, 52, 0),
        ("iam", 14, 10, 2),
        ("security", 21, 15, 0),
    ] {
        let operations: Vec<_> = Catalog::embedded().operations_of(root).collect();
        let (read, written): (Vec<&Arc<Operation>>, Vec<&Arc<Operation>>) =
            operations.iter().partition(|operation| operation.route.method == Method::Get);
        let compute = written.iter().filter(|operation| operation.effect == Effect::Read).count();
        assert_eq!((written.len(), read.len(), compute), (writes, reads, computing), "{root}");
    }
    assert_eq!(Catalog::embedded().operations().filter(|operation| operation.asynchronous).count(), 135);
    let with_body = |operation: &Arc<Operation>| operation.body != BodyUse::None;
    assert_eq!(Catalog::embedded().operations_of("cloud").filter(with_body).count(), 235);
}

#[test]
fn the_data_files_are_embedded() {
    for product in &EMBEDDED_PRODUCTS {
        let [operations, schemas, answers] = texts(product.root);
        assert_eq!((product.operations.text(), product.schemas.text()), (operations, schemas));
        assert_eq!(product.answers.map(Packed::text).unwrap_or_default(), answers);
    }
}

#[test]
fn every_line_comes_back_as_it_was_written() {
    for root in Catalog::embedded().roots() {
        let [operations, schemas, answers] = texts(root);
        let named = |text: &str, is_route: bool| -> Vec<(String, String)> {
            let lines = keyed_lines(text).map(|(name, at)| (name.to_owned(), text[at].to_owned()));
            lines.filter(|(name, _)| name.contains(' ') == is_route).collect()
        };
        let shapes = |text: &str| {
            named(text, false).into_iter().map(|(name, line)| (name, store::schema(&line).unwrap())).collect()
        };
        let answered = named(&answers, true).into_iter();
        let facts = facts::Facts {
            operations: Catalog::embedded().operations_of(root).map(|operation| Operation::clone(&operation)).collect(),
            schemas: shapes(&schemas),
            answers: answered
                .map(|(route, line)| (Route::parse(&route).unwrap(), store::answer(&line).unwrap()))
                .collect(),
            answer_schemas: shapes(&answers),
            skipped_patterns: 0,
        };
        let written = store::Texts::write(&facts);
        assert_eq!((written.operations, written.schemas), (operations, schemas));
        let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&written.answers), sorted(&answers));
    }
}

#[test]
fn every_call_that_the_knowledge_names_exists() {
    for root in Catalog::embedded().roots() {
        let ours = KnowledgeFile::of(root).unwrap();
        let calls = ours
            .creates
            .keys()
            .chain(ours.updates_make.keys())
            .chain(ours.successors.keys())
            .chain(ours.successors.values())
            .chain(ours.tasks.keys())
            .chain(ours.ready.keys())
            .chain(ours.merged.keys())
            .chain(&ours.may_be_no_op)
            .chain(&ours.only_compute);
        for call in calls {
            assert!(Catalog::embedded().find(&Route::parse(call).unwrap()).is_some(), "{call}");
        }
        for (name, resource) in &ours.resources {
            for path in resource.read().iter().chain(&resource.list) {
                assert!(exists(Method::Get, path), "{name}: GET {path}");
            }
            assert!(resource.delete().is_none_or(|path| exists(Method::Delete, &path)), "{name} can be deleted");
            let made = ours.creates.values().any(|create| create.makes == *name);
            assert!(made || name == "quota_request", "{name} is made by some call");
            let belongs = root == CLOUD || resource.kind.starts_with(&format!("{root}_"));
            assert!(belongs, "the kind of {name} says whose it is");
        }
    }
}

#[test]
fn deprecated_operations_name_a_successor_that_is_not() {
    let without = ["GET v1/instances/PR/available_names", "GET v1/users/roles"].map(route);
    for operation in Catalog::embedded().operations() {
        match &operation.successor {
            Some(successor) => {
                let successor = Catalog::embedded().find(successor).unwrap();
                assert!(!successor.deprecated, "{} → {}", operation.route, successor.route);
            }
            None => assert!(!operation.deprecated || without.contains(&operation.route), "{}", operation.route),
        }
    }
}

#[test]
fn created_resources_can_be_listed_and_deleted() {
    for operation in Catalog::embedded().operations() {
        let Some(creates) = &operation.creates else { continue };
        let resource = creates.resource.as_ref().unwrap();
        let own = |path: &str| {
            let placeholders: BTreeSet<&str> = path.split('/').filter(|segment| segment.starts_with('{')).collect();
            placeholders.into_iter().all(|segment| {
                segment == format!("{{{}}}", resource.parameter) || operation.route.path.contains(segment)
            })
        };
        let stays = ["iam_accounts", "iam_users", "streaming_ai_tasks"];
        let Some(delete) = resource.delete.as_ref().filter(|_| !stays.contains(&creates.kind.as_str())) else {
            assert!(stays.contains(&creates.kind.as_str()), "{} has an undo", operation.route);
            continue;
        };
        if operation.route != route("POST v1/securitygroups/PR/{group_id}/copy") {
            assert!(own(&delete.path), "{} → {}", operation.route, delete.path);
        }
        if let Some(list) = &resource.list {
            assert!(own(&list.path), "{} → {}", operation.route, list.path);
        }
        let without_list = ["healthmonitors"];
        assert_eq!(resource.list.is_none(), without_list.contains(&creates.kind.as_str()), "{}", operation.route);
        let deleting = Catalog::embedded().find(&Route { method: delete.method, path: delete.path.clone() }).unwrap();
        for along in &delete.also_by {
            let parameter =
                deleting.query_parameters.iter().find(|parameter| parameter.name == along.parameter).unwrap();
            assert_eq!(along.repeated, parameter.types == ["array"]);
        }
        assert!(creates.stays.iter().all(|kind| creates.also.contains(kind)));
        let asynchronous = matches!(creates.id_at, IdAt::Task(_));
        assert!(!asynchronous || operation.asynchronous, "{}", operation.route);
        assert!(operation.task_types.is_empty() != operation.asynchronous, "{}", operation.route);
        // A resource identified by its name is found by it.
        let by_name = resource.list.as_ref().is_some_and(|list| list.name_field.is_some()) && creates.name_at.is_some();
        let by_id = resource.list.is_some() && matches!(creates.id_at, IdAt::Body(_));
        assert!(!creates.unique || resource.parameter.is_empty() || by_name || by_id, "{}", operation.route);
    }
}

#[test]
fn kinds_that_fields_and_parameters_mean_are_made_by_some_call() {
    let made: BTreeSet<String> = Catalog::embedded()
        .operations()
        .filter_map(|operation| Some(operation.creates.as_ref()?.kind.clone()))
        .collect();
    let mut meant = BTreeSet::new();
    for root in Catalog::embedded().roots() {
        for schema in definitions(&texts(root)[1]) {
            schema.visit(&mut |schema: &Schema| meant.extend(schema.kind.clone()));
        }
    }
    for operation in Catalog::embedded().operations() {
        meant.extend(operation.path_parameters.iter().filter_map(|parameter| parameter.kind.clone()));
    }
    let unknown: Vec<_> =
        meant.difference(&made).filter(|kind| !["limits_requests", "waap_domains"].contains(&kind.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_pattern_compiles() {
    let mut patterns = 0;
    for root in Catalog::embedded().roots() {
        for schema in definitions(&texts(root)[1]) {
            schema.visit(&mut |schema: &Schema| {
                if let Some(pattern) = &schema.pattern {
                    assert!(regex_lite::Regex::new(pattern).is_ok(), "{pattern}");
                    patterns += 1;
                }
            });
        }
    }
    assert!(patterns > 100, "{patterns}");
}

#[test]
fn frequent_resources_are_completely_described() {
    let network = find("POST v1/networks/PR");
    let creates = network.creates.as_ref().unwrap();
    assert_eq!(creates.id_at, IdAt::Task(vec!["networks".into()]));
    assert_eq!((creates.also.as_slice(), creates.stays.as_slice()), (&["routers".into()][..], &["routers".into()][..]));
    let list = creates.resource.as_ref().unwrap().list.as_ref().unwrap();
    assert_eq!((list.name_parameter.as_deref(), list.id_field.as_str()), (Some("name"), "id"));
    assert!(list.by_tag && list.paged && list.creator_task && list.tags && network.takes_tags);

    let machine = find("POST v2/instances/PR");
    let resource = machine.creates.as_ref().unwrap().resource.as_ref().unwrap();
    assert_eq!(resource.read.as_deref(), Some("/cloud/v1/instances/{project_id}/{region_id}/{instance_id}"));
    assert!(resource.delete.as_ref().unwrap().also_by.iter().any(|also| also.parameter == "volumes" && !also.repeated));

    let cluster = find("POST v2/k8s/clusters/PR");
    let creates = cluster.creates.as_ref().unwrap();
    assert!(creates.resource.as_ref().unwrap().by_name);
    assert_eq!(creates.name_at.as_deref(), Some("/name"));

    let database = find("POST v1/dbaas/postgres/clusters/PR");
    let creates = database.creates.as_ref().unwrap();
    assert!(!creates.resource.as_ref().unwrap().by_name);
    assert_eq!(creates.name_at.as_deref(), Some("/cluster_name"));

    let pool = find("POST v1/lbpools/PR");
    assert_eq!(pool.locks, Some(ValueAt::Body("/load_balancer_id".into())));
    assert_eq!(pool.locks_else, [ValueAt::Body("/listener_id".into())]);
}

#[test]
fn a_choice_that_means_any_language_takes_each() {
    let call = Route::parse("POST /streaming/videos/{video_id}/subtitles").unwrap();
    let call = Catalog::embedded().find(&call).unwrap();
    for (language, right) in [("auto", true), ("ger", true), ("german", false), ("AUTO", false)] {
        let body = serde_json::json!({ "language": "ger", "auto_transcribe_audio_language": language });
        let found = Catalog::embedded().check_body(&call, Some(&Partial::from(&body)));
        assert_eq!(found.is_empty(), right, "{language}: {found:?}");
    }
}

#[test]
fn creators_are_found_by_kind() {
    let routes: Vec<String> =
        Catalog::embedded().creators_of("networks").iter().map(|operation| operation.route.to_string()).collect();
    assert_eq!(routes, ["POST /cloud/v1/networks/{project_id}/{region_id}"]);
    assert!(Catalog::embedded().creators_of("nothing").is_empty());
}

#[test]
fn words_of_a_search_are_found_in_any_case_and_place() {
    let found = Catalog::embedded().search(&["post", "Networks", "{region_id}"]);
    assert!(found.iter().any(|found| found.operation.route == route("POST v1/networks/PR")));
    assert!(found.iter().all(|found| found.operation.route.method == Method::Post));
}

#[test]
fn a_body_comes_with_all_its_definitions() {
    for operation in Catalog::embedded().operations() {
        let Some(body) = Catalog::embedded().body_schema(&operation) else { continue };
        for schema in std::iter::once(body.root()).chain(body.definitions().values()) {
            for name in schema.references() {
                let definition = &body.definitions()[name];
                // A zone file is text, and untyped in its document.
                let is_open = name == "dns.Reader";
                assert!(is_open || *definition != Schema::default(), "{}: {name}", operation.route);
            }
        }
    }
}

#[test]
fn kinds_made_are_the_keys_a_result_may_have() {
    assert_eq!(find("POST v1/networks/PR").kinds_made(), ["networks", "routers"]);
    assert_eq!(find("POST v3/gpu/virtual/PR/clusters").kinds_made()[..2], ["clusters", "ai_clusters"]);
    assert_eq!(find("PATCH v2/lbpools/PR/{pool_id}").kinds_made(), ["members"]);
    assert!(find("GET v1/networks/PR").kinds_made().is_empty());
}

#[test]
fn data_written_anew_holds_the_document_and_the_older_operations() {
    let folder = tempfile::tempdir().unwrap();
    let document = "paths:\n  /cloud/v1/regions:\n    get: { operationId: list, tags: [Regions], responses: {} }\n";
    let written = regenerate(document, folder.path()).unwrap();
    assert_eq!((written.operations, written.schemas, written.skipped_patterns), (3, 0, 0));
    let text = std::fs::read_to_string(folder.path().join("operations.txt")).unwrap();
    assert!(text.starts_with("PUT /cloud/v1/projects/{project_id}\t"), "{text}");
    assert!(matches!(regenerate(document, &folder.path().join("none")), Err(CatalogError::Write { .. })));
    let other = "paths: { /elsewhere/x: {} }";
    assert!(matches!(regenerate(other, folder.path()), Err(CatalogError::Document(_))));
}
