//! `plan check --online`: checks that need the API, using reads only: that the key works, project and region exist,
//! flavors are offered, looked-up items exist, and quotas suffice.
//!
//! A check is no guarantee: values known only during a run are left out, and other clients use the same quotas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::defaults::MAX_ITEMS;
use super::findings::{self, FileFindings};
use super::run_options::need_places;
use super::{Account, environment_name, load, note, resolve_inputs, warn};
use crate::api::{Client, Lost, Meaning, ReadError, Request};
use crate::catalog::{Catalog, Effect, Method};
use crate::cli::CheckArguments;
use crate::clock::Clock;
use crate::context::Context;
use crate::diagnostic::{Diagnostic, nearest};
use crate::engine::{
    Change, ListReader, ListSearch, LookedFor, Preview, ReadFailure, Reads, RecordFlags, Settings, has_placeholder,
    is_known_later, items, looked_for,
};
use crate::error::Error;
use crate::id::{InstanceId, StepId};
use crate::journal::RecordedCall;
use crate::plan::{Plan, Selection};
use crate::report::{count, list, sanitize};
use crate::source::Span;

/// The most instances named in a finding.
const MOST_NAMES: usize = 4;
/// The longest page of a list.
const PAGE: usize = 1000;
/// The path of a quota check, below this part of a create's path.
const CHECK_LIMITS: &str = "/check_limits";

/// The list of flavors for a create: its path before project and region, those of the list before and after these, and
/// the field of the body.
const FLAVORS: [(&str, &str, &str, &str); 4] = [
    ("/cloud/v2/instances/", "/cloud/v1/flavors/", "", "/flavor"),
    ("/cloud/v1/bminstances/", "/cloud/v1/bmflavors/", "", "/flavor"),
    ("/cloud/v1/loadbalancers/", "/cloud/v1/lbflavors/", "", "/flavor"),
    ("/cloud/v2/k8s/clusters/", "/cloud/v1/k8s/", "/flavors", "/pools/0/flavor_id"),
];

/// What a call is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Area {
    Project,
    Region,
}

impl Area {
    fn word(self) -> &'static str {
        match self {
            Area::Project => "project",
            Area::Region => "region",
        }
    }

    /// The code of the finding when it does not exist.
    fn missing(self) -> &'static str {
        match self {
            Area::Project => "no-such-project",
            Area::Region => "no-such-region",
        }
    }
}

/// Checks valid plans with the API, and reports findings. Returns whether there are none.
pub(super) async fn check(context: &Context, arguments: &CheckArguments, plans: &[Plan]) -> Result<bool, Error> {
    let account = Account::of(context, &arguments.api)?;
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let place = sanitize(&account.base_url).into_owned();
    note(context, &format!("asking {place} about projects, regions, flavors and quotas"))?;
    reach(&client, &place).await?;
    let mut all = Vec::new();
    for plan in plans {
        let (calls, looked_for) = calls(context, arguments, &account, plan)?;
        let mut checker =
            Online { client: &client, plan, findings: Vec::new(), asked: BTreeMap::new(), lists: BTreeMap::new() };
        checker.places(&calls).await?;
        if checker.findings.is_empty() {
            for (instance, call) in &calls {
                checker.flavor(instance, call).await?;
                checker.limits(instance, call).await?;
            }
            for look_up in &looked_for {
                checker.look_up(look_up).await?;
            }
        }
        all.push(FileFindings { source: Arc::clone(&plan.source), findings: merge_equal(checker.findings) });
    }
    let right = all.iter().all(|found| found.findings.is_empty());
    if right {
        let (requests, _) = client.counts();
        note(context, &format!("no findings from {place} ({})", count_of(requests)))?;
    } else {
        findings::print(context, &all)?;
    }
    Ok(right)
}

/// Sends one request without retries, so that an unreachable host is reported at once.
async fn reach(client: &Client, place: &str) -> Result<(), Error> {
    let request = Request::get("/cloud/v1/regions").query("limit", 1);
    let lost = |cause: Lost| ReadError::Failed { cause: cause.to_string(), attempts: 1 };
    client.send(request).await.map(drop).map_err(|cause| failed(&format!("{place} cannot be reached"), lost(cause)))
}

/// The calls of a plan, by instance.
type Calls = Vec<(InstanceId, RecordedCall)>;

