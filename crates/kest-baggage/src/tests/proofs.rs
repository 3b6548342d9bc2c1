//! Proofs that what is sent with a passport is signed by its last signer, for this request alone, and nothing else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use kest_core::Admitter;
use kest_core::signature::{
    Ed25519Signer, KeyId, KeyRing, PublicKey, ReplaceableSigner, Sign as _, Signature, SignerError,
    SigningKey, WorkloadId,
};
use kest_core::{Limits, OsRandom};
use kest_signature::hop::{self, HopSettings};
use kest_signature::{ExpectedBody, RequestHead};

use super::*;
use crate::carry::{Content, ContentError, HopSigning, Streams};
use crate::rig::{lineage, ring, signer};

/// A body whose bytes are there.
pub(super) struct AtHand(pub(super) &'static [u8]);

impl Content for AtHand {
    async fn read(
        &mut self,
        _streams: Streams,
        _limits: &Limits,
        _ambience: &Ambience,
    ) -> Result<Option<&[u8]>, ContentError> {
        Ok(Some(self.0))
    }
}

/// What a service that is called `authority` says about this request as it came.
async fn judged(
    request: &Request,
    uri: &str,
    authority: &str,
    admission: &Admission,
    ring: &KeyRing,
) -> Result<ExpectedBody, String> {
    let uri: Uri = uri.parse().unwrap();
    let settings = HopSettings::builder().authority(authority).build().unwrap();
    let head = RequestHead::of(&Method::POST, &uri);
    let read = hop::read(&head, &request.headers, &Limits::default()).map_err(|it| it.to_string())?;
    let hop = read.ok_or("no proof")?;
    let hop = hop.verify(admission.passport(), ring, &settings).await.map_err(|it| it.to_string())?;
    Ok(hop.body().clone())
}

fn bound() -> CarryRules {
    rules(Destinations::bound([stock()]))
}

async fn prepared(rules: &CarryRules, uri: &str, admission: &Admission) -> Request {
    let mut request = Request::default();
    request.prepared(rules, uri, admission.clone().into()).await.unwrap();
    request
}

#[tokio::test]
async fn request_with_a_passport_is_signed_for_what_it_asks() {
    let admission = admitted_for("alice").await;
    let request = prepared(&bound(), "/items?x=1", &admission).await;
    let of = async |uri, authority| judged(&request, uri, authority, &admission, &ring()).await;
    let mut body = of("https://stock.internal/items?x=1", "stock.internal").await.unwrap().check();
    body.update(b"body").unwrap();
    body.finish().unwrap();
    // Attack: the same request on another route, of another query, at another service.
    for (uri, authority) in [
        ("https://stock.internal/orders?x=1", "stock.internal"),
        ("https://stock.internal/items?x=2", "stock.internal"),
        ("https://other.internal/items?x=1", "other.internal"),
    ] {
        assert!(of(uri, authority).await.is_err(), "{uri}");
    }
}

/// Attack: a body that something on the way exchanged.
#[tokio::test]
async fn another_body_is_not_the_signed_one() {
    let admission = admitted_for("alice").await;
    let request = prepared(&bound(), "/", &admission).await;
    let signed = judged(&request, "https://stock.internal/", "stock.internal", &admission, &ring()).await;
    let mut body = signed.unwrap().check();
    body.update(b"BODY").unwrap();
    assert!(body.finish().is_err());
}

#[tokio::test]
async fn each_attempt_is_signed_anew() {
    let admission = admitted_for("alice").await;
    let mut request = prepared(&bound(), "/", &admission).await;
    let first = request.headers.get_all("signature-input").iter().cloned().collect::<Vec<_>>();
    request.prepared(&bound(), "/", admission.clone().into()).await.unwrap();
    let second = request.headers.get_all("signature-input").iter().cloned().collect::<Vec<_>>();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
}

/// Attack: headers of the request that came in, copied onto one that goes out.
#[tokio::test]
async fn proof_of_another_hop_is_not_forwarded_and_signatures_of_others_are() {
    let admission = admitted_for("alice").await;
    let others = r#"sig1=("@method");created=1;keyid="proxy""#;
    let copied = async |uri: &str| {
        let mut request = prepared(&bound(), "/", &admission).await;
        request.headers.append("signature-input", HeaderValue::from_static(others));
        request.headers.append("signature", HeaderValue::from_static("sig1=:AAAA:"));
        let rules = rules(Destinations::listed([Destination::from_static("https://listed.internal")]));
        request.prepared(&rules, uri, admission.clone().into()).await.unwrap();
        let lines = |name: &str| {
            let values = request.headers.get_all(name).iter().map(|line| line.to_str().unwrap().to_owned());
            values.collect::<Vec<_>>().join(",")
        };
        (lines("kest-tip"), lines("signature-input"), lines("signature"))
    };
    let (tip, input, signature) = copied("https://unlisted.internal/").await;
    assert_eq!((tip.as_str(), input.as_str(), signature.as_str()), ("", others, "sig1=:AAAA:"));
    let (tip, input, _) = copied("https://listed.internal/").await;
    assert_eq!(tip, admission.passport().tips().to_string());
    assert!(input.contains("sig1=") && input.matches("kest-hop\"").count() == 1, "{input}");
}

#[tokio::test]
async fn passport_goes_without_a_proof_where_that_was_said() {
    let rules = bound().hop_signing(HopSigning::Without).unwrap();
    let request = prepared(&rules, "/", &admitted_for("alice").await).await;
    assert!(request.headers.contains_key("baggage"));
    assert!(!request.headers.contains_key("kest-tip") && !request.headers.contains_key("signature"));
}

#[test]
fn client_of_several_destinations_says_under_which_authority_it_asks() {
    let two = || Destinations::bound([stock(), Destination::from_static("https://stock-2.internal")]);
    let of = |destinations| rules(destinations).hop_signing(HopSigning::default());
    assert!(matches!(of(two()), Err(RulesError::NoAuthority)));
    assert!(rules(two()).hop_signing(HopSigning::Without).is_ok());
    assert!(of(two().asked_as(stock())).is_ok());
}

#[tokio::test]
async fn client_that_balances_signs_the_name_that_it_asks_under() {
    let two = Destinations::bound([
        Destination::from_static("https://10.0.0.7"),
        Destination::from_static("https://10.0.0.8"),
    ]);
    let rules = rules(two.asked_as(stock())).hop_signing(HopSigning::default()).unwrap();
    let admission = admitted_for("alice").await;
    let request = prepared(&rules, "/items", &admission).await;
    judged(&request, "https://stock.internal/items", "stock.internal", &admission, &ring()).await.unwrap();
}

/// Attack on availability: the key is replaced while an operation runs.
#[tokio::test]
async fn proof_is_signed_with_the_key_of_the_tip_after_a_rotation_too() {
    let signer = ReplaceableSigner::new(signer());
    let kest = Admitter::builder(Arc::new(signer.clone())).build();
    let admission = lineage(&kest, 1).await;
    let next = Ed25519Signer::generate(signer.workload().clone(), &OsRandom).unwrap();
    let mut both = ring();
    both.trust_signer(&next).unwrap();
    signer.replace(next).unwrap();
    let request = prepared(&bound(), "/", &admission).await;
    judged(&request, "https://stock.internal/", "stock.internal", &admission, &both).await.unwrap();
    judged(&request, "https://stock.internal/", "stock.internal", &admission, &ring()).await.unwrap();
}

/// Signs its first input and is away, or silent, from then on.
#[derive(Debug)]
struct SignsOnce(Ed25519Signer, AtomicUsize, Then);

#[derive(Debug, Clone, Copy)]
enum Then {
    Away,
    Silent,
    Wrong,
}

#[async_trait]
impl SigningKey for SignsOnce {
    fn workload(&self) -> &WorkloadId {
        SigningKey::workload(&self.0)
    }

    fn key_id(&self) -> &KeyId {
        self.0.key_id()
    }

    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    async fn sign(&self, input: &[u8]) -> Result<Signature, SignerError> {
        match (self.1.fetch_add(1, Ordering::Relaxed), self.2) {
            (0, _) => self.0.sign(input).await,
            (_, Then::Away) => Err(SignerError::new("key service is away")),
            (_, Then::Silent) => std::future::pending().await,
            (_, Then::Wrong) => Ok(Signature::from_bytes([7; 64])),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn request_is_not_sent_when_its_signer_is_away_slow_or_wrong() {
    for (then, may_retry) in [(Then::Away, true), (Then::Silent, true), (Then::Wrong, false)] {
        let key = SignsOnce(signer(), AtomicUsize::new(0), then);
        let kest = Admitter::builder(Arc::new(ReplaceableSigner::new(key))).build();
        let admission = lineage(&kest, 1).await;
        let refused = Request::default().prepared(&bound(), "/", admission.into()).await.unwrap_err();
        assert!(matches!(refused, CarryError::Sign(_) | CarryError::SignerSlow), "{then:?}");
        assert_eq!(refused.may_retry(), may_retry, "{then:?}");
    }
}
