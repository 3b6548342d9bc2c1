//! Issuers with a key of each kind, the tokens that they sign, and their key set over loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::CONTENT_TYPE;
use kest::Clock as _;
use kest::Limits;
use kest::core::{BoxError, SystemClock};
use kest::identity::{FetchError, FetchKeys, JwtAuthenticator, JwtAuthenticatorBuilder, KeySet};
use serde_json::{Value, json};

use crate::requests::listen;

pub(super) const NAME: &str = "https://issuer.example.org";
pub(super) const AUDIENCE: &str = "https://orders.example.org";

/// Signs tokens with one key.
pub(crate) struct Issuer {
    key: Key,
    pub(super) algorithm: jsonwebtoken::Algorithm,
    /// The name of the algorithm.
    pub(super) name: &'static str,
}

enum Key {
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl Issuer {
    pub(crate) fn ed25519() -> Result<Self, BoxError> {
        let key = Key::Ed25519(Ed25519KeyPair::generate()?);
        Ok(Self { key, algorithm: jsonwebtoken::Algorithm::EdDSA, name: "EdDSA" })
    }

    pub(super) fn rsa() -> Result<Self, BoxError> {
        let key = Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048)?);
        Ok(Self { key, algorithm: jsonwebtoken::Algorithm::RS256, name: "RS256" })
    }

    pub(super) fn p256() -> Result<Self, BoxError> {
        let key = Key::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?);
        Ok(Self { key, algorithm: jsonwebtoken::Algorithm::ES256, name: "ES256" })
    }

    /// The public key, called `2026-1`.
    pub(super) fn jwk(&self) -> Result<Value, BoxError> {
        let mut jwk = match &self.key {
            Key::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key())})
            }
            Key::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": encoded(public.n), "e": encoded(public.e)})
            }
            Key::P256(pair) => {
                // SEC 1: a byte that says "uncompressed", then both coordinates.
                let point = pair.public_key().as_ref().get(1..).ok_or("an empty point")?;
                let (x, y) = point.split_at_checked(32).ok_or("a short point")?;
                json!({"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)})
            }
        };
        for (name, value) in [("kid", KEY_ID), ("use", "sig"), ("alg", self.name)] {
            jwk.as_object_mut().ok_or("no key")?.insert(name.to_owned(), value.into());
        }
        Ok(jwk)
    }

    /// An ordinary access token; no two numbers give the same one.
    pub(crate) fn token(&self, number: usize) -> Result<String, BoxError> {
        let header = json!({"alg": self.name, "typ": "at+jwt", "kid": KEY_ID});
        let now = SystemClock.unix_seconds();
        let claims = json!({
            "iss": NAME, "aud": AUDIENCE, "sub": format!("user-{number}"), "client_id": "shop-frontend",
            "scope": "orders:read orders:write", "iat": now, "exp": now + 3600, "jti": format!("token-{number}"),
        });
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        Ok(format!("{signed}.{}", encoded(self.sign(signed.as_bytes())?)))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
        let random = SystemRandom::new();
        Ok(match &self.key {
            Key::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Key::P256(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                signature
            }
        })
    }

    /// The beginning of an authenticator that believes this issuer.
    pub(crate) fn trusted(&self) -> Result<JwtAuthenticatorBuilder, BoxError> {
        let keys = Arc::new(Published(json!({ "keys": [self.jwk()?] }).to_string()));
        Ok(JwtAuthenticator::builder().issuer(NAME).audience(AUDIENCE).keys_from(keys))
    }
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key set that needs no network.
#[derive(Debug)]
struct Published(String);

#[async_trait]
impl FetchKeys for Published {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        KeySet::from_json(self.0.as_bytes(), &Limits::default()).map_err(FetchError::NotAKeySet)
    }
}

/// A key set endpoint on loopback that can be made to take connections and never answer.
pub(super) struct Endpoint {
    address: SocketAddr,
    hanging: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Endpoint {
    pub(super) async fn start(issuer: &Issuer) -> Result<Self, BoxError> {
        let set = json!({ "keys": [issuer.jwk()?] }).to_string();
        let (hanging, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (hangs, count) = (Arc::clone(&hanging), Arc::clone(&asked));
        let answer = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            if hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            ([(CONTENT_TYPE, "application/json")], set)
        };
        let address = listen(Router::new().route("/jwks.json", get(answer))).await?;
        Ok(Self { address, hanging, asked })
    }

    pub(super) fn uri(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    pub(super) fn hang(&self) {
        self.hanging.store(true, Ordering::SeqCst);
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

const KEY_ID: &str = "2026-1";
