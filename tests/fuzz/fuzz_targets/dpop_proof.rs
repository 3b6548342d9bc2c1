//! The proof of possession beside a bound token: the input as `DPoP` header lines, as the claims, or as the header, of a
//! proof that the owner of the key signs.

#![no_main]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::replay::{Novelty, ReplayId, ReplayStoreError};
use kest_core::{
    Authenticate as _, AuthenticateError, Clock, Confirmation, Evidence, Limits, Lineage, ReplayStore,
    RequestTarget, authenticate,
};
use kest_fuzz::{Careless, block_on};
use kest_identity::{DpopSettings, FetchError, FetchKeys, JwtAuthenticator, KeySet, Requirement};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://issuer.example";

fuzz_target!(|input: &[u8]| {
    let service = Service::shared();
    service.used.forget();
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    service.check(&lines);
    let careless = Careless::shared();
    for (header, claims) in [(service.header.as_slice(), input), (input, service.claims.as_slice())] {
        service.check(&[careless.sign(header, claims).as_bytes()]);
    }
});

/// Takes tokens that are bound to the careless owner's key.
struct Service {
    authenticator: JwtAuthenticator,
    used: Arc<Used>,
    token: String,
    header: Vec<u8>,
    claims: Vec<u8>,
}

impl Service {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Service> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    fn new() -> Self {
        let used = Arc::<Used>::default();
        let settings =
            DpopSettings::new().origins(["https://api.example"]).replays(Arc::<Used>::clone(&used));
        let authenticator = JwtAuthenticator::builder()
            .issuer(ISSUER)
            .audience("orders")
            .keys_from(Arc::new(Published))
            .clock(Arc::new(Stopped))
            .dpop(Requirement::Required)
            .dpop_settings(settings);
        let token = json!({
            "iss": ISSUER, "aud": "orders", "sub": "user-1", "exp": NOW + 3000, "cnf": {"jkt": thumbprint()},
        });
        let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"owner"}"#;
        let token = Careless::shared().sign(header, token.to_string().as_bytes());
        let proof = json!({
            "jti": "proof-1", "htm": "POST", "htu": "https://api.example/orders", "iat": NOW,
            "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(&token)),
        });
        let service = Self {
            authenticator: authenticator.build().expect("an authenticator"),
            used,
            token,
            header: json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk()}).to_string().into_bytes(),
            claims: proof.to_string().into_bytes(),
        };
        // Were nothing ever accepted, nothing would be checked.
        let good = Careless::shared().sign(&service.header, &service.claims);
        service.send(&[good.as_bytes()]).expect("a good proof");
        service
    }

    /// Sends a request with these `DPoP` headers, and checks whatever is accepted.
    fn check(&self, headers: &[&[u8]]) {
        match self.send(headers) {
            Ok(confirmation) => {
                assert_eq!(confirmation, Some(Confirmation::Jkt(thumbprint().into())));
                let [proof] = headers else { panic!("two proofs were accepted") };
                self.check_accepted(proof);
                assert!(self.send(headers).is_err(), "a proof was accepted twice");
            }
            // Whatever a stranger sends is the stranger's fault, and is told what to mend.
            Err(error @ AuthenticateError::Invalid(_)) => {
                assert!(self.authenticator.challenge(&error).is_some(), "{error:?}");
            }
            Err(ours) => panic!("{ours:?}"),
        }
    }

    fn send(&self, headers: &[&[u8]]) -> Result<Option<Confirmation>, AuthenticateError> {
        let authorization = format!("DPoP {}", self.token);
        let evidence = Evidence::new(&Lineage::Absent)
            .with_authorization([authorization.as_bytes()])
            .with_dpop(headers.iter().copied())
            .with_target(RequestTarget::new("POST", Some("10.0.0.7"), "/orders"));
        let caller = block_on(authenticate(&self.authenticator, &evidence))?;
        Ok(caller.confirmation().cloned())
    }

    /// RFC 9449 section 4.3, read a second time by other code.
    fn check_accepted(&self, proof: &[u8]) {
        let parts: Vec<_> = proof.split(|byte| *byte == b'.').collect();
        let [header, claims, _signature] = parts.as_slice() else { panic!("{} parts", parts.len()) };
        let [header, claims] = [header, claims].map(|part| {
            let json = URL_SAFE_NO_PAD.decode(part).expect("canonical base64url");
            serde_json::from_slice::<Value>(&json).expect("JSON")
        });
        assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("EdDSA")));
        assert_eq!(header["jwk"]["x"], jwk()["x"]);
        assert!(
            header["jwk"].get("d").is_none() && header.get("crit").is_none() && header.get("b64").is_none()
        );
        assert_eq!(claims["htm"], "POST");
        let address = Url::parse(claims["htu"].as_str().expect("an address")).expect("an address");
        let place = (address.scheme(), address.host_str(), address.port_or_known_default());
        assert_eq!(place, ("https", Some("api.example"), Some(443)), "{address}");
        assert!(address.username().is_empty() && address.password().is_none(), "{address}");
        assert_eq!(decoded(address.path()), "/orders");
        let issued = claims["iat"].as_f64().expect("a time");
        assert!((NOW as f64 - 60.0..=NOW as f64 + 5.0).contains(&issued), "{issued}");
        assert_eq!(claims["ath"], URL_SAFE_NO_PAD.encode(Sha256::digest(&self.token)));
        assert!(claims["jti"].as_str().is_some_and(|id| !id.is_empty()));
    }
}

fn jwk() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(Careless::shared().public_key())})
}

/// RFC 7638.
fn thumbprint() -> String {
    let x = URL_SAFE_NO_PAD.encode(Careless::shared().public_key());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

fn decoded(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (octet, rest) = piece.split_at(2);
        text.push(char::from(u8::from_str_radix(octet, 16).expect("two digits")));
        text.push_str(rest);
    }
    text
}

/// The proofs that one input used up.
#[derive(Debug, Default)]
struct Used(Mutex<HashSet<ReplayId>>);

impl Used {
    fn forget(&self) {
        self.0.lock().expect("no thread panicked").clear();
    }
}

#[async_trait]
impl ReplayStore for Used {
    async fn insert(&self, id: ReplayId, _expires_at: SystemTime) -> Result<Novelty, ReplayStoreError> {
        let new = self.0.lock().expect("no thread panicked").insert(id);
        Ok(if new { Novelty::New } else { Novelty::Seen })
    }
}

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }
}

#[derive(Debug)]
struct Published;

#[async_trait]
impl FetchKeys for Published {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let mut jwk = jwk();
        jwk["kid"] = json!("owner");
        let set = json!({ "keys": [jwk] }).to_string();
        KeySet::from_json(set.as_bytes(), &Limits::default()).map_err(FetchError::NotAKeySet)
    }
}
