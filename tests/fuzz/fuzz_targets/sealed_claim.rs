//! Step 2 with sealing: the input as what lies under a claim, as its protected header, and spliced into a real seal.

#![no_main]

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use kest_baggage::{
    Audience, ClaimCheck, PassportStore, PassportStores, HeaderReader, InMemoryPassports, RestoreError, Sealing, SealingKey,
    Tiers, pack,
};
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyId, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Clock, Identity, Admitter, Limits, Operation, OsRandom};
use kest_fuzz::block_on;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let sealed = sealed();
    assert!(opened(&sealed.value).is_ok(), "the seal holds");
    refused(input);
    let mut parts: Vec<&[u8]> = sealed.value.split(|byte| *byte == b'.').collect();
    let header = URL_SAFE_NO_PAD.encode(input);
    parts[0] = header.as_bytes();
    refused(&parts.join(&b'.'));
    let [high, low, splice @ ..] = input else { return };
    let place = usize::from(u16::from_be_bytes([*high, *low])) % sealed.value.len();
    let mut spliced = sealed.value.clone();
    spliced.splice(place..(place + splice.len()).min(sealed.value.len()), splice.iter().copied());
    refused(&spliced);
});

/// A claim that really was sealed, and the members that lead to it.
struct Sealed {
    claim: ClaimCheck,
    line: Vec<u8>,
    value: Vec<u8>,
}

/// Only the holder of the key makes a value that opens.
fn refused(value: &[u8]) {
    if value != sealed().value {
        assert!(opened(value).is_err(), "a value that was not sealed was opened");
    }
}

fn opened(value: &[u8]) -> Result<(), RestoreError> {
    let (limits, sealed) = (Limits::default(), sealed());
    let store = Arc::new(InMemoryPassports::new(&limits));
    block_on(store.put(&sealed.claim, value.to_vec().into(), limits.claim_check_ttl)).expect("room for one claim");
    let packed = HeaderReader::new(limits.clone()).read([sealed.line.as_slice()]).expect("our own header");
    block_on(claims(store).restore(packed, &limits)).map(drop)
}

fn claims(store: Arc<InMemoryPassports>) -> PassportStores {
    let key = SealingKey::new(KeyId::new("fuzz").expect("a key id"), &[7; 32]);
    let sealing = Sealing::new(key, Audience::new("fuzz").expect("a name"));
    PassportStores::sealed(store, sealing).clock(Arc::new(Still))
}

/// However long the run takes, the seal does not expire.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

fn sealed() -> &'static Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    SEALED.get_or_init(|| {
        let (limits, workload) =
            (Limits::default(), WorkloadId::new("spiffe://fuzz.example/one").expect("a name"));
        let signer = Ed25519Signer::ephemeral(workload, &OsRandom).expect("a key");
        let (kest, start) =
            (Admitter::builder(Arc::new(signer)).build(), Operation::named("start").expect("a name"));
        let admission =
            block_on(kest.originate(Origin::system(), &start, &dangerous_allow_all())).expect("an entry");
        let store = Arc::new(InMemoryPassports::new(&limits));
        let tiers = Tiers::auto().threshold(0).store(claims(Arc::<InMemoryPassports>::clone(&store)));
        let anonymous = Identity::default();
        let packed = block_on(pack(admission.passport(), &anonymous, &tiers, &OsRandom, &limits));
        let mut headers = HeaderMap::new();
        packed.expect("a claim").inject(&mut headers, &limits).expect("room in a header");
        let line = headers["baggage"].to_str().expect("text").to_owned();
        let claim =
            line.split([',', '=']).nth(1).and_then(|text| ClaimCheck::parse(text).ok()).expect("a claim check");
        let value = block_on(store.get(&claim)).expect("a store").expect("the claim").to_vec();
        Sealed { claim, line: line.into_bytes(), value }
    })
}
