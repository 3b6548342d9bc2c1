//! Two independent implementations of RFC 9421 judge what we sign, and we judge what they sign: 10 000 random requests each
//! way.
//!
//! `httpsig` derives the parts from a request of `http` itself and has Ed25519 of its own; `wimsey-httpsig` takes the parts
//! of a request and keeps the received spelling of parameters.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use httpsig_hyper::prelude::message_component::HttpMessageComponentId;
use httpsig_hyper::prelude::{AlgorithmName, HttpSignatureParams, SecretKey};
use httpsig_hyper::{MessageSignature as _, MessageSignatureReqSync as _};
use kest_core::replay::InMemoryReplays;
use kest_core::signature::{KeyRing, SigningKey};
use kest_core::{Clock as _, Limits, Passport, Random as _, Sign as _, SystemClock};
use kest_signature::hop::{self, HopSettings};
use kest_signature::{CONTENT_DIGEST, ContentDigest, DigestAlgorithm, RequestHead};
use kest_testkit::{SeededRandom, TestClock, TestKest};
use wimsey_httpsig::{Component, HttpRequest, SignatureParams, VerifyConfig};

const REQUESTS: usize = 10_000;

/// The two sides of a hop, with the seed of the caller's key, which a peer signs with too.
struct Hop {
    key: Arc<dyn SigningKey>,
    ring: KeyRing,
    passport: Passport,
    settings: HopSettings,
    random: SeededRandom,
}

impl Hop {
    fn new(seed: &str) -> Self {
        // By the machine's clock, which `httpsig` reads.
        let kit = TestKest::at(TestClock::of(&SystemClock), ["gateway"]);
        let passport = kit.lineage().hop("gateway").passport();
        let replays = InMemoryReplays::new(&Limits::default());
        let settings = HopSettings::builder().authorities(AUTHORITIES).replays(Arc::new(replays));
        let settings = settings.max_age(Duration::from_secs(60)).build().unwrap();
        let (key, ring) = (kest_testkit::workload::signer("gateway").current(), kit.keys());
        Self { key, ring, passport, settings, random: SeededRandom::new(seed) }
    }

    fn seed() -> [u8; 32] {
        kest_testkit::workload::seed("gateway")
    }

    fn key_id(&self) -> String {
        self.key.key_id().as_str().to_owned()
    }

    /// A random request, not signed yet.
    fn request(&self) -> (Request<String>, Option<ContentDigest>) {
        let mut random = Bytes::of(&self.random);
        let authority = random.one_of(&AUTHORITIES);
        let path = random.text(PATH, 24);
        let query = random.one_of(&[None, Some(""), Some("more")]).map(|kind| match kind {
            "" => String::new(),
            _ => random.text(QUERY, 40),
        });
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let method = random.one_of(&["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]);
        let uri: Uri = format!("https://{authority}/{path}{query}").parse().unwrap();
        let mut request = Request::new(String::new());
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        *request.uri_mut() = uri;
        if random.byte() < 128 {
            let token = format!("Bearer {}.x", random.text(TOKEN, 60));
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&token).unwrap());
        }
        let algorithm = random.one_of(&[DigestAlgorithm::Sha256, DigestAlgorithm::Sha512]);
        let body = (random.byte() < 128).then(|| random.text(QUERY, 200));
        let digest = body.as_ref().map(|body| ContentDigest::of(algorithm, body.as_bytes()));
        *request.body_mut() = body.unwrap_or_default();
        (request, digest)
    }

    /// Signed by us.
    async fn signed(&self) -> Request<String> {
        let (request, digest) = self.request();
        let (mut parts, body) = request.into_parts();
        let (head, tips) = (RequestHead::of(&parts.method, &parts.uri), self.passport.tips());
        let headers = &mut parts.headers;
        hop::sign(&head, headers, &tips, digest.as_ref(), self.key.as_ref(), &SystemClock, &self.random)
            .await
            .unwrap();
        Request::from_parts(parts, body)
    }

