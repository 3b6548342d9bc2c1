//! Which bundles may follow which: what a thief of the file server, a truncated file or a replay could do otherwise.

use super::*;
use crate::signature::{Ed25519Signer, KeyId};

const NOW: u64 = 1_000_000;

/// A key of a bundle: workload, key id, end in seconds.
type Key = (&'static str, &'static str, Option<u64>);

fn bundle(sequence: Option<u64>, keys: &[Key]) -> Bundle {
    let jwks: Vec<String> = keys
        .iter()
        .map(|(workload, key_id, end)| {
            let mut seed = [7; 32];
            seed[0] = key_id.as_bytes()[0];
            let workload = WorkloadId::new(*workload).unwrap();
            let key_id = KeyId::new(*key_id).unwrap();
            let signer = Ed25519Signer::from_seed(workload.clone(), key_id.clone(), &seed).unwrap();
            let mut ring = KeyRing::new();
            let key = signer.public_key().clone();
            match end {
                Some(end) => {
                    ring.trust_until(workload, key_id, key, NotAfter::from_unix_seconds(*end).unwrap())
                        .unwrap();
                }
                None => ring.trust(workload, key_id, key).unwrap(),
            }
            let json = Bundle::to_json(&ring).unwrap();
            json.strip_prefix(r#"{"keys":["#).unwrap().strip_suffix("]}").unwrap().to_owned()
        })
        .collect();
    let sequence = sequence.map(|number| format!(r#","spiffe_sequence":{number}"#)).unwrap_or_default();
    Bundle::from_json(format!(r#"{{"keys":[{}]{sequence}}}"#, jwks.join(",")).as_bytes()).unwrap()
}

fn check(previous: &[Key], next: &[Key]) -> Result<(), NoSuccessor> {
    bundle(None, next).check_follows(&bundle(None, previous), NOW)
}

fn of(workload: &str) -> WorkloadId {
    WorkloadId::new(workload).unwrap()
}

const A: Key = ("cart", "a", None);
const B: Key = ("cart", "b", None);
const STOCK: Key = ("stock", "s", None);
/// A second before `NOW`, and one after.
const PAST: Option<u64> = Some(999);
const AHEAD: Option<u64> = Some(1001);

#[test]
fn rotation_with_overlap_is_taken_at_each_step() {
    for (previous, next) in [
        (&[A][..], &[A, B][..]),
        (&[A, B], &[B]),
        (&[A], &[A]),
        (&[A], &[("cart", "a", PAST), B]),
        (&[("cart", "a", PAST), B], &[B]),
        (&[A], &[A, STOCK]),
    ] {
        assert_eq!(check(previous, next), Ok(()), "{previous:?} {next:?}");
    }
}

#[test]
fn bundle_that_lost_a_workload_is_not_taken() {
    let refused = check(&[A, STOCK], &[A]).unwrap_err();
    assert_eq!(refused, NoSuccessor::WorkloadVanished(of("stock")));
    assert_eq!(refused.kind(), "shrinking");
    assert_eq!(check(&[("cart", "a", AHEAD)], &[STOCK]), Err(NoSuccessor::WorkloadVanished(of("cart"))));
}

#[test]
fn workload_whose_keys_have_ended_may_leave() {
    assert_eq!(check(&[A, ("stock", "s", PAST)], &[A]), Ok(()));
    let half = [A, ("stock", "s", PAST), ("stock", "t", AHEAD)];
    assert_eq!(check(&half, &[A]), Err(NoSuccessor::WorkloadVanished(of("stock"))));
}

#[test]
fn bundle_that_swaps_the_only_key_of_a_workload_is_not_taken() {
    let refused = check(&[A], &[B]).unwrap_err();
    assert_eq!((refused.kind(), &refused), ("shrinking", &NoSuccessor::NoOverlap(of("cart"))));
    // An ended key that stays is no overlap: it signs nothing any more.
    assert_eq!(check(&[("cart", "a", PAST), B], &[("cart", "a", PAST)]), Err(refused));
}

#[test]
fn other_key_under_the_key_id_of_the_first_is_no_overlap() {
    // The first letter of a key id is the seed, so this is `a` of the others under the name of `b`.
    let text = Bundle::to_json(bundle(None, &[A]).ring()).unwrap().replace(r#""kid":"a""#, r#""kid":"b""#);
    let swapped = Bundle::from_json(text.as_bytes()).unwrap();
    let refused = swapped.check_follows(&bundle(None, &[B]), NOW).unwrap_err();
    assert_eq!(refused, NoSuccessor::NoOverlap(of("cart")));
    assert_eq!(check(&[A], &[("stock", "a", None)]), Err(NoSuccessor::WorkloadVanished(of("cart"))));
}

#[test]
fn empty_bundle_is_not_taken() {
    let empty = bundle(None, &[]).check_follows(&bundle(None, &[("cart", "a", PAST)]), NOW);
    assert_eq!(empty, Err(NoSuccessor::Empty));
}

#[test]
fn bundle_of_yesterday_is_not_taken_again() {
    let follows = |previous, next, keys: &[Key]| {
        bundle(next, keys).check_follows(&bundle(previous, &[A]), NOW).map_err(|it| it.kind())
    };
    assert_eq!(follows(Some(5), Some(4), &[A, B]), Err("older"));
    assert_eq!(follows(Some(5), None, &[A, B]), Err("older"));
    assert_eq!(follows(Some(5), Some(5), &[A, B]), Err("older"), "one number for two bundles");
    assert_eq!(follows(Some(5), Some(5), &[("cart", "a", PAST)]), Err("older"));
    assert_eq!(follows(Some(5), Some(5), &[A]), Ok(()));
    assert_eq!(follows(Some(5), Some(6), &[A, B]), Ok(()));
    assert_eq!(follows(None, Some(0), &[A]), Ok(()));
}

#[test]
fn older_bundle_is_refused_with_both_sequences() {
    for (found, shown) in [(Some(6), "6 after 7"), (None, "none after 7")] {
        let refused = NoSuccessor::Older { used: 7, found }.to_string();
        assert_eq!(refused, format!("bundle is older than the one in use: sequence {shown}"));
    }
}
