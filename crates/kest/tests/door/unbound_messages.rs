//! What a passport is worth that anybody could have put into a message.

use std::collections::HashMap;
use std::time::Duration;

use kest::core::{AdmitError, IdentitySource};
use kest::prelude::*;
use kest::tower::HopProof;
use kest::{KestBuilder, Operation, PassportBinding, carry, dangerous_allow_all, policy_fn};
use kest_testkit::{TestCaller, TestKest};

const HOUR: Duration = Duration::from_secs(3600);

fn kit() -> TestKest {
    TestKest::new(["gateway", "payments"])
}

fn consumer(kit: &TestKest) -> KestBuilder {
    let builder = Kest::builder(kit.signer("payments")).trust(kit.keys());
    builder.clock(kit.clock()).without_deployment_policies()
}

/// The headers of a request of alice to the gateway, of full trust, as they stand in a log: what a thief puts into a message.
async fn stolen(kit: &TestKest) -> HashMap<String, String> {
    let transfer = Operation::from_static("confirm").origin(Origin::system()).taint("card");
    let call = kit.admission_of(transfer).service("gateway").caller(TestCaller::user("alice")).admit();
    assert_eq!(call.entry().trust_score(), TrustScore::FULL);
    let mut headers = HashMap::new();
    carry(&call, &mut headers).await.unwrap();
    headers
}

fn pay() -> Operation {
    Operation::from_static("pay")
}

#[track_caller]
fn check_unbelieved(message: &kest::Continued) {
    let caller = message.arrival().caller();
    assert_eq!((caller.user(), caller.source()), (None, IdentitySource::Anonymous));
    assert_eq!(message.arrival().binding(), PassportBinding::Unbound);
}

/// Attack: a passport that was copied from a request is put into a message, to act for its user. Whatever the service said about its requests.
#[tokio::test]
async fn stolen_passport_in_a_message_makes_no_caller() {
    let kit = kit();
    let headers = stolen(&kit).await;
    let proof = HopProof::for_authority("payments.internal");
    for builder in [consumer(&kit), consumer(&kit).hop_proof(proof), consumer(&kit).bound_to_peer()] {
        let kest = builder.build().unwrap();
        let message = kest.continue_from(&headers).max_age(HOUR).queue("payments").await.unwrap();
        check_unbelieved(&message);
        let of_alice = policy_fn("alice", |asked| asked.user() == Some("alice")).unwrap();
        let denied = message.admit(&pay(), &of_alice).await;
        assert!(matches!(denied, Err(AdmitError::Authorize(_))), "{denied:?}");
        // Nor is it believed further in.
        let job = message.admit(&pay(), &dangerous_allow_all()).await.unwrap();
        let nested = job.operation(pay()).admit(&of_alice).await;
        assert!(matches!(nested, Err(AdmitError::Authorize(_))), "{nested:?}");
    }
}

/// Attack: the same, for the trust of its tip; the entries that lowered it were cut off before.
#[tokio::test]
async fn stolen_passport_in_a_message_lifts_no_trust_while_its_taints_count() {
    let kit = kit();
    let headers = stolen(&kit).await;
    let kest = consumer(&kit).build().unwrap();
    let message = kest.continue_from(&headers).max_age(HOUR).await.unwrap();
    let trusted = policy_fn("trusted", |asked| asked.trust_score() > TrustScore::UNKNOWN_ORIGIN).unwrap();
    assert!(message.admit(&pay(), &trusted).await.is_err());
    let job = message.admit(&pay(), &dangerous_allow_all()).await.unwrap();
    assert!(job.entry().trust_score() <= TrustScore::UNKNOWN_ORIGIN, "{:?}", job.entry().trust_score());
    assert!(job.entry().taints().contains("card"));
    let root = kest.originate(Origin::internet(), &pay(), &dangerous_allow_all()).await.unwrap();
    assert!(job.entry().trust_score() <= root.entry().trust_score());
    // Its history is kept, and holds wherever it goes on to.
    assert_eq!(job.passport().len(), 2);
    let mut onward = HashMap::new();
    carry(&job, &mut onward).await.unwrap();
    let onward = kest.continue_from(&onward).max_age(HOUR).dangerous_bearer_passports().await.unwrap();
    let unnamed = policy_fn("unnamed", |asked| asked.user().is_none()).unwrap();
    let next = onward.admit(&pay(), &unnamed).await.unwrap();
    assert_eq!(next.passport().len(), 3);
    assert!(next.entry().trust_score() <= TrustScore::UNKNOWN_ORIGIN);
}

/// Attack: work of the consumer itself, whose own key signed the tip by then, to pass for bound.
#[tokio::test]
async fn what_follows_a_message_stays_unbound() {
    let kit = kit();
    let headers = stolen(&kit).await;
    let kest = consumer(&kit).build().unwrap();
    let message = kest.continue_from(&headers).max_age(HOUR).await.unwrap();
    let job = message.admit(&pay(), &dangerous_allow_all()).await.unwrap();
    let bound = policy_fn("bound", |asked| asked.arrival().binding().is_bound()).unwrap();
    assert!(job.operation(pay()).admit(&bound).await.is_err());
}

#[tokio::test]
async fn queue_is_believed_where_that_is_said_of_it_or_of_the_service() {
    let kit = kit();
    let headers = stolen(&kit).await;
    let strict = consumer(&kit).hop_proof(HopProof::for_authority("payments.internal")).build().unwrap();
    let of_queue =
        strict.continue_from(&headers).max_age(HOUR).queue("payments").dangerous_bearer_passports();
    let lenient = consumer(&kit).dangerous_bearer_passports().build().unwrap();
    let of_service = lenient.continue_from(&headers).max_age(HOUR);
    let of_alice =
        policy_fn("alice", |asked| asked.user() == Some("alice") && !asked.arrival().binding().is_bound());
    let of_alice = of_alice.unwrap();
    for message in [of_queue, of_service] {
        let job = message.await.unwrap().admit(&pay(), &of_alice).await.unwrap();
        assert_eq!(job.caller().source(), IdentitySource::Lineage);
        assert!(job.entry().trust_score() > TrustScore::UNKNOWN_ORIGIN);
    }
}
