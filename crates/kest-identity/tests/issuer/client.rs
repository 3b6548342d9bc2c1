//! The issuer's client: asks for tokens over HTTP, and proves to have the key that they are bound to.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::{Clock, SystemClock};
use kest_servers::issuer::Issuer;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded::Serializer;

/// The service that the tests are about, as the issuer knows it.
pub(crate) const ORDERS: &str = "https://orders.example/";
pub(crate) const ADDRESS: &str = "https://orders.example/orders";

/// A bearer token for `resource`; without one, the issuer gives a token that only it can read.
pub(crate) async fn token(issuer: &Issuer, resource: Option<&str>) -> String {
    granted(ask(issuer, resource, None).await, "Bearer").await
}

async fn ask(issuer: &Issuer, resource: Option<&str>, proof: Option<&str>) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .post(endpoint(issuer))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form(issuer, resource));
    if let Some(proof) = proof {
        request = request.header(DPOP, proof);
    }
    request.send().await.unwrap()
}

/// RFC 6749 section 4.4: client credentials; RFC 8707 section 2.2: a resource.
fn form(issuer: &Issuer, resource: Option<&str>) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("scope", "read write");
    form.extend_pairs(issuer.client()).extend_pairs(resource.map(|resource| ("resource", resource)));
    form.finish()
}

async fn granted(response: Response, expected_type: &str) -> String {
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!((status, &body["token_type"]), (StatusCode::OK, &json!(expected_type)), "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

fn endpoint(issuer: &Issuer) -> String {
    format!("{}/token", issuer.address())
}

/// The holder of the key that a token is bound to.
pub(crate) enum Holder {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// A token that is bound to a key, and the proof that it was had with.
pub(crate) struct Bound {
    pub(crate) token: String,
    pub(crate) spent: String,
}

impl Holder {
    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// A token for the service, which the issuer binds to this key: RFC 9449 section 5, with its nonce of section 8.
    pub(crate) async fn token(&self, issuer: &Issuer) -> Bound {
        let mut claims = json!({"htm": "POST", "htu": endpoint(issuer)});
        let refused = ask(issuer, Some(ORDERS), Some(&self.proof_with(&claims))).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        claims["nonce"] = refused.headers()["dpop-nonce"].to_str().unwrap().into();
        let spent = self.proof_with(&claims);
        let token = granted(ask(issuer, Some(ORDERS), Some(&spent)).await, "DPoP").await;
        Bound { token, spent }
    }

    /// A proof for a `GET` of [`ADDRESS`] with `token`, never the same twice.
    pub(crate) fn proof(&self, token: &str) -> String {
        self.proof_with(&json!({"htm": "GET", "htu": ADDRESS, "ath": encoded(&Sha256::digest(token))}))
    }

    fn proof_with(&self, more: &Value) -> String {
        // The issuer takes each once from a client, whatever key it is signed with.
        static PROOFS: AtomicU64 = AtomicU64::new(0);
        let id = PROOFS.fetch_add(1, Ordering::Relaxed);
        let mut claims = json!({"jti": format!("proof-{id}"), "iat": SystemClock.unix_seconds()});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let algorithm = if let Self::P256(_) = self { "ES256" } else { "EdDSA" };
        let header = json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": self.jwk()});
        let part = |value: &Value| encoded(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        format!("{signed}.{}", encoded(&self.sign(signed.as_bytes())))
    }

    /// RFC 7638 section 3: the members that the kind of key requires, in order and without blanks.
    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = match self {
            Self::Ed25519(_) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]),
            Self::P256(_) => format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]),
        };
        encoded(&Sha256::digest(text))
    }

    fn jwk(&self) -> Value {
        match self {
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref())})
            }
            Self::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
        }
    }
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const DPOP: HeaderName = HeaderName::from_static("dpop");
