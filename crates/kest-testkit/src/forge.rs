//! Signs anything: the attacker's workshop. Nothing here checks what it signs.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::Clock;
use kest_core::entry::EntryHash;
use serde_json::{Value, json};

use crate::fail::OrFail as _;
use crate::workload::{first_name, seed, workload};

/// An entry under construction: payload and header are changed freely, and signed as they stand.
///
/// ```
/// use kest_testkit::{Forge, TestClock, header};
///
/// let clock = TestClock::default();
/// let root = Forge::entry(&clock, "gateway", 1, &[]).sign();
/// let lie = Forge::entry(&clock, "orders", 2, &[&root]).label("kest.issuer", "https://evil.example").sign();
/// let entries = [root, lie];
/// let baggage = header::inline(&entries, &header::tip(&entries));
/// # assert!(baggage.starts_with("kest.passport="));
/// ```
#[derive(Debug, Clone)]
pub struct Forge {
    /// The payload, to be changed freely.
    pub payload: Value,
    /// The protected header, to be changed freely.
    pub header: Value,
    seed: [u8; 32],
}

impl Forge {
    /// An honest entry of `name` number `number` that follows `parents` (compact entries), with trust 100, for a user
    /// whose token was verified at the root.
    ///
    /// # Panics
    ///
    /// When `name` is not a workload's name.
    #[must_use]
    #[track_caller]
    pub fn entry(clock: &dyn Clock, name: &str, number: u16, parents: &[&str]) -> Self {
        let mut hashes: Vec<String> = parents.iter().map(|parent| EntryHash::of(parent).to_hex()).collect();
        hashes.sort();
        let source = if hashes.is_empty() { "jwt" } else { "lineage" };
        if hashes.is_empty() {
            hashes.push("0".to_owned());
        }
        let payload = json!({
            "schema_version": "0.3.0", "runtime": {"name": "forge", "version": "1"},
            "entry_id": format!("019aaaac-2806-7f92-a935-9802bcde{number:04x}"),
            "operation": format!("operation {number}"), "classification": "system", "trust_score": 100,
            "parent_ids": hashes, "added_taints": [], "removed_taints": [], "taints": [],
            "labels": {
                "principal": workload(name).as_str(), "trace_id": "d76533500a3597ea165ae60bdafe2a33",
                "kest.identity": r#"{"agent":null,"task":null,"user":"alice"}"#,
                "kest.identity_source": source, "kest.issuer": "https://issuer.example",
            },
            "policy_context": {
                "enterprise_policies": [], "platform_policies": [], "app_policies": [],
                "function_policies": ["p1"], "deviations": [],
            },
            "environment": {}, "otel_context": {}, "metadata": null, "content_hash": "", "input_hash": "",
            "timestamp_ms": clock.unix_millis(),
        });
        let header = json!({"alg": "EdDSA", "kid": format!("{name}-1"), "typ": "JWS"});
        Self { payload, header, seed: seed(name) }
    }

    /// What stands in this compact entry, to be changed and signed again by the workload that it names.
    ///
    /// # Panics
    ///
    /// When it is not a compact entry.
    #[must_use]
    #[track_caller]
    pub fn of(compact: &str) -> Self {
        let mut parts = compact.split('.').map(|part| {
            let json = URL_SAFE_NO_PAD.decode(part).or_fail("a part of a compact entry");
            serde_json::from_slice::<Value>(&json)
        });
        let mut next = || parts.next().or_fail("a compact entry").or_fail("a part of a compact entry");
        let (header, payload) = (next(), next());
        let name = payload.pointer("/labels/principal").and_then(Value::as_str).unwrap_or_default();
        let seed = seed(first_name(name));
        Self { payload, header, seed }
    }

    /// Signs with the key of another workload.
    #[must_use]
    pub fn signed_by(mut self, name: &str) -> Self {
        self.seed = seed(name);
        self
    }

    /// Changes a member of the payload, by JSON pointer.
    ///
    /// # Panics
    ///
    /// When there is nothing at `pointer`.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        *self.payload.pointer_mut(pointer).or_fail("a member of the payload") = value.into();
        self
    }

    /// Sets a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        if let Some(labels) = self.labels() {
            labels.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Takes a label away.
    #[must_use]
    pub fn without_label(mut self, name: &str) -> Self {
        if let Some(labels) = self.labels() {
            labels.remove(name);
        }
        self
    }

    /// Names no one.
    #[must_use]
    pub fn anonymous(self) -> Self {
        self.label("kest.identity", r#"{"agent":null,"task":null,"user":null}"#)
            .label("kest.identity_source", "anonymous")
            .without_label("kest.issuer")
    }

    /// Sets a member of the protected header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(header) = self.header.as_object_mut() {
            header.insert(name.to_owned(), value.into());
        }
        self
    }

    /// The compact JWS over canonical bytes.
    ///
    /// # Panics
    ///
    /// When the payload has no canonical form.
    #[must_use]
    #[track_caller]
    pub fn sign(&self) -> String {
        self.sign_bytes(&serde_json_canonicalizer::to_vec(&self.payload).or_fail("the canonical form"))
    }

    /// The compact JWS over exactly these payload bytes.
    ///
    /// # Panics
    ///
    /// When the seed makes no key, which all do.
    #[must_use]
    #[track_caller]
    pub fn sign_bytes(&self, payload: &[u8]) -> String {
        let input = self.signing_input(payload);
        let key = Ed25519KeyPair::from_seed_unchecked(&self.seed).or_fail("a key of a seed");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())))
    }

    /// What stands before the signature.
    #[must_use]
    pub fn signing_input(&self, payload: &[u8]) -> String {
        let header = self.header.to_string();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    fn labels(&mut self) -> Option<&mut serde_json::Map<String, Value>> {
        self.payload.get_mut("labels").and_then(Value::as_object_mut)
    }
}