    /// What a peer has to sign, with all that is not its own business.
    fn unsigned(&self) -> Request<String> {
        let (mut request, digest) = self.request();
        let tips = HeaderValue::from_str(&self.passport.tips().to_string()).unwrap();
        request.headers_mut().insert(hop::KEST_TIP, tips);
        if let Some(digest) = digest {
            request.headers_mut().insert(CONTENT_DIGEST, digest.to_header().unwrap());
        }
        request
    }

    fn nonce(&self) -> String {
        Bytes::of(&self.random).text(TOKEN, 8) + &Bytes::of(&self.random).exactly(TOKEN, 24)
    }

    async fn judge(&self, request: &Request<String>) {
        let head = RequestHead::of_request(request);
        let read = hop::read(&head, request.headers(), &Limits::default());
        let read = read.unwrap_or_else(|error| panic!("{error}: {request:?}")).unwrap();
        let proved = read.verify(&self.passport, &self.ring, &self.settings).await;
        let proved = proved.unwrap_or_else(|error| panic!("{error}: {request:?}"));
        let mut check = proved.body().check();
        check.update(request.body().as_bytes()).unwrap();
        check.finish().unwrap();
    }
}

/// The parts of our profile that this request has, in an order of its own.
fn parts(headers: &HeaderMap, turn: usize) -> Vec<String> {
    let mut parts: Vec<String> =
        ["@method", "@authority", "@path", "@query", "kest-tip"].map(str::to_owned).into();
    for name in [AUTHORIZATION, CONTENT_DIGEST] {
        if headers.contains_key(&name) {
            parts.push(name.as_str().to_owned());
        }
    }
    let turn = turn % parts.len();
    parts.rotate_left(turn);
    parts
}

#[tokio::test]
async fn httpsig_accepts_what_we_sign() {
    let hop = Hop::new("httpsig accepts");
    let key = SecretKey::from_bytes(&AlgorithmName::Ed25519, &Hop::seed()).unwrap().public_key();
    let id = hop.key_id();
    for _ in 0..REQUESTS {
        let request = hop.signed().await.map(http_body_util::Full::<bytes::Bytes>::from);
        assert!(request.has_message_signature());
        let accepted = request.verify_message_signature_sync(&key, Some(&id));
        assert_eq!(accepted.unwrap_or_else(|error| panic!("{error}: {request:?}")), hop::TAG);
    }
    let mut changed = hop.signed().await.map(http_body_util::Full::<bytes::Bytes>::from);
    *changed.method_mut() = Method::TRACE;
    assert!(changed.verify_message_signature_sync(&key, Some(&id)).is_err(), "the peer does judge");
}

#[tokio::test]
async fn we_accept_what_httpsig_signs() {
    let hop = Hop::new("httpsig signs");
    let key = SecretKey::from_bytes(&AlgorithmName::Ed25519, &Hop::seed()).unwrap();
    let id = hop.key_id();
    for turn in 0..REQUESTS {
        let request = hop.unsigned();
        let covered = parts(request.headers(), turn);
        let covered: Vec<_> =
            covered.iter().map(|part| HttpMessageComponentId::try_from(part.as_str()).unwrap()).collect();
        let mut params = HttpSignatureParams::try_new(&covered).unwrap();
        let now = SystemClock.unix_seconds();
        params.set_created(now).set_expires(now + 30).set_nonce(&hop.nonce()).set_keyid(&id);
        params.set_alg(&AlgorithmName::Ed25519).set_tag(hop::TAG);
        let mut with_body =
            request.map(|body| (body.clone(), http_body_util::Full::<bytes::Bytes>::from(body)));
        let (parts, (text, body)) = with_body.into_parts();
        let mut request = Request::from_parts(parts, body);
        request.set_message_signature_sync(&params, &key, Some("sig1")).unwrap();
        with_body = request.map(|body| (text, body));
        hop.judge(&with_body.map(|(text, _)| text)).await;
    }
}

/// The request as this peer sees it.
fn seen(request: &Request<String>) -> HttpRequest {
    let headers = request.headers().iter();
    HttpRequest {
        method: request.method().as_str().to_owned(),
        authority: request.uri().authority().unwrap().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().map(str::to_owned),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
    }
}

