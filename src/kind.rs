//! Kinds of resources, in words.

/// Products whose kinds begin with the first segment of their paths, and their spelling.
const PRODUCTS: [(&str, &str); 5] =
    [("cdn", "CDN"), ("dns", "DNS"), ("fastedge", "FastEdge"), ("iam", "IAM"), ("waap", "WAAP")];

/// A kind in words, in the singular: `floatingips` is a `floating IP`, `ssh_keys` an `SSH key`.
pub fn kind_name(kind: &str) -> String {
    match kind {
        "floatingips" => return "floating IP".to_owned(),
        "reserved_fixed_ips" => return "reserved fixed IP".to_owned(),
        "loadbalancers" => return "load balancer".to_owned(),
        "healthmonitors" => return "health monitor".to_owned(),
        "l7polices" | "l7policies" => return "L7 policy".to_owned(),
        "l7rules" => return "L7 rule".to_owned(),
        "securitygroups" => return "security group".to_owned(),
        "servergroups" => return "placement group".to_owned(),
        "ssh_keys" | "keypairs" => return "SSH key".to_owned(),
        "registry_registries" => return "registry".to_owned(),
        "dns_rrsets" => return "DNS record set".to_owned(),
        "cdn_ssl_certificates" => return "CDN SSL certificate".to_owned(),
        "cdn_ca_certificates" => return "CDN CA certificate".to_owned(),
        "fastedge_kv_stores" => return "FastEdge KV store".to_owned(),
        _ => {}
    }
    let product = PRODUCTS.iter().find_map(|(root, name)| Some((name, kind.strip_prefix(root)?.strip_prefix('_')?)));
    if let Some((name, kind)) = product {
        return format!("{name} {}", kind_name(kind));
    }
    let words = kind.replace('_', " ");
    if let Some(stem) = words.strip_suffix("ies") {
        format!("{stem}y")
    } else if let Some(stem) = words.strip_suffix("sses") {
        format!("{stem}ss")
    } else if words.ends_with("ss") || words.ends_with("us") {
        words
    } else {
        words.strip_suffix('s').map_or(words.clone(), str::to_owned)
    }
}

/// A resource in words: its kind, `resource` when that is not known, and its id.
pub fn resource_name(kind: Option<&str>, id: &str) -> String {
    format!("{} {id}", kind.map_or_else(|| "resource".to_owned(), kind_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_words() {
        for (kind, word) in [
            ("networks", "network"),
            ("floatingips", "floating IP"),
            ("l7polices", "L7 policy"),
            ("ddos_profiles", "ddos profile"),
            ("registries", "registry"),
            ("registry_registries", "registry"),
            ("registry_users", "registry user"),
            ("addresses", "address"),
        ] {
            assert_eq!(kind_name(kind), word);
        }
    }

    #[test]
    fn a_resource_of_no_known_kind_has_a_word_too() {
        assert_eq!(resource_name(Some("floatingips"), "f-1"), "floating IP f-1");
        assert_eq!(resource_name(None, "1"), "resource 1");
    }
}
