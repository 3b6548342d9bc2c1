//! One compact entry; and the input as the payload, or the header, of an entry that a trusted workload signs.

#![no_main]

use kest_core::{Limits, UnverifiedPassport};
use kest_fuzz::{Careless, ring, verify};
use libfuzzer_sys::fuzz_target;

const HEADER: &[u8] = br#"{"alg":"EdDSA","typ":"JWS"}"#;
const PAYLOAD: &[u8] = include_bytes!("../seeds/entry/payload_one_entry");

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let one = |text: String| UnverifiedPassport::dangerous_from_entries([text], None, &limits).ok();
    if let Some(carried) = std::str::from_utf8(input).ok().and_then(|text| one(text.to_owned())) {
        verify(&carried, ring());
    }
    let careless = Careless::shared();
    for (header, payload) in [(HEADER, input), (input, PAYLOAD)] {
        if let Some(carried) = one(careless.sign(header, payload)) {
            verify(&carried, careless.ring());
        }
    }
});
