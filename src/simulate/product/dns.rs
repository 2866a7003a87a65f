//! DNS, as recorded: zones with their SOA and name servers, record sets, DNSSEC.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::item::Item;
use super::{Products, Refused};
use crate::api::Answer;
use crate::catalog::Method;
use crate::simulate::draw::SeededRandom;

const ZONES: &str = "/dns/v2/zones";
const ZONE: &str = "/dns/v2/zones/{name}";
const DNSSEC: &str = "/dns/v2/zones/{name}/dnssec";
const RRSET: &str = "/dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}";
const NAME_SERVERS: [&str; 2] = ["ns1.gcorelabs.net", "ns2.gcdn.services"];
const NO_CONTACT: &str = "Your contract has been set to reseller default due to the absence of contact information.";

/// Answers calls with rules of their own; `None` for others.
pub(super) fn respond(products: &mut Products, call: &Call<'_>) -> Option<Result<Answer, Refused>> {
    let answer = match (call.operation.route.method, call.operation.route.path.as_str()) {
        (Method::Post, ZONES) => make_zone(products, call),
        (Method::Get, ZONE) => read_zone(products, call),
        (Method::Put, ZONE) => change_zone(products, call),
        (Method::Patch, "/dns/v2/zones/{name}/enable") => switch(products, call, true),
        (Method::Patch, "/dns/v2/zones/{name}/disable") => switch(products, call, false),
        (Method::Patch, DNSSEC) => Ok(dnssec(products, call)),
        (Method::Get, DNSSEC) => read_dnssec(products, call)?,
        (Method::Post, RRSET) => make_rrset(products, call),
        (Method::Put, RRSET) => put_rrset(products, call),
        (Method::Get, RRSET) => read_rrset(products, call),
        (Method::Delete, ZONE | RRSET) => delete(products, call),
        _ => return None,
    };
    Some(answer)
}

/// An answer of DNS, whose content type names the character set.
pub(super) fn with_charset(answer: Answer) -> Answer {
    let kind = ("content-type".to_owned(), "application/json; charset=utf-8".to_owned());
    Answer { headers: vec![kind], ..answer }
}

fn json_answer(body: &Value) -> Answer {
    super::form::json_answer(200, body)
}

fn address_of(zone: &str) -> String {
    format!("{ZONES}/{zone}")
}

fn serial(now: Timestamp) -> Value {
    json!(now.as_second())
}

fn make_zone(products: &mut Products, call: &Call<'_>) -> Result<Answer, Refused> {
    let name = call.field("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(Refused::of_message(400, "name: is empty".to_owned()));
    }
    if products.at(&address_of(&name)).is_some() {
        return Err(Refused::of_message(400, format!("zone {name} already exists")));
    }
    let now = products.now;
    let mut shown = json!({
        "name": name, "meta": null, "enabled": true, "nx_ttl": 300, "retry": 3600, "refresh": 5400,
        "expiry": 1_209_600, "contact": "support@gcore.com", "serial": serial(now),
        "primary_server": NAME_SERVERS[0], "status": "pending", "dnssec_enabled": false,
    });
    let fields = call.fields();
    if let Value::Object(shown) = &mut shown {
        copy_fields(shown, &fields);
    }
    let number = products.number();
    let shown = shown.as_object().cloned().unwrap_or_default();
    products.add(Item::new("dns_zones", address_of(&name), name.clone().into(), &name, shown));
    let records: Vec<Value> = NAME_SERVERS.iter().map(|server| json!({ "content": [server] })).collect();
    let servers = rrset(products, &name, "NS", &json!({ "ttl": 3600, "resource_records": records }), None);
    let address = format!("{}/{name}/NS", address_of(&name));
    let set = Item::new("dns_rrsets", address, format!("{name}/NS").into(), &name, servers);
    products.items.push(set.seeded());
    let warnings: Vec<&str> = (!fields.contains_key("contact")).then_some(NO_CONTACT).into_iter().collect();
    Ok(json_answer(&match warnings.is_empty() {
        true => json!({ "id": number }),
        false => json!({ "id": number, "warnings": warnings }),
    }))
}

/// Copies the fields of a body that a zone shows. A webhook comes with further fields.
fn copy_fields(shown: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields.iter().filter(|(name, _)| name.as_str() != "dnssec_enabled") {
        let value = match (name.as_str(), value) {
            ("meta", Value::Object(meta)) if !meta.is_empty() => {
                let mut whole = json!({
                    "max_hosts": 10, "targeting": "country continent @ regiongroup region ip asn",
                });
                if let (Value::Object(whole), Some(Value::Object(before))) = (&mut whole, shown.get("meta")) {
                    whole.extend(before.clone());
                }
                if let Value::Object(whole) = &mut whole {
                    whole.extend(meta.clone());
                }
                whole
            }
            ("meta", _) => continue,
            (_, value) => value.clone(),
        };
        shown.insert(name.clone(), value);
    }
}

