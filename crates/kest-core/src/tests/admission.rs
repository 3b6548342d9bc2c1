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
use crate::{AdmitOptions, Caller, PassportBinding};

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

/// A lineage of another service, worth 100, as it arrives here.
fn arrived(taint: &'static str) -> Arrival {
    let other = Admitter::builder(Arc::new(key("1"))).build();
    let operation = named("before").taint(taint);
    let before = now(other.originate(Origin::internal(), &operation, &dangerous_allow_all())).unwrap();
    Arrival::new(Lineage::Carried(before.passport().clone()), Caller::system())
}

/// Attack: a passport of high trust was copied and is sent by one whom a root here would trust less.
#[test]
fn passport_that_lifts_nothing_is_worth_a_root_at_most_and_its_taints_count() {
    let admitter = Admitter::builder(Arc::new(key("two"))).build();
    let admit = |arrival: &Arrival, operation: &Operation| {
        let options = AdmitOptions::default().with_root_origin(Origin::internet());
        let seen = std::sync::Mutex::default();
        let policy = crate::policy::policy_fn("looks", |it| {
            *seen.lock().unwrap() = Some((it.trust_score().value(), it.taints().contains("raw")));
            true
        });
        let admission = now(admitter.admit(arrival, operation, &policy.unwrap(), options)).unwrap();
        (seen.into_inner().unwrap().unwrap(), admission)
    };
    let ((trust, tainted), lifted) = admit(&arrived("raw"), &named("read"));
    assert_eq!((trust, tainted, lifted.entry().trust_score().value()), (100, true, 100));
    let copied = arrived("raw").never_lifting();
    let ((trust, tainted), held) = admit(&copied, &named("read"));
    assert_eq!((trust, tainted, held.entry().trust_score().value()), (10, true, 10));
    assert!(held.passport().taints().contains("raw"));
    let ((trust, _), held) = admit(&copied, &named("read").origin(Origin::user_input()));
    assert_eq!((trust, held.entry().trust_score().value()), (40, 40), "the operation's own origin");
    // What follows inside of the service, and whom it calls, go by the entry that was signed here.
    let nested = now(held.operation(named("resize")).admit(&dangerous_allow_all())).unwrap();
    assert_eq!(nested.entry().trust_score().value(), 40);
}

/// Attack: the same, through a door of one's own that speaks of no root.
#[test]
fn passport_that_lifts_nothing_is_worth_the_internet_where_no_origin_was_named() {
    let admitter = Admitter::builder(Arc::new(key("two"))).build();
    let admit = |arrival: &Arrival| {
        let options = AdmitOptions::default();
        now(admitter.admit(arrival, &named("read"), &dangerous_allow_all(), options)).unwrap()
    };
    let trust = |arrival: Arrival| admit(&arrival).entry().trust_score().value();
    assert_eq!((trust(arrived("raw").never_lifting()), trust(arrived("raw"))), (10, 100));
}

#[test]
fn lineage_is_bound_where_all_that_came_in_is() {
    let admitter = Admitter::builder(Arc::new(key("two"))).build();
    let admit = |arrival: &Arrival| {
        now(admitter.admit(arrival, &named("read"), &dangerous_allow_all(), AdmitOptions::default())).unwrap()
    };
    let root = admit(&Arrival::new(Lineage::Absent, Caller::system()));
    let unbound = admit(&arrived("a"));
    let signed = admit(&arrived("b").with_binding(PassportBinding::Signature));
    let peer = admit(&arrived("c").with_binding(PassportBinding::Peer));
    assert_eq!(root.arrival().binding(), PassportBinding::Unbound, "nothing came");
    let following = |admission: &Admission| admission.following().binding().as_str();
    let all = [&root, &unbound, &signed, &peer].map(following);
    assert_eq!(all, ["signature", "none", "signature", "peer"]);
    let joined = |one: &Admission, other: &Admission| one.join([other]).unwrap().arrival.binding().as_str();
    assert_eq!(joined(&signed, &unbound), "none");
    assert_eq!(joined(&unbound, &peer), "none");
    assert_eq!(joined(&root, &unbound), "none");
    assert_eq!(joined(&root, &peer), "signature");
    assert_eq!(joined(&peer, &signed), "peer");
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
