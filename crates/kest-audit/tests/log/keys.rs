//! A key is exchanged while a log is written: it verifies under the keys of then, and under no fewer.

use std::sync::Arc;

use kest_audit::{Answer, Durability, JsonLines, Log, LogVerifier, Report};
use kest_core::signature::{
    Ed25519Signer, KeyId, KeyRing, NotAfter, ReplaceableSigner, Sign as _, WorkloadId,
};
use kest_core::{Admitter, Audit, Clock as _, Limits, SystemClock, Verifier};

use crate::rig::{operate, patient};

fn key(id: &str, seed: u8) -> Ed25519Signer {
    let workload = WorkloadId::new("spiffe://example.org/cart").unwrap();
    Ed25519Signer::from_seed(workload, KeyId::new(id).unwrap(), &[seed; 32]).unwrap()
}

/// As one who trusts these keys, each of them to an end where it has one.
fn verify(folder: &std::path::Path, keys: &[(&Ed25519Signer, Option<u64>)]) -> Report {
    let mut ring = KeyRing::new();
    for (signer, end) in keys {
        let key = signer.current();
        let (workload, id, public) = (key.workload().clone(), key.key_id().clone(), key.public_key().clone());
        match end {
            Some(end) => {
                let end = NotAfter::from_unix_seconds(*end).unwrap();
                ring.trust_until(workload, id, public, end).unwrap();
            }
            None => ring.trust(workload, id, public).unwrap(),
        }
    }
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    verifier.verify(&Log::open(folder).unwrap(), |_bytes| ()).unwrap()
}

/// Attack: a key that was retired signs on.
#[tokio::test]
async fn exchanged_key_counts_until_its_end_and_the_next_from_there_on() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Arc::new(ReplaceableSigner::new(key("old", 1)));
    let log =
        JsonLines::builder(folder.path(), Arc::<ReplaceableSigner>::clone(&signer), Durability::Required);
    let log = Arc::new(log.limits(patient()).segment_bytes(4096).open().unwrap());
    let shared: Arc<dyn Audit> = Arc::<JsonLines>::clone(&log);
    let service = Admitter::builder(Arc::<ReplaceableSigner>::clone(&signer)).audit(shared).build();
    for _operation in 0..10 {
        drop(operate(&service, "before").await);
    }
    // It is sealed here with the old key.
    log.removed(uuid::Uuid::nil(), 0, kest_audit::TreeHash::NOTHING).await.unwrap();
    signer.replace(key("new", 2)).unwrap();
    for _operation in 0..10 {
        drop(operate(&service, "after").await);
    }
    log.close().await.unwrap();
    let later = SystemClock.unix_seconds() + 60;
    let (old, new) = (key("old", 1), key("new", 2));
    let whole = verify(folder.path(), &[(&old, Some(later)), (&new, None)]);
    assert!(whole.holds(), "{:?}", whole.faults);
    assert_eq!((whole.writers[0].answer, whole.entries()), (Answer::Complete, 20));
    for fewer in [&[(&old, None)][..], &[(&new, None)], &[(&old, Some(1)), (&new, None)]] {
        let report = verify(folder.path(), fewer);
        assert_eq!(report.writers[0].answer, Answer::Gap);
        let kinds: Vec<_> = report.faults.iter().map(|fault| fault.kind.as_str()).collect();
        assert!(kinds.contains(&"entry_invalid") && kinds.contains(&"checkpoint_invalid"), "{kinds:?}");
    }
}
