use super::*;
use crate::catalog::Catalog;

fn segments(path: &str) -> Vec<Option<&str>> {
    split(path).map(|segment| (!segment.contains("{{")).then_some(segment)).collect()
}

fn written(method: Method, path: &str) -> Option<String> {
    Catalog::embedded().matching_segments(method, &segments(path)).map(|operation| operation.route.path.clone())
}

fn nearest(method: Method, path: &str) -> (String, Vec<Difference>) {
    match Catalog::embedded().nearest(method, &segments(path)) {
        NearestRoute::Other { route, differences } => (route.to_string(), differences),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn every_route_matches_itself() {
    for operation in Catalog::embedded().operations() {
        let Route { method, path } = &operation.route;
        assert_eq!(written(*method, path).as_deref(), Some(path.as_str()));
    }
}

#[test]
fn literal_segments_win_over_parameters() {
    let (operation, parameters) =
        Catalog::embedded().matching(Method::Get, "/cloud/v1/loadbalancers/1/7/status").unwrap();
    assert_eq!(operation.route.path, "/cloud/v1/loadbalancers/{project_id}/{region_id}/status");
    assert_eq!(parameters, [("project_id".to_owned(), "1".to_owned()), ("region_id".to_owned(), "7".to_owned())]);
}

#[test]
fn parameters_of_a_concrete_path_are_decoded() {
    let (_, parameters) =
        Catalog::embedded().matching(Method::Get, "/cloud/v2/k8s/clusters/1/7/my%20cluster%2F1").unwrap();
    assert_eq!(parameters[2].1, "my cluster/1");
    assert!(Catalog::embedded().matching(Method::Get, "/cloud/v1/networks/1/7/").is_none());
}

#[test]
fn a_template_matches_a_parameter_and_never_a_literal_segment() {
    let path = "/cloud/v1/networks/{project_id}/{region_id}/{{ steps.a.id }}";
    assert_eq!(
        written(Method::Delete, path).as_deref(),
        Some("/cloud/v1/networks/{project_id}/{region_id}/{network_id}")
    );
    assert_eq!(written(Method::Post, "/cloud/v1/{{ x }}/{project_id}/{region_id}"), None);
    assert_eq!(written(Method::Post, "/cloud/v1/networks/{region_id}/{project_id}"), None);
    assert_eq!(
        written(Method::Post, "/cloud/v1/networks/1/7").as_deref(),
        Some("/cloud/v1/networks/{project_id}/{region_id}")
    );
}

#[test]
fn a_wrong_method_is_distinguished_from_a_wrong_path() {
    let path = "/cloud/v1/networks/{project_id}/{region_id}";
    assert_eq!(
        Catalog::embedded().nearest(Method::Put, &segments(path)),
        NearestRoute::OtherMethod { path: path.to_owned(), methods: vec![Method::Get, Method::Post] }
    );
}

#[test]
fn omitted_parts_of_a_path_are_named() {
    let post = "POST /cloud/v1/networks/{project_id}/{region_id}".to_owned();
    let missing = Difference::Missing(vec!["project_id".into(), "region_id".into()]);
    assert_eq!(
        nearest(Method::Post, "/v1/networks/{project_id}/{region_id}"),
        (post.clone(), vec![Difference::NoPrefix("cloud".into())])
    );
    assert_eq!(nearest(Method::Post, "/cloud/v1/networks"), (post.clone(), vec![missing.clone()]));
    assert_eq!(
        nearest(Method::Post, "/v1/networks"),
        (post.clone(), vec![Difference::NoPrefix("cloud".into()), missing])
    );
    assert_eq!(
        nearest(Method::Post, "/cloud/v3/networks/{project_id}/{region_id}"),
        (post.clone(), vec![Difference::Version("v1".into())])
    );
    assert_eq!(
        nearest(Method::Post, "/cloud/v1/instances/{project_id}/{region_id}"),
        ("POST /cloud/v2/instances/{project_id}/{region_id}".into(), vec![Difference::Version("v2".into())])
    );
    assert_eq!(
        nearest(Method::Post, "/cloud/v1/netwroks/{project_id}/{region_id}"),
        (post, vec![Difference::Spelling])
    );
}

#[test]
fn untrusted_paths_are_handled_in_linear_time() {
    let long = "a".repeat(1_000_000);
    assert_eq!(segment_distance("networks", Some(&long)), long.len(), "told by its length alone");
    let many = "/a".repeat(100_000);
    assert_eq!(Catalog::embedded().nearest(Method::Post, &segments(&many)), NearestRoute::Nothing);
}

#[test]
fn nothing_is_near_to_nonsense() {
    assert_eq!(Catalog::embedded().nearest(Method::Post, &segments("/what/ever/this/is")), NearestRoute::Nothing);
    assert_eq!(Catalog::embedded().nearest(Method::Post, &[]), NearestRoute::Nothing);
}
