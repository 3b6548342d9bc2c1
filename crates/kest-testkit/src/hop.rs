//! Requests that a workload makes: with a passport, with the proof that ties it to the request, or with one of the two.

use http::Request;
use kest_core::passport::Tips;
use kest_core::signature::Sign as _;
use kest_core::{Clock, Passport, Random};
use kest_signature::{ContentDigest, DigestAlgorithm, RequestHead, hop};

use crate::fail::OrFail as _;
use crate::header;
use crate::kit::TestKest;
use crate::lineage::value;
use crate::now::now;
use crate::workload;

impl TestKest {
    /// Has the workload called `name` send `request` with `passport`, whose tip it signed, and with the proof that it made this very
    /// request, for the authority that its address or its `Host` names. Each call is another attempt, with a nonce of its own.
    ///
    /// ```
    /// use http::Request;
    /// use kest_testkit::TestKest;
    ///
    /// let kit = TestKest::new(["gateway", "mallory", "service"]);
    /// let passport = kit.lineage().hop("gateway").passport();
    /// let request = || Request::post("https://service.example/call").body("{}".to_owned()).unwrap();
    /// let honest = kit.send("gateway", &passport, request());
    /// // Attacks: who saw the passport has it, and not the key; who has another key is not its signer.
    /// let copied = kit.carry(&passport, request());
    /// let stolen = kit.send("mallory", &passport, request());
    /// # drop((honest, copied, stolen));
    /// ```
    ///
    /// # Panics
    ///
    /// When `passport` is empty, or the request names no authority.
    #[track_caller]
    pub fn send<B: AsRef<[u8]>>(&self, name: &str, passport: &Passport, request: Request<B>) -> Request<B> {
        self.prove(name, passport, self.carry(passport, request))
    }

    /// Puts `passport` on `request`, and no proof: what everybody can do who has seen it.
    ///
    /// # Panics
    ///
    /// Never: a passport can stand in a header.
    #[track_caller]
    pub fn carry<B>(&self, passport: &Passport, mut request: Request<B>) -> Request<B> {
        let entries: Vec<String> = passport.entries().iter().map(|it| it.compact().to_owned()).collect();
        let baggage = value(&header::baggage(&entries, &passport.tips().to_string()));
        request.headers_mut().append("baggage", baggage);
        request
    }

    /// Puts the proof of the workload called `name` on `request`, and no passport.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    #[track_caller]
    pub fn prove<B: AsRef<[u8]>>(&self, name: &str, passport: &Passport, request: Request<B>) -> Request<B> {
        proved(request, &passport.tips(), name, self.clock().as_ref(), self.random().as_ref())
    }
}

/// `request` with the proof that the workload called `signer` made it, with a passport of these tips.
#[track_caller]
pub(crate) fn proved<B: AsRef<[u8]>>(
    request: Request<B>,
    tips: &Tips,
    signer: &str,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Request<B> {
    let (mut parts, body) = request.into_parts();
    let bytes = body.as_ref();
    let digest = (!bytes.is_empty()).then(|| ContentDigest::of(DigestAlgorithm::Sha256, bytes));
    let (key, head) = (workload::signer(signer).current(), RequestHead::of(&parts.method, &parts.uri));
    let signing = hop::sign(&head, &mut parts.headers, tips, digest.as_ref(), key.as_ref(), clock, random);
    now(signing).or_fail("a signed request");
    Request::from_parts(parts, body)
}
