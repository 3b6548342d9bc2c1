//! A policy that is away, slow, failing or absent. The engines' own adapters come with their crate.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::policy::{AuthorizeError, Decision, Inquiry, all_of};
use kest_core::{Authorize, Limits};
use kest_tests::raw;
use kest_tests::service::Setup;

#[derive(Debug, Clone, Copy)]
enum Engine {
    Away,
    Silent,
    Failing,
    EmptyYes,
}

#[async_trait]
impl Authorize for Engine {
    async fn decide(&self, _: &Inquiry<'_>) -> Result<Decision, AuthorizeError> {
        match self {
            Self::Away => Err(AuthorizeError::Unavailable("engine is away".into())),
            Self::Silent => std::future::pending().await,
            Self::Failing => Err(AuthorizeError::Failed("policy divides by zero".into())),
            Self::EmptyYes => Ok(Decision::Allow(kest_core::entry::PolicyContext::default())),
        }
    }
}

async fn check(policy: Arc<dyn Authorize>, status: u16) {
    let mut limits = Limits::default();
    limits.admission_wait = Duration::from_millis(50);
    let service = Setup { policy, limits, ..Setup::default() }.start().await;
    service.refused(&raw::call(), &[status]).await;
}

#[tokio::test]
async fn policy_engine_down_is_a_refusal() {
    check(Arc::new(Engine::Away), 503).await;
}

#[tokio::test]
async fn policy_engine_that_never_answers_is_a_refusal() {
    check(Arc::new(Engine::Silent), 503).await;
}

#[tokio::test]
async fn policy_that_errs_is_a_no() {
    check(Arc::new(Engine::Failing), 403).await;
}

#[tokio::test]
async fn yes_that_names_no_policy_is_no_yes() {
    check(Arc::new(Engine::EmptyYes), 500).await;
    check(Arc::new(all_of([])), 500).await;
    let yes: Arc<dyn Authorize> = Arc::new(kest_core::policy::dangerous_allow_all());
    check(Arc::new(all_of([yes, Arc::new(Engine::EmptyYes)])), 500).await;
}
