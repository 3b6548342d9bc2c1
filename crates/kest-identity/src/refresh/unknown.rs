//! Remembers for a moment which names a publisher does not have.

use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// Names that the publisher did not have when it was asked, each with the fetch that said so.
///
/// A name counts as unknown only while the value in use is the one of that very fetch, so whatever a later fetch
/// brings is never hidden. Strangers choose the names, therefore digests of them are kept.
#[derive(Debug)]
pub(super) struct UnknownIds(Cache<[u8; 32], u64>);

impl UnknownIds {
    pub(super) fn new(capacity: u64) -> Self {
        Self(Cache::new(capacity))
    }

    pub(super) fn remember(&self, key_id: &str, fetch: u64) {
        self.0.insert(digest(key_id), fetch);
    }

    pub(super) fn holds(&self, key_id: &str, fetch: u64) -> bool {
        self.0.get(&digest(key_id)) == Some(fetch)
    }
}

fn digest(key_id: &str) -> [u8; 32] {
    Sha256::digest(key_id).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_unknown_to_the_fetch_that_said_so_and_to_no_other() {
        let ids = UnknownIds::new(8);
        ids.remember("a", 1);
        assert!(ids.holds("a", 1));
        assert!(!ids.holds("a", 2) && !ids.holds("b", 1));
    }

    #[test]
    fn a_flood_of_ids_takes_no_more_than_its_room() {
        let ids = UnknownIds::new(8);
        for number in 0..10_000 {
            ids.remember(&number.to_string(), 1);
        }
        ids.0.run_pending_tasks();
        assert!(ids.0.entry_count() <= 8);
    }
}
