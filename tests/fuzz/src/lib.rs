//! What the fuzz targets share: whom they trust, and what must be true of everything that verification accepts.

use std::cell::OnceCell;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::entry::Entry;
use kest_core::signature::{Bundle, Ed25519Signer, KeyId, KeyRing, SigningKey as _, WorkloadId};
use kest_core::{Dialect, Limits, Passport, UnverifiedPassport, Verifier, parse_strict_json};
use serde_json::Value;

/// The keys that the test vectors are signed with.
pub fn ring() -> &'static KeyRing {
    static RING: OnceLock<KeyRing> = OnceLock::new();
    RING.get_or_init(|| {
        let bundle = Bundle::from_json(include_bytes!("../../vectors/keys.json"));
        bundle.expect("the vectors' keys").into_ring()
    })
}

/// Runs what waits for nothing but tokio's timer.
pub fn block_on<F: Future>(future: F) -> F::Output {
    thread_local!(static RUNTIME: OnceCell<tokio::runtime::Runtime> = const { OnceCell::new() });
    RUNTIME.with(|runtime| {
        let start = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.expect("a runtime")
        };
        runtime.get_or_init(start).block_on(future)
    })
}

/// Verifies `carried`, strictly and as the first implementation needs it, and checks whatever is accepted.
pub fn verify(carried: &UnverifiedPassport, ring: &KeyRing) -> Option<Passport> {
    let verify = |dialect| {
        let verifier = Verifier::new(Limits::default()).dialect(dialect);
        verifier.verify(carried.clone(), ring).ok()
    };
    let (strict, legacy) = (verify(Dialect::Strict), verify(Dialect::LegacyPython));
    if let Some(passport) = &legacy {
        check_passport(passport, carried);
    }
    let passport = strict?;
    check_passport(&passport, carried);
    for entry in passport.entries() {
        check_entry(entry);
    }
    assert!(legacy.is_some(), "the tolerant reading refuses what the strict one accepts");
    Some(passport)
}

/// What was accepted is what was carried, and is accepted again under the tips that it has.
fn check_passport(passport: &Passport, carried: &UnverifiedPassport) {
    let entries = passport.entries().iter().map(|entry| entry.compact());
    assert!(entries.eq(carried.dangerous_entries()));
    let limits = Limits::default();
    let again = UnverifiedPassport::from_json(passport.to_json().as_bytes(), passport.tips(), &limits);
    assert_eq!(again.expect("our own array").len(), passport.len());
    assert!(passport.is_empty() || passport.trust_score().is_some());
}

/// The payload of an accepted entry is its own canonical form, of exactly the 18 members, and means what the entry says.
fn check_entry(entry: &Entry) {
    let [header, payload] = [0, 1].map(|part| {
        let part = entry.compact().split('.').nth(part).expect("three parts");
        URL_SAFE_NO_PAD.decode(part).expect("base64url")
    });
    let header: Value = serde_json::from_slice(&header).expect("a JSON header");
    assert!(header.as_object().is_some_and(|it| it["alg"] == "EdDSA" && it["typ"] == "JWS" && it.len() <= 3));
    // A `Value` that is read as such takes objects with names of the parser's own for something else.
    let value = parse_strict_json(&payload, Limits::default().json_depth).expect("a JSON payload");
    assert_eq!(serde_json_canonicalizer::to_vec(&value).expect("canonical"), payload);
    let members = value.as_object().expect("an object");
    assert!(members.keys().map(String::as_str).eq(MEMBERS), "{members:?}");
    assert_eq!(value["trust_score"], entry.trust_score().value());
    assert_eq!(value["operation"], entry.operation().as_str());
    assert_eq!(value["entry_id"], entry.entry_id().to_string());
    assert_eq!(value["timestamp_ms"], entry.timestamp_millis());
    assert_eq!(value["labels"]["principal"], entry.workload().as_str());
    assert_eq!(value["parent_ids"] == serde_json::json!(["0"]), entry.is_root());
    for (member, taints) in [
        ("taints", entry.taints()),
        ("added_taints", entry.added_taints()),
        ("removed_taints", entry.removed_taints()),
    ] {
        let listed = value[member].as_array().expect("a list");
        assert_eq!(listed.len(), taints.len());
        assert!(listed.iter().all(|taint| taints.contains(taint.as_str().expect("a text"))));
    }
}

const MEMBERS: [&str; 18] = [
    "added_taints",
    "classification",
    "content_hash",
    "entry_id",
    "environment",
    "input_hash",
    "labels",
    "metadata",
    "operation",
    "otel_context",
    "parent_ids",
    "policy_context",
    "removed_taints",
    "runtime",
    "schema_version",
    "taints",
    "timestamp_ms",
    "trust_score",
];

/// A trusted workload that signs whatever it is given.
pub struct Careless {
    signer: Ed25519Signer,
    ring: KeyRing,
}

impl Careless {
    /// One key, trusted for every principal of the vectors.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Careless> = OnceLock::new();
        SHARED.get_or_init(|| {
            let key = |name: &str| {
                let workload = WorkloadId::new(format!("spiffe://example.org/{name}")).expect("a name");
                Ed25519Signer::from_seed(workload, KeyId::new(name).expect("a name"), &[7; 32])
                    .expect("a key")
            };
            let mut ring = KeyRing::new();
            for name in ["gateway", "orders", "billing"] {
                ring.trust_signer(&key(name)).expect("one key each");
            }
            Self { signer: key("gateway"), ring }
        })
    }

    /// Who is trusted.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Its public key.
    pub fn public_key(&self) -> &[u8; 32] {
        self.signer.public_key().as_bytes()
    }

    /// Its signer.
    pub fn signer(&self) -> Ed25519Signer {
        let workload = self.signer.workload().clone();
        Ed25519Signer::from_seed(workload, self.signer.key_id().clone(), &[7; 32]).expect("a key")
    }

    /// The signature over exactly these bytes.
    pub fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        *block_on(self.signer.sign(bytes)).expect("the key is here").as_bytes()
    }

    /// The compact JWS over exactly these bytes.
    pub fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = block_on(self.signer.sign(input.as_bytes())).expect("the key is here");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
    }
}
