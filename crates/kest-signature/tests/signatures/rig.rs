//! One hop: a caller with a passport, the request that it signed, and a receiver that judges what arrives.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Method, Uri};
use kest_core::signature::KeyRing;
use kest_core::{Limits, Passport, ReplayStore, Sign as _};
use kest_signature::hop::{self, HopError, HopSettings, HopSettingsBuilder, SignError, VerifiedHop};
use kest_signature::{ContentDigest, DigestAlgorithm, RequestHead};
use kest_testkit::{TestClock, TestKest};

/// A request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Sent {
    /// What a client of HTTP/1.1 puts on the wire: the path alone, and the host beside it.
    pub(crate) fn over_http1(mut self) -> Self {
        let host = self.uri.authority().unwrap().as_str().to_owned();
        self.headers.entry(HOST).or_insert_with(|| HeaderValue::from_str(&host).unwrap());
        self.uri = self.uri.path_and_query().unwrap().as_str().parse().unwrap();
        self
    }

    pub(crate) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn add(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn asked(mut self, method: Method, uri: &str) -> Self {
        self.method = method;
        self.uri = uri.parse().unwrap();
        self
    }

    pub(crate) fn get(&self, name: &str) -> String {
        let lines: Vec<_> = self.headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect();
        lines.join(", ")
    }

    /// The same with `from` replaced in one header: what a careful forger changes.
    pub(crate) fn edit(self, name: &'static str, from: &str, to: &str) -> Self {
        let before = self.get(name);
        assert!(before.contains(from), "{name}: {before}");
        let after = before.replace(from, to);
        self.set(name, &after)
    }
}

/// Who takes part: `gateway` called by the test, `cart` that is asked, `mallory` whose key is trusted too.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) kit: TestKest,
    pub(crate) passport: Passport,
    pub(crate) ring: KeyRing,
    pub(crate) limits: Limits,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let kit = TestKest::new(["gateway", "cart", "mallory"]);
        let passport = kit.lineage().hop("gateway").passport();
        Self { ring: kit.keys(), passport, limits: Limits::default(), kit }
    }

    pub(crate) fn clock(&self) -> Arc<TestClock> {
        self.kit.clock()
    }

    /// An unsigned POST with a token.
    pub(crate) fn request() -> Sent {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abc.def.ghi"));
        let uri = Uri::from_static("https://cart.example/orders/7?expand=lines&expand=");
        Sent { method: Method::POST, uri, headers }
    }

    pub(crate) async fn signed(&self) -> Sent {
        self.sign(Self::request(), "gateway", Some(BODY)).await.unwrap().over_http1()
    }

    /// `request`, signed with the key of `workload` for the passport of the rig.
    pub(crate) async fn sign(
        &self,
        mut request: Sent,
        workload: &str,
        body: Option<&[u8]>,
    ) -> Result<Sent, SignError> {
        let key = self.kit.signer(workload).current();
        let digest = body.map(|body| ContentDigest::of(DigestAlgorithm::Sha256, body));
        let (clock, random) = (self.kit.clock(), self.kit.random());
        let head = RequestHead::of(&request.method, &request.uri);
        let (tips, headers) = (self.passport.tips(), &mut request.headers);
        hop::sign(&head, headers, &tips, digest.as_ref(), key.as_ref(), clock.as_ref(), random.as_ref())
            .await?;
        Ok(request)
    }

    pub(crate) fn settings(&self) -> HopSettingsBuilder {
        HopSettings::builder().authority("cart.example").clock(self.clock())
    }

    pub(crate) fn remembering_in(&self, replays: Arc<dyn ReplayStore>) -> HopSettings {
        self.settings().replays(replays).build().unwrap()
    }

    /// What a receiver says, who sees the rig's passport.
    pub(crate) async fn judge(&self, sent: &Sent) -> Result<VerifiedHop, HopError> {
        self.judge_by(sent, &self.settings().build().unwrap()).await
    }

    pub(crate) async fn judge_by(
        &self,
        sent: &Sent,
        settings: &HopSettings,
    ) -> Result<VerifiedHop, HopError> {
        let head = RequestHead::of(&sent.method, &sent.uri);
        let read = hop::read(&head, &sent.headers, &self.limits)?.ok_or(HopError::Missing)?;
        read.verify(&self.passport, &self.ring, settings).await
    }

    /// Demands that `sent` is refused with exactly this kind and cause.
    pub(crate) async fn refused(&self, what: &str, sent: Sent, kind: &str, cause: Option<&str>) {
        let error = self.judge(&sent).await.expect_err(what);
        assert_eq!((error.kind(), error.cause()), (kind, cause), "{what}");
    }

    /// The same for what is wrong with the proof.
    pub(crate) async fn invalid(&self, what: &str, sent: Sent, cause: &str) {
        self.refused(what, sent, "proof_invalid", Some(cause)).await;
    }
}

pub(crate) const BODY: &[u8] = b"{\"quantity\":2}";
