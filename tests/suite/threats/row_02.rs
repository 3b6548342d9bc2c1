//! Unknown principal, key id or key of another principal, removed or ended key.

use kest_core::signature::{KeyRing, NotAfter, ReplaceableKeys};
use kest_tests::forge::{self, inline, tip};
use kest_tests::service::Setup;
use kest_tests::{keys, raw};

use super::check_passports;

#[tokio::test]
async fn strangers_and_borrowed_keys_are_refused() {
    assert_eq!(check_passports(2, &[401]).await, 8);
}

#[tokio::test]
async fn withdrawn_key_is_refused_without_a_restart_even_for_entries_seen_before() {
    let all = ReplaceableKeys::new(KeyRing::clone(&keys::ring()));
    let service = Setup { keys: all.clone(), ..Setup::default() }.start().await;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let request = raw::call().baggage(inline(&entries, &tip(&entries)));
    service.admitted(&request).await;
    let mut fewer = KeyRing::new();
    fewer.trust_signer(keys::signer("orders").as_ref()).unwrap();
    all.replace(fewer);
    service.refused(&request, &[401]).await;
}

#[tokio::test]
async fn entry_issued_after_its_key_ended_is_refused_even_when_seen_before() {
    let all = ReplaceableKeys::new(KeyRing::clone(&keys::ring()));
    let service = Setup { keys: all.clone(), ..Setup::default() }.start().await;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let request = raw::call().baggage(inline(&entries, &tip(&entries)));
    service.admitted(&request).await;
    let mut ended = KeyRing::clone(&keys::ring());
    let gateway = keys::signer("gateway");
    let (workload, key_id, key) = (gateway.workload(), gateway.key_id(), gateway.public_key());
    let end = NotAfter::from_unix_seconds(1).unwrap();
    ended.trust_until(workload.clone(), key_id.clone(), key.clone(), end).unwrap();
    all.replace(ended);
    service.refused(&request, &[401]).await;
}
