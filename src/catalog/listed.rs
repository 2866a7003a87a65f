//! The kind of a list's items, derived from the operations that create such resources.

use std::sync::Arc;

use super::{Catalog, Method, Operation, root_of};
use crate::hash::HashMap;

/// What the items of a list are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The kind as in other operations: `networks`.
    pub kind: String,
    /// The field with the id of an item.
    pub id_field: String,
    /// The field with its name, if it has one.
    pub name_field: Option<String>,
}

impl Catalog {
    /// The items of the list that a GET answers; `None` when no operation creates such resources, or it is not a
    /// list.
    pub fn listed(&self, operation: &Operation) -> Option<&Listed> {
        if operation.route.method != Method::Get {
            return None;
        }
        self.product(root_of(&operation.route.path))?.listed(&operation.route.path)
    }
}

/// The items of these operations' lists, by path.
pub(super) fn lists(operations: impl Iterator<Item = Arc<Operation>>) -> HashMap<String, Listed> {
    let mut lists = HashMap::default();
    for operation in operations {
        let Some(creates) = &operation.creates else { continue };
        let Some(list) = creates.resource.as_ref().and_then(|resource| resource.list.as_ref()) else { continue };
        // A list inside its parent is read with the parent.
        if list.items_at != "/results" {
            continue;
        }
        lists.entry(list.path.clone()).or_insert_with(|| Listed {
            kind: creates.kind.clone(),
            id_field: list.id_field.clone(),
            name_field: list.name_field.clone(),
        });
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Route;

    #[test]
    fn a_list_has_the_kind_that_its_creates_make() {
        let catalog = Catalog::embedded();
        let listed = |path: &str| {
            let operation = catalog.find(&Route::parse(path).unwrap()).unwrap();
            catalog.listed(&operation).map(|listed| (listed.kind.as_str(), listed.id_field.as_str()))
        };
        assert_eq!(listed("GET /cloud/v1/networks/{project_id}/{region_id}"), Some(("networks", "id")));
        assert_eq!(listed("GET /cloud/v1/images/{project_id}/{region_id}"), Some(("images", "id")));
        assert_eq!(listed("GET /cloud/v1/ssh_keys/{project_id}"), Some(("ssh_keys", "id")));
        assert_eq!(listed("GET /cloud/v1/regions"), None);
        assert_eq!(listed("POST /cloud/v1/networks/{project_id}/{region_id}"), None);
    }
}
