//! Signs any entry, also those that no honest signer would sign.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Limits;
use crate::entry::EntryHash;
use crate::passport::{Passport, Tips, UnverifiedPassport, Verifier, VerifyError};
use crate::signature::{Ed25519Signer, KeyId, KeyRing, WorkloadId};

/// When every entry was signed that says nothing else.
pub(super) const SIGNED: u64 = 1_700_000_000_000;

pub(super) fn workload(name: &str) -> WorkloadId {
    WorkloadId::new(name).unwrap()
}

fn seed(name: &str) -> [u8; 32] {
    Sha256::digest(name).into()
}

/// The signer of `name`; its key is called `<name>-1`.
pub(super) fn signer(name: &str) -> Ed25519Signer {
    let key_id = KeyId::new(format!("{name}-1")).unwrap();
    Ed25519Signer::from_seed(workload(name), key_id, &seed(name)).unwrap()
}

/// Trusts gateway, orders and ledger.
pub(super) fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    for name in ["gateway", "orders", "ledger"] {
        ring.trust_signer(&signer(name)).unwrap();
    }
    ring
}

/// An entry under construction: of full trust, for a user whose token was verified at the root.
pub(super) struct Forge {
    payload: Value,
    workload: String,
}

impl Forge {
    pub(super) fn entry(name: &str, number: u16, parents: &[&str]) -> Self {
        let mut hashes: Vec<String> = parents.iter().map(|parent| EntryHash::of(parent).to_hex()).collect();
        hashes.sort();
        let source = if hashes.is_empty() { "jwt" } else { "lineage" };
        if hashes.is_empty() {
            hashes.push("0".to_owned());
        }
        let payload = json!({
            "schema_version": "0.3.0", "runtime": {"name": "forge", "version": "1"},
            "entry_id": format!("019aaaac-2806-7f92-a935-9802bcde{number:04x}"),
            "operation": "operation", "classification": "system", "trust_score": 100,
            "parent_ids": hashes, "added_taints": [], "removed_taints": [], "taints": [],
            "labels": {
                "principal": name, "trace_id": "d76533500a3597ea165ae60bdafe2a33",
                "kest.identity": r#"{"agent":null,"task":null,"user":"alice"}"#,
                "kest.identity_source": source, "kest.issuer": "https://issuer.example",
            },
            "policy_context": {
                "enterprise_policies": [], "platform_policies": [], "app_policies": [],
                "function_policies": ["p1"], "deviations": [],
            },
            "environment": {}, "otel_context": {}, "metadata": null, "content_hash": "", "input_hash": "",
            "timestamp_ms": SIGNED,
        });
        Self { payload, workload: name.to_owned() }
    }

    pub(super) fn with(mut self, member: &str, value: Value) -> Self {
        self.payload[member] = value;
        self
    }

    pub(super) fn label(mut self, name: &str, value: &str) -> Self {
        self.payload["labels"][name] = value.into();
        self
    }

    pub(super) fn without_label(mut self, name: &str) -> Self {
        self.payload["labels"].as_object_mut().unwrap().remove(name);
        self
    }

    /// As the first implementation signs it: without a source and an issuer.
    pub(super) fn legacy(self) -> Self {
        self.without_label("kest.identity_source").without_label("kest.issuer")
    }

    /// Sanitized by its own workload.
    pub(super) fn sanitized(self) -> Self {
        let by = json!({"by": self.workload, "reason": "read"}).to_string();
        self.label("kest.sanitizer", &by)
    }

    pub(super) fn sign(&self) -> String {
        let header = json!({"alg": "EdDSA", "kid": format!("{}-1", self.workload), "typ": "JWS"});
        let payload = serde_json_canonicalizer::to_vec(&self.payload).unwrap();
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = SigningKey::from_bytes(&seed(&self.workload)).sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// What came in, with `tips` announced.
pub(super) fn carried(entries: &[&str], tips: &[&str]) -> UnverifiedPassport {
    let tips = Tips::new(tips.iter().map(|tip| EntryHash::of(tip)).collect());
    UnverifiedPassport::from_entries(entries.iter().copied(), tips, &Limits::default()).unwrap()
}

/// Verifies a chain whose last entry is announced.
pub(super) fn judge(verifier: &Verifier, entries: &[&str]) -> Result<Passport, VerifyError> {
    let last = entries.last().copied();
    verifier.verify(carried(entries, last.as_slice()), &ring())
}

/// A passport that holds, of `entries` that end in `tips`.
pub(super) fn passport(entries: &[&str], tips: &[&str]) -> Passport {
    Verifier::default().verify(carried(entries, tips), &ring()).unwrap()
}
