//! Checks the body of a request against its operation's schema, as the API would.

use serde_json::{Map, Value};

use super::answer::Refusal;
use crate::api::Request;
use crate::catalog::{ALLOW_NOTHING, BodyFinding, BodyUse, Catalog, Operation, Partial};
use crate::diagnostic::{Severity, code};

/// The fields of a request's body, validated.
///
/// # Errors
///
/// 400 with `invalid_fields` when the body is missing, is no object or list, or does not match the schema. Unknown fields
/// are accepted: the documented schemas forbid almost none, and clients may be newer than the catalogue.
pub(super) fn check(operation: &Operation, request: &Request) -> Result<Map<String, Value>, Refusal> {
    let body = match &request.body {
        _ if operation.body == BodyUse::None => return Ok(Map::new()),
        body => body.as_deref(),
    };
    let findings = Catalog::embedded().check_request(operation, body.map(Partial::from).as_ref(), ALLOW_NOTHING);
    if let Some(refusal) = findings.iter().find_map(|finding| observed(finding, body)) {
        return Err(refusal);
    }
    let wrong: Vec<_> = findings.iter().filter(|finding| refused(finding)).map(as_field).collect();
    if !wrong.is_empty() {
        return Err(Refusal::invalid(wrong));
    }
    match body {
        Some(Value::Object(body)) => Ok(body.clone()),
        // All elements of a collection: `PUT …/members`.
        Some(list @ Value::Array(_)) => Ok(named_as_its_path(request, list)),
        None if operation.body == BodyUse::Optional => Ok(Map::new()),
        _ => Err(Refusal::invalid_field("body", "must be a JSON object")),
    }
}

/// A body that is a list, as the only field: it has the name of the collection in the path.
fn named_as_its_path(request: &Request, list: &Value) -> Map<String, Value> {
    let name = request.path.rsplit('/').next().unwrap_or_default();
    Map::from_iter([(name.to_owned(), list.clone())])
}

/// What is wrong with the body of a request to another product, by field.
pub(super) fn wrong_fields(
    operation: &Operation,
    request: &Request,
    body: Option<&Value>,
    parameters: &[(String, String)],
) -> Vec<(String, String)> {
    if operation.body == BodyUse::None {
        return Vec::new();
    }
    let findings = match &request.body_file {
        Some(upload) => operation.check_file(Some(&upload.file.content_type)),
        None => {
            // What is sent as the other kind of body has no fields.
            let is_understood = operation.takes_form() == request.form.is_some();
            let body = body.filter(|_| is_understood).map(Partial::from);
            let mut findings = Catalog::embedded().check_request(operation, body.as_ref(), ALLOW_NOTHING);
            findings.extend(operation.check_records(parameters, body.as_ref()));
            findings
        }
    };
    findings.iter().filter(|finding| refused(finding)).map(as_field).collect()
}

/// Refusals in the recorded words of the API (`observed.md` §2, §8).
fn observed(finding: &BodyFinding, body: Option<&Value>) -> Option<Refusal> {
    let message = match (finding.code, body) {
        ("egress-to-any", _) => "Opening egress port 25 for TCP or UDP traffic is prohibited. Please, contact support.",
        ("icmp-with-ipv6", _) => {
            "Protocol icmp is prohibited for ethertype IPv6. You should specify ipv6-icmp for ethertype: IPv6"
        }
        ("subnet-without-network", _) => "Specify network ID in addition to subnet ID",
        ("empty-change", Some(_)) => "To update an instance you need to specify a name or tags",
        ("missing-body" | "empty-change", None) => "Invalid JSON: EOF while parsing a value at line 1 column 0",
        _ => return None,
    };
    Some(Refusal::new(400, "ValidationError", message))
}

fn refused(finding: &BodyFinding) -> bool {
    finding.severity == Severity::Error && finding.code != code::UNKNOWN_FIELD
}

/// The dotted field of a finding, and what is wrong with it.
fn as_field(finding: &BodyFinding) -> (String, String) {
    let mut path: Vec<_> = finding.at.iter().map(ToString::to_string).collect();
    if finding.code == code::MISSING_FIELD {
        // The finding is about the object, the API's message about the field in it.
        path.extend(finding.message.split('`').nth(1).map(|name| name.rsplit('.').next().unwrap_or(name).to_owned()));
    }
    let field = if path.is_empty() { "body".to_owned() } else { path.join(".") };
    let reason =
        if finding.code == code::MISSING_FIELD { "Field required".to_owned() } else { finding.message.clone() };
    (field, reason)
}
