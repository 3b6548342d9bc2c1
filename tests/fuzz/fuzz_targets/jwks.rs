//! Key sets of an issuer.

#![no_main]

use std::collections::BTreeSet;

use kest_core::Limits;
use kest_identity::KeySet;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    if let Ok(set) = KeySet::from_json(input, &limits) {
        // Every key is used, alone or with others of its id, or counted, and none is used that cannot be named.
        if let Ok(json) = serde_json::from_slice::<Value>(input) {
            let keys = json["keys"].as_array().expect("an array of keys");
            let named = keys.iter().filter_map(|key| key["kid"].as_str()).filter(|kid| set.contains(kid));
            let (named, ids): (Vec<_>, BTreeSet<_>) = named.map(|kid| (kid, kid)).unzip();
            assert_eq!(ids.len(), set.len());
            assert!(
                keys.len() - named.len() <= set.skipped_keys()
                    && set.len() + set.skipped_keys() <= keys.len()
            );
        }
        assert!(set.len() <= limits.key_set_keys);
    }
});