/// A finding and its instance.
type Finding = (InstanceId, Diagnostic);

/// Merges equal findings of several instances into one that names them.
fn merge_equal(findings: Vec<Finding>) -> Vec<Diagnostic> {
    let mut told: Vec<(Diagnostic, Vec<InstanceId>)> = Vec::new();
    for (instance, finding) in findings {
        let same = |known: &Diagnostic| (known.code, &known.message) == (finding.code, &finding.message);
        match told.iter_mut().find(|(known, _)| same(known)) {
            Some((_, instances)) => instances.push(instance),
            None => told.push((finding, vec![instance])),
        }
    }
    told.into_iter().map(|(finding, instances)| with_names(finding, &instances)).collect()
}

fn with_names(mut finding: Diagnostic, instances: &[InstanceId]) -> Diagnostic {
    if instances.len() > 1 {
        let names = list(instances.iter().map(|instance| format!("`{instance}`")), MOST_NAMES);
        finding.message = format!("{}: {names}", finding.message);
    }
    finding
}

fn count_of(requests: u64) -> String {
    count(usize::try_from(requests).unwrap_or(usize::MAX), "read")
}

/// The calls of a first run of the plan, as far as they are known now.
fn calls(
    context: &Context,
    arguments: &CheckArguments,
    account: &Account,
    plan: &Plan,
) -> Result<(Calls, Vec<LookedFor>), Error> {
    let inputs = resolve_inputs(context, plan, &arguments.plan)?;
    let environment = environment_name(context, arguments.plan.environment.as_deref())?;
    let (project_id, region_id) = load::places(context, plan, &inputs, &environment, &arguments.api, account)?;
    if let Err(missing) = need_places(plan, project_id, region_id) {
        warn(context, &format!("{missing}: its resources are not checked"))?;
    }
    let settings = Settings {
        plan: plan.name.clone(),
        environment,
        project_id,
        region_id,
        stamp: false,
        resolve_time: Duration::ZERO,
        max_items: MAX_ITEMS,
        // Only commands with access to records read them; values from them are not known here.
        records: None,
        record_flags: RecordFlags::default(),
        user_agent: String::new(),
    };
    let none = Selection::default();
    let preview = Preview {
        plan,
        catalog: Catalog::embedded(),
        settings: &settings,
        secrets: &context.secrets,
        digest_key: &[],
        inputs: &inputs,
        status: None,
        replace: &none,
        target: &none,
        prune: false,
        reads: &Reads::default(),
    };
    let known = |change: Change| Some((change.instance, change.call?));
    let calls = preview.changes().0.into_iter().filter_map(known).collect();
    Ok((calls, looked_for(plan, &settings, &context.secrets, &inputs)))
}

/// The online check of one plan.
struct Online<'a> {
    client: &'a Client,
    plan: &'a Plan,
    findings: Vec<Finding>,
    /// Lists of flavors that were read, by path.
    asked: BTreeMap<String, Vec<String>>,
    /// Lists of look-ups that were read, by call.
    lists: BTreeMap<String, Value>,
}

