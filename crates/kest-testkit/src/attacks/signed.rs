//! The hop proof of a request, where the service demands one: of the honest one, and of attempts that differ from it.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use kest_core::Limits;
use kest_core::passport::Tips;

use super::attack::{Hop, Sent};
use super::honest::Honest;
use crate::clock::TestClock;
use crate::fail::OrFail as _;
use crate::hop::proved;
use crate::lineage::value;
use crate::random::SeededRandom;

impl Honest<'_> {
    /// Puts the proof of `sent` on `request`: an honest one is made anew for each attempt, by the last workload of the lineage and
    /// for the tips that are announced. What announces none carries no passport, and has nothing to be proved.
    #[track_caller]
    pub(crate) fn sign<B>(&self, sent: &Sent, mut request: Request<B>) -> Request<B> {
        let Some(authority) = &self.authority else { return request };
        if request.uri().authority().is_none() {
            request.headers_mut().insert(HOST, value(authority));
        }
        let proof = match &sent.hop {
            Hop::Honest if members(sent).any(|member| member.starts_with(TIP)) => {
                Attempt::of(self, sent).proof()
            }
            Hop::Honest | Hop::Stripped => HeaderMap::new(),
            Hop::Made(proof) => proof.clone(),
        };
        for (name, value) in &proof {
            request.headers_mut().append(name, value.clone());
        }
        request
    }
}

/// What is signed, by whom and when.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) request: Request<Bytes>,
    pub(crate) tips: Tips,
    pub(crate) signer: String,
    pub(crate) clock: TestClock,
    pub(crate) random: SeededRandom,
}

impl Attempt {
    /// The honest one for `sent`: signed now by the last workload of the lineage.
    #[track_caller]
    pub(crate) fn of(honest: &Honest<'_>, sent: &Sent) -> Self {
        let authority = honest.uri.authority().map(http::uri::Authority::as_str);
        let authority = authority.or(honest.authority.as_deref()).unwrap_or_default();
        let target = honest.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = Request::builder().method(&honest.method).uri(format!("https://{authority}{target}"));
        // Two of them cannot be signed, and are refused all the same.
        let request =
            sent.authorization.iter().take(1).fold(request, |it, value| it.header(AUTHORIZATION, value));
        Self {
            request: request.body(honest.content.clone()).or_fail("the request of an honest caller"),
            tips: announced(sent).unwrap_or_else(|| honest.lineage.passport().tips()),
            signer: honest.lineage.last_workload().to_owned(),
            clock: TestClock::of(honest.kit.clock().as_ref()),
            random: SeededRandom::clone(&honest.kit.random()),
        }
    }

    /// The headers of the proof.
    #[track_caller]
    pub(crate) fn proof(self) -> HeaderMap {
        let signed = proved(self.request, &self.tips, &self.signer, &self.clock, &self.random);
        let headers = signed.headers();
        let all = PROOF
            .into_iter()
            .flat_map(|name| headers.get_all(&name).iter().map(move |it| (name.clone(), it)));
        all.map(|(name, value)| (name, value.clone())).collect()
    }
}

/// The tips that stand in the baggage, where they can be read at all.
pub(crate) fn announced(sent: &Sent) -> Option<Tips> {
    let tip = members(sent).find_map(|member| member.strip_prefix(TIP))?;
    let tips = Tips::parse(&tip.replace("%2C", ","), &Limits::default()).ok()?;
    (!tips.as_slice().is_empty()).then_some(tips)
}

fn members(sent: &Sent) -> impl Iterator<Item = &str> {
    sent.baggage.iter().filter_map(|line| HeaderValue::to_str(line).ok()).flat_map(|line| line.split(','))
}

const TIP: &str = "kest.chain_tip=";
const PROOF: [HeaderName; 4] = [
    HeaderName::from_static("kest-tip"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("signature-input"),
    HeaderName::from_static("signature"),
];