#[tokio::test]
async fn wimsey_accepts_what_we_sign() {
    let hop = Hop::new("wimsey accepts");
    let key = wimsey_httpsig::SigningKey::from_ed25519_seed(&Hop::seed()).verifying_key();
    for _ in 0..REQUESTS {
        let request = hop.signed().await;
        let text = |name: &str| request.headers().get(name).unwrap().to_str().unwrap();
        let (input, signature) = (text("signature-input"), text("signature"));
        let covered = parts(request.headers(), 0);
        let covered = covered.iter().map(|part| Component::from_quoted_id(&format!("\"{part}\"")).unwrap());
        let now = Some(SystemClock.unix_seconds());
        let config = VerifyConfig { now, required_components: covered.collect(), ..VerifyConfig::default() };
        let mut seen = seen(&request);
        let accepted = wimsey_httpsig::verify(&seen, input, signature, &key, &config);
        assert_eq!(accepted.unwrap_or_else(|error| panic!("{error}: {request:?}")).label, hop::TAG);
        let digest = request.headers().get(CONTENT_DIGEST).map(|digest| digest.to_str().unwrap());
        if let Some(digest) = digest.filter(|digest| digest.starts_with("sha-256")) {
            assert!(wimsey_httpsig::verify_content_digest(digest, request.body().as_bytes()), "{digest}");
        }
        seen.path.push('x');
        let judged = wimsey_httpsig::verify(&seen, input, signature, &key, &config);
        assert!(judged.is_err(), "the peer does judge");
    }
}

#[tokio::test]
async fn we_accept_what_wimsey_signs() {
    let hop = Hop::new("wimsey signs");
    let key = wimsey_httpsig::SigningKey::from_ed25519_seed(&Hop::seed());
    for turn in 0..REQUESTS {
        let mut request = hop.unsigned();
        let covered = parts(request.headers(), turn);
        let covered: Vec<_> =
            covered.iter().map(|part| Component::from_quoted_id(&format!("\"{part}\"")).unwrap()).collect();
        let now = SystemClock.unix_seconds();
        let params = SignatureParams {
            created: Some(now),
            expires: Some(now + 30),
            keyid: Some(hop.key_id()),
            alg: Some("ed25519".to_owned()),
            nonce: Some(hop.nonce()),
            tag: Some(hop::TAG.to_owned()),
            ..SignatureParams::default()
        };
        let signed = wimsey_httpsig::sign(&seen(&request), &covered, &params, "sig1", &key).unwrap();
        let headers = request.headers_mut();
        headers.insert("signature-input", HeaderValue::from_str(&signed.signature_input).unwrap());
        headers.insert("signature", HeaderValue::from_str(&signed.signature).unwrap());
        hop.judge(&request).await;
    }
}

/// Choices out of a random source.
struct Bytes<'random> {
    source: &'random SeededRandom,
    drawn: Vec<u8>,
}

impl<'random> Bytes<'random> {
    fn of(source: &'random SeededRandom) -> Self {
        Self { source, drawn: Vec::new() }
    }

    fn byte(&mut self) -> u8 {
        if self.drawn.is_empty() {
            self.drawn = vec![0; 256];
            self.source.fill(&mut self.drawn).unwrap();
        }
        self.drawn.pop().unwrap()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    fn exactly(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(self.one_of(alphabet.as_bytes()))).collect()
    }

    fn text(&mut self, alphabet: &str, most: usize) -> String {
        let length = usize::from(self.byte()) % most;
        self.exactly(alphabet, length)
    }
}

const AUTHORITIES: [&str; 5] =
    ["cart.example", "a.b-c.example:8443", "127.0.0.1:9000", "[2001:db8::1]:8080", "localhost"];
/// RFC 3986 sections 3.3 and 3.4, and what browsers send beside it.
const PATH: &str = "abcXYZ019-._~!$&'()*+,;=:@/%";
const QUERY: &str = "abcXYZ019-._~!$&'()*+,;=:@/?%";
const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/";
