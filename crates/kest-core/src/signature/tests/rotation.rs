//! A signer is exchanged while entries are signed: what each entry names is what signed it.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::super::*;
use crate::caller::Caller;
use crate::entry::{EntryDraft, EntryId, OperationName, TraceId};
use crate::passport::{Passport, SignContext, SignError};
use crate::policy::{Memo, PolicyRequest, authorize, dangerous_allow_all};
use crate::taint::Taints;
use crate::trust::{TrustModel, TrustScore};
use crate::{Arrival, Limits, Lineage, OsRandom, SystemClock, UnverifiedPassport, Verifier};

/// Nothing here waits for anything.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn key(workload: &str) -> Ed25519Signer {
    Ed25519Signer::generate(WorkloadId::new(workload).unwrap(), &OsRandom).unwrap()
}

fn sign(signer: &dyn Sign, unix_millis: u64) -> Result<Passport, SignError> {
    let entry_id = EntryId::generate(&SystemClock, &OsRandom).unwrap();
    let trace_id = TraceId::generate(&OsRandom).unwrap();
    let draft = EntryDraft::new(entry_id, OperationName::new("read").unwrap(), trace_id);
    let arrival = Arrival::new(Lineage::Absent, Caller::system());
    let (taints, memo, trust, limits) =
        (Taints::none(), Memo::new(), TrustModel::default(), Limits::default());
    let request = PolicyRequest::new(&arrival, &draft, signer.workload(), TrustScore::FULL, &taints, &memo);
    let permit = now(authorize(None, &dangerous_allow_all(), &request)).unwrap();
    let context = SignContext { caller: arrival.caller(), trust: &trust, limits: &limits, unix_millis };
    now(Passport::empty().sign_entry(permit, draft, signer, context))
}

fn verify(passport: &Passport, ring: &KeyRing) -> Result<Passport, &'static str> {
    let limits = Limits::default();
    let carried =
        UnverifiedPassport::from_json(passport.to_json().as_bytes(), passport.tips(), &limits).unwrap();
    Verifier::new(limits).verify(carried, ring).map_err(|error| error.kind().as_str())
}

#[test]
fn entry_never_names_another_key_than_the_one_that_signed_it() {
    let seeds: Vec<[u8; 32]> = (1..=4).map(|byte| [byte; 32]).collect();
    let key = |seed: &[u8; 32]| {
        let id = KeyId::new(format!("key-{}", seed[0])).unwrap();
        Ed25519Signer::from_seed(WorkloadId::new("cart").unwrap(), id, seed).unwrap()
    };
    let mut ring = KeyRing::new();
    for seed in &seeds {
        ring.trust_signer(&key(seed)).unwrap();
    }
    let signer = ReplaceableSigner::new(key(&seeds[0]));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                for seed in &seeds {
                    signer.replace(key(seed)).unwrap();
                }
            }
        });
        let signed = (0..2000).try_for_each(|_| verify(&sign(&signer, 1).unwrap(), &ring).map(drop));
        done.store(true, Ordering::SeqCst);
        assert_eq!(signed, Ok(()));
    });
}

/// Says that it signs for one workload, about which policy is asked, and has the key of another.
#[derive(Debug)]
struct TwoFaced(WorkloadId, Ed25519Signer);

impl Sign for TwoFaced {
    fn workload(&self) -> &WorkloadId {
        &self.0
    }

    fn current(&self) -> std::sync::Arc<dyn SigningKey> {
        self.1.current()
    }
}

#[test]
fn signer_that_hands_out_a_key_of_another_workload_signs_nothing() {
    let signer = TwoFaced(WorkloadId::new("cart").unwrap(), key("payments"));
    assert!(matches!(sign(&signer, 1), Err(SignError::OtherWorkload)));
}

#[test]
fn retired_key_signs_nothing_new_and_what_it_signed_before_holds() {
    let signer = key("cart");
    let mut ring = KeyRing::new();
    let end = NotAfter::from_unix_seconds(1000).unwrap();
    let trust = |ring: &mut KeyRing, signer: &Ed25519Signer| {
        ring.trust(signer.workload().clone(), signer.key_id().clone(), signer.public_key().clone()).unwrap();
    };
    ring.trust_until(signer.workload().clone(), signer.key_id().clone(), signer.public_key().clone(), end)
        .unwrap();
    let (before, after) = (sign(&signer, 1_000_000).unwrap(), sign(&signer, 1_000_001).unwrap());
    assert!(verify(&before, &ring).is_ok());
    assert_eq!(verify(&after, &ring).unwrap_err(), "key_expired");
    // Neither another key of the workload nor trusting the key once more without an end changes that.
    trust(&mut ring, &key("cart"));
    assert_eq!(verify(&after, &ring).unwrap_err(), "key_expired");
    trust(&mut ring, &signer);
    assert_eq!(verify(&after, &ring).unwrap_err(), "key_expired");
}

#[test]
fn entry_that_was_remembered_under_a_key_is_refused_once_the_key_has_ended() {
    let signer = key("cart");
    let (mut open, mut ended) = (KeyRing::new(), KeyRing::new());
    open.trust_signer(&signer).unwrap();
    let end = NotAfter::from_unix_seconds(1000).unwrap();
    ended
        .trust_until(signer.workload().clone(), signer.key_id().clone(), signer.public_key().clone(), end)
        .unwrap();
    let passport = sign(&signer, 1_000_001).unwrap();
    let limits = Limits::default();
    let verifier = Verifier::new(limits.clone()).remember(crate::passport::SeenEntries::new(&limits));
    let carried =
        || UnverifiedPassport::from_json(passport.to_json().as_bytes(), passport.tips(), &limits).unwrap();
    assert!(verifier.verify(carried(), &open).is_ok());
    let refused = verifier.verify(carried(), &ended).unwrap_err();
    assert_eq!(refused.kind().as_str(), "key_expired");
    assert_eq!(refused.workload(), Some(signer.workload()));
}
