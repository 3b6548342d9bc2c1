//! Proofs of signing: nothing is signed that verifiers would refuse, and bounds hold to the last byte.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::forge::{Forge, SIGNED, passport, ring, signer};
use super::{draft, now};
use crate::caller::Caller;
use crate::entry::{EntryDraft, LARGEST_INTEGER, Sanitizer};
use crate::passport::{Passport, SignContext, UnverifiedPassport, Verifier};
use crate::policy::{Authorize, Memo, Permit, PolicyRequest, all_of, authorize, policy_fn};
use crate::signature::{
    Ed25519Signer, KeyId, PublicKey, ReplaceableSigner, Sign, Signature, SignatureCheck, SignerError,
    SigningKey, WorkloadId,
};
use crate::taint::Taints;
use crate::trust::{TrustModel, TrustScore};
use crate::{Arrival, Limits, Lineage};

fn permit(draft: &EntryDraft, policies: usize) -> Permit {
    let arrival = Arrival::new(Lineage::Absent, Caller::system());
    let (taints, memo, signer) = (Taints::none(), Memo::new(), signer("orders"));
    let request = PolicyRequest::new(&arrival, draft, signer.workload(), TrustScore::FULL, &taints, &memo);
    let one = |number| -> Arc<dyn Authorize> { Arc::new(policy_fn(format!("p{number}"), |_| true).unwrap()) };
    now(authorize(None, &all_of((0..policies).map(one)), &request)).unwrap()
}

/// What one attempt to sign differs in from one that works.
struct Attempt<'it> {
    before: &'it Passport,
    draft: EntryDraft,
    signer: &'it dyn Sign,
    caller: Caller,
    limits: Limits,
    unix_millis: u64,
    policies: usize,
}

impl Attempt<'_> {
    fn sign(&self) -> Result<Passport, &'static str> {
        let trust = TrustModel::default();
        let context = SignContext {
            caller: &self.caller,
            trust: &trust,
            limits: &self.limits,
            unix_millis: self.unix_millis,
        };
        let permit = permit(&self.draft, self.policies);
        let signed = self.before.sign_entry(permit, self.draft.clone(), self.signer, context);
        now(signed).map_err(|refused| refused.kind())
    }
}

