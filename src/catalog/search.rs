//! Searches operations by words: of routes, of the vendor's products, or everyday ones.

use std::sync::Arc;

use super::Catalog;
use super::operation::{Effect, Method, Operation};
use crate::order::sort_by_key;

/// How well an operation matches; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Its path ends with the collection.
    Named,
    /// It creates the resource.
    Makes,
    /// The words occur in its route, section or id.
    Mentions,
    /// It matches, but is deprecated.
    Deprecated,
}

/// A matching operation.
#[derive(Debug, Clone)]
pub struct FoundOperation {
    pub fit: Fit,
    pub operation: Arc<Operation>,
}

/// Everyday words, and those of paths and kinds that they stand for. Longer phrases come before their parts.
const SYNONYMS: &[(&[&str], &[&str])] = &[
    (&["allowed address pair"], &["allow_address_pairs"]),
    (&["upload image", "import image"], &["downloadimage"]),
    (&["log shipping", "log shipper"], &["laas", "logs_uploader"]),
    (&["live stream", "livestream"], &["streams"]),
    (&["waf rule"], &["custom-rules"]),
    (&["dns record"], &["/v2/zones/"]),
    (&["key value store", "key-value store"], &["kv"]),
    (&["user permission", "permission"], &["assignments"]),
    (&["bare metal", "baremetal"], &["bminstances", "baremetal"]),
    (&["virtual machine", "vm", "machine", "server", "compute", "instance"], &["instances"]),
    (&["managed postgresql", "database", "db", "postgresql", "postgres", "sql"], &["dbaas", "postgresql_clusters"]),
    (&["managed kubernetes", "kubernetes", "k8s"], &["k8s", "k8s_clusters"]),
    (&["load balancer", "loadbalancer", "balancer", "lb"], &["loadbalancers"]),
    (&["security group", "firewall"], &["securitygroups", "security_groups"]),
    (&["reserved ip", "fixed ip", "static ip", "virtual ip", "vip"], &["reserved_fixed_ips"]),
    (&["public ip"], &["floatingips", "reserved_fixed_ips"]),
    (&["floating ip", "elastic ip"], &["floatingips"]),
    (&["block storage", "volume", "disk"], &["volumes"]),
    (&["ssh key", "key pair", "keypair"], &["ssh_keys", "keypairs"]),
    (&["file share", "shared storage", "nfs"], &["file_shares"]),
    (&["placement group", "server group", "affinity"], &["servergroups"]),
    (&["container registry", "registry", "docker"], &["registries", "registry_registries"]),
    (&["function", "serverless", "lambda", "faas"], &["faas", "faas_functions"]),
    (&["container", "caas"], &["caas", "containers"]),
    (&["health check", "health monitor"], &["healthmonitor"]),
    (&["private network", "vpc"], &["networks"]),
    (&["subnetwork"], &["subnets"]),
    (&["nat", "gateway"], &["routers"]),
    (&["backup"], &["snapshots", "lifecycle_policy"]),
    (&["snapshot schedule", "schedule"], &["schedule", "lifecycle_policy"]),
    (&["certificate", "tls", "ssl"], &["secrets"]),
    (&["log", "logging"], &["laas"]),
    (&["quota", "limit"], &["quotas", "limits_request"]),
    (&["price", "pricing", "cost"], &["pricing", "cost_report"]),
    (&["flavour"], &["flavors"]),
    (&["audit"], &["user_actions"]),
];

/// Words for what a call does.
const VERBS: &[(&[&str], Effect)] = &[
    (&["create", "make", "add", "new", "launch", "start"], Effect::Create),
    (&["delete", "remove", "destroy", "rm"], Effect::Delete),
    (&["update", "change", "edit", "modify", "rename", "resize"], Effect::Change),
    (&["list", "show", "read", "find", "describe"], Effect::Read),
];

/// A condition that an operation must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Method(Method),
    /// It has this effect, or contains the word.
    Does(Effect, String),
    /// It contains the word, or one of its synonyms.
    Word(String, &'static [&'static str]),
}

