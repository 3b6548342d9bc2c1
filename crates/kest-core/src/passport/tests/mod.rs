//! Proofs about signing that need what only this crate can make.

mod carried;
mod forge;
mod freshness;
mod joining;
mod legacy;
mod members;
mod memory;
mod rules;
mod signing;
mod vectors;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::caller::Caller;
use crate::entry::{EntryDraft, EntryId, OperationName, TraceId};
use crate::policy::{Memo, PolicyRequest, authorize, dangerous_allow_all};
use crate::signature::{Ed25519Signer, WorkloadId};
use crate::taint::Taints;
use crate::trust::{TrustModel, TrustScore};
use crate::{Arrival, Limits, Lineage, OsRandom, SystemClock};

/// Nothing here waits for anything.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn draft(operation: &str) -> EntryDraft {
    let entry_id = EntryId::generate(&SystemClock, &OsRandom).unwrap();
    EntryDraft::new(entry_id, OperationName::new(operation).unwrap(), TraceId::generate(&OsRandom).unwrap())
}

#[test]
fn permit_for_one_entry_does_not_sign_another() {
    let signer = Arc::new(Ed25519Signer::generate(WorkloadId::new("cart").unwrap(), &OsRandom).unwrap());
    let (allowed, other) = (draft("read"), draft("delete"));
    let arrival = Arrival::new(Lineage::Absent, Caller::system());
    let taints = Taints::none();
    let memo = Memo::new();
    let request = PolicyRequest::new(&arrival, &allowed, signer.workload(), TrustScore::FULL, &taints, &memo);
    let permit = || now(authorize(None, &dangerous_allow_all(), &request)).unwrap();
    let (trust, limits) = (TrustModel::default(), Limits::default());
    let context = SignContext { caller: arrival.caller(), trust: &trust, limits: &limits, unix_millis: 1 };
    let sign = |draft: &EntryDraft| {
        now(Passport::empty().sign_entry(permit(), draft.clone(), signer.as_ref(), context))
    };
    assert!(matches!(sign(&other), Err(SignError::OtherPermit)));
    assert_eq!(sign(&allowed).unwrap().len(), 1);
}

/// They are read from the signed text when they are asked for, so that verifying and signing need not keep them.
#[test]
fn entry_says_which_policies_allowed_it_before_and_after_it_travelled() {
    let signer = Arc::new(Ed25519Signer::generate(WorkloadId::new("cart").unwrap(), &OsRandom).unwrap());
    let allowed = draft("read");
    let arrival = Arrival::new(Lineage::Absent, Caller::system());
    let (taints, memo, trust, limits) =
        (Taints::none(), Memo::new(), TrustModel::default(), Limits::default());
    let request = PolicyRequest::new(&arrival, &allowed, signer.workload(), TrustScore::FULL, &taints, &memo);
    let permit = now(authorize(None, &dangerous_allow_all(), &request)).unwrap();
    let given = permit.policies().clone();
    let context = SignContext { caller: arrival.caller(), trust: &trust, limits: &limits, unix_millis: 1 };
    let passport = now(Passport::empty().sign_entry(permit, allowed, signer.as_ref(), context)).unwrap();
    let mut ring = crate::signature::KeyRing::new();
    ring.trust_signer(signer.as_ref()).unwrap();
    let json = passport.to_json();
    let carried = UnverifiedPassport::from_json(json.as_bytes(), passport.tips(), &limits).unwrap();
    let verified = Verifier::new(limits).verify(carried, &ring).unwrap();
    assert!(!given.is_empty());
    for entry in passport.entries().iter().chain(verified.entries()) {
        assert_eq!(entry.policy_context(), &given);
    }
}
