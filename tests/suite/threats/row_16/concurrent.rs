//! Fifty callers at once, half of them allowed: everybody gets the own answer, and each question is asked once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_core::policy::{AuthorizeError, Decision, PolicyRequest};
use kest_core::{Authorize, Limits};
use kest_policy::{Engine, EngineError, EngineIdentity, Input, Policies, RoutePolicies, Verdict};
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use serde_json::{Value, json};
use three_services::issuer::Issuer;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use super::judge::{Judge, TTL, identity, setup, token};

/// Callers of each kind.
const EACH: usize = 25;
const ROUNDS: usize = 4;

/// Sends alice's and bob's requests in turns, all at once: every alice is served as alice, every bob refused.
fn all_at_once(service: &Service, alice: &RawRequest, bob: &RawRequest) -> JoinSet<()> {
    let start = Arc::new(Barrier::new(2 * EACH));
    let mut calls = JoinSet::new();
    for caller in 0..2 * EACH {
        let (allowed, address, start) = (caller % 2 == 0, service.address, Arc::clone(&start));
        let request = if allowed { alice.clone() } else { bob.clone() };
        calls.spawn(async move {
            start.wait().await;
            let response = request.send(address).await;
            if allowed {
                assert_eq!(response.status, 200, "alice");
                let seen: Value = serde_json::from_str(&response.body).unwrap();
                assert_eq!(seen["user"], "alice");
            } else {
                assert_eq!((response.status, response.body.as_str()), (403, ""), "bob");
            }
        });
    }
    calls
}

/// No machine is so busy that a caller gives up.
fn patient() -> Limits {
    let mut limits = Limits::default();
    limits.admission_wait = Duration::from_secs(60);
    limits.arrival_wait = limits.admission_wait;
    limits
}

fn requests(issuer: &Issuer) -> [RawRequest; 2] {
    ["alice", "bob"].map(|user| raw::call().bearer(&token(issuer, &json!({"sub": user}))))
}

async fn finish(mut calls: JoinSet<()>) {
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_users_denial_is_never_masked_by_a_first_users_permit() {
    let issuer = Issuer::start().await.unwrap();
    let judge = Judge::of("/subject/user", "alice");
    let policies = judge.policies();
    let setup = Setup { identity: identity(&issuer), limits: patient(), ..setup(&policies) };
    let (service, [alice, bob]) = (setup.start().await, requests(&issuer));
    for round in 1..=ROUNDS {
        finish(all_at_once(&service, &alice, &bob)).await;
        assert_eq!((service.runs(), service.signatures()), (round * EACH, round * EACH));
        assert_eq!(judge.evaluations(), 2 * round, "one for each user, however many ask");
        policies.invalidate();
    }
}

/// An engine that answers only when it is let: yes to alice, no to everybody else.
#[derive(Debug, Clone)]
struct Slow {
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

#[async_trait]
impl Engine for Slow {
    fn kind(&self) -> &'static str {
        "slow"
    }

    fn identity(&self) -> EngineIdentity {
        EngineIdentity::of("slow", [])
    }

    fn names(&self) -> Vec<PolicyName> {
        vec![PolicyName::new("slow").unwrap()]
    }

    async fn evaluate(&self, _: &PolicyName, input: &Input) -> Result<Verdict, EngineError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.acquire().await.unwrap().forget();
        let alice = input.subject().user.as_deref() == Some("alice");
        Ok(if alice { Verdict::Allow } else { Verdict::Deny })
    }
}

/// Says how many have come to ask, and asks.
#[derive(Debug)]
struct Counted {
    policy: RoutePolicies,
    came: Arc<Semaphore>,
}

#[async_trait]
impl Authorize for Counted {
    async fn decide(&self, request: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        self.came.add_permits(1);
        self.policy.decide(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_users_denial_is_not_masked_while_both_wait_for_a_slow_engine() {
    let issuer = Issuer::start().await.unwrap();
    let engine = Slow { asked: Arc::default(), answers: Arc::new(Semaphore::new(0)) };
    let policies = Policies::builder().cache_ttl(TTL).engine(engine.clone()).build().unwrap();
    let came = Arc::new(Semaphore::new(0));
    let policy = Counted { policy: policies.function(["slow"]).unwrap(), came: Arc::clone(&came) };
    let setup = Setup {
        identity: identity(&issuer),
        policy: Arc::new(policy),
        limits: patient(),
        ..Setup::default()
    };
    let (service, [alice, bob]) = (setup.start().await, requests(&issuer));
    for round in 1..=ROUNDS {
        let mut calls = all_at_once(&service, &alice, &bob);
        // No request is answered before all of them wait for the answer.
        tokio::select! {
            all_came = came.acquire_many(u32::try_from(2 * EACH).unwrap()) => all_came.unwrap().forget(),
            early = calls.join_next() => panic!("answered before the engine did: {early:?}"),
        }
        assert_eq!(service.runs(), (round - 1) * EACH);
        engine.answers.add_permits(2 * EACH);
        finish(calls).await;
        assert_eq!((service.runs(), service.signatures()), (round * EACH, round * EACH));
        assert_eq!(engine.asked.load(Ordering::SeqCst), 2 * round, "one question for each user");
        engine.answers.forget_permits(2 * EACH);
        policies.invalidate();
    }
}
