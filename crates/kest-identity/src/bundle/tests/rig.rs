//! A bundle in a file, a clock in our hand, and passports that name keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::{Bundle, Ed25519Signer, KeyId, KeyRing, NotAfter, ResolveKeys as _, WorkloadId};
use kest_core::{Limits, UnverifiedPassport};
use kest_testkit::TestClock;

pub(super) use crate::jwks::tests::rig::at_once;

use crate::bundle::{BundleFile, BundleStartError, BundleUnavailable};

/// A folder that is gone when the test is over.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kest-bundle-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a bundle there, whole, as people are told to.
    pub(super) fn publish(&self, text: &str) {
        std::fs::write(self.at("new"), text).unwrap();
        std::fs::rename(self.at("new"), self.at("bundle.json")).unwrap();
    }

    pub(super) async fn start(&self, clock: &Arc<TestClock>) -> Result<BundleFile, BundleStartError> {
        BundleFile::builder(self.at("bundle.json")).clock(Arc::<TestClock>::clone(clock)).build().await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A key by its name, `workload/key`, and when it ends.
pub(super) fn ring(keys: &[(&str, Option<u64>)]) -> KeyRing {
    let mut ring = KeyRing::new();
    for (name, end) in keys {
        let (workload, _) = name.split_once('/').unwrap();
        let mut seed = [1; 32];
        seed.iter_mut().zip(name.bytes()).for_each(|(byte, letter)| *byte = letter);
        let (workload, key_id) = (WorkloadId::new(workload).unwrap(), KeyId::new(*name).unwrap());
        let signer = Ed25519Signer::from_seed(workload.clone(), key_id.clone(), &seed).unwrap();
        let key = signer.public_key().clone();
        match end {
            None => ring.trust(workload, key_id, key).unwrap(),
            Some(end) => {
                ring.trust_until(workload, key_id, key, NotAfter::from_unix_seconds(*end).unwrap()).unwrap();
            }
        }
    }
    ring
}

/// A bundle of keys that do not end.
pub(super) fn bundle(keys: &[&str]) -> String {
    numbered(None, keys)
}

pub(super) fn numbered(sequence: Option<u64>, keys: &[&str]) -> String {
    let keys: Vec<_> = keys.iter().map(|name| (*name, None)).collect();
    Bundle::to_json_numbered(&ring(&keys), sequence).unwrap()
}

/// A passport whose entries name these keys; nothing else about it is looked at here.
pub(super) fn naming(keys: &[&str]) -> UnverifiedPassport {
    let entries = keys.iter().map(|key| {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{key}","typ":"JWS"}}"#);
        format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header))
    });
    UnverifiedPassport::dangerous_from_entries(entries, None, &Limits::default()).unwrap()
}

/// The key ids that are trusted for a passport that names `keys`, sorted; or why there are none.
pub(super) async fn trusted(bundle: &BundleFile, keys: &[&str]) -> Result<Vec<String>, BundleUnavailable> {
    match bundle.ring_for(&naming(keys)).await {
        Ok(ring) => Ok(key_ids(&ring)),
        Err(unavailable) => {
            let cause = std::error::Error::source(&unavailable).unwrap();
            Err(cause.downcast_ref::<BundleUnavailable>().unwrap().clone())
        }
    }
}

pub(super) fn key_ids(ring: &KeyRing) -> Vec<String> {
    let mut ids: Vec<String> = ring.keys().map(|(_, key_id, _)| key_id.to_string()).collect();
    ids.sort();
    ids
}

/// Lets the time of the next look come, and waits for it.
pub(super) async fn next_look(bundle: &BundleFile, clock: &TestClock) {
    let looks = bundle.0.refresher.fetches();
    clock.advance(Duration::from_secs(10));
    drop(bundle.0.ring());
    bundle.0.refresher.after_fetches(looks + 1).await;
}

/// As [`next_look`], and says what became of it.
pub(super) async fn outcome_of_next_look(bundle: &BundleFile, clock: &TestClock) -> Option<&'static str> {
    next_look(bundle, clock).await;
    bundle.health().last_error
}
