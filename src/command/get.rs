//! `plan get`: lists resources of the account that plans refer to by id, as a table or as JSON.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::patience::with_wait_note;
use super::table::table;
use super::{Account, note, print_json, print_text};
use crate::api::{ReadError, Request};
use crate::catalog::{Catalog, Method, Operation, Route};
use crate::cli::{GetArguments, ResultFormat};
use crate::clock::Clock;
use crate::context::Context;
use crate::diagnostic::nearest;
use crate::engine::{
    ListReader, ListSearch, ReadFailure, hide_once_shown, is_project_or_region, items, without_sensitive,
};
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::id_text;
use crate::order::sort_by_key;
use crate::report::{Palette, list, sanitize};

/// A frequent list: its name, its path, and further columns (title, JSON pointer).
type Known = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const KNOWN: [Known; 22] = [
    (
        "images",
        "/cloud/v1/images/{project_id}/{region_id}",
        &[("OS", "/os_distro"), ("VERSION", "/os_version"), ("MIN DISK", "/min_disk"), ("VISIBILITY", "/visibility")],
    ),
    ("flavors", "/cloud/v1/flavors/{project_id}/{region_id}", &[("CPUS", "/vcpus"), ("MEMORY", "/ram")]),
    ("bare-metal-flavors", "/cloud/v1/bmflavors/{project_id}/{region_id}", &[("CPUS", "/vcpus"), ("MEMORY", "/ram")]),
    ("balancer-flavors", "/cloud/v1/lbflavors/{project_id}/{region_id}", &[("CPUS", "/vcpus"), ("MEMORY", "/ram")]),
    ("kubernetes-flavors", "/cloud/v1/k8s/{project_id}/{region_id}/flavors", &[("CPUS", "/vcpus"), ("MEMORY", "/ram")]),
    ("kubernetes-versions", "/cloud/v2/k8s/{project_id}/{region_id}/create_versions", &[("VERSION", "/version")]),
    (
        "bare-metal-images",
        "/cloud/v1/bmimages/{project_id}/{region_id}",
        &[("OS", "/os_distro"), ("VERSION", "/os_version")],
    ),
    ("regions", "/cloud/v1/regions", &[("COUNTRY", "/country"), ("STATE", "/state")]),
    ("projects", "/cloud/v1/projects", &[("STATE", "/state"), ("DEFAULT", "/is_default")]),
    (
        "networks",
        "/cloud/v1/networks/{project_id}/{region_id}",
        &[("EXTERNAL", "/external"), ("SHARED", "/shared"), ("TYPE", "/type")],
    ),
    ("subnets", "/cloud/v1/subnets/{project_id}/{region_id}", &[("CIDR", "/cidr"), ("NETWORK", "/network_id")]),
    ("routers", "/cloud/v1/routers/{project_id}/{region_id}", &[("STATUS", "/status")]),
    ("keys", "/cloud/v1/ssh_keys/{project_id}", &[("STATE", "/state"), ("CREATED", "/created_at")]),
    ("security-groups", "/cloud/v1/securitygroups/{project_id}/{region_id}", &[("DESCRIPTION", "/description")]),
    (
        "machines",
        "/cloud/v1/instances/{project_id}/{region_id}",
        &[("STATUS", "/status"), ("FLAVOR", "/flavor/flavor_name")],
    ),
    (
        "volumes",
        "/cloud/v1/volumes/{project_id}/{region_id}",
        &[("GIB", "/size"), ("TYPE", "/volume_type"), ("STATUS", "/status")],
    ),
    (
        "floating-ips",
        "/cloud/v1/floatingips/{project_id}/{region_id}",
        &[("ADDRESS", "/floating_ip_address"), ("STATUS", "/status")],
    ),
    (
        "balancers",
        "/cloud/v1/loadbalancers/{project_id}/{region_id}",
        &[("ADDRESS", "/vip_address"), ("STATUS", "/provisioning_status")],
    ),
    ("reserved-ips", "/cloud/v1/reserved_fixed_ips/{project_id}/{region_id}", &[("ADDRESS", "/fixed_ip_address")]),
    ("secrets", "/cloud/v1/secrets/{project_id}/{region_id}", &[("TYPE", "/secret_type"), ("EXPIRES", "/expiration")]),
    ("server-groups", "/cloud/v1/servergroups/{project_id}/{region_id}", &[("POLICY", "/policy")]),
    ("clusters", "/cloud/v2/k8s/clusters/{project_id}/{region_id}", &[("VERSION", "/version"), ("STATUS", "/status")]),
];

/// Other names of these lists.
const ALIASES: [(&str, &str); 16] = [
    ("bmflavors", "bare-metal-flavors"),
    ("bmimages", "bare-metal-images"),
    ("lbflavors", "balancer-flavors"),
    ("ssh-keys", "keys"),
    ("keypairs", "keys"),
    ("securitygroups", "security-groups"),
    ("firewalls", "security-groups"),
    ("instances", "machines"),
    ("vms", "machines"),
    ("servers", "machines"),
    ("floatingips", "floating-ips"),
    ("loadbalancers", "balancers"),
    ("lbs", "balancers"),
    ("nets", "networks"),
    ("disks", "volumes"),
    ("k8s", "clusters"),
];