/// Signs after `before` what `change` made of an attempt that works.
fn attempt(before: &Passport, change: impl FnOnce(&mut Attempt<'_>)) -> Result<Passport, &'static str> {
    let signer = signer("orders");
    let mut attempt = Attempt {
        before,
        draft: draft("read"),
        signer: &signer,
        caller: Caller::system(),
        limits: Limits::default(),
        unix_millis: SIGNED,
        policies: 1,
    };
    change(&mut attempt);
    attempt.sign()
}

fn root() -> Passport {
    let root = Forge::entry("gateway", 1, &[]).sign();
    passport(&[&root], &[&root])
}

#[test]
fn passport_or_policies_over_a_bound_are_not_signed_and_at_it_they_are() {
    let root = root();
    let entries = |entries| attempt(&root, |it| it.limits.entries = entries).map(|it| it.len());
    assert_eq!((entries(2), entries(1)), (Ok(2), Err("passport_full")));
    let [one, other] = ["orders", "ledger"].map(|name| {
        let tip = Forge::entry(name, 2, &[root.entries()[0].compact()]);
        let tip = tip.with("entry_id", json!(draft("read").entry_id().to_string())).sign();
        passport(&[root.entries()[0].compact(), &tip], &[&tip])
    });
    let forked = one.merge(&other, &Limits::default()).unwrap();
    let parents = |parents| attempt(&forked, |it| it.limits.parents = parents).map(|it| it.tips());
    assert_eq!(parents(2).unwrap().as_slice().len(), 1);
    assert_eq!(parents(1).unwrap_err(), "passport_full");
    let policies =
        |policies| attempt(&root, |it| (it.limits.policies, it.policies) = (2, policies)).map(|it| it.len());
    assert_eq!((policies(1), policies(2), policies(3)), (Ok(2), Ok(2), Err("policies")));
}

#[test]
fn taints_over_the_bound_in_any_of_three_lists_are_not_signed() {
    let tainted = Forge::entry("gateway", 1, &[]).with("added_taints", json!(["a", "b"]));
    let tainted = tainted.with("taints", json!(["a", "b"])).sign();
    let before = passport(&[&tainted], &[&tainted]);
    let sign = |added: &[&str], removed: &[&str]| {
        attempt(&before, |it| {
            it.limits.taints = 2;
            it.draft.added_taints = added.iter().copied().collect();
            let because = Sanitizer::because("read");
            it.draft.sanitizer = Some(removed.iter().fold(because, |all, taint| all.removes(*taint)));
        })
        .map(|it| it.taints().len())
    };
    assert_eq!(sign(&[], &[]), Ok(2));
    assert_eq!(sign(&["c", "d"], &["a", "b"]), Ok(2));
    assert_eq!(sign(&["c"], &[]), Err("taints"), "all together");
    assert_eq!(sign(&["c", "d", "e"], &["c", "d"]), Err("taints"), "together, and added");
    assert_eq!(sign(&["a", "b", "c"], &["a", "b"]), Err("taints"), "added");
    assert_eq!(sign(&[], &["a", "b", "x"]), Err("taints"), "removed");
}

#[test]
fn classification_clock_and_length_are_bounded_to_the_last_byte() {
    let before = root();
    let classified = |length| {
        attempt(&before, |it| it.draft.classification = "x".repeat(length).into()).map(|it| it.len())
    };
    assert_eq!((classified(1), classified(256)), (Ok(2), Ok(2)));
    assert_eq!((classified(0), classified(257)), (Err("classification"), Err("classification")));
    let last = u64::try_from(LARGEST_INTEGER).unwrap();
    let at = |millis| attempt(&before, |it| it.unix_millis = millis);
    let stamped = |millis| at(millis).map(|it| it.entries()[1].timestamp_millis());
    assert_eq!((stamped(SIGNED), stamped(last)), (Ok(SIGNED.cast_signed()), Ok(LARGEST_INTEGER)));
    assert_eq!((stamped(last + 1), stamped(u64::MAX)), (Err("clock"), Err("clock")));
    let signed = at(SIGNED).unwrap();
    let length = signed.entries()[1].compact().len();
    let bounded = |bytes| attempt(&before, |it| it.limits.entry_bytes = bytes).map(|it| it.len());
    assert_eq!((bounded(length), bounded(length - 1)), (Ok(2), Err("entry_too_long")));
}

#[test]
fn what_nobody_may_say_is_not_signed() {
    let before = root();
    let silent = attempt(&before, |it| it.draft.sanitizer = Some(Sanitizer::because(" ")));
    assert_eq!(silent.unwrap_err(), "sanitizer_without_reason");
    // The caller is said to be the lineage's, which is absent.
    let inherited = attempt(&Passport::empty(), |it| it.caller = lineages());
    assert_eq!(inherited.unwrap_err(), "foreign_identity");
    let allowed = draft("read");
    let other = attempt(&before, |it| it.draft = allowed.clone());
    assert_eq!(other.unwrap().len(), 2);
}

fn lineages() -> Caller {
    let root = root();
    let arrival = Lineage::Carried(root);
    let evidence = crate::Evidence::new(&arrival);
    now(crate::authenticate(&crate::FromLineage, &evidence)).unwrap()
}

#[test]
fn what_was_signed_is_verified_as_it_was_meant() {
    let before = root();
    let signed = attempt(&before, |it| it.draft.added_taints.insert("web")).unwrap();
    let json = signed.to_json();
    let carried = UnverifiedPassport::from_json(json.as_bytes(), signed.tips(), &Limits::default()).unwrap();
    let verified = Verifier::default().verify(carried, &ring()).unwrap();
    assert_eq!(verified.to_json(), json);
    assert_eq!((verified.len(), verified.taints().contains("web")), (2, true));
}

/// A signer somewhere else, which may answer anything.
#[derive(Debug)]
struct Remote {
    honest: Ed25519Signer,
    answers: Answers,
}

#[derive(Debug, Clone, Copy)]
enum Answers {
    Truly,
    Wrongly,
    Never,
}

#[async_trait]
impl SigningKey for Remote {
    fn workload(&self) -> &WorkloadId {
        self.honest.workload()
    }

    fn key_id(&self) -> &KeyId {
        self.honest.key_id()
    }

    fn public_key(&self) -> &PublicKey {
        self.honest.public_key()
    }

    async fn sign(&self, input: &[u8]) -> Result<Signature, SignerError> {
        match self.answers {
            Answers::Truly => self.honest.sign(input).await,
            Answers::Wrongly => self.honest.sign(b"something else").await,
            Answers::Never => Err(SignerError::new("no route")),
        }
    }
}

#[test]
fn wrong_signature_of_a_remote_signer_is_never_handed_on() {
    let before = root();
    let sign = |answers| {
        let remote = Remote { honest: signer("orders"), answers };
        assert_eq!(remote.signature_check(), SignatureCheck::Verify, "unless it says otherwise");
        let allowed = draft("read");
        let limits = Limits::default();
        let attempt = Attempt {
            before: &before,
            draft: allowed,
            signer: &ReplaceableSigner::new(remote),
            caller: Caller::system(),
            limits,
            unix_millis: SIGNED,
            policies: 1,
        };
        attempt.sign().map(|it| it.len())
    };
    assert_eq!(sign(Answers::Truly), Ok(2));
    assert_eq!(sign(Answers::Wrongly), Err("wrong_signature"));
    assert_eq!(sign(Answers::Never), Err("signer_unavailable"));
}
