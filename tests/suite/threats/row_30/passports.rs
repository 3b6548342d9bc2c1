//! Long passports, whose verification costs far more than sending them.

use std::convert::Infallible;
use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kest_baggage::{ClaimCheck, PassportStore, PassportStoreError};
use kest_core::signature::{KeyRing, KeysUnavailable, ResolveKeys};
use kest_core::{Share, Slots, UnverifiedPassport};
use kest_identity::{IdentityChoice, JwtAuthenticator};
use kest_testkit::{HttpAnswer as Answer, TestClock, TestServer};
use kest_tests::forge;
use kest_tests::keys;
use kest_tests::tokens::{AUDIENCE, ISSUER, NOW, TokenKey};
use kest_tower::{InboundLayer, Rejection, RejectionKind};
use serde_json::json;
use tower::{Layer as _, ServiceExt as _, service_fn};

/// A passport that is verified on the request's own task has at most 64 entries.
const LONG: u16 = 65;

/// A header with a passport of `entries` entries.
pub(super) fn passport_of(entries: u16) -> String {
    let mut chain: Vec<String> = Vec::new();
    for number in 0..entries {
        let parents: Vec<&str> = chain.last().map(String::as_str).into_iter().collect();
        let entry = forge::entry("gateway", number, &parents).sign();
        chain.push(entry);
    }
    forge::compressed(&chain, &forge::tip(&chain))
}

/// The status and kind of the answer to a request with this header from `address`.
async fn ask(layer: &InboundLayer, header: &str, address: IpAddr) -> (StatusCode, Option<RejectionKind>) {
    let request = Request::builder().header("baggage", header).extension(address);
    answer(layer, request.body(Body::empty()).unwrap()).await
}

async fn answer(layer: &InboundLayer, request: Request<Body>) -> (StatusCode, Option<RejectionKind>) {
    let handler =
        service_fn(|_request: Request<_>| ready(Ok::<_, Infallible>(Response::<String>::default())));
    let response = layer.layer(kest_tower::public().layer(handler)).oneshot(request).await.unwrap();
    (response.status(), response.extensions().get().map(Rejection::kind))
}

fn layer(slots: &Slots) -> InboundLayer {
    InboundLayer::builder(keys::ring())
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .slots(slots.clone())
        .peer_address(|extensions| extensions.get::<IpAddr>().copied())
        .build()
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

/// Attack: one caller sends long passports until every slot that verifies them would be its own.
#[tokio::test]
async fn flood_of_long_passports_by_one_caller_leaves_the_slots_of_others() {
    let slots = Slots::new(2, 0);
    let layer = layer(&slots);
    let (long, short) = (passport_of(LONG), passport_of(LONG - 1));
    let flooder = address(1);
    // One of its passports is being verified.
    let _verifying = slots.try_enter(Share::of_address(flooder)).unwrap();
    let mut refused = 0;
    for good in 2..22 {
        let used_up = (StatusCode::TOO_MANY_REQUESTS, Some(RejectionKind::ShareUsedUp));
        assert_eq!(ask(&layer, &long, flooder).await, used_up);
        refused += 1;
        assert_eq!(ask(&layer, &long, address(good)).await, (StatusCode::OK, None));
    }
    assert_eq!((refused, slots.taken()), (20, 1));
    assert_eq!(ask(&layer, &short, flooder).await, (StatusCode::OK, None), "what is short needs no slot");
}

#[tokio::test]
async fn long_passport_while_all_slots_are_taken_by_many_is_told_that_there_is_too_much_work() {
    let slots = Slots::new(2, 0);
    let layer = layer(&slots);
    let _held = [1, 2].map(|last| slots.try_enter(Share::of_address(address(last))).unwrap());
    let overloaded = (StatusCode::SERVICE_UNAVAILABLE, Some(RejectionKind::Overloaded));
    assert_eq!(ask(&layer, &passport_of(LONG), address(3)).await, overloaded);
}

/// Attack: a name in an unverified token, or none, to be served on another caller's account.
#[tokio::test]
async fn caller_of_whom_nothing_is_known_counts_by_its_address() {
    let slots = Slots::new(2, 0);
    let layer = layer(&slots);
    let header = passport_of(LONG);
    let _verifying = slots.try_enter(Share::of_address(address(1))).unwrap();
    // The tip's signer is no secret: before it is verified, its name buys nothing.
    assert_eq!(ask(&layer, &header, address(1)).await.1, Some(RejectionKind::ShareUsedUp));
    assert_eq!(ask(&layer, &header, address(2)).await.1, None);
}

/// Counts how often keys were looked for, which every verification begins with, and claims fetched.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<[AtomicUsize; 2]>);

#[async_trait]
impl ResolveKeys for Counting {
    async fn ring_for(&self, _: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        self.0[0].fetch_add(1, Ordering::SeqCst);
        Ok(keys::ring())
    }
}

#[async_trait]
impl PassportStore for Counting {
    async fn put(&self, _: &ClaimCheck, _: Bytes, _: Duration) -> Result<(), PassportStoreError> {
        Ok(())
    }

    async fn get(&self, _: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        self.0[1].fetch_add(1, Ordering::SeqCst);
        Ok(None)
    }

    async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
        Ok(false)
    }
}

/// Attack: a thousand entries beside a token that does not hold, or beside none where one is required.
#[tokio::test]
async fn token_that_does_not_hold_costs_no_verification_of_a_passport() {
    let key = TokenKey::ed25519("key-1", 1);
    let issuer = TestServer::answering(Answer::keys(&[key.jwk()]));
    let authenticator =
        JwtAuthenticator::builder().jwks_uri(issuer.at("/jwks.json")).issuer(ISSUER).audience(AUDIENCE);
    let authenticator = authenticator.clock(Arc::new(TestClock::at(NOW))).build().unwrap();
    let counts = Counting::default();
    let layer = InboundLayer::builder(counts.clone())
        .identity(IdentityChoice::jwks(authenticator))
        .passport_store(Arc::new(counts.clone()))
        .build();
    let header = passport_of(100);
    let claim = "kest.claim_check=a6513107-f5af-429c-b91b-5594dd9cfcbe,kest.chain_tip=";
    let claim = format!("{claim}{}", "0".repeat(64));
    let send = async |baggage: &str, authorization: Option<String>| {
        let mut request = Request::builder().header("baggage", baggage);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        answer(&layer, request.body(Body::empty()).unwrap()).await
    };
    let forged = TokenKey::ed25519("key-1", 2).token();
    let bad = [
        (None, RejectionKind::CredentialsMissing),
        (Some("Bearer rubbish".to_owned()), RejectionKind::CredentialsInvalid),
        (Some("Basic dTpw".to_owned()), RejectionKind::CredentialsInvalid),
        (Some(format!("Bearer {forged}")), RejectionKind::CredentialsInvalid),
        (
            Some(format!("Bearer {}", key.token_with(&json!({}), &json!({"exp": 1})))),
            RejectionKind::CredentialsInvalid,
        ),
    ];
    for (authorization, kind) in bad {
        for baggage in [&header, &claim] {
            let refused = (StatusCode::UNAUTHORIZED, Some(kind));
            assert_eq!(send(baggage, authorization.clone()).await, refused, "{authorization:?}");
        }
    }
    assert_eq!(counts.0.each_ref().map(|count| count.load(Ordering::SeqCst)), [0, 0]);
    assert_eq!(send(&header, Some(format!("Bearer {}", key.token()))).await, (StatusCode::OK, None));
    assert_eq!(counts.0.each_ref().map(|count| count.load(Ordering::SeqCst)), [1, 0]);
}
