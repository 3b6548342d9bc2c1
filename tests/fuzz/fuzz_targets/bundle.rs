//! Trust bundles: one, against what its text says; and two, of which the second wants to follow the first.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::{Bundle, NotAfter};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// What a moment is held against: some ends lie before it.
const NOW: u64 = 1_795_000_000_000;

fuzz_target!(|input: &[u8]| {
    match input.iter().position(|byte| *byte == 0) {
        None => drop(read(input)),
        Some(at) => {
            let (previous, next) = (&input[..at], &input[at + 1..]);
            if let (Some(previous), Some(next)) = (read(previous), read(next)) {
                succeed(&previous, &next);
            }
        }
    }
});

/// The keys by their ids: whose, which, until when.
type Keys = BTreeMap<String, (String, Vec<u8>, Option<u64>)>;

/// Reads a bundle. One that is taken trusts exactly the signing keys of its text.
fn read(text: &[u8]) -> Option<Bundle> {
    let bundle = Bundle::from_json(text).ok()?;
    let (said, skipped) = of_text(text);
    assert_eq!(of_ring(&bundle), said);
    assert_eq!(bundle.skipped().len(), skipped);
    let written = Bundle::to_json_numbered(bundle.ring(), bundle.sequence()).expect("a writable bundle");
    let again = Bundle::from_json(written.as_bytes()).expect("our own bundle");
    assert_eq!((of_ring(&again), again.sequence()), (of_ring(&bundle), bundle.sequence()));
    assert!(again.skipped().is_empty());
    assert_eq!(bundle.check_follows(&bundle, NOW).is_ok(), !said.is_empty());
    Some(bundle)
}

fn of_ring(bundle: &Bundle) -> Keys {
    let ring = bundle.ring();
    ring.keys()
        .map(|(workload, id, key)| {
            let end = ring.not_after(id).map(NotAfter::unix_seconds);
            (id.to_string(), (workload.to_string(), key.as_bytes().to_vec(), end))
        })
        .collect()
}

/// The same keys as another reader finds them, and how many entries are none.
fn of_text(text: &[u8]) -> (Keys, usize) {
    let value: Value = serde_json::from_slice(text).expect("JSON");
    let alone = [value.clone()];
    let listed = value.get("keys").map_or(alone.as_slice(), |keys| keys.as_array().expect("a list"));
    let mut keys = Keys::new();
    let mut skipped = 0;
    for jwk in listed {
        let signs = jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519";
        if !signs || jwk.get("use").is_some_and(|purpose| purpose != "sig") {
            skipped += 1;
            continue;
        }
        assert!(jwk.get("d").is_none(), "a private key was taken");
        let kid = jwk["kid"].as_str().expect("a key id");
        let workload = jwk.get("principal").map_or(kid, |it| it.as_str().expect("a workload"));
        let key = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("a key")).expect("base64url");
        let end = jwk.get("not_after").map(|end| end.as_u64().expect("seconds"));
        let found = keys.entry(kid.to_owned()).or_insert_with(|| (workload.to_owned(), key.clone(), end));
        assert_eq!((&found.0, &found.1), (&workload.to_owned(), &key), "one id of two keys");
        // Of one key in several places the earliest end counts.
        found.2 = [found.2, end].into_iter().flatten().min();
    }
    for workload in keys.values().map(|(workload, ..)| workload) {
        assert!(keys.values().filter(|(other, ..)| other == workload).count() <= 4);
    }
    (keys, skipped)
}

/// A bundle that may follow has keys, is not older, and keeps a key of each workload that still signs.
fn succeed(previous: &Bundle, next: &Bundle) {
    let (before, after) = (of_ring(previous), of_ring(next));
    let older = match (previous.sequence(), next.sequence()) {
        (Some(used), Some(found)) => found < used || (found == used && before != after),
        (Some(_), None) => true,
        (None, _) => false,
    };
    let signs = |end: &Option<u64>| end.is_none_or(|end| NOW <= end * 1000);
    let live = || before.iter().filter(|(_, (_, _, end))| signs(end));
    let needed: BTreeSet<&String> = live().map(|(_, (workload, ..))| workload).collect();
    let kept: BTreeSet<&String> = live()
        .filter(|(id, (workload, key, _))| {
            after.get(*id).is_some_and(|(other, same, _)| (other, same) == (workload, key))
        })
        .map(|(_, (workload, ..))| workload)
        .collect();
    let may_follow = !after.is_empty() && !older;
    assert_eq!(next.check_sequence(previous).is_ok(), may_follow);
    assert_eq!(next.check_follows(previous, NOW).is_ok(), may_follow && needed == kept);
}
