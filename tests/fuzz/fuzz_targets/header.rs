//! The lines of a `baggage` header: step 1, in each way of reading, and taking out what is ours.

#![no_main]

use http::{HeaderMap, HeaderValue};
use kest_baggage::{HeaderReader, ReadError, restore, strip};
use kest_core::{Limits, Dialect};
use kest_fuzz::block_on;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let lines = || input.split(|byte| *byte == b'\n');
    for dialect in [Dialect::Strict, Dialect::LegacyPython] {
        let reader = HeaderReader::new(limits.clone()).dialect(dialect);
        for reader in [reader.clone(), reader.dangerous_accept_missing_tip()] {
            let Ok(packed) = reader.read(lines()) else { continue };
            let came = packed.tier();
            // What step 1 let through, step 2 opens or refuses; absent it stays, and nothing else becomes absent.
            let Ok(restored) = block_on(restore(packed, None, &limits)) else { continue };
            assert_eq!(came.is_none(), restored.tier().is_none());
            assert_eq!(came.is_none(), restored.passport().is_none());
        }
    }
    let mut headers = HeaderMap::new();
    for line in lines() {
        let Ok(line) = HeaderValue::from_bytes(line) else { return };
        headers.append("baggage", line);
    }
    strip(&mut headers);
    for dialect in [Dialect::Strict, Dialect::LegacyPython] {
        match HeaderReader::new(limits.clone()).dialect(dialect).read_headers(&headers) {
            Ok(left) => assert!(left.tier().is_none()),
            Err(ReadError::Character) => {}
            Err(other) => assert!(other.is_over_limit(), "something of ours is left: {other}"),
        }
    }
    let once = headers.clone();
    strip(&mut headers);
    assert_eq!(headers, once);
});