impl Online<'_> {
    /// Checks the projects and regions of the calls.
    async fn places(&mut self, calls: &[(InstanceId, RecordedCall)]) -> Result<(), Error> {
        let mut seen: BTreeMap<(Area, String), (&InstanceId, Span)> = BTreeMap::new();
        for (instance, call) in calls {
            let Some((_, parameters)) = Catalog::embedded().matching(call.method, &call.path) else { continue };
            for (name, value) in parameters.iter() {
                let area = match name.as_str() {
                    "project_id" => Area::Project,
                    "region_id" => Area::Region,
                    _ => continue,
                };
                if value.parse::<i64>().is_ok() {
                    seen.entry((area, value.to_string()))
                        .or_insert_with(|| (instance, self.place_of(area, &instance.step)));
                }
            }
        }
        for ((area, id), (instance, span)) in seen {
            let what = area.word();
            let request = Request::get(format!("/cloud/v1/{what}s/{id}"));
            match self.client.read(request).await {
                Ok(_) => {}
                Err(error) if error.is_not_found() => {
                    let message = format!("there is no {what} {id} for this key");
                    let finding = Diagnostic::error(area.missing(), span, message)
                        .help(format!("give the right one with `--{what}-id`, or as `{what}_id` in the plan"));
                    self.findings.push((instance.clone(), finding));
                }
                Err(error) => return Err(failed(&format!("{what} {id} cannot be read"), error)),
            }
        }
        Ok(())
    }

    /// The place where the plan sets project or region: in the step, at the top, or none.
    fn place_of(&self, area: Area, step: &StepId) -> Span {
        let own = self.plan.steps.get(step);
        let (own, top) = match area {
            Area::Project => (own.and_then(|step| step.project_id.as_deref()), &self.plan.project_id),
            Area::Region => (own.and_then(|step| step.region_id.as_deref()), &self.plan.region_id),
        };
        own.or(top.as_ref()).map_or_else(|| self.call_span(step), |template| template.span)
    }

    fn call_span(&self, step: &StepId) -> Span {
        self.plan.steps.get(step).map_or(Span::at(0), |step| step.call.span)
    }

    /// The place of a field in a step's body.
    fn field_span(&self, step: &StepId, pointer: &str) -> Span {
        let body = self.plan.steps.get(step).and_then(|step| step.body.as_ref());
        body.map_or_else(|| self.call_span(step), |body| body.at(pointer).span)
    }

    /// Checks that the flavor of a machine, load balancer or cluster is offered.
    async fn flavor(&mut self, instance: &InstanceId, call: &RecordedCall) -> Result<(), Error> {
        let Some((create, list, below, pointer)) = FLAVORS.iter().find(|(create, ..)| call.path.starts_with(create))
        else {
            return Ok(());
        };
        let place = &call.path[create.len()..];
        let wanted = call.body.as_ref().and_then(|body| body.pointer(pointer)).and_then(Value::as_str);
        let Some(wanted) = wanted.filter(|wanted| !is_known_later(wanted)) else { return Ok(()) };
        if call.method != Method::Post || place.split('/').count() != 2 {
            return Ok(());
        }
        let path = format!("{list}{place}{below}");
        let offered = self.offered(&path).await?;
        if offered.is_empty() || offered.iter().any(|flavor| flavor == wanted) {
            return Ok(());
        }
        let near = nearest(wanted, offered.iter().map(String::as_str)).map(str::to_owned);
        let span = self.field_span(&instance.step, pointer);
        let finding = Diagnostic::error("flavor-not-offered", span, format!("flavor `{wanted}` is not offered there"));
        let finding = match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("`GET {path}` lists those that are")),
        };
        self.findings.push((instance.clone(), finding));
        Ok(())
    }

    async fn offered(&mut self, path: &str) -> Result<Vec<String>, Error> {
        if let Some(known) = self.asked.get(path) {
            return Ok(known.clone());
        }
        let answer = self.client.read(Request::get(path).query("limit", PAGE)).await;
        let answer = answer.map_err(|error| failed("the flavors cannot be listed", error))?;
        let results = answer.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        let names = results.iter().flat_map(|flavor| [flavor.get("flavor_id"), flavor.get("flavor_name")]);
        let names: Vec<String> = names.flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        self.asked.insert(path.to_owned(), names.clone());
        Ok(names)
    }

    /// Checks that exactly one item matches a `find`.
    async fn look_up(&mut self, looked_for: &LookedFor) -> Result<(), Error> {
        let Some(span) = looked_for.find else { return Ok(()) };
        let rendered = &looked_for.rendered;
        let key = format!("{} {:?}", rendered.recorded.path, rendered.recorded.query);
        let operation = rendered.operation.as_deref();
        if !self.lists.contains_key(&key) {
            let reader =
                ListReader { client: self.client, retried_statuses: &[], permits: None, most_items: MAX_ITEMS };
            let answer = match reader.read_all(&rendered.request, operation).await {
                Ok(complete) => complete.answer,
                Err(ReadFailure::Read(error)) => return Err(failed("what the plan looks up cannot be listed", error)),
                // A run may allow more items; this check cannot decide.
                Err(ReadFailure::TooMany { .. }) => Value::Null,
            };
            self.lists.insert(key.clone(), answer);
        }
        let Some(items) = self.lists.get(&key).and_then(items) else { return Ok(()) };
        let listed = operation.and_then(|operation| Catalog::embedded().listed(operation));
        if let Err(not_one) = (ListSearch { items, operation, listed }).one(&looked_for.wanted) {
            let finding = Diagnostic::error("look-up-failed", span, not_one.message);
            let finding = not_one.help.into_iter().fold(finding, Diagnostic::help);
            self.findings.push((looked_for.instance.clone(), finding));
        }
        Ok(())
    }

    /// Checks that the quotas allow what a call creates.
    async fn limits(&mut self, instance: &InstanceId, call: &RecordedCall) -> Result<(), Error> {
        let path = format!("{}{CHECK_LIMITS}", call.path);
        let Some((operation, _)) = Catalog::embedded().matching(Method::Post, &path) else { return Ok(()) };
        if call.method != Method::Post || operation.effect != Effect::Read {
            return Ok(());
        }
        let known = Catalog::embedded().body_schema(&operation);
        let fields = known.as_ref().map(|schema| &schema.resolve(schema.root()).properties);
        let Some(body) = call.body.as_ref().and_then(|body| body.as_object()) else { return Ok(()) };
        let asked: Map<String, Value> = body
            .iter()
            .filter(|(name, value)| fields.is_some_and(|fields| fields.contains_key(*name)) && !has_placeholder(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let request = Request { body: Some(Value::Object(asked).into()), ..Request::new(Method::Post, path) };
        let answer = match self.client.read(request).await {
            Ok(answer) => answer,
            // The quota check is refused, because values are known only later, or is not offered in this region.
            Err(error) if matches!(error.meaning(), Some(Meaning::Rejected | Meaning::NotFound)) => return Ok(()),
            Err(ReadError::Refused(error)) if error.meaning() == Meaning::Quota => {
                let span = self.call_span(&instance.step);
                self.findings.push((instance.clone(), quota(span, error.story())));
                return Ok(());
            }
            Err(error) => return Err(failed("the quotas cannot be asked for", error)),
        };
        for words in exceeded(&answer) {
            let span = self.call_span(&instance.step);
            self.findings.push((instance.clone(), quota(span, words)));
        }
        Ok(())
    }
}

fn quota(span: Span, message: String) -> Diagnostic {
    Diagnostic::error("quota-exceeded", span, message)
        .help("ask for a higher limit, choose another flavor or region, or delete resources")
}

/// The quotas that an answer of `check_limits` exceeds: `<name>_limit`, `<name>_usage`, `<name>_requested`.
fn exceeded(answer: &Value) -> Vec<String> {
    let number = |name: &str, what: &str| answer.get(format!("{name}_{what}")).and_then(Value::as_i64);
    let fields = answer.as_object().into_iter().flatten();
    fields
        .filter_map(|(field, _)| {
            let name = field.strip_suffix("_requested")?;
            let (requested, limit) = (number(name, "requested")?, number(name, "limit")?);
            let usage = number(name, "usage").unwrap_or(0);
            // -1 means no limit.
            (limit >= 0 && usage + requested > limit)
                .then(|| format!("quota `{name}` leaves no room: {requested} more wanted, {usage} of {limit} in use"))
        })
        .collect()
}

fn failed(what: &str, error: ReadError) -> Error {
    Error::Api { what: what.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_exceeded_quotas_are_reported() {
        let answer = json!({
            "cpu_count_limit": 10, "cpu_count_usage": 8, "cpu_count_requested": 4,
            "ram_limit": 100, "ram_usage": 8, "ram_requested": 4,
            "volume_count_limit": -1, "volume_count_requested": 4, "volume_count_usage": 3,
        });
        assert_eq!(exceeded(&answer), ["quota `cpu_count` leaves no room: 4 more wanted, 8 of 10 in use"]);
        assert!(exceeded(&Value::Null).is_empty() && exceeded(&json!({})).is_empty());
    }

    #[test]
    fn a_finding_about_many_instances_is_reported_once_with_their_names() {
        let finding = |step: &str, key: Option<&str>, message: &str| {
            let instance = InstanceId::new(StepId::new(step), key.map(str::to_owned));
            (instance, Diagnostic::error("flavor-not-offered", Span::at(0), message))
        };
        let numbers: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        let many = numbers.iter().map(|key| finding("web", Some(key), "flavor `x` is not offered there"));
        let told = merge_equal(many.chain([finding("db", None, "flavor `y` is not offered there")]).collect());
        let messages: Vec<&str> = told.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "flavor `x` is not offered there: `web[0]`, `web[1]`, `web[2]`, `web[3]` and 36 more",
                "flavor `y` is not offered there",
            ]
        );
    }
}
