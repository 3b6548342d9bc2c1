//! Makes a token step by step, so that a change can be made at any of them and all later ones are true to it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::case::Case;
use crate::issuer::Issuer;
use crate::keys::Pair;
use crate::members::Members;
use crate::random::Random;

/// What exists of the token when a change is made; what follows from it does not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The members of header and claims.
    Members,
    /// The JSON texts of both.
    Json,
    /// The base64url texts of both.
    Parts,
    /// The signature over them.
    Signature,
    /// The whole.
    Token,
}

impl Stage {
    pub(crate) const ALL: [Self; 5] = [Self::Members, Self::Json, Self::Parts, Self::Signature, Self::Token];
}

/// A change to a token in the making.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) apply: fn(&mut Making<'_>, &mut Random),
}

/// Who signs.
pub(crate) enum Hand {
    Pair(Pair),
    Hmac(Vec<u8>),
    Unsigned,
}

/// A token in the making. Only what belongs to stages that are over is filled in.
pub(crate) struct Making<'it> {
    pub(crate) issuer: &'it Issuer,
    /// Another token of the same issuer.
    pub(crate) previous: &'it str,
    pub(crate) hand: Hand,
    pub(crate) algorithm: &'static str,
    pub(crate) header: Members,
    pub(crate) claims: Members,
    pub(crate) json: [Vec<u8>; 2],
    pub(crate) parts: [String; 2],
    pub(crate) signature: Vec<u8>,
    pub(crate) token: String,
}

impl<'it> Making<'it> {
    pub(crate) fn new(issuer: &'it Issuer, previous: &'it str, header: Members, claims: Members) -> Self {
        Self {
            issuer,
            previous,
            hand: Hand::Unsigned,
            algorithm: "",
            header,
            claims,
            json: Default::default(),
            parts: Default::default(),
            signature: Vec::new(),
            token: String::new(),
        }
    }

    pub(crate) fn signed_with(&mut self, id: &str, pair: &Pair, algorithm: &'static str) {
        self.hand = Hand::Pair(pair.clone());
        self.algorithm = algorithm;
        self.header.set("alg", format!("\"{algorithm}\""));
        self.header.set("kid", format!("\"{id}\""));
    }

    /// Goes through all stages with the changes that belong to each.
    pub(crate) fn finish(mut self, changes: &[&Change], random: &mut Random) -> Case {
        for stage in Stage::ALL {
            for change in changes.iter().filter(|change| change.stage == stage) {
                let unsigned = stage == Stage::Signature && self.signature.is_empty();
                if !unsigned {
                    (change.apply)(&mut self, random);
                }
            }
            self.pass(stage);
        }
        Case { token: self.token, changes: changes.iter().map(|change| change.name).collect() }
    }

    /// What another is to sign.
    pub(crate) fn unsigned(mut self) -> String {
        self.pass(Stage::Members);
        self.pass(Stage::Json);
        self.message()
    }

    /// What is signed.
    pub(crate) fn message(&self) -> String {
        self.parts.join(".")
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.hand {
            Hand::Pair(pair) => pair.sign(self.algorithm, message),
            Hand::Hmac(secret) => {
                use aws_lc_rs::hmac;
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
            Hand::Unsigned => Vec::new(),
        }
    }

    fn pass(&mut self, stage: Stage) {
        match stage {
            Stage::Members => self.json = [&self.header, &self.claims].map(|it| it.text().into_bytes()),
            Stage::Json => self.parts = self.json.each_ref().map(|json| URL_SAFE_NO_PAD.encode(json)),
            Stage::Parts => self.signature = self.sign(self.message().as_bytes()),
            Stage::Signature => {
                self.token = format!("{}.{}", self.message(), URL_SAFE_NO_PAD.encode(&self.signature));
            }
            Stage::Token => {}
        }
    }
}
