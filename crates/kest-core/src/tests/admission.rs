//! An admission keeps the key that signed its entry, whatever the service signs with by the time it is used.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::policy::dangerous_allow_all;
use crate::signature::{Ed25519Signer, KeyId, ReplaceableSigner, Signature, WorkloadId};
use crate::trust::Origin;
use crate::{AdmitOptions, Caller};

/// Nothing here waits for anything.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn key(id: &str) -> Ed25519Signer {
    let workload = WorkloadId::new("cart").unwrap();
    Ed25519Signer::from_seed(workload, KeyId::new(id).unwrap(), &[id.len().try_into().unwrap(); 32]).unwrap()
}

fn named(name: &'static str) -> Operation {
    Operation::named(name).unwrap()
}

/// That the kept key is `id`, and the one that signed the entry.
#[track_caller]
fn check(admission: &Admission, id: &str) {
    let kept = admission.signing_key();
    assert_eq!(kept.key_id().as_str(), id);
    let (signed, signature) = admission.entry().compact().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let signature = Signature::from_bytes(signature.try_into().unwrap());
    assert!(kept.public_key().verifies(signed.as_bytes(), &signature));
}

#[test]
fn rotation_between_admission_and_use_keeps_the_key_that_signed() {
    let signer = ReplaceableSigner::new(key("1"));
    let admitter = Admitter::builder(Arc::new(signer.clone())).build();
    let arrival = Arrival::new(Lineage::Absent, Caller::system());
    let admit = |options| now(admitter.admit(&arrival, &named("read"), &dangerous_allow_all(), options));
    let admitted = admit(AdmitOptions::default()).unwrap();
    let originated =
        now(admitter.originate(Origin::internal(), &named("tick"), &dangerous_allow_all())).unwrap();
    signer.replace(key("two")).unwrap();
    let nested = now(admitted.operation(named("resize")).admit(&dangerous_allow_all())).unwrap();
    signer.replace(key("three")).unwrap();
    let joined = admitted.join([&nested, &originated]).unwrap();
    let joined = now(joined.admit(&named("summarise"), &dangerous_allow_all())).unwrap();
    signer.replace(key("fourth")).unwrap();
    for (admission, id) in [(&admitted, "1"), (&originated, "1"), (&nested, "two"), (&joined, "three")] {
        check(admission, id);
        let signature = now(admission.signing_key().sign(b"in the name of the tip")).unwrap();
        assert!(key(id).public_key().verifies(b"in the name of the tip", &signature));
    }
    // An operation with a key of its own is signed with that one.
    check(&admit(AdmitOptions::default().with_signer(Arc::new(key("elsewhere")))).unwrap(), "elsewhere");
}