/// Lists the resources.
///
/// # Errors
///
/// When there is no list with that name, project or region are missing, or the list cannot be read.
pub(super) async fn get(context: &Context, arguments: &GetArguments) -> Result<Exit, Error> {
    let Some(word) = &arguments.what else { return list_known(context) };
    let (what, operation, columns) = find(Catalog::embedded(), word)?;
    let account = Account::of(context, &arguments.api)?;
    let request = request(&operation, &account)?;
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let reader = ListReader { client: &client, retried_statuses: &[], permits: None, most_items: arguments.max_items };
    let reads = reader.read_all(&request, Some(&*operation));
    let complete = with_wait_note(context, &client, &format!("listing the {what}"), reads).await?;
    let complete = complete.map_err(|unread| match unread {
        ReadFailure::Read(error) => Error::Api { what: format!("the {what} cannot be listed"), error },
        ReadFailure::TooMany { most, count } => {
            Error::usage(format!("there are {count} {what}, more than {most}")).help("let more come: `--max-items N`")
        }
    })?;
    hide_once_shown(&context.secrets, &complete.answer);
    if let Some(missing) = complete.missing {
        note(context, &format!("warning: of {} {what} the API sent {}", missing.count, missing.came))?;
    }
    let Some(all) = items(&complete.answer).cloned() else {
        let error = ReadError::not_a_list(&request.path);
        return Err(Error::Api { what: format!("the {what} cannot be listed"), error });
    };
    let search =
        ListSearch { items: &all, operation: Some(&operation), listed: Catalog::embedded().listed(&operation) };
    let wanted = arguments.name.as_deref().map(str::to_lowercase);
    let fits = |item: &&Value| {
        let name = search.name_of(item).unwrap_or_default().to_lowercase();
        wanted.as_deref().is_none_or(|wanted| name.contains(wanted))
    };
    let found: Vec<&Value> = all.iter().filter(fits).collect();
    match arguments.format {
        ResultFormat::Json => {
            print_json(context, &found.iter().map(|item| item_json(&search, item)).collect::<Value>())?;
        }
        ResultFormat::Human if found.is_empty() => print_empty(context, &search, &what, arguments.name.as_deref())?,
        ResultFormat::Human => {
            let mut rows: Vec<Vec<String>> = found.iter().map(|item| row(&search, item, columns)).collect();
            let mut titles: Vec<&str> =
                ["ID", "NAME"].into_iter().chain(columns.iter().map(|(title, _)| *title)).collect();
            // Versions have neither id nor name.
            if rows.iter().all(|row| row[0].is_empty() && row[1].is_empty()) {
                rows.iter_mut().for_each(|row| drop(row.drain(..2)));
                titles.drain(..2);
            }
            let palette = Palette::new(context.color(&context.stdout));
            print_text(context, &context.secrets.redact(&table(&titles, &rows, palette)))?;
        }
    }
    Ok(Exit::Done)
}

fn list_known(context: &Context) -> Result<Exit, Error> {
    let rows: Vec<Vec<String>> =
        KNOWN.iter().map(|(word, path, _)| vec![(*word).to_owned(), format!("GET {path}")]).collect();
    let palette = Palette::new(context.color(&context.stdout));
    print_text(context, &context.secrets.redact(&table(&["WHAT", "CALL"], &rows, palette)))?;
    note(context, "other lists are named by the last word of their path, as in `plan get snapshots`")?;
    Ok(Exit::Done)
}

type Columns = &'static [(&'static str, &'static str)];

/// The list with this name, which may be in the singular: `subnet`.
fn find(catalog: &Catalog, word: &str) -> Result<(String, Arc<Operation>, Columns), Error> {
    let plain = word.to_lowercase().replace(['_', ' '], "-");
    let plural = format!("{plain}s");
    if let Some(found) = named(catalog, &plain).or_else(|| named(catalog, &plural)) {
        return Ok(found);
    }
    let all: Vec<String> =
        catalog.operations().filter(|operation| is_list(operation)).map(|op| last_segment(&op)).collect();
    let candidates = KNOWN.iter().map(|(known, ..)| *known).chain(all.iter().map(String::as_str));
    let near = nearest(&plain, candidates).map(str::to_owned);
    let error = Error::usage(format!("there is no list of `{}`", sanitize(word)));
    let error = match near {
        Some(near) => error.help(format!("did you mean `plan get {near}`?")),
        None => error,
    };
    Err(error.help("`plan get` names what is often asked for"))
}