impl Catalog {
    /// Operations that match all words, the best first: methods, effects (`create`), words of the route, section or
    /// id, and synonyms (`vm`, `database`).
    pub fn search(&self, words: &[&str]) -> Vec<FoundOperation> {
        let wanted = wanted(&words.join(" ").to_lowercase());
        let fits = |operation: Arc<Operation>| {
            let fit = fit(&operation, &wanted)?;
            Some(FoundOperation { fit, operation })
        };
        let mut found: Vec<FoundOperation> = self.operations().filter_map(fits).collect();
        sort_by_key(&mut found, FoundOperation::distance);
        found
    }
}

/// Whether the words ask for reads, as in `list images`.
pub fn asks_for_reads(words: &str) -> bool {
    let reads = |wanted: &Wanted| matches!(wanted, Wanted::Does(Effect::Read, _) | Wanted::Method(Method::Get));
    wanted(&words.to_lowercase()).iter().any(reads)
}

impl FoundOperation {
    /// The order of results: by match, creates first, then paths with fewer segments that are no placeholders.
    pub fn distance(&self) -> (Fit, bool, usize) {
        let makes = self.operation.effect == Effect::Create;
        let literal = |segment: &&str| !segment.starts_with('{');
        (self.fit, !makes, self.operation.route.path.split('/').filter(literal).count())
    }
}

fn wanted(text: &str) -> Vec<Wanted> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut wanted = Vec::new();
    let mut rest = &words[..];
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if let Some(method) = Method::parse(&first.to_uppercase()) {
            wanted.push(Wanted::Method(method));
        } else if let Some((_, effect)) = VERBS.iter().find(|(verbs, _)| verbs.contains(first)) {
            wanted.push(Wanted::Does(*effect, (*first).to_owned()));
        } else if let Some((phrase, length, names)) = synonym(first, others) {
            wanted.push(Wanted::Word(phrase, names));
            rest = &others[length - 1..];
        } else if *first != "a" && *first != "an" && *first != "the" {
            wanted.push(Wanted::Word(singular(first), &[]));
        }
    }
    wanted
}

/// The phrase at the beginning of these words, its number of words, and its synonyms.
fn synonym(first: &str, others: &[&str]) -> Option<(String, usize, &'static [&'static str])> {
    SYNONYMS.iter().find_map(|(phrases, names)| {
        phrases.iter().find_map(|phrase| {
            let parts: Vec<&str> = phrase.split(' ').collect();
            let typed = std::iter::once(first).chain(others.iter().copied()).take(parts.len());
            let typed: Vec<String> = typed.map(singular).collect();
            (typed == parts).then(|| (parts.join(" "), parts.len(), *names))
        })
    })
}

