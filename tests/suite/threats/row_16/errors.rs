//! An engine that does not answer one caller: that is no answer to others, and no earlier answer stands in for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_policy::{Engine, EngineError, EngineIdentity, Input, Policies, Verdict};
use kest_tests::forge;
use kest_tests::raw::RawRequest;
use kest_tests::service::{Service, Setup};

use super::judge::{TTL, carrying};

/// How the engine is at the moment.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Away,
    Failing,
    /// Yes to alice, no to everybody else.
    Well,
}

#[derive(Debug, Clone)]
struct Moody {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
}

impl Moody {
    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Engine for Moody {
    fn kind(&self) -> &'static str {
        "moody"
    }

    fn identity(&self) -> EngineIdentity {
        EngineIdentity::of("moody", [])
    }

    fn names(&self) -> Vec<PolicyName> {
        vec![PolicyName::new("moody").unwrap()]
    }

    async fn evaluate(&self, _: &PolicyName, input: &Input) -> Result<Verdict, EngineError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match *self.mood.lock().unwrap() {
            Mood::Away => Err(EngineError::Unavailable("connection refused".into())),
            Mood::Failing => Err(EngineError::Failed("division by zero".into())),
            Mood::Well if input.subject().user.as_deref() == Some("alice") => Ok(Verdict::Allow),
            Mood::Well => Ok(Verdict::Deny),
        }
    }
}

async fn service(mood: Mood) -> (Moody, Service) {
    let engine = Moody { mood: Arc::new(Mutex::new(mood)), asked: Arc::default() };
    let policies = Policies::builder().cache_ttl(TTL).engine(engine.clone()).build().unwrap();
    let policy = Arc::new(policies.function(["moody"]).unwrap());
    (engine, Setup { policy, ..Setup::default() }.start().await)
}

fn of_user(user: &str) -> RawRequest {
    let identity = format!(r#"{{"agent":null,"task":null,"user":"{user}"}}"#);
    carrying(&forge::entry("gateway", 1, &[]).label("kest.identity", &identity))
}

/// The first caller gets `status`, the next one, who is the same in everything, an answer.
async fn check_forgotten(mood: Mood, status: u16) {
    let (engine, service) = service(mood).await;
    service.refused(&of_user("alice"), &[status]).await;
    service.refused(&of_user("alice"), &[status]).await;
    assert_eq!(engine.asked(), 2, "no answer is no decision, and is not remembered as one");
    engine.becomes(Mood::Well);
    service.admitted(&of_user("alice")).await;
    service.refused(&of_user("bob"), &[403]).await;
    service.admitted(&of_user("alice")).await;
    assert_eq!(engine.asked(), 4, "decisions are");
}

#[tokio::test]
async fn engine_that_was_away_for_one_caller_answers_the_next() {
    check_forgotten(Mood::Away, 503).await;
}

#[tokio::test]
async fn policy_that_failed_for_one_caller_answers_the_next() {
    check_forgotten(Mood::Failing, 403).await;
}

#[tokio::test]
async fn remembered_permit_does_not_stand_in_for_another_callers_missing_answer() {
    let (engine, service) = service(Mood::Well).await;
    service.admitted(&of_user("alice")).await;
    engine.becomes(Mood::Away);
    service.refused(&of_user("bob"), &[503]).await;
    service.admitted(&of_user("alice")).await;
    service.refused(&of_user("bob"), &[503]).await;
    engine.becomes(Mood::Well);
    service.refused(&of_user("bob"), &[403]).await;
    assert_eq!(engine.asked(), 4);
}
