use serde_json::{Value, json};

use super::BodyFinding;
use crate::catalog::{Catalog, Method, Partial, Route};
use crate::diagnostic::Severity;

fn of_type(kind: &str) -> Vec<(String, String)> {
    vec![("zoneName".to_owned(), "example.com".to_owned()), ("rrsetType".to_owned(), kind.to_owned())]
}

fn findings(kind: &str, content: Value) -> Vec<BodyFinding> {
    let route = "/dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}".to_owned();
    let operation = Catalog::embedded().find(&Route { method: Method::Post, path: route }).unwrap();
    let body = json!({ "resource_records": [{ "content": ["192.0.2.1"] }, { "content": content }] });
    let found = operation.check_records(&of_type(kind), Some(&Partial::from(&body))).into_iter();
    found.filter(|found| found.at[1].to_string() == "1").collect()
}

fn found(kind: &str, content: Value) -> Vec<String> {
    let words = findings(kind, content).into_iter().map(|found| {
        let part = found.at.get(3).map(|part| format!("{part}: ")).unwrap_or_default();
        format!("{part}{}", found.message)
    });
    words.collect()
}

/// Contents of the document, of recorded exchanges and of public clients.
#[test]
fn contents_that_the_api_takes_are_not_found_wrong() {
    for (kind, content) in [
        ("A", json!(["1.2.3.4", "5.6.7.8"])),
        ("a", json!(["1.2.3.4"])),
        ("AAAA", json!(["2001:db8::1", "2001:db8::2"])),
        ("CNAME", json!(["the.target.domain"])),
        ("CNAME", json!(["1/25.2.0.192.in-addr.arpa."])),
        ("NS", json!(["6.2.3.4"])),
        ("PTR", json!(["foo.bar.com"])),
        ("MX", json!([10, "mail1.example.com"])),
        ("MX", json!([0, "."])),
        ("SRV", json!([100, 1, 5061, "example.com"])),
        ("SRV", json!([0, 0, 0, "."])),
        ("TXT", json!(["\"v=DKIM1;k=rsa;p=A/kinda+of/long\""])),
        ("CAA", json!([0, "issue", "ca.unit.tests"])),
        ("CAA", json!([0, "issue", "\"company.org; account=12345\"", null])),
        ("HTTPS", json!([1, ".", ["alpn", "h3", "h2"], ["port", 1443], ["ipv4hint", "10.0.0.1"], ["ech", "AEn+"]])),
        ("SVCB", json!([0, "svc.example.com"])),
        ("SOA", json!([{}])),
        ("LOC", json!([{}])),
    ] {
        assert_eq!(found(kind, content.clone()), [""; 0], "{kind} {content}");
    }
}

#[test]
fn contents_that_no_record_of_the_type_has_are_found() {
    for (kind, content, expected) in [
        ("A", json!(["host"]), "0: the address of a record of type `A` is an IPv4 address, and this is `host`"),
        ("A", json!(["1.2.3.4", "::1"]), "1: the address of a record of type `A` is an IPv4 address"),
        ("A", json!([42]), "and this is an integer"),
        ("A", json!([null]), "and this is nothing (`null`)"),
        ("A", json!([]), "a record of type `A` has at least 1 part, and this has 0"),
        ("AAAA", json!(["1.2.3.4"]), "is an IPv6 address, and this is `1.2.3.4`"),
        ("CNAME", json!(["https://example.com"]), "is the name of a host"),
        ("CNAME", json!(["10 mail.example.com"]), "is the name of a host"),
        ("CNAME", json!(["a..b"]), "is the name of a host"),
        ("CNAME", json!([""]), "is the name of a host"),
        ("MX", json!(["10 mail.example.com"]), "a record of type `MX` has 2 parts, and this has 1"),
        ("MX", json!(["mail1.example.com", "mail2.example.com"]), "0: the preference of a record of type `MX`"),
        ("MX", json!(["10", "mail.example.com"]), "is an integer from 0 to 65535, and this is a string"),
        ("MX", json!([70_000, "mail.example.com"]), "is an integer from 0 to 65535, and this is 70000"),
        ("MX", json!([1.5, "mail.example.com"]), "and this is 1.5"),
        ("MX", json!([10, 20]), "1: the target of a record of type `MX` is the name of a host"),
        ("SRV", json!([1, 2, "example.com"]), "has 4 parts, and this has 3"),
        ("SRV", json!([1, 2, true, "example.com"]), "2: the port of a record of type `SRV`"),
        ("TXT", json!([["a"]]), "is a string, and this is a list"),
        ("CAA", json!([256, "issue", "a"]), "from 0 to 255"),
        ("CAA", json!(["issue", "a"]), "has at least 3 parts"),
        ("HTTPS", json!([1, ".", "alpn=h3"]), "2: the parameter of a record of type `HTTPS` is a list"),
        ("HTTPS", json!([1]), "has at least 2 parts, and this has 1"),
    ] {
        let found = found(kind, content.clone());
        assert!(matches!(found.as_slice(), [only] if only.contains(expected)), "{kind} {content}: {found:?}");
    }
}

#[test]
fn the_example_of_the_document_is_suspicious_beside_another_type() {
    let part = "0: the address of a record of type `A` is an IPv4 address, and this is a mapping";
    for (kind, content, expected) in [
        ("A", json!([100, 1, 5061, "example.com"]), "this is of type `A`, and looks like a record of type `SRV`"),
        ("CNAME", json!([10, "a.example.com"]), "this is of type `CNAME`, and looks like a record of type `MX`"),
        ("A", json!([{}]), part),
        ("MX", json!([]), "a record of type `MX` has 2 parts, and this has 0"),
    ] {
        assert_eq!(found(kind, content.clone()), [expected], "{kind} {content}");
        assert_eq!(findings(kind, content)[0].severity, Severity::Warning, "{kind}");
    }
}

#[test]
fn what_a_template_makes_of_a_part_is_not_known() {
    let operation = Catalog::embedded()
        .find(&Route::parse("PUT /dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}").unwrap())
        .unwrap();
    let content = |part: Partial| {
        let record = Partial::Map(vec![("content".to_owned(), Partial::List(vec![part]))]);
        Partial::Map(vec![("resource_records".to_owned(), Partial::List(vec![record]))])
    };
    assert_eq!(operation.check_records(&of_type("A"), Some(&content(Partial::unknown()))), []);
    let either = Partial::OneOf(vec![Partial::String("192.0.2.1".into()), Partial::String("x".into())]);
    assert_eq!(operation.check_records(&of_type("A"), Some(&content(either.clone()))).len(), 1);
    assert_eq!(operation.check_records(&[], Some(&content(either))), [], "the type is not known");
}
