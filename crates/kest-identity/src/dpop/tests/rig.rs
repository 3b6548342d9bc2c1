//! A service that takes bound tokens, a client that has the key, and thieves of various kinds.

use std::error::Error;
use std::sync::Arc;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use aws_lc_rs::{hmac, rand::SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::{
    AuthenticateError, Clock, Confirmation, Credentials, Limits, OsRandom, PeerCertificate, RequestTarget,
};
use kest_testkit::TestClock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bearer::Scheme;
use crate::confirmation::{Binding, BindingError, Presented};
use crate::dpop::{DpopSettings, Proofs, Requirement};

pub(super) const NOW: u64 = 1_700_000_000;
pub(super) const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl";

/// A key pair that a client made for itself.
pub(super) enum ClientKey {
    Ec(&'static str, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl ClientKey {
    pub(super) fn p256() -> Self {
        Self::Ec("ES256", EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn p384() -> Self {
        Self::Ec("ES384", EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    pub(super) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(super) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(name, _) => name,
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    pub(super) fn jwk(&self) -> Value {
        match self {
            Self::Ec(name, pair) => {
                let (curve, length) = if *name == "ES256" { ("P-256", 32) } else { ("P-384", 48) };
                let (x, y) = pair.public_key().as_ref()[1..].split_at(length);
                json!({"kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y)})
            }
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref())})
            }
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": encoded(&public.n), "e": encoded(&public.e)})
            }
        }
    }

    /// RFC 7638, made by hand a second time.
    pub(super) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
        let members = match self {
            Self::Ec(..) => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, text("crv"), text("x"), text("y"))
            }
            Self::Ed25519(_) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text("x")),
            Self::Rsa(_) => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text("e"), text("n")),
        };
        encoded(&Sha256::digest(members))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(_, pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// A good proof for [`Request::new`].
    pub(super) fn proof(&self) -> String {
        self.proof_with(&json!({}), &json!({}))
    }

    /// A proof whose header and claims differ from good ones by these members; `null` takes a member away.
    pub(super) fn proof_with(&self, header: &Value, claims: &Value) -> String {
        let mut good_header = json!({"typ": "dpop+jwt", "alg": self.algorithm(), "jwk": self.jwk()});
        let mut good_claims = json!({
            "jti": "proof-1", "htm": "POST", "htu": "https://api.example/orders", "iat": NOW,
            "ath": encoded(&Sha256::digest(TOKEN)),
        });
        change(&mut good_header, header);
        change(&mut good_claims, claims);
        self.proof_of(&good_header.to_string(), &good_claims.to_string())
    }

    pub(super) fn proof_of(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()));
        format!("{signed}.{}", encoded(&self.sign(signed.as_bytes())))
    }
}

/// A proof that is "signed" by a secret that everybody knows.
pub(super) fn symmetric_proof(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed =
        format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", encoded(tag.as_ref()))
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn change(value: &mut Value, changes: &Value) {
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
}

/// A request with a token that holds: what is asked for, and what came along.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) scheme: Scheme,
    pub(super) token: &'static str,
    pub(super) confirmation: Option<Value>,
    pub(super) target: Option<RequestTarget<'static>>,
    pub(super) proofs: Vec<String>,
    pub(super) certificate: Option<PeerCertificate>,
}

impl Request {
    /// With a token that is bound to `key`, and this proof.
    pub(super) fn new(key: &ClientKey, proof: impl Into<String>) -> Self {
        Self {
            scheme: Scheme::Dpop,
            token: TOKEN,
            confirmation: Some(json!({"jkt": key.thumbprint()})),
            target: Some(RequestTarget::new("POST", Some("api.example"), "/orders")),
            proofs: vec![proof.into()],
            certificate: None,
        }
    }

    /// With a token of this confirmation, as a bearer token.
    pub(super) fn bearer(confirmation: Option<Value>) -> Self {
        let mut request = Self::new(&ClientKey::ed25519(), "");
        request.proofs.clear();
        Self { scheme: Scheme::Bearer, confirmation, ..request }
    }
}

pub(super) struct Rig {
    pub(super) binding: Binding,
    pub(super) clock: Arc<TestClock>,
}

impl Rig {
    /// A service at `https://api.example` whose tokens are all bound to keys.
    pub(super) fn new() -> Self {
        Self::with(DpopSettings::new().origins(["https://api.example"]))
    }

    pub(super) fn with(settings: DpopSettings) -> Self {
        Self::asking(Requirement::Required, Requirement::Off, settings, &Limits::default())
    }

    pub(super) fn asking(
        dpop: Requirement,
        certificates: Requirement,
        settings: DpopSettings,
        limits: &Limits,
    ) -> Self {
        let clock = Arc::new(TestClock::at(NOW));
        let shared: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let proofs = Proofs::new(settings, &shared, &OsRandom, limits).unwrap();
        Self { binding: Binding::new(dpop, certificates, Arc::new(proofs)), clock }
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Option<Confirmation>, BindingError> {
        let mut credentials = Credentials::none()
            .with_dpop(request.proofs.iter().map(String::as_bytes))
            .with_certificate(request.certificate);
        if let Some(target) = request.target {
            credentials = credentials.with_target(target);
        }
        let confirmation = request.confirmation.as_ref();
        let presented = Presented { scheme: request.scheme, token: request.token, confirmation };
        self.binding.confirm(presented, &credentials, || None, self.clock.unix_millis()).await
    }

    /// Sends a request of `key` with this proof.
    pub(super) async fn prove(
        &self,
        key: &ClientKey,
        proof: impl Into<String>,
    ) -> Result<Option<Confirmation>, BindingError> {
        self.send(&Request::new(key, proof)).await
    }
}

/// Checks that the answer is a refusal for this reason, and that it says nothing of what was sent.
#[track_caller]
pub(super) fn check_refused(answer: Result<Option<Confirmation>, BindingError>, kind: &str) {
    let Err(error) = answer else { panic!("expected {kind}, got {answer:?}") };
    assert_eq!(error.kind(), kind);
    let mut told = String::new();
    let mut next: Option<&dyn Error> = Some(&error);
    while let Some(cause) = next {
        told += &cause.to_string();
        next = cause.source();
    }
    for content in ["user-1", "proof-1", "eyJ", "example", "POST", "/orders"] {
        assert!(!told.contains(content), "{told}");
    }
    let unavailable = matches!(kind, "no_target" | "replay_store");
    let answer = AuthenticateError::from(error);
    assert_eq!(matches!(answer, AuthenticateError::Unavailable(_)), unavailable, "{answer:?}");
}