fn read_zone(products: &Products, call: &Call<'_>) -> Result<Answer, Refused> {
    let address = call.own_address();
    let zone = products.at(&address).ok_or_else(|| Refused::not_found("dns_zones"))?;
    let mut shown = zone.shown(products.now);
    let sets: Vec<&Item> = products.below(&address).collect();
    let is_dynamic = |set: &&&Item| set.get("pickers").is_some_and(Value::is_array);
    let is_watched = |set: &&&Item| set.get("meta").and_then(|meta| meta.get("failover")).is_some();
    let (dynamic, watched) = (sets.iter().filter(is_dynamic).count(), sets.iter().filter(is_watched).count());
    let records: Vec<Value> = sets.iter().map(|set| record(set)).collect();
    shown.insert("records".to_owned(), records.into());
    let amount = json!({
        "total": sets.len(), "static": sets.len() - dynamic,
        "dynamic": { "total": dynamic, "healthcheck": watched },
    });
    shown.insert("rrsets_amount".to_owned(), amount);
    Ok(json_answer(&Value::Object(shown)))
}

/// A record set in the list of its zone: with only the last word of each record's content.
fn record(set: &Item) -> Value {
    let records = set.get("resource_records").and_then(Value::as_array).into_iter().flatten();
    let answers: Vec<Value> = records
        .filter_map(|record| record.get("content")?.as_array()?.last().cloned())
        .map(|word| if word.is_string() { word } else { word.to_string().into() })
        .collect();
    json!({ "name": set.get("name"), "type": set.get("type"), "ttl": set.get("ttl"), "short_answers": answers })
}

fn change_zone(products: &mut Products, call: &Call<'_>) -> Result<Answer, Refused> {
    let (address, fields, now) = (call.own_address(), call.fields(), products.now);
    let zone = products.at_mut(&address).ok_or_else(|| Refused::not_found("dns_zones"))?;
    let mut shown = zone.shown(now);
    // A change replaces `meta`, of which the state of DNSSEC stays as long as it is on.
    let signed = shown.get("dnssec_enabled") == Some(&Value::Bool(true));
    shown.insert("meta".to_owned(), if signed { json!({ "dnssec_status": "ACTIVE" }) } else { Value::Null });
    copy_fields(&mut shown, &fields);
    shown.insert("serial".to_owned(), serial(now));
    for (name, value) in shown {
        zone.set(&format!("/{name}"), value);
    }
    Ok(json_answer(&json!({})))
}

fn switch(products: &mut Products, call: &Call<'_>, enabled: bool) -> Result<Answer, Refused> {
    let zone = products.at_mut(&address_of(call.parameter("name"))).ok_or_else(|| Refused::not_found("dns_zones"))?;
    zone.set("/enabled", enabled.into());
    Ok(json_answer(&json!({})))
}

fn dnssec(products: &mut Products, call: &Call<'_>) -> Answer {
    let name = call.parameter("name").to_owned();
    let enabled = call.field("enabled") == Some(&Value::Bool(true));
    let now = products.now;
    if let Some(zone) = products.at_mut(&address_of(&name)) {
        zone.set("/dnssec_enabled", enabled.into());
        zone.set("/serial", serial(now));
        let mut meta = zone.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
        meta.insert("dnssec_status".to_owned(), if enabled { "ACTIVE" } else { "DISABLED" }.into());
        zone.set("/meta", Value::Object(meta));
    }
    if !enabled {
        return json_answer(&json!({ "message": "Successfully disable DNSSEC" }));
    }
    let mut told = signature(&name);
    told.insert("message".to_owned(), "Successfully enable DNSSEC".into());
    json_answer(&Value::Object(told))
}

/// The keys of a signed zone, which are always the same.
fn signature(zone: &str) -> Map<String, Value> {
    let mut draw = SeededRandom::fixed(("dnssec", zone));
    let digest = (draw.request_id() + &draw.request_id()).to_uppercase();
    let tag = 1024 + draw.below(60_000);
    let told = json!({
        "algorithm": "13", "digest": digest, "digest_algorithm": "SHA256", "digest_type": "2",
        "ds": format!("{zone}. 3600 IN DS {tag} 13 2 {digest}"), "flags": 257, "key_tag": tag,
        "key_type": "ECDSAP256SHA256", "public_key": draw.request_id(),
    });
    told.as_object().cloned().unwrap_or_default()
}

/// `None` for a zone that is not signed: the documented form without values.
fn read_dnssec(products: &Products, call: &Call<'_>) -> Option<Result<Answer, Refused>> {
    let zone = products.at(&address_of(call.parameter("name")))?;
    let signed = zone.get("dnssec_enabled") == Some(&Value::Bool(true));
    signed.then(|| Ok(json_answer(&Value::Object(signature(&zone.name)))))
}

