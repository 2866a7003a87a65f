//! Random ids for attempts and requests: not for keys.

use std::sync::{Mutex, PoisonError};

use uuid::{Builder, Uuid};

/// How many ids are made from the random bytes of one call to the operating system, which takes as long as making
/// hundreds of them.
const BATCH: usize = 64;

type Pool = Vec<[u8; 16]>;

static POOL: Mutex<Pool> = Mutex::new(Vec::new());

/// 32 hexadecimal digits: a random UUID (RFC 9562 §5.4).
pub fn random_id() -> String {
    random_uuid().simple().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

fn random_uuid() -> Uuid {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.is_empty() {
        fill(&mut pool);
    }
    pool.pop().map_or_else(Uuid::new_v4, |bytes| Builder::from_random_bytes(bytes).into_uuid())
}

/// Leaves the pool empty when the operating system provides no random bytes.
fn fill(pool: &mut Pool) {
    let mut bytes = [0; 16 * BATCH];
    if getrandom::fill(&mut bytes).is_ok() {
        pool.extend(bytes.as_chunks::<16>().0);
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::hash::HashSet;

    #[test]
    fn ids_are_random_uuids_and_never_the_same() {
        let ids: Vec<Uuid> = (0..BATCH * 3 + 1).map(|_| random_uuid()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122));
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        // 122 bits are random: each of them is set in some and not in others.
        let set = |bit: u32| ids.iter().filter(|id| id.as_u128() >> bit & 1 == 1).count();
        assert_eq!((0..128).filter(|bit| (1..ids.len()).contains(&set(*bit))).count(), 122);
        assert!(random_id().len() == 32 && random_id().chars().all(|digit| digit.is_ascii_hexdigit()));
    }
}
