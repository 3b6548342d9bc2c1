//! Renewal and tokens over real connections: mutual TLS, of which the peer is known by its certificate alone.

use std::time::Duration;

use kest_authority::{Place, Store as _};
use kest_core::Clock as _;
use kest_identity::{JwtAuthenticator, KeySet, Requirement};
use kest_workload::protocol::{Epoch, Issued, Proof, RenewRequest, TokenAnswer, TokenRequest};
use serde::Serialize;

use crate::rig::{Applicant, Rig, id, leaf, signed};

/// An identity with a connection of its own to the workload listener.
struct Connected {
    applicant: Applicant,
    issued: Issued,
    client: reqwest::Client,
    base: String,
}

impl Connected {
    async fn to(rig: &Rig, name: &str, base: &str) -> Self {
        let (applicant, issued) = rig.enrolled(name).await;
        let client = rig.client(Some((&applicant, &issued))).await;
        Self { applicant, issued, client, base: base.to_owned() }
    }

    async fn post(&self, path: &str, body: &(impl Serialize + Sync)) -> (u16, Vec<u8>) {
        let answer = self.client.post(format!("{}{path}", self.base)).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    async fn renew(&self, request: &RenewRequest) -> Result<Issued, (u16, Vec<u8>)> {
        let (status, body) = self.post("/v1/renew", request).await;
        if status == 200 { Ok(serde_json::from_slice(&body).unwrap()) } else { Err((status, body)) }
    }
}

fn refused<T>() -> Result<T, (u16, Vec<u8>)> {
    Err((403, Vec::new()))
}

async fn served(rig: &Rig) -> String {
    format!("https://localhost:{}", rig.serve().await.1.port())
}

#[tokio::test]
async fn certificate_is_renewed_by_the_certificate_alone() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let cart = Connected::to(&rig, "cart", &base).await;
    let next = Applicant::new();
    let without_entry_key = RenewRequest { entry_key: None, proof: None, ..next.renewal(&rig).await };
    let issued = cart.renew(&without_entry_key).await.unwrap();
    assert_eq!((issued.identity.as_str(), issued.epoch), ("spiffe://example.org/cart", Epoch::FIRST));
    assert_ne!(leaf(&issued), leaf(&cart.issued));
    // The next one renews in its turn, and brings an entry key; the last key counts on for as long as its certificate.
    let with_next = Connected { client: rig.client(Some((&next, &issued))).await, ..cart };
    let third = Applicant::new();
    with_next.renew(&third.renewal(&rig).await).await.unwrap();
    let keys = rig.store.workload(&id("cart")).await.unwrap().unwrap().entry_keys;
    let ends: Vec<_> = keys.iter().map(|key| (key.key.clone(), key.until)).collect();
    let hour = rig.clock.unix_millis() + 3_600_000;
    assert_eq!(ends, [(with_next.applicant.entry_key(), Some(hour)), (third.entry_key(), None)]);
}

/// Attack: those who have no certificate, and those who have one of another authority.
#[tokio::test]
async fn renewal_without_a_certificate_of_this_authority_gets_no_answer() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let other = Rig::start().await;
    let (applicant, foreign) = other.enrolled("cart").await;
    for client in [rig.client(None).await, rig.client(Some((&applicant, &foreign))).await] {
        let asked = client.post(format!("{base}/v1/renew")).json(&applicant.renewal(&rig).await).send().await;
        assert!(asked.is_err(), "the handshake ends it: {asked:?}");
    }
}

/// Attack: a certificate that is over. The handshake refuses it, and the store would.
#[tokio::test]
async fn expired_certificate_is_not_renewed() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let cart = Connected::to(&rig, "cart", &base).await;
    let next = Applicant::new();
    cart.renew(&next.renewal(&rig).await).await.unwrap();
    // A certificate holds in its last second, too.
    rig.clock.advance(Duration::from_secs(3601));
    // On the connection that stands.
    assert_eq!(cart.renew(&Applicant::new().renewal(&rig).await).await, refused());
    let fresh = rig.client(Some((&cart.applicant, &cart.issued))).await;
    let asked = fresh.post(format!("{base}/v1/renew")).json(&next.renewal(&rig).await).send().await;
    assert!(asked.is_err(), "{asked:?}");
}