/// A record set as a read shows it. Records with the same content keep their number.
fn rrset(products: &mut Products, name: &str, kind: &str, body: &Value, before: Option<&Item>) -> Map<String, Value> {
    let old: Vec<Value> = before.and_then(|set| set.get("resource_records")?.as_array()).cloned().unwrap_or_default();
    let mut records = Vec::new();
    for record in body.get("resource_records").and_then(Value::as_array).into_iter().flatten() {
        let same = old.iter().find(|old| old.get("content") == record.get("content"));
        let id = same.and_then(|old| old.get("id")).cloned().unwrap_or_else(|| products.number().into());
        records.push(json!({
            "id": id, "content": record.get("content"),
            "enabled": record.get("enabled").unwrap_or(&Value::Bool(true)),
            "meta": record.get("meta").cloned().unwrap_or_else(|| json!({})),
        }));
    }
    let strict = |picker: &Value| {
        let mut picker = picker.clone();
        if let Value::Object(fields) = &mut picker {
            fields.entry("strict").or_insert(Value::Bool(false));
        }
        picker
    };
    let pickers = body.get("pickers").or_else(|| body.get("filters"));
    let pickers = pickers.and_then(Value::as_array).filter(|pickers| !pickers.is_empty());
    let pickers: Option<Vec<Value>> = pickers.map(|pickers| pickers.iter().map(strict).collect());
    let id = before.and_then(|set| set.get("id").cloned()).unwrap_or_else(|| products.number().into());
    let filter_set = pickers.as_ref().map(|_| products.number());
    let mut shown = json!({
        "id": id, "name": name, "type": kind, "ttl": body.get("ttl").unwrap_or(&json!(300)),
        "meta": body.get("meta").cloned().unwrap_or_else(|| json!({})),
        "updated_at": i64::try_from(products.now.as_nanosecond()).unwrap_or(i64::MAX),
        "filter_set_id": filter_set, "pickers": pickers, "resource_records": records,
    });
    if let (Value::Object(shown), Some(pickers)) = (&mut shown, pickers) {
        shown.insert("filters".to_owned(), pickers.into());
    }
    shown.as_object().cloned().unwrap_or_default()
}

fn touch_zone(products: &mut Products, zone: &str) {
    let now = products.now;
    if let Some(zone) = products.at_mut(&address_of(zone)) {
        zone.set("/serial", serial(now));
    }
}

fn make_rrset(products: &mut Products, call: &Call<'_>) -> Result<Answer, Refused> {
    let (zone, name, kind) = (call.parameter("zoneName"), call.parameter("rrsetName"), call.parameter("rrsetType"));
    let address = call.own_address();
    if products.at(&address).is_some() {
        return Err(Refused::of_message(400, format!("rrset {name} {kind} already exists")));
    }
    let shown = rrset(products, name, kind, &call.body, None);
    let answer = json_answer(&Value::Object(shown.clone()));
    let id = format!("{name}/{kind}");
    products.add(Item::new("dns_rrsets", address, id.clone().into(), &id, shown));
    touch_zone(products, zone);
    Ok(answer)
}

fn read_rrset(products: &Products, call: &Call<'_>) -> Result<Answer, Refused> {
    let set = products.at(&call.own_address()).ok_or_else(|| Refused::not_found("dns_rrsets"))?;
    Ok(json_answer(&Value::Object(set.shown(products.now))))
}

/// The answer still has the previous time of change.
fn put_rrset(products: &mut Products, call: &Call<'_>) -> Result<Answer, Refused> {
    let address = call.own_address();
    let Some(before) = products.at(&address).cloned() else { return make_rrset(products, call) };
    let shown = rrset(products, call.parameter("rrsetName"), call.parameter("rrsetType"), &call.body, Some(&before));
    if let Some(set) = products.at_mut(&address) {
        let updated = Item::new(&before.kind, address.clone(), before.id.clone(), &before.name, shown.clone());
        *set = if before.seeded { updated.seeded() } else { updated };
    }
    touch_zone(products, call.parameter("zoneName"));
    let mut answer = shown;
    if let Some(time) = before.get("updated_at") {
        answer.insert("updated_at".to_owned(), time.clone());
    }
    Ok(json_answer(&Value::Object(answer)))
}

fn delete(products: &mut Products, call: &Call<'_>) -> Result<Answer, Refused> {
    let address = call.own_address();
    let kind = products.at(&address).map(|item| item.kind.clone());
    if kind.is_none() {
        let kind = if call.operation.route.path == ZONE { "dns_zones" } else { "dns_rrsets" };
        return Err(Refused::not_found(kind));
    }
    products.items.retain(|item| item.address != address && !item.is_below(&address));
    touch_zone(products, call.parameter("zoneName"));
    Ok(json_answer(&json!({})))
}
