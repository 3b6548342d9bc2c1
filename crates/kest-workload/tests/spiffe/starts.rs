//! What a workload does not begin with.

use std::sync::Arc;
use std::time::Duration;

use kest_core::OsRandom;
use kest_core::signature::{Ed25519Signer, KeyRing, ReplaceableSigner, WorkloadId};
use kest_testkit::TestClock;
use kest_workload::spiffe::{AgentFault, EntryKeys, SpiffeStartError, SpiffeWorkload};
use tonic::Code;

use crate::agent::{Answer, FakeAgent, SvidResponse};
use crate::issuer::{CART, Root, STOCK, answer};
use crate::served::builder;

fn signer(workload: &str) -> ReplaceableSigner {
    ReplaceableSigner::new(Ed25519Signer::generate(WorkloadId::new(workload).unwrap(), &OsRandom).unwrap())
}

fn ring(signers: &[&ReplaceableSigner]) -> Arc<KeyRing> {
    let mut ring = KeyRing::new();
    for signer in signers {
        ring.trust_signer(*signer).unwrap();
    }
    Arc::new(ring)
}

async fn start(agent: &FakeAgent, keys: EntryKeys) -> Result<SpiffeWorkload, SpiffeStartError> {
    let builder = SpiffeWorkload::builder(keys).endpoint(agent.address()).wait(Duration::from_secs(5));
    builder.clock(Arc::new(TestClock::at(TestClock::START))).start().await
}

/// Attack: a workload that signs entries which no other can verify, and is not told so until its passports are refused.
#[tokio::test]
async fn entry_key_that_others_cannot_know_is_refused_at_the_start() {
    let root = Root::new("example.org");
    let agent = FakeAgent::on_unix_socket(answer([root.svid(CART)])).await;
    let (ours, other) = (signer(CART), signer(CART));
    let refused = start(&agent, EntryKeys::published(ours.clone(), ring(&[&other]))).await.unwrap_err();
    assert!(matches!(refused, SpiffeStartError::EntryKeyUnpublished), "{refused}");
    let cart = start(&agent, EntryKeys::published(ours.clone(), ring(&[&ours]))).await.unwrap();
    assert!(cart.readiness().is_ready() && cart.signer().is_some());
    // The next key was not published before it signs.
    let next = Ed25519Signer::generate(WorkloadId::new(CART).unwrap(), &OsRandom).unwrap();
    ours.replace(next).unwrap();
    assert!(!cart.readiness().entry_key_is_published && !cart.readiness().is_ready());
}

#[tokio::test]
async fn signer_of_another_workload_than_the_agent_says_is_refused() {
    let root = Root::new("example.org");
    let agent = FakeAgent::on_unix_socket(answer([root.svid(CART)])).await;
    let stock = signer(STOCK);
    let refused = start(&agent, EntryKeys::published(stock.clone(), ring(&[&stock]))).await.unwrap_err();
    assert!(matches!(refused, SpiffeStartError::SignerOfAnother), "{refused}");
}

#[tokio::test]
async fn first_answer_that_does_not_hold_is_waited_past_and_named_in_the_end() {
    let root = Root::new("example.org");
    let agent =
        FakeAgent::on_unix_socket(Answer::Refusal(Code::PermissionDenied, "no identity issued")).await;
    let refused = builder(&agent).start().await.unwrap_err();
    assert!(matches!(refused, SpiffeStartError::Agent(AgentFault::Denied(_))), "{refused:?}");
    assert!(agent.asked() > 1);
    agent.say(Answer::Svids(SvidResponse::default()));
    let refused = builder(&agent).start().await.unwrap_err();
    assert!(matches!(refused, SpiffeStartError::Agent(AgentFault::Malformed(_))), "{refused:?}");
    let starting = tokio::spawn(builder(&agent).wait(Duration::from_secs(10)).start());
    agent.say(answer([root.svid(CART)]));
    assert_eq!(starting.await.unwrap().unwrap().identity().as_str(), CART);
}

#[tokio::test]
async fn agent_that_is_not_there_is_named() {
    let builder = SpiffeWorkload::builder(EntryKeys::signs_nothing()).wait(Duration::from_millis(100));
    let refused = builder.endpoint("unix:///nonexistent/agent.sock").start().await.unwrap_err();
    assert!(matches!(refused, SpiffeStartError::Agent(AgentFault::Unavailable(_))), "{refused:?}");
}

/// Attack: an address in the environment that has private keys sent over the network in the clear.
#[tokio::test]
async fn agent_on_another_machine_is_refused_and_so_is_an_address_that_is_none() {
    let start = |address: &str| SpiffeWorkload::builder(EntryKeys::signs_nothing()).endpoint(address).start();
    for address in ["tcp://192.0.2.1:8081", "tcp://0.0.0.0:8081", "tcp://[2001:db8::1]:8081"] {
        assert!(matches!(start(address).await, Err(SpiffeStartError::NotLocal)), "{address}");
    }
    for address in ["", "https://127.0.0.1:1", "unix://host/agent.sock", "tcp://localhost:1", "agent.sock"] {
        assert!(matches!(start(address).await, Err(SpiffeStartError::Address(_))), "{address}");
    }
}