/// Attack: a certificate of an executor that was replaced or revoked, on a connection from before and on a new one.
#[tokio::test]
async fn void_epoch_is_neither_renewed_nor_given_a_token() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let request = TokenRequest { audience: "https://stock.internal".into(), scope: None };
    for (name, path) in [("cart", "/v1/renew"), ("stock", "/v1/token")] {
        let replaced = Connected::to(&rig, name, &base).await;
        assert_eq!(replaced.post("/v1/token", &request).await.0, 200);
        let ticket = rig.ticket(name, Place::Taken).await;
        let successor = Applicant::new();
        rig.authority.enrol(&successor.request(&rig, &ticket).await).await.unwrap();
        let before = rig.store.state().await.unwrap();
        let body = match path {
            "/v1/renew" => serde_json::to_value(Applicant::new().renewal(&rig).await),
            _ => serde_json::to_value(&request),
        };
        // The connection ends with it.
        let (status, body) = replaced.post(path, &body.unwrap()).await;
        assert!(matches!(status, 401 | 403) && body.is_empty(), "{path}: {status}");
        assert_eq!(rig.store.state().await.unwrap(), before);
        let fresh = rig.client(Some((&replaced.applicant, &replaced.issued))).await;
        let asked = fresh.get(format!("{base}/v1/bundle")).send().await;
        assert!(asked.is_err_and(|error| !error.is_timeout()), "the handshake ends it");
    }
}

/// Attack: a stolen certificate in the seconds after its revocation at another authority, or by an operator's program, of which
/// the listener here has not heard yet.
#[tokio::test]
async fn epoch_that_became_void_elsewhere_is_neither_renewed_nor_given_a_token() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let cart = Connected::to(&rig, "cart", &base).await;
    let request = TokenRequest { audience: "https://stock.internal".into(), scope: None };
    assert_eq!(cart.post("/v1/token", &request).await.0, 200);
    rig.store.revoke(&id("cart"), rig.clock.unix_millis()).await.unwrap();
    assert_eq!(cart.post("/v1/token", &request).await, (403, Vec::new()));
    assert_eq!(cart.renew(&Applicant::new().renewal(&rig).await).await, refused());
}

/// Attack: an entry key without its proof, with that of another request, and one that is another workload's.
#[tokio::test]
async fn next_entry_key_must_be_proved_and_new() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let cart = Connected::to(&rig, "cart", &base).await;
    let stock = rig.enrolled("stock").await.0;
    let next = Applicant::new();
    let good = next.renewal(&rig).await;
    let before = rig.store.state().await.unwrap();
    let as_stock = Applicant { entry: stock.entry, ..Applicant::new() };
    let evidence = Proof { evidence: "x".into(), ..next.proof(&rig, "") };
    for request in [
        RenewRequest { proof: None, ..good.clone() },
        RenewRequest { entry_key: None, ..good.clone() },
        RenewRequest { csr: Applicant::new().renewal(&rig).await.csr, ..good.clone() },
        RenewRequest { proof: Some(signed(&next.entry, &evidence).await), ..good.clone() },
        RenewRequest { csr: "x".repeat(9999), ..good.clone() },
        as_stock.renewal(&rig).await,
    ] {
        assert_eq!(cart.renew(&request).await, refused(), "{request:?}");
    }
    assert_eq!(rig.store.state().await.unwrap(), before);
    cart.renew(&good).await.unwrap();
}

