//! Lineages that wait in a queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kest::core::signature::{KeysUnavailable, ResolveKeys};
use kest::core::{AdmitError, Share, Slots, UnverifiedPassport};
use kest::prelude::*;
use kest::{Carrier as _, ContinueError, Limits, Operation, Trust, carry, dangerous_allow_all, policy_fn};
use kest_testkit::TestClock;

use crate::rig;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A service whose clock the test moves.
fn service() -> (Kest, Arc<TestClock>) {
    let (signer, trusted) = rig::keys("pictures");
    let clock = Arc::new(TestClock::default());
    let kest = Kest::builder(signer)
        .trust(trusted)
        .without_deployment_policies()
        .clock(Arc::<TestClock>::clone(&clock))
        .build()
        .unwrap();
    (kest, clock)
}

async fn upload(kest: &Kest) -> Admission {
    let upload = Operation::from_static("upload").taint("unscanned");
    kest.originate(Origin::user_input(), &upload, &dangerous_allow_all()).await.unwrap()
}

async fn sent(kest: &Kest) -> HashMap<String, String> {
    let mut headers = HashMap::from([("baggage".to_owned(), "tenant=acme".to_owned())]);
    carry(&upload(kest).await, &mut headers).await.unwrap();
    headers
}

#[tokio::test]
async fn message_continues_the_lineage_that_sent_it_with_its_taints_and_trust() {
    let (kest, clock) = service();
    let headers = sent(&kest).await;
    assert!(headers.get("baggage").unwrap().contains("tenant=acme"), "members of others stay");
    clock.set(TestClock::START + DAY.as_secs() - 60);
    let message = kest.continue_from(&headers).max_age(DAY).await.unwrap();
    let clean = policy_fn("clean_pictures", |asked| !asked.taints().contains("unscanned")).unwrap();
    let resize = Operation::from_static("resize");
    let denied = message.admit(&resize, &clean).await;
    assert!(matches!(denied, Err(AdmitError::Authorize(_))), "the taint of the upload came along");
    let job = message.admit(&resize, &dangerous_allow_all()).await.unwrap();
    assert_eq!(job.passport().len(), 2);
    let sender = job.passport().entries()[0].hash();
    assert_eq!(job.entry().parents(), [sender]);
    assert!(job.entry().trust_score() <= TrustScore::from_static(40));
}

/// Attack: the end of a lineage is cut off in the queue, and with it its taints and its low trust.
#[tokio::test]
async fn message_without_its_tips_is_refused() {
    let (kest, _clock) = service();
    let mut headers = sent(&kest).await;
    let line = headers["baggage"].clone();
    let cut: Vec<&str> = line.split(',').filter(|member| !member.contains("kest.chain_tip")).collect();
    headers.insert("baggage".to_owned(), cut.join(","));
    let refused = kest.continue_from(&headers).max_age(DAY).await.unwrap_err();
    assert!(matches!(refused, ContinueError::Read(_)), "{refused}");
}

/// Attack: a message of last week is put into the queue again.
#[tokio::test]
async fn message_that_waited_too_long_is_refused() {
    let (kest, clock) = service();
    let headers = sent(&kest).await;
    let over = DAY + kest.limits().clock_skew + Duration::from_secs(1);
    clock.set(TestClock::START + over.as_secs());
    let refused = kest.continue_from(&headers).max_age(DAY).await.unwrap_err();
    assert_eq!(refused.kind(), "passport_stale");
    assert!(kest.continue_from(&headers).max_age(DAY * 2).await.is_ok());
}

/// Attack: a message whose lineage was taken out, or emptied, so that its work would start one of full trust.
#[tokio::test]
async fn message_without_a_lineage_is_refused() {
    let (kest, _clock) = service();
    let empty = format!("kest.passport=%5B%5D,kest.chain_tip={}", "0");
    for line in [None, Some("tenant=acme"), Some(empty.as_str())] {
        let headers: HashMap<String, String> =
            line.map(|line| ("baggage".to_owned(), line.to_owned())).into_iter().collect();
        let refused = kest.continue_from(&headers).max_age(DAY).await.unwrap_err();
        assert!(matches!(refused, ContinueError::Missing), "{line:?}: {refused}");
    }
}

