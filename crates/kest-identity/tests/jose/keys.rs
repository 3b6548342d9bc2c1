//! Keys that sign whatever they are given, good ones and such that prove nothing.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

#[derive(Clone)]
pub(crate) enum Pair {
    Rsa(Arc<RsaKeyPair>),
    P256(Arc<EcdsaKeyPair>),
    P384(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
    /// The modulus of another key with the exponent 1: every padded digest is its own signature.
    RsaOfExponentOne(Arc<RsaKeyPair>),
    /// The neutral point of edwards25519: one signature is good for every message.
    NeutralPoint,
}

impl Pair {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(crate) fn p256() -> Self {
        Self::P256(Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    pub(crate) fn p384() -> Self {
        Self::P384(Arc::new(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()))
    }

    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Arc::new(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
    }

    pub(crate) fn with_exponent_one(&self) -> Self {
        let Self::Rsa(pair) = self else { panic!("only RSA has exponents") };
        Self::RsaOfExponentOne(Arc::clone(pair))
    }

    /// The algorithms that the key can be used with, the usual one first.
    pub(crate) fn algorithms(&self) -> &'static [&'static str] {
        match self {
            Self::Rsa(_) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            Self::RsaOfExponentOne(_) => &["RS256"],
            Self::P256(_) => &["ES256"],
            Self::P384(_) => &["ES384"],
            Self::Ed25519(_) => &["EdDSA", "Ed25519"],
            Self::NeutralPoint => &["EdDSA"],
        }
    }

    /// The members of the published key that hold its numbers, as JSON without braces.
    pub(crate) fn numbers(&self) -> String {
        let [first, second] = self.public();
        let [first, second] = [first, second].map(|number| URL_SAFE_NO_PAD.encode(number));
        match self {
            Self::Rsa(_) | Self::RsaOfExponentOne(_) => {
                format!(r#""kty":"RSA","n":"{first}","e":"{second}""#)
            }
            Self::P256(_) => format!(r#""kty":"EC","crv":"P-256","x":"{first}","y":"{second}""#),
            Self::P384(_) => format!(r#""kty":"EC","crv":"P-384","x":"{first}","y":"{second}""#),
            Self::Ed25519(_) | Self::NeutralPoint => {
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{first}""#)
            }
        }
    }

    /// The public numbers: modulus and exponent, or the coordinates of a point.
    pub(crate) fn public(&self) -> [Vec<u8>; 2] {
        match self {
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                [public.n, public.e]
            }
            Self::RsaOfExponentOne(pair) => {
                [RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key()).n, vec![1]]
            }
            Self::P256(pair) | Self::P384(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                [x.to_vec(), y.to_vec()]
            }
            Self::Ed25519(pair) => [pair.public_key().as_ref().to_vec(), Vec::new()],
            Self::NeutralPoint => [neutral(32), Vec::new()],
        }
    }

    /// Signs with the algorithm of that name, or with the usual one when the key has no such algorithm.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding(algorithm), &random, message, &mut signature).unwrap();
                signature
            }
            Self::RsaOfExponentOne(pair) => padded(pair.public_modulus_len(), message),
            Self::P256(pair) | Self::P384(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::NeutralPoint => neutral(64),
        }
    }
}

fn encoding(algorithm: &str) -> &'static dyn RsaEncoding {
    match algorithm {
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        "PS256" => &RSA_PSS_SHA256,
        "PS384" => &RSA_PSS_SHA384,
        "PS512" => &RSA_PSS_SHA512,
        _ => &RSA_PKCS1_SHA256,
    }
}

/// RFC 8017 section 9.2: what RSASSA-PKCS1-v1_5 with SHA-256 would encrypt.
fn padded(length: usize, message: &[u8]) -> Vec<u8> {
    let prefix = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
        0x04, 0x20,
    ];
    let filling = vec![0xff; length - prefix.len() - 32 - 3];
    [&[0, 1], filling.as_slice(), &[0], &prefix, digest(&SHA256, message).as_ref()].concat()
}

/// The neutral point, and zeros up to `length`.
fn neutral(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes[0] = 1;
    bytes
}
