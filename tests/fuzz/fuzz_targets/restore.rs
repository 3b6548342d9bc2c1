//! Steps 2 and 3: the input as a JSON array, as the zlib stream of one, as what a passport store gives, and as header lines.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_baggage::{ClaimCheck, PassportStore, HeaderReader, InMemoryPassports, Tier, restore};
use kest_core::{Limits, Dialect, UnverifiedPassport};
use kest_fuzz::{block_on, ring, verify};
use libfuzzer_sys::fuzz_target;

/// The claim that the vectors redeem.
const CLAIM: &str = "6f1c2a9e-54d7-4b0e-9a53-2f1d8c7b6e40";

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let array = UnverifiedPassport::dangerous_from_json(input, None, &limits).ok();
    if let Some(carried) = &array {
        verify(carried, ring());
    }
    let claimed = opened(&[format!("kest.claim_check={CLAIM}").as_bytes()], input, Dialect::Strict);
    assert_eq!(claimed.map(|(_, passport)| passport.len()), array.map(|passport| passport.len()));
    let compressed = format!("kest.passport_z={}", URL_SAFE_NO_PAD.encode(input));
    if let Some((tier, passport)) = opened(&[compressed.as_bytes()], b"", Dialect::Strict) {
        assert_eq!(tier, Tier::Compressed);
        verify(&passport, ring());
    }
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let stored = lines.last().copied().unwrap_or_default();
    for dialect in [Dialect::Strict, Dialect::LegacyPython] {
        if let Some((_, passport)) = opened(&lines, stored, dialect) {
            assert!(passport.len() <= limits.entries);
            verify(&passport, ring());
        }
    }
});

/// Steps 1 and 2 over `lines`, with `stored` in the passport store.
fn opened(lines: &[&[u8]], stored: &[u8], dialect: Dialect) -> Option<(Tier, UnverifiedPassport)> {
    let mut limits = Limits::default();
    // Room for any input in a header.
    limits.header_bytes = 1 << 20;
    let store = InMemoryPassports::new(&limits);
    let claim = ClaimCheck::parse(CLAIM).expect("a claim id");
    block_on(store.put(&claim, stored.to_vec().into(), limits.claim_check_ttl)).expect("room for one claim");
    let reader = HeaderReader::new(limits.clone()).dialect(dialect).dangerous_accept_missing_tip();
    let packed = reader.read(lines.iter().copied()).ok()?;
    let restored = block_on(restore(packed, Some(&store), &limits)).ok()?;
    let tier = restored.tier()?;
    Some((tier, restored.passport()?))
}
