//! What a path addresses: a kind, and a resource or its collection.

use std::sync::LazyLock;

use super::kinds::{KINDS, ResourceKind};
use crate::order::sort_by_key;

/// What a path addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The row in [`KINDS`].
    pub(super) kind: &'static str,
    pub(super) project: u64,
    pub(super) region: u64,
    /// Kind and key of the parent in the path.
    pub(super) parent: Option<(&'static str, String)>,
    /// The resource; `None` for the collection.
    pub(super) key: Option<String>,
    /// The segments after the resource: `action`, `metadata`.
    pub(super) rest: Vec<String>,
}

impl Target {
    /// The target of a path that belongs to no kind.
    pub(super) const NOWHERE: Target =
        Target { kind: "", project: 0, region: 0, parent: None, key: None, rest: Vec::new() };
}

/// The path of a collection of one kind.
struct Collection {
    kind: &'static ResourceKind,
    segments: Vec<&'static str>,
}

/// The most specific path first: `lbpools/…/{pool}/member` before `lbpools/…`.
static COLLECTIONS: LazyLock<Vec<Collection>> = LazyLock::new(|| {
    let mut all: Vec<_> = KINDS
        .iter()
        .flat_map(|kind| {
            kind.collections.iter().map(move |path| Collection { kind, segments: path.split('/').collect() })
        })
        .collect();
    sort_by_key(&mut all, |collection| std::cmp::Reverse(collection.segments.len()));
    all
});

/// The target of the segments after the version, if they belong to a kind.
pub(super) fn target(segments: &[String]) -> Option<Target> {
    COLLECTIONS.iter().find_map(|collection| collection.target(segments))
}

impl Collection {
    fn target(&self, segments: &[String]) -> Option<Target> {
        let (head, tail) = segments.split_at_checked(self.segments.len())?;
        let mut target = Target {
            kind: self.kind.name,
            project: 0,
            region: 0,
            parent: None,
            key: tail.first().cloned(),
            rest: tail.get(1..).unwrap_or_default().to_vec(),
        };
        for (pattern, segment) in self.segments.iter().zip(head) {
            match *pattern {
                "{p}" => target.project = segment.parse().ok()?,
                "{r}" => target.region = segment.parse().ok()?,
                literal => match parent_kind(literal) {
                    Some(kind) => target.parent = Some((kind, segment.clone())),
                    None if literal == segment => {}
                    None => return None,
                },
            }
        }
        Some(target)
    }
}

pub(super) fn parent_kind(pattern: &'static str) -> Option<&'static str> {
    pattern.strip_prefix("{^")?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str) -> Option<Target> {
        let segments: Vec<_> = path.split('/').map(str::to_owned).collect();
        target(&segments)
    }

    #[test]
    fn the_most_specific_place_wins() {
        let member = find("lbpools/1/7/p/member/m").unwrap();
        assert_eq!(member.kind, "members");
        assert_eq!(member.parent, Some(("pools", "p".to_owned())));
        assert_eq!(member.key.as_deref(), Some("m"));
        let action = find("instances/1/7/i/action").unwrap();
        assert_eq!((action.kind, action.key.as_deref()), ("instances", Some("i")));
        assert_eq!(action.rest, ["action"]);
        assert_eq!(find("loadbalancers/1/7/pools/p/members").unwrap().kind, "members");
    }

    #[test]
    fn projects_and_regions_are_numbers() {
        assert_eq!(find("networks/1/seven"), None);
        assert_eq!(find("nowhere/1/7"), None);
    }
}