/// Attack: a lineage that a stranger signed.
#[tokio::test]
async fn message_of_a_stranger_is_refused() {
    let (kest, _clock) = service();
    let (stranger, _) = service();
    let refused = kest.continue_from(&sent(&stranger).await).max_age(DAY).await.unwrap_err();
    assert_eq!(refused.kind(), "passport_invalid");
}

/// A claim check would have ended before the message is read: what fits no header is not sent.
#[tokio::test]
async fn lineage_that_is_too_long_for_a_message_is_an_error_when_it_is_sent() {
    let (kest, _clock) = service();
    let mut admission = upload(&kest).await;
    for step in 0..40 {
        let operation = Operation::named(format!("step {step}")).unwrap();
        admission = admission.operation(operation).admit(&dangerous_allow_all()).await.unwrap();
    }
    let mut headers = HashMap::from([("baggage".to_owned(), "tenant=acme".to_owned())]);
    assert!(carry(&admission, &mut headers).await.is_err());
    assert_eq!(headers["baggage"], "tenant=acme", "nothing was written");
}

/// Finds no keys and never says so.
#[derive(Debug)]
struct Silent;

#[async_trait::async_trait]
impl ResolveKeys for Silent {
    async fn ring_for(&self, _passport: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        std::future::pending().await
    }
}

/// Attack: where keys come from goes quiet, and each message holds its consumer for ever.
#[tokio::test(start_paused = true)]
async fn message_whose_keys_never_come_is_given_up() {
    let (sender, _clock) = service();
    let headers = sent(&sender).await;
    let (signer, _) = rig::keys("pictures");
    let kest = Kest::builder(signer).trust(Trust::resolver(Silent)).without_deployment_policies();
    let refused = kest.build().unwrap().continue_from(&headers).max_age(DAY).await.unwrap_err();
    assert_eq!(refused.kind(), "took_too_long");
}

#[test]
fn column_of_a_job_table_carries() {
    let mut column = std::collections::BTreeMap::new();
    column.set("baggage", "tenant=acme".to_owned());
    assert_eq!(kest::Carrier::get(&column, "baggage"), Some("tenant=acme"));
}

/// Attack: a queue that is full of long lineages takes what verifies those of requests.
#[tokio::test]
async fn flood_of_one_queue_holds_up_neither_another_queue_nor_requests() {
    let (sender, trusted) = rig::keys("pictures");
    let mut limits = Limits::default();
    limits.inline_verify_entries = 0;
    let slots = Slots::new(2, 0);
    let kest = Kest::builder(sender).trust(trusted).without_deployment_policies();
    let kest = kest.limits(limits).slots(slots.clone()).build().unwrap();
    let headers = sent(&kest).await;
    let flooded = slots.try_enter(Share::of_queue("pictures")).unwrap();
    let refused = kest.continue_from(&headers).max_age(DAY).queue("pictures").await.unwrap_err();
    assert_eq!(refused.kind(), "share_used_up");
    assert!(kest.continue_from(&headers).max_age(DAY).queue("invoices").await.is_ok());
    drop(flooded);
    assert!(kest.continue_from(&headers).max_age(DAY).queue("pictures").await.is_ok());
    assert_eq!(slots.taken(), 0);
}

/// Attack: messages that each have the service's store asked, or spend a claim check that a request was to redeem.
#[tokio::test]
async fn claim_check_in_a_message_is_refused_and_the_store_not_asked() {
    let (signer, trusted) = rig::keys("pictures");
    let store = Arc::new(kest::InMemoryPassports::new(&Limits::default()));
    let kest = Kest::builder(signer).trust(trusted).without_deployment_policies();
    let kest = kest.passport_store(Arc::<kest::InMemoryPassports>::clone(&store)).build().unwrap();
    let sent = sent(&kest).await;
    let tip = sent["baggage"].split(',').find(|it| it.contains("kest.chain_tip")).unwrap().to_owned();
    let check = format!("kest.claim_check=00000000-0000-4000-8000-000000000000,{tip}");
    let headers = HashMap::from([("baggage".to_owned(), check)]);
    let refused = kest.continue_from(&headers).max_age(DAY).await.unwrap_err();
    assert_eq!(refused.kind(), "claim_check_in_message");
}
