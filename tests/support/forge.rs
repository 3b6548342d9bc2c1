//! Signs anything: the attacker's workshop. Nothing here checks what it signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use kest_core::entry::EntryHash;
use serde_json::{Value, json};

use crate::clock::begun;
use crate::keys::{seed, workload};

/// An entry under construction.
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
    pub fn entry(name: &str, number: u16, parents: &[&str]) -> Self {
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
            "timestamp_ms": begun(),
        });
        let header = json!({"alg": "EdDSA", "kid": format!("{name}-1"), "typ": "JWS"});
        Self { payload, header, seed: seed(name) }
    }

    /// Signs with the key of another workload.
    pub fn signed_by(mut self, name: &str) -> Self {
        self.seed = seed(name);
        self
    }

    /// Changes a member of the payload, by JSON pointer.
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        *self.payload.pointer_mut(pointer).unwrap() = value;
        self
    }

    /// Sets a label.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.payload["labels"][name] = value.into();
        self
    }

    /// Takes a label away.
    pub fn without_label(mut self, name: &str) -> Self {
        self.payload["labels"].as_object_mut().unwrap().remove(name);
        self
    }

    /// Names no one.
    pub fn anonymous(self) -> Self {
        self.label("kest.identity", r#"{"agent":null,"task":null,"user":null}"#)
            .label("kest.identity_source", "anonymous")
            .without_label("kest.issuer")
    }

    /// Sets a member of the protected header.
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    /// The compact JWS over canonical bytes.
    pub fn sign(&self) -> String {
        self.sign_bytes(&serde_json_canonicalizer::to_vec(&self.payload).unwrap())
    }

    /// The compact JWS over exactly these payload bytes.
    pub fn sign_bytes(&self, payload: &[u8]) -> String {
        let header = serde_json::to_vec(&self.header).unwrap();
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = SigningKey::from_bytes(&self.seed).sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// The JSON array of these entries.
pub fn array(entries: &[String]) -> String {
    serde_json::to_string(entries).unwrap()
}

/// A baggage header with `entries` inline, announcing `tip`.
pub fn inline(entries: &[String], tip: &str) -> String {
    format!("kest.passport={},kest.chain_tip={}", escape(&array(entries)), escape(tip))
}

/// A baggage header with `entries` compressed, announcing `tip`.
pub fn compressed(entries: &[String], tip: &str) -> String {
    format!("kest.passport_z={},kest.chain_tip={}", deflate(array(entries).as_bytes()), escape(tip))
}

/// base64url of a zlib stream over `bytes`.
pub fn deflate(bytes: &[u8]) -> String {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    URL_SAFE_NO_PAD.encode(encoder.finish().unwrap())
}

/// The hash of the last entry: the honest tip of a chain.
pub fn tip(entries: &[String]) -> String {
    entries.last().map_or_else(|| "0".to_owned(), |entry| EntryHash::of(entry).to_hex())
}

/// Percent-encodes everything but unreserved characters.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