/// `networks` → `network`, `policies` → `policy`; other words are unchanged.
fn singular(word: &str) -> String {
    match (word.strip_suffix("ies"), word.strip_suffix('s')) {
        (Some(stem), _) if stem.len() > 1 => format!("{stem}y"),
        (_, Some(stem)) if stem.len() > 2 && !stem.ends_with(['s', 'n', 'u', 'i', '8']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

/// `None` when a condition is not met.
fn fit(operation: &Operation, wanted: &[Wanted]) -> Option<Fit> {
    let mut text = format!("{} {} {}", operation.route, operation.tag, operation.operation_id).to_lowercase();
    // Nearly every path has these two parameters, so that they do not count as words.
    if !wanted.iter().any(|wanted| matches!(wanted, Wanted::Word(word, _) if word.contains('{'))) {
        text = text.replace("{project_id}", "").replace("{region_id}", "");
    }
    let has = |wanted: &Wanted| match wanted {
        Wanted::Method(method) => operation.route.method == *method,
        Wanted::Does(effect, word) => operation.effect == *effect || text.contains(word.as_str()),
        Wanted::Word(word, names) => mentions(&text, word) || names.iter().any(|name| text.contains(name)),
    };
    if !wanted.iter().all(has) {
        return None;
    }
    // Some ids contain `delete` although the call deletes nothing.
    let does = wanted.iter().all(|wanted| !matches!(wanted, Wanted::Does(effect, _) if *effect != operation.effect));
    let last = operation.route.path.split('/').rfind(|segment| !segment.starts_with('{')).unwrap_or_default();
    let kind = operation.creates.as_ref().map_or("", |creates| creates.kind.as_str());
    let is_called = |called: &str, wanted: &Wanted| match wanted {
        Wanted::Word(word, names) => {
            names.contains(&called) || singular(called) == *word || called == word.replace(' ', "_")
        }
        Wanted::Method(_) | Wanted::Does(..) => false,
    };
    Some(match operation.deprecated {
        true => Fit::Deprecated,
        false if !does => Fit::Mentions,
        false if wanted.iter().any(|wanted| is_called(last, wanted)) => Fit::Named,
        false if wanted.iter().any(|wanted| is_called(kind, wanted)) => Fit::Makes,
        false => Fit::Mentions,
    })
}

/// Whether a text contains a word, or all words of a phrase; `registry` is in `registries`.
fn mentions(text: &str, phrase: &str) -> bool {
    phrase.split(' ').all(|word| {
        let plural = word.strip_suffix('y').map(|stem| format!("{stem}ies"));
        text.contains(word) || plural.is_some_and(|plural| text.contains(&plural))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(words: &str) -> String {
        let found = Catalog::embedded().search(&[words]);
        let route = found.first().map(|found| found.operation.route.to_string()).unwrap_or_default();
        route.replace("{project_id}/{region_id}", "PR")
    }

    #[test]
    fn everyday_words_find_the_operation() {
        for (words, route) in [
            ("create network", "POST /cloud/v1/networks/PR"),
            ("network", "POST /cloud/v1/networks/PR"),
            ("vm", "POST /cloud/v2/instances/PR"),
            ("virtual machines", "POST /cloud/v2/instances/PR"),
            ("create a server", "POST /cloud/v2/instances/PR"),
            ("delete vm", "DELETE /cloud/v1/instances/PR/{instance_id}"),
            ("database", "POST /cloud/v1/dbaas/postgres/clusters/PR"),
            ("kubernetes", "POST /cloud/v2/k8s/clusters/PR"),
            ("image", "POST /cloud/v1/images/PR"),
            ("images", "POST /cloud/v1/images/PR"),
            ("load balancer", "POST /cloud/v1/loadbalancers/PR"),
            ("firewall", "POST /cloud/v2/security_groups/PR"),
            ("disk", "POST /cloud/v1/volumes/PR"),
            ("public ip", "POST /cloud/v1/floatingips/PR"),
            ("ssh key", "POST /cloud/v1/ssh_keys/{project_id}"),
            ("nfs", "POST /cloud/v1/file_shares/PR"),
            ("bare metal", "POST /cloud/v1/bminstances/PR"),
            ("registry", "POST /cloud/v1/registries/PR"),
            ("list flavors", "GET /cloud/v1/flavors/PR"),
            ("vip", "POST /cloud/v1/reserved_fixed_ips/PR"),
            ("upload image", "POST /cloud/v1/downloadimage/PR"),
            ("lambda", "POST /cloud/v1/faas/namespaces/PR/{namespace_name}/functions"),
            ("live stream", "POST /streaming/streams"),
            ("waf rule", "POST /waap/v1/domains/{domain_id}/custom-rules"),
            ("dns record", "POST /dns/v2/zones/{zoneName}/{rrsetName}/{rrsetType}"),
            ("key value store", "POST /fastedge/v1/kv"),
            ("allowed address pairs", "PUT /cloud/v2/ports/PR/{port_id}/allow_address_pairs"),
            ("user permission", "POST /cloud/v1/users/assignments"),
        ] {
            assert_eq!(first(words), route, "{words}");
        }
    }

    #[test]
    fn methods_and_pieces_of_paths_still_narrow() {
        let found = Catalog::embedded().search(&["PATCH", "networks"]);
        assert!(found.iter().all(|found| found.operation.route.method == Method::Patch));
        assert!(!found.is_empty());
        assert!(Catalog::embedded().search(&["no-such-word"]).is_empty());
    }

    #[test]
    fn deprecated_operations_come_last() {
        let found = Catalog::embedded().search(&["instances"]);
        let fits: Vec<Fit> = found.iter().map(|found| found.fit).collect();
        assert!(fits.is_sorted(), "{fits:?}");
        assert_eq!(fits.last(), Some(&Fit::Deprecated));
    }

    #[test]
    fn every_synonym_stands_for_something_that_exists() {
        for (phrases, names) in SYNONYMS {
            for name in *names {
                let known = Catalog::embedded().operations().any(|operation| {
                    operation.route.path.contains(name)
                        || operation.creates.as_ref().is_some_and(|creates| creates.kind == *name)
                });
                assert!(known, "{phrases:?}: {name}");
            }
        }
    }
}
