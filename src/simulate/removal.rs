//! Removes a resource, with what belongs to it.

use super::state::CloudState;
use super::store::Uid;
use super::{compute, ip};

impl CloudState {
    /// Removes a resource from the store, with what belongs to it.
    pub(super) fn remove(&mut self, uid: Uid) {
        for member in self.store.family(uid) {
            ip::release(self, member);
            compute::release(self, member);
            if let Some(resource) = self.store.get(member) {
                self.gone.insert(resource.id.clone());
                if resource.kind.by_name {
                    self.gone.insert(resource.name.clone());
                }
            }
        }
        self.store.remove(uid);
    }
}
