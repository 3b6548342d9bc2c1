//! The signature headers of a request: the input as header lines, and as the input of a signature that the owner of the key
//! makes over it.

#![no_main]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use kest_core::policy::dangerous_allow_all;
use kest_core::replay::{Novelty, ReplayId, ReplayStoreError};
use kest_core::trust::Origin;
use kest_core::{Admitter, Clock as _, Limits, Operation, Passport, ReplayStore, SystemClock};
use kest_fuzz::{Careless, block_on};
use kest_signature::hop::{self, HopError, HopSettings, VerifiedHop};
use kest_signature::{Authority, ContentDigest, Fault, RequestHead, RequestVerifier, SignatureInput};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let service = Service::shared();
    service.used.forget();
    let headers = header_lines(input);
    let uri = Uri::from_static(TARGET);
    let head = RequestHead::of(&Method::POST, &uri);
    // A stranger has no key, and is told so whatever he sends.
    assert!(service.judge(&head, &headers).is_err(), "a signature was guessed");
    let verdict = block_on(service.requests.verify(&head, &headers));
    assert!(verdict.is_err(), "a signature was guessed");
    if let Ok(Some(digest)) = ContentDigest::read(&headers) {
        let mut again = HeaderMap::new();
        again.insert("content-digest", digest.to_header().expect("a header"));
        assert_eq!(ContentDigest::read(&again), Ok(Some(digest)));
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(authority) = Authority::parse(text) {
        assert_eq!(Authority::parse(authority.as_str()), Ok(authority));
    }
    service.is_accepted_when_signed(&head, text, &headers);
});

const TARGET: &str = "/orders/7?expand=lines";

/// The lines of the input that are headers.
fn header_lines(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Takes requests from the careless owner, at one moment of the machine's clock.
struct Service {
    passport: Passport,
    tips: String,
    hops: HopSettings,
    requests: RequestVerifier,
    used: Arc<Used>,
}

impl Service {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Service> = OnceLock::new();
        SHARED.get_or_init(|| {
            let admitter = Admitter::builder(Arc::new(Careless::shared().signer())).build();
            let operation = Operation::named("fuzz").expect("a name");
            let policy = dangerous_allow_all();
            let job = block_on(admitter.originate(Origin::system(), &operation, &policy)).expect("a root");
            let passport = job.passport().clone();
            let requests =
                RequestVerifier::builder(Careless::shared().ring().clone()).authority("orders.example");
            let used = Arc::<Used>::default();
            let replays = Arc::<Used>::clone(&used);
            let hops = HopSettings::builder().authority("orders.example").replays(replays);
            let service = Self {
                tips: passport.tips().to_string(),
                passport,
                hops: hops.build().expect("settings"),
                requests: requests.build().expect("settings"),
                used,
            };
            // Were nothing ever accepted, nothing would be checked.
            let (good, uri) = (include_str!("../seeds/signature/good"), Uri::from_static(TARGET));
            let head = RequestHead::of(&Method::POST, &uri);
            assert!(service.is_accepted_when_signed(&head, good, &HeaderMap::new()));
            service
        })
    }

    fn judge(&self, head: &RequestHead<'_>, headers: &HeaderMap) -> Result<VerifiedHop, HopError> {
        let read = hop::read(head, headers, &Limits::default())?.ok_or(HopError::Missing)?;
        block_on(read.verify(&self.passport, Careless::shared().ring(), &self.hops))
    }

    /// Signs what `text` says is to be signed, and checks it by other code where it is accepted.
    fn is_accepted_when_signed(&self, head: &RequestHead<'_>, text: &str, headers: &HeaderMap) -> bool {
        let now = SystemClock.unix_seconds();
        let text = text.split('\n').next().unwrap_or_default();
        let text = text.replace("NOW", &now.to_string()).replace("LATER", &(now + 9).to_string());
        let Ok(input) = SignatureInput::parse(&text) else { return false };
        // What was read is written so that it is read again, and no line of a base can pass for another.
        assert_eq!(
            SignatureInput::parse(&input.to_string()).expect("our own").to_string(),
            input.to_string()
        );
        let mut headers = headers.clone();
        for (name, value) in [("host", "orders.example"), ("kest-tip", &self.tips)] {
            headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        let authority = Authority::parse("orders.example").expect("an authority");
        let base = match input.base(head, &headers, &authority) {
            Ok(base) => base,
            Err(Fault::HeaderMissing | Fault::Header) => return false,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(base.lines().count(), input.components().len() + 1, "{base}");
        let signature = STANDARD.encode(Careless::shared().sign_bytes(base.as_bytes()));
        for (name, value) in
            [("signature-input", format!("a={input}")), ("signature", format!("a=:{signature}:"))]
        {
            let Ok(value) = HeaderValue::from_str(&value) else { return false };
            headers.insert(HeaderName::from_static(name), value);
        }
        let accepted = self.judge(head, &headers).is_ok();
        if accepted {
            check_accepted(&input, &headers, now);
            let again = self.judge(head, &headers).expect_err("a proof was accepted twice");
            assert_eq!(again.kind(), "proof_replayed");
        }
        accepted
    }
}

/// What was used since the last input.
#[derive(Debug, Default)]
struct Used(Mutex<HashSet<ReplayId>>);

impl Used {
    fn forget(&self) {
        self.0.lock().expect("one thread").clear();
    }
}

#[async_trait]
impl ReplayStore for Used {
    async fn insert(&self, id: ReplayId, _until: SystemTime) -> Result<Novelty, ReplayStoreError> {
        let new = self.0.lock().expect("one thread").insert(id);
        Ok(if new { Novelty::New } else { Novelty::Seen })
    }
}

/// The profile, read a second time from the spelling on the wire.
fn check_accepted(input: &SignatureInput, headers: &HeaderMap, now: u64) {
    let spelled = input.to_string();
    let (parts, parameters) = spelled[1..].split_once(')').expect("a list");
    let mut parts: Vec<&str> = parts.split(' ').collect();
    parts.sort_unstable();
    let mut demanded = vec!["\"@authority\"", "\"@method\"", "\"@path\"", "\"@query\"", "\"kest-tip\""];
    for (name, part) in [("authorization", "\"authorization\""), ("content-digest", "\"content-digest\"")] {
        if headers.contains_key(name) {
            demanded.push(part);
        }
    }
    demanded.sort_unstable();
    assert_eq!(parts, demanded);
    for part in
        [";alg=\"ed25519\"", ";tag=\"kest-hop\"", ";keyid=\"gateway\"", ";nonce=\"", ";created=", ";expires="]
    {
        assert!(parameters.contains(part), "{parameters}");
    }
    let created = input.seconds("created").expect("a moment");
    assert!((now - 11..=now + 3).contains(&created), "{created} at {now}");
    assert!(input.text("nonce").is_some_and(|nonce| (22..=128).contains(&nonce.len())));
    assert_eq!(input.parameters().count(), 6);
    assert!(headers.get_all("authorization").iter().count() <= 1);
}
