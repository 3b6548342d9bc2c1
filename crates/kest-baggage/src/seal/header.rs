//! The protected header of a sealed claim: what a seal binds the passport to.

use std::collections::BTreeSet;

use kest_core::passport::Tips;
use kest_core::{Limits, parse_strict_object};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::store::ClaimCheck;

/// RFC 3394 with 256 bits, as RFC 7518 section 4.4 calls it.
pub(super) const ALGORITHM: &str = "A256KW";

/// RFC 7518 section 5.3.
const ENCRYPTION: &str = "A256GCM";

/// Says that this is no token and no other JWE (RFC 8725 section 3.11).
const TYPE: &str = "kest-claim+jwe";

const CLAIM: &str = "kest.claim";
const CHAIN_TIP: &str = "kest.chain_tip";
const USE: &str = "kest.use";
const ONCE: &str = "once";

/// How often a claim can be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Many,
    Once,
}

/// What the header says about a claim.
#[derive(Debug)]
pub(crate) struct Protected {
    pub(crate) key_id: String,
    pub(crate) audiences: Vec<String>,
    /// The `NumericDate` from which on it is over.
    pub(crate) expires: u64,
    pub(crate) claim: ClaimCheck,
    pub(crate) tips: Tips,
    pub(crate) usage: Usage,
}

impl Protected {
    /// The header as JSON.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let once = self.usage == Usage::Once;
        let critical: &[&str] = if once { &[CHAIN_TIP, CLAIM, USE] } else { &[CHAIN_TIP, CLAIM] };
        serde_json::to_vec(&Written {
            alg: ALGORITHM,
            aud: &self.audiences,
            crit: critical,
            enc: ENCRYPTION,
            exp: self.expires,
            chain_tip: self.tips.to_string(),
            claim: self.claim.to_string(),
            usage: once.then_some(ONCE),
            kid: &self.key_id,
            typ: TYPE,
        })
    }

    /// Reads a header that has exactly our members; `None` for any other.
    ///
    /// RFC 7515 section 4.1.11: a critical member that we do not know must be refused. Any other one is refused too, so
    /// that neither `zip` nor a key that was brought along can ever mean something.
    pub(crate) fn from_json(json: &[u8], limits: &Limits) -> Option<Self> {
        let mut members = Members(parse_strict_object(json, 2).ok()?);
        members.exactly("alg", ALGORITHM)?;
        members.exactly("enc", ENCRYPTION)?;
        members.exactly("typ", TYPE)?;
        let critical = members.texts("crit")?;
        let usage = match members.0.contains_key(USE) {
            true => members.exactly(USE, ONCE).map(|()| Usage::Once)?,
            false => Usage::Many,
        };
        let header = Self {
            key_id: members.text("kid")?,
            audiences: members.texts("aud")?,
            expires: members.0.remove("exp")?.as_u64()?,
            claim: ClaimCheck::parse(&members.text(CLAIM)?).ok()?,
            tips: Tips::parse(&members.text(CHAIN_TIP)?, limits).ok()?,
            usage,
        };
        (members.0.is_empty() && header.names_as_critical(&critical)).then_some(header)
    }

    /// Whether `critical` is the list of the private members that this header has, each once, in any order.
    fn names_as_critical(&self, critical: &[String]) -> bool {
        let mut private = BTreeSet::from([CLAIM, CHAIN_TIP]);
        if self.usage == Usage::Once {
            private.insert(USE);
        }
        let named: BTreeSet<&str> = critical.iter().map(String::as_str).collect();
        named == private && critical.len() == private.len()
    }
}

#[derive(Serialize)]
struct Written<'header> {
    alg: &'header str,
    aud: &'header [String],
    crit: &'header [&'header str],
    enc: &'header str,
    exp: u64,
    #[serde(rename = "kest.chain_tip")]
    chain_tip: String,
    #[serde(rename = "kest.claim")]
    claim: String,
    #[serde(rename = "kest.use", skip_serializing_if = "Option::is_none")]
    usage: Option<&'header str>,
    kid: &'header str,
    typ: &'header str,
}

/// Members that no one has asked for yet.
struct Members(Map<String, Value>);

impl Members {
    fn exactly(&mut self, name: &str, value: &str) -> Option<()> {
        (self.text(name)? == value).then_some(())
    }

    fn text(&mut self, name: &str) -> Option<String> {
        into_text(self.0.remove(name)?)
    }

    fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        match self.0.remove(name)? {
            Value::Array(values) => values.into_iter().map(into_text).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
        }
    }
}

fn into_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