fn named(catalog: &Catalog, word: &str) -> Option<(String, Arc<Operation>, Columns)> {
    let meant = ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |(_, meant)| *meant);
    let known = KNOWN.iter().find(|(known, ..)| *known == meant);
    if let Some((known, path, columns)) = known
        && let Some(operation) = catalog.find(&Route { method: Method::Get, path: (*path).to_owned() })
    {
        return Some(((*known).to_owned(), operation, columns));
    }
    // Of several versions the newest that is not deprecated.
    let mut others: Vec<Arc<Operation>> =
        catalog.operations().filter(|operation| is_list(operation) && last_segment(operation) == meant).collect();
    sort_by_key(&mut others, |operation| (operation.deprecated, std::cmp::Reverse(operation.route.path.clone())));
    others.into_iter().next().map(|operation| (meant.to_owned(), operation, &[] as Columns))
}

/// Whether a GET is a list that needs only project and region.
fn is_list(operation: &Operation) -> bool {
    let places = operation.path_parameters.iter().all(|parameter| is_project_or_region(&parameter.name));
    let paged = operation.query_parameters.iter().any(|parameter| parameter.name == "limit");
    operation.route.method == Method::Get && places && paged
}

/// The last segment of a path.
fn last_segment(operation: &Operation) -> String {
    let last = operation.route.path.rsplit('/').find(|segment| !segment.starts_with('{')).unwrap_or_default();
    last.replace('_', "-")
}

fn request(operation: &Operation, account: &Account) -> Result<Request, Error> {
    let place = |segment: &str, id: Option<i64>, what: &str, variable: &str| match (segment, id) {
        (_, Some(id)) => Ok(id.to_string()),
        (_, None) => Err(Error::usage(format!("a {what} is needed for this list, and none is set"))
            .help(format!("set `{variable}`, or use `--{what}-id ID`; `plan get {what}s` lists them"))),
    };
    let segments = operation.route.path.split('/').map(|segment| match segment {
        "{project_id}" => place(segment, account.project_id, "project", "GCORE_CLOUD_PROJECT_ID"),
        "{region_id}" => place(segment, account.region_id, "region", "GCORE_CLOUD_REGION_ID"),
        other => Ok(other.to_owned()),
    });
    Ok(Request::get(segments.collect::<Result<Vec<_>, _>>()?.join("/")))
}

fn row(search: &ListSearch<'_>, item: &Value, columns: Columns) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        other => sanitize(&id_text(other)).into_owned(),
    };
    let id = search.id_of(item).as_ref().map(text).unwrap_or_default();
    let name = search.name_of(item).map(|name| sanitize(name).into_owned()).unwrap_or_default();
    let others = columns.iter().map(|(_, pointer)| item.pointer(pointer).map(text).unwrap_or_default());
    [id, name].into_iter().chain(others).collect()
}

/// An item as the API shows it, with `id` and `name` added from the fields of its list.
fn item_json(search: &ListSearch<'_>, item: &Value) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), search.id_of(item).unwrap_or_default());
    shown.insert("name".to_owned(), search.name_of(item).map(Value::from).unwrap_or_default());
    let rest = without_sensitive(item);
    shown.extend(rest.as_object().cloned().unwrap_or_default());
    Value::Object(shown)
}

fn print_empty(context: &Context, search: &ListSearch<'_>, what: &str, name: Option<&str>) -> Result<(), Error> {
    let Some(name) = name.filter(|_| !search.items.is_empty()) else {
        return note(context, &format!("there are no {what}"));
    };
    let names: Vec<&str> = search.items.iter().filter_map(|item| search.name_of(item)).collect();
    let name = sanitize(name);
    note(context, &format!("none of {} {what} has `{name}` in its name", names.len()))?;
    match nearest(&name, names.iter().copied()) {
        Some(near) => note(context, &format!("help: did you mean `{}`?", sanitize(near))),
        None => note(context, &format!("help: there are {}", sanitize(&list(&names, 8)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(word: &str) -> Result<String, String> {
        find(Catalog::embedded(), word)
            .map(|(_, operation, _)| operation.route.path.clone())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_word_and_alias_is_a_list_of_the_catalog() {
        for (word, expected, _) in KNOWN {
            assert_eq!(path(word).as_deref(), Ok(expected), "{word}");
        }
        for (alias, word) in ALIASES {
            assert_eq!(path(alias), path(word), "{alias}");
        }
        assert_eq!(path("snapshots").as_deref(), Ok("/cloud/v1/snapshots/{project_id}/{region_id}"));
        for (one, all) in
            [("subnet", "subnets"), ("vm", "machines"), ("lb", "balancers"), ("keypair", "keys"), ("net", "networks")]
        {
            assert_eq!(path(one), path(all), "{one}");
        }
        assert_eq!(path("Ssh_Keys").as_deref(), Ok("/cloud/v1/ssh_keys/{project_id}"));
        assert_eq!(path("imagse").unwrap_err(), "there is no list of `imagse`");
    }
}