/// The token as a service judges it: issuer, audience, type, and the certificate that it is bound to.
#[tokio::test]
async fn token_is_verified_by_the_authenticator_of_kest() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let cart = Connected::to(&rig, "cart", &base).await;
    let request = TokenRequest { audience: "https://stock.internal".into(), scope: None };
    let (status, body) = cart.post("/v1/token", &request).await;
    assert_eq!(status, 200);
    let answer: TokenAnswer = serde_json::from_slice(&body).unwrap();
    assert_eq!((answer.token_type.as_str(), answer.expires_in), ("Bearer", 300));
    let jwks = cart.client.get(format!("{base}/v1/jwks")).send().await.unwrap().bytes().await.unwrap();
    let judge = async |audience: &str, certificate: Option<&[u8]>| {
        let keys = Published(jwks.to_vec());
        let authenticator = JwtAuthenticator::builder()
            .issuer("spiffe://example.org")
            .audience(audience)
            .keys_from(std::sync::Arc::new(keys))
            .certificate_bound(Requirement::Required)
            .clock(std::sync::Arc::new(rig.clock.clone()))
            .build()
            .unwrap();
        let bearer = format!("Bearer {}", answer.access_token);
        let evidence = kest_core::Evidence::new(&kest_core::Lineage::Absent)
            .with_authorization([bearer.as_bytes()])
            .with_certificate(certificate.map(kest_core::PeerCertificate::from_der));
        kest_core::authenticate(&authenticator, &evidence).await
    };
    let own = leaf(&cart.issued);
    let caller = judge("https://stock.internal", Some(&own)).await.unwrap();
    assert_eq!(caller.subject(), Some("spiffe://example.org/cart"));
    // Attacks: for another service, without the certificate, and with that of another.
    assert!(judge("https://other.internal", Some(&own)).await.is_err());
    assert!(judge("https://stock.internal", None).await.is_err());
    let stock = leaf(&rig.enrolled("stock").await.1);
    assert!(judge("https://stock.internal", Some(&stock)).await.is_err());
    rig.clock.advance(Duration::from_secs(3600));
    assert!(judge("https://stock.internal", Some(&own)).await.is_err(), "it lives for minutes");
}

/// The keys of tokens as they were published.
#[derive(Debug)]
struct Published(Vec<u8>);

#[async_trait::async_trait]
impl kest_identity::FetchKeys for Published {
    async fn fetch(&self) -> Result<KeySet, kest_identity::FetchError> {
        KeySet::from_json(&self.0, &kest_core::Limits::default())
            .map_err(kest_identity::FetchError::NotAKeySet)
    }
}

/// Attack: a workload that gives itself the scope of an administrator, or asks for an audience without a name.
#[tokio::test]
async fn workload_does_not_choose_its_scope() {
    let rig = Rig::start().await;
    let base = served(&rig).await;
    let cart = Connected::to(&rig, "cart", &base).await;
    let ask = async |audience: &str, scope: Option<&str>| {
        let request = TokenRequest { audience: audience.into(), scope: scope.map(str::to_owned) };
        cart.post("/v1/token", &request).await
    };
    for (audience, scope) in
        [("a", Some("admin")), ("a", Some("")), ("", None), ("a b", None), (&"a".repeat(513), None)]
    {
        assert_eq!(ask(audience, scope).await, (403, Vec::new()), "{audience} {scope:?}");
    }
    let granting = Rig::with(|builder| {
        builder.grant_tokens(|identity, audience, scope| {
            identity.path() == "/cart" && audience == "stock" && scope == Some("read")
        })
    })
    .await;
    let base = served(&granting).await;
    let cart = Connected::to(&granting, "cart", &base).await;
    for (audience, scope, status) in
        [("stock", "read", 200), ("stock", "read write", 403), ("other", "read", 403)]
    {
        let request = TokenRequest { audience: audience.into(), scope: Some(scope.into()) };
        assert_eq!(cart.post("/v1/token", &request).await.0, status, "{audience} {scope}");
    }
}
