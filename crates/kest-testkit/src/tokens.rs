//! Keys that an issuer signs tokens with, and tokens of exactly the text that a test wants.

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

use crate::fail::OrFail as _;

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
    /// A new RSA key of 2048 bits, another one in each run.
    ///
    /// # Panics
    ///
    /// When the library makes none.
    #[must_use]
    #[track_caller]
    pub fn rsa(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).or_fail("an RSA key")),
        }
    }

    /// A new key on P-256, another one in each run.
    ///
    /// # Panics
    ///
    /// When the library makes none.
    #[must_use]
    #[track_caller]
    pub fn p256(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).or_fail("a key on P-256");
        Self { id: id.to_owned(), pair: Pair::P256(pair) }
    }

    /// The Ed25519 key of a seed, the same in each run.
    ///
    /// # Panics
    ///
    /// When the seed makes no key, which all do.
    #[must_use]
    #[track_caller]
    pub fn ed25519(id: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).or_fail("a key of a seed");
        Self { id: id.to_owned(), pair: Pair::Ed25519(pair) }
    }

    /// Its name, the `kid`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key as the issuer publishes it.
    #[must_use]
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "kid": self.id, "n": encoded(&public.n), "e": encoded(&public.e)})
            }
            Pair::P256(pair) => {
                // SEC 1 section 2.3.3: 4, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": "P-256", "kid": self.id, "x": encoded(x), "y": encoded(y)})
            }
            Pair::Ed25519(pair) => {
                let x = encoded(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x})
            }
        }
    }

    /// The same with these members; `null` takes one away.
    #[must_use]
    pub fn jwk_with(&self, changes: &Value) -> Value {
        changed(self.jwk(), changes)
    }

    /// The header of its good tokens.
    #[must_use]
    pub fn header(&self) -> Value {
        let algorithm = match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        };
        json!({"alg": algorithm, "typ": "at+jwt", "kid": self.id})
    }

    /// A token of exactly these texts.
    ///
    /// # Panics
    ///
    /// When the library does not sign.
    #[must_use]
    #[track_caller]
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = signing_input(header, claims);
        format!("{signed}.{}", encoded(&self.sign(signed.as_bytes())))
    }

    /// A token with these claims whose "signature" is an HMAC with `secret`; `name` stands as its algorithm, and decides
    /// about the digest where it is one of RFC 7518 section 3.2.
    #[must_use]
    pub fn token_by_hmac(&self, name: &str, secret: &[u8], claims: &Value) -> String {
        let algorithm = match name {
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        let header = changed(self.header(), &json!({ "alg": name }));
        let signed = signing_input(&header.to_string(), &claims.to_string());
        let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
        format!("{signed}.{}", encoded(tag.as_ref()))
    }

    /// What an attacker may take for a shared secret: every form in which the public key is handed round.
    ///
    /// # Panics
    ///
    /// When the library does not encode it.
    #[must_use]
    #[track_caller]
    pub fn public_forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let jwk = self.jwk();
        let spki: PublicKeyX509Der<'_> = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::P256(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        }
        .or_fail("a public key in DER");
        let (spki, raw) = (spki.as_ref().to_vec(), self.raw());
        let published =
            |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec();
        let pem = pem("PUBLIC KEY", &spki);
        let mut forms = vec![
            ("pem without its last line end", pem.trim_end().as_bytes().to_vec()),
            ("pem", pem.into_bytes()),
            ("der", spki),
            ("jwk", jwk.to_string().into_bytes()),
        ];
        if let Pair::Rsa(pair) = &self.pair {
            let modulus = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key()).n;
            forms.push(("pkcs1 pem", self::pem("RSA PUBLIC KEY", &raw).into_bytes()));
            forms.push(("pkcs1 der", raw));
            forms.push(("modulus", modulus));
            forms.push(("modulus as published", published("n")));
        } else {
            forms.push(("raw", raw));
            forms.push(("x as published", published("x")));
        }
        forms
    }

    fn raw(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    #[track_caller]
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).or_fail("an RSA signature");
                signature
            }
            Pair::P256(pair) => pair.sign(&random, message).or_fail("an ECDSA signature").as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// The part of a token that is signed.
#[must_use]
pub fn signing_input(header: &str, claims: &str) -> String {
    format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()))
}

/// `value` with these members exchanged; `null` takes one away.
#[must_use]
pub fn changed(value: Value, changes: &Value) -> Value {
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

pub(crate) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// RFC 7468 section 2: lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
