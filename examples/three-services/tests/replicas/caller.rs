//! The caller of the first service: it brings a lineage of its own, and says what became of each request.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use kest::baggage::{PackedHeader, Tier, packed_once};
use kest::core::passport::SeenEntries;
use kest::{
    Admission, Bundle, Ed25519Signer, KeyRing, Limits, Operation, Origin, OsRandom, Tiers,
    UnverifiedPassport, Verifier, WorkloadId, dangerous_allow_all,
};
use three_services::answer::Answer;
use tokio::time::Instant;

/// Entries of the passport that the first service gets.
pub(crate) const ENTRIES: usize = 60;

/// A lineage that grows by one entry for each request.
pub(crate) struct Caller {
    lineages: Vec<Admission>,
    tiers: Tiers,
    verifier: Verifier,
    ring: KeyRing,
    client: reqwest::Client,
    url: String,
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It came back with a passport of all hops, which verifies.
    Completed,
    /// It was not sent; the error says that a retry may help.
    NotSent,
    /// The first service refused it with this status.
    Refused(u16),
    /// A later service refused it with this status, or was not asked.
    RefusedLater(Option<u16>),
}

/// What became of one request, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    pub(crate) asked: Instant,
    pub(crate) took: Duration,
}

/// The key that the caller's lineages are signed with.
pub(crate) fn signer() -> Ed25519Signer {
    Ed25519Signer::ephemeral(WorkloadId::new("spiffe://shop.example/caller").unwrap(), &OsRandom).unwrap()
}

/// What has to be trusted to verify those lineages.
pub(crate) fn public(signer: &Ed25519Signer) -> String {
    let mut ring = KeyRing::new();
    ring.trust_signer(signer).unwrap();
    Bundle::to_json(&ring).unwrap()
}

impl Caller {
    /// A caller that keeps long passports with `tiers`, calls `origin`, and believes the keys of `bundle`.
    pub(crate) async fn new(signer: Ed25519Signer, tiers: Tiers, origin: &str, bundle: &str) -> Self {
        let mut ring = Bundle::from_json(&std::fs::read(bundle).unwrap()).unwrap().into_ring();
        ring.trust_signer(&signer).unwrap();
        let kest = kest::core::Admitter::builder(Arc::new(signer)).build();
        let mut lineages = Vec::new();
        for number in 0..LINEAGES {
            let start = Operation::named(format!("import {number}")).unwrap();
            let mut lineage =
                kest.originate(Origin::internal(), &start, &dangerous_allow_all()).await.unwrap();
            for step in 2..ENTRIES {
                lineage = follow(&lineage, &format!("step {step}")).await;
            }
            lineages.push(lineage);
        }
        let limits = Limits::default();
        let verifier = Verifier::new(limits.clone()).remember(SeenEntries::new(&limits));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { lineages, tiers, verifier, ring, client, url: format!("{origin}/call") }
    }

    /// Packs a passport that no other request has.
    pub(crate) async fn prepare(&self, number: usize) -> Option<PackedHeader> {
        let admission = follow(&self.lineages[number % LINEAGES], &format!("order {number}")).await;
        assert_eq!(admission.passport().len(), ENTRIES);
        match packed_once(&admission, &self.tiers).await {
            Ok(header) => {
                assert_eq!(header.tier(), Some(Tier::ClaimCheck));
                Some(header)
            }
            Err(error) => {
                assert!(error.may_retry(), "{error:?}");
                None
            }
        }
    }

    /// Packs and sends request `number`.
    pub(crate) async fn call(&self, number: usize) -> Told {
        let asked = Instant::now();
        let outcome = match self.prepare(number).await {
            Some(header) => self.send(&header).await,
            None => Outcome::NotSent,
        };
        Told { outcome, asked, took: asked.elapsed() }
    }

    /// Sends a request whose passport was packed before.
    pub(crate) async fn call_with(&self, header: &PackedHeader) -> Told {
        let asked = Instant::now();
        let outcome = self.send(header).await;
        Told { outcome, asked, took: asked.elapsed() }
    }

    async fn send(&self, header: &PackedHeader) -> Outcome {
        let mut headers = HeaderMap::new();
        header.inject(&mut headers, &Limits::default()).unwrap();
        let response = self.client.post(&self.url).headers(headers).send().await.unwrap();
        match response.status().as_u16() {
            200 => {
                let answer: Answer = response.json().await.unwrap();
                self.check(&answer);
                Outcome::Completed
            }
            502 => {
                let told: serde_json::Value = response.json().await.unwrap();
                let status = told["next_status"].as_u64().map(|status| u16::try_from(status).unwrap());
                Outcome::RefusedLater(status)
            }
            status => Outcome::Refused(status),
        }
    }

    /// Three hops, each with one entry more, and the last one's passport verifies as a whole.
    fn check(&self, answer: &Answer) {
        let hops: Vec<&Answer> = answer.chain().collect();
        let received: Vec<(&str, usize)> =
            hops.iter().map(|hop| (hop.received.tier.as_str(), hop.received.entries)).collect();
        assert_eq!(received, [0, 1, 2].map(|hop| ("claim_check", ENTRIES + hop)));
        let passport = UnverifiedPassport::dangerous_from_entries(
            hops[2].passport.iter().map(String::as_str),
            None,
            &Limits::default(),
        );
        let proved = self.verifier.verify(passport.unwrap(), &self.ring).unwrap();
        assert_eq!(proved.len(), ENTRIES + 3);
        assert_eq!(proved.tips().as_slice().len(), 1);
    }
}

async fn follow(lineage: &Admission, operation: &str) -> Admission {
    lineage.operation(Operation::named(operation).unwrap()).admit(&dangerous_allow_all()).await.unwrap()
}

/// Lineages that requests start from: 59 of the 60 entries are shared by some hundred requests.
const LINEAGES: usize = 25;
