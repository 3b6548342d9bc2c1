//! Signs tokens as an issuer does, and as an attacker would like it to: good ones, changed in exactly one place.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// The `iss` of good tokens.
pub const ISSUER: &str = "https://issuer.example/";

/// The `aud` of good tokens.
pub const AUDIENCE: &str = "shop";

/// When good tokens are fresh, in seconds since 1970; they hold for [`LIFE`] from then on.
pub const NOW: u64 = 1_800_000_000;

/// How long good tokens hold, in seconds.
pub const LIFE: u64 = 3 * 3600;

/// A key that an issuer signs tokens with.
#[derive(Debug)]
pub struct TokenKey {
    id: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl TokenKey {
    /// A new RSA key.
    pub fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    /// A new key on P-256.
    pub fn p256(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { id: id.to_owned(), pair: Pair::P256(pair) }
    }

    /// The Ed25519 key of a seed.
    pub fn ed25519(id: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self { id: id.to_owned(), pair: Pair::Ed25519(pair) }
    }

    /// The public key as the issuer publishes it.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "kid": self.id, "n": text(&public.n), "e": text(&public.e)})
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": self.id, "x": text(x), "y": text(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": text(pair.public_key().as_ref())})
            }
        }
    }

    /// The same with these members; `null` takes one away.
    pub fn jwk_with(&self, changes: &Value) -> Value {
        changed(self.jwk(), changes)
    }

    /// What an attacker may take for a shared secret: every form in which an RSA public key is handed round.
    pub fn public_forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let Pair::Rsa(pair) = &self.pair else { return Vec::new() };
        let pkcs1 = pair.public_key().as_ref().to_vec();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let spki = der.as_ref().to_vec();
        let modulus = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key()).n;
        let pem = pem("PUBLIC KEY", &spki);
        vec![
            ("pem without its last line end", pem.trim_end().as_bytes().to_vec()),
            ("pem", pem.into_bytes()),
            ("pkcs1 pem", self::pem("RSA PUBLIC KEY", &pkcs1).into_bytes()),
            ("der", spki),
            ("pkcs1 der", pkcs1),
            ("modulus", modulus),
            ("modulus as published", self.jwk()["n"].as_str().unwrap().as_bytes().to_vec()),
            ("jwk", self.jwk().to_string().into_bytes()),
        ]
    }

    /// A token that holds.
    pub fn token(&self) -> String {
        self.token_with(&json!({}), &json!({}))
    }

    /// A token that differs from a good one by these members of header and claims, and is signed as it stands; `null`
    /// takes a member away.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let header = changed(self.header(), header);
        self.token_of(&header.to_string(), &changed(good_claims(), claims).to_string())
    }

    /// A good token that no other is like, so that it is not recognised from before.
    pub fn token_numbered(&self, number: usize) -> String {
        self.token_with(&json!({}), &json!({"jti": number.to_string()}))
    }

    /// A token of exactly this text.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = signing_input(header, claims);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes())))
    }

    /// A token whose "signature" is an HMAC with `secret`.
    pub fn token_by_hmac(&self, name: &str, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
        let header = changed(self.header(), &json!({ "alg": name }));
        let signed = signing_input(&header.to_string(), &good_claims().to_string());
        let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// The header of its good tokens.
    pub fn header(&self) -> Value {
        let algorithm = match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        };
        json!({"alg": algorithm, "typ": "at+jwt", "kid": self.id})
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// The claims of good tokens.
pub fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "web", "scope": "orders:read",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + LIFE,
    })
}

/// The part of a token that is signed.
pub fn signing_input(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn changed(value: Value, changes: &Value) -> Value {
    let Value::Object(mut members) = value else { return value };
    for (name, change) in changes.as_object().unwrap_or(&Map::new()) {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
    Value::Object(members)
}

/// RFC 7468 section 2: lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
