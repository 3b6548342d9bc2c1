//! The client hangs up while the policy, the store or the signer is asked.

use std::sync::Arc;

use async_trait::async_trait;
use kest_baggage::{ClaimCheck, PassportStore, PassportStoreError};
use kest_core::policy::{AuthorizeError, Decision, PolicyRequest};
use kest_core::{Authorize, OsRandom};
use kest_tests::raw;
use kest_tests::service::Setup;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Waits for ever, says when it was asked and when it was dropped.
#[derive(Debug, Clone)]
struct Waiting {
    asked: Arc<Semaphore>,
    dropped: Arc<Semaphore>,
}

impl Waiting {
    fn new() -> Self {
        Self { asked: Arc::new(Semaphore::new(0)), dropped: Arc::new(Semaphore::new(0)) }
    }

    async fn wait(&self) {
        struct Gone(Arc<Semaphore>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.add_permits(1);
            }
        }
        let _gone = Gone(Arc::clone(&self.dropped));
        self.asked.add_permits(1);
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Authorize for Waiting {
    async fn decide(&self, _: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        self.wait().await;
        Err(AuthorizeError::NoPolicy)
    }
}

#[async_trait]
impl PassportStore for Waiting {
    async fn put(
        &self,
        _: &ClaimCheck,
        _: bytes::Bytes,
        _: std::time::Duration,
    ) -> Result<(), PassportStoreError> {
        self.wait().await;
        Err(PassportStoreError::full())
    }

    async fn get(&self, _: &ClaimCheck) -> Result<Option<bytes::Bytes>, PassportStoreError> {
        self.wait().await;
        Ok(None)
    }

    async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
        self.wait().await;
        Ok(false)
    }
}

async fn hang_up(setup: Setup, request: raw::RawRequest, waiting: &Waiting) {
    let service = setup.start().await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(&request.bytes()).await.unwrap();
    waiting.asked.acquire().await.unwrap().forget();
    drop(stream);
    waiting.dropped.acquire().await.unwrap().forget();
    assert_eq!((service.runs(), service.signatures()), (0, 0));
}

fn patient() -> kest_core::Limits {
    let mut limits = kest_core::Limits::default();
    limits.passport_store_wait = std::time::Duration::from_secs(60);
    limits.arrival_wait = limits.passport_store_wait;
    limits.admission_wait = limits.passport_store_wait;
    limits
}

#[tokio::test]
async fn hanging_up_while_policy_is_asked_leaves_no_entry() {
    let waiting = Waiting::new();
    let setup = Setup { policy: Arc::new(waiting.clone()), limits: patient(), ..Setup::default() };
    hang_up(setup, raw::call(), &waiting).await;
}

#[tokio::test]
async fn hanging_up_while_the_store_is_asked_leaves_no_entry() {
    let waiting = Waiting::new();
    let setup = Setup { store: Some(Arc::new(waiting.clone())), limits: patient(), ..Setup::default() };
    let claim = ClaimCheck::generate(&OsRandom).unwrap();
    let tip = "0".repeat(64);
    hang_up(setup, raw::call().baggage(format!("kest.claim_check={claim},kest.chain_tip={tip}")), &waiting)
        .await;
}
