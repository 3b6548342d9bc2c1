//! Splits a token and reads its header; nothing in here has been verified.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::{Limits, parse_strict_object};
use serde_json::{Map, Value};

use crate::jwks::NamedKey;
use crate::spiffe::trust_domain_uri;

use super::token_type::TokenType;
use super::{Algorithm, InvalidToken};

/// A token that has the right form, and nothing more.
///
/// It shows which key would have to be looked up; the claims stay closed until the signature holds.
pub struct UnverifiedToken<'token> {
    header: TokenHeader,
    claims: Map<String, Value>,
    signed: &'token str,
    signature: &'token str,
}

impl<'token> UnverifiedToken<'token> {
    /// Splits `text`, reads its header and looks whether its claims can be read at all.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::TooLong`], [`InvalidToken::NotCompact`], whatever [`TokenHeader::parse`] refuses, and
    /// [`InvalidToken::Malformed`] when the claims are not one unambiguous JSON object.
    pub fn parse(text: &'token str, limits: &Limits) -> Result<Self, InvalidToken> {
        let Parts { header, signed, payload, signature } = Parts::split(text, limits)?;
        if signature.is_empty() {
            return Err(InvalidToken::NotCompact);
        }
        let header = TokenHeader::parse(header, limits)?;
        Ok(Self { header, claims: decode_part(payload, limits)?, signed, signature })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &TokenHeader {
        &self.header
    }

    /// The trust domain that the token says its workload is of, as a URI. A stranger's text, like the issuer.
    pub(crate) fn claimed_trust_domain(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str).and_then(trust_domain_uri)
    }

    /// Who the token says it is from. A stranger's text: good for choosing whose keys must prove it, for nothing else.
    pub(crate) fn claimed_issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The claims, once one of `keys` proves whose words they are, and which one that is: RFC 7515 section 5.2.
    pub(crate) fn proved_by_one_of(
        self,
        keys: Vec<NamedKey>,
    ) -> Result<(NamedKey, Map<String, Value>), InvalidToken> {
        let mut refused = InvalidToken::Signature;
        for named in keys {
            match named.key.verify(self.header.algorithm, self.signed.as_bytes(), self.signature) {
                Ok(()) => return Ok((named, self.claims)),
                Err(reason) => refused = reason,
            }
        }
        Err(refused)
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UnverifiedToken").field("header", &self.header).finish_non_exhaustive()
    }
}

/// The members of a token header that matter, after all others were found harmless.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHeader {
    algorithm: Algorithm,
    key_id: Option<String>,
    declared: TokenType,
}

impl TokenHeader {
    /// Reads the base64url text `encoded`, the first part of a token.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`] when the text is not one unambiguous JSON object, asks for an extension, brings a key,
    /// declares another type, has a key id that says nothing, or lacks a known algorithm.
    pub fn parse(encoded: &str, limits: &Limits) -> Result<Self, InvalidToken> {
        let members = decode_part(encoded, limits)?;
        // RFC 7515 section 4.1.11: an extension that is not understood makes the token invalid; none is understood.
        // RFC 7797 section 6: "b64" without "crit" is an error too.
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(InvalidToken::Extension);
        }
        if ["jwk", "jku", "x5c", "x5u"].iter().any(|name| members.contains_key(*name)) {
            return Err(InvalidToken::OwnKey);
        }
        let declared = TokenType::declared(members.get("typ"))?;
        let name = members.get("alg").and_then(Value::as_str).ok_or(InvalidToken::Algorithm)?;
        let algorithm = Algorithm::from_wire(name).ok_or(InvalidToken::Algorithm)?;
        let key_id = match members.get("kid") {
            None => None,
            Some(Value::String(key_id)) if !key_id.is_empty() => Some(key_id.clone()),
            Some(_) => return Err(InvalidToken::NoKeyId),
        };
        Ok(Self { algorithm, key_id, declared })
    }

    /// The algorithm that the signer claims to have used.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that the signer claims to have used, if the token names one. A stranger's text: compare it, never print
    /// it.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What the signer says that the token is for.
    pub(crate) fn declared(&self) -> TokenType {
        self.declared
    }
}

impl fmt::Debug for TokenHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenHeader").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The three parts of a compact JWS, of which the last may be empty.
pub(crate) struct Parts<'token> {
    header: &'token str,
    pub(crate) payload: &'token str,
    signature: &'token str,
    signed: &'token str,
}

impl<'token> Parts<'token> {
    pub(crate) fn split(text: &'token str, limits: &Limits) -> Result<Self, InvalidToken> {
        if text.len() > limits.token_bytes {
            return Err(InvalidToken::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(InvalidToken::NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(InvalidToken::NotCompact)?;
        if header.is_empty() || payload.is_empty() || payload.contains('.') {
            return Err(InvalidToken::NotCompact);
        }
        Ok(Self { header, payload, signature, signed })
    }
}

/// Decodes a header or payload: canonical base64url without padding around one unambiguous JSON object.
pub(crate) fn decode_part(encoded: &str, limits: &Limits) -> Result<Map<String, Value>, InvalidToken> {
    if encoded.len() > limits.token_bytes {
        return Err(InvalidToken::TooLong);
    }
    // The decoder's error names an offending byte, which is content; its message is therefore dropped.
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_names_content| malformed(NotBase64url))?;
    parse_strict_object(&json, limits.json_depth).map_err(malformed)
}

fn malformed(cause: impl std::error::Error + Send + Sync + 'static) -> InvalidToken {
    InvalidToken::Malformed(Box::new(cause))
}

/// A part of a token is not canonical base64url.
#[derive(Debug, thiserror::Error)]
#[error("text is not canonical base64url")]
struct NotBase64url;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(json: &str, expected: Result<(Algorithm, Option<&str>), &str>) {
        let header = TokenHeader::parse(&URL_SAFE_NO_PAD.encode(json), &Limits::default());
        let found = header.as_ref().map(|header| (header.algorithm(), header.key_id()));
        assert_eq!(found.map_err(InvalidToken::kind), expected, "{json}");
    }

    #[test]
    fn ordinary_headers_are_read() {
        check_header(r#"{"alg":"RS256","kid":"a"}"#, Ok((Algorithm::Rs256, Some("a"))));
        check_header(r#"{"alg":"RS256"}"#, Ok((Algorithm::Rs256, None)));
        check_header(
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"a","x5t":"abc"}"#,
            Ok((Algorithm::EdDsa, Some("a"))),
        );
        check_header(
            r#"{"typ":"application/AT+JWT","alg":"ES384","kid":"a"}"#,
            Ok((Algorithm::Es384, Some("a"))),
        );
        check_header(r#"{"typ":"jwt","alg":"PS512","kid":"a"}"#, Ok((Algorithm::Ps512, Some("a"))));
    }

    #[test]
    fn hostile_headers_are_refused() {
        for (json, kind) in [
            (r#"{"alg":"none","kid":"a"}"#, "algorithm"),
            (r#"{"alg":"HS256","kid":"a"}"#, "algorithm"),
            (r#"{"alg":"rs256","kid":"a"}"#, "algorithm"),
            (r#"{"alg":["RS256"],"kid":"a"}"#, "algorithm"),
            (r#"{"kid":"a"}"#, "algorithm"),
            (r#"{"alg":"RS256","kid":null}"#, "no_key_id"),
            (r#"{"alg":"RS256","kid":""}"#, "no_key_id"),
            (r#"{"alg":"RS256","kid":7}"#, "no_key_id"),
            (r#"{"alg":"RS256","kid":"a","crit":["exp"]}"#, "extension"),
            (r#"{"alg":"RS256","kid":"a","crit":[]}"#, "extension"),
            (r#"{"alg":"RS256","kid":"a","b64":false}"#, "extension"),
            (r#"{"alg":"RS256","kid":"a","jku":"https://evil.example/"}"#, "own_key"),
            (r#"{"alg":"RS256","kid":"a","x5u":"https://evil.example/"}"#, "own_key"),
            (r#"{"alg":"RS256","kid":"a","jwk":{}}"#, "own_key"),
            (r#"{"alg":"RS256","kid":"a","x5c":[]}"#, "own_key"),
            (r#"{"alg":"RS256","kid":"a","typ":"JWS"}"#, "type"),
            (r#"{"alg":"RS256","kid":"a","typ":"dpop+jwt"}"#, "type"),
            (r#"{"alg":"RS256","kid":"a","typ":1}"#, "type"),
            (r#"{"alg":"RS256","alg":"none","kid":"a"}"#, "malformed"),
            (r#"{"alg":"RS256","kid":"a"}{}"#, "malformed"),
            (r#""RS256""#, "malformed"),
        ] {
            check_header(json, Err(kind));
        }
    }

    #[test]
    fn base64_must_be_canonical() {
        let limits = Limits::default();
        for encoded in ["e30=", "e31", "e3 0", "e3+/", "e30\n", "é"] {
            assert!(matches!(decode_part(encoded, &limits), Err(InvalidToken::Malformed(_))), "{encoded}");
        }
        assert!(decode_part("e30", &limits).unwrap().is_empty());
    }

    #[test]
    fn a_token_has_exactly_three_parts() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"a"}"#);
        assert!(UnverifiedToken::parse(&format!("{header}.e30.c2ln"), &Limits::default()).is_ok());
        for rest in ["", ".e30", ".e30.", "..c2ln", ".e30.a.b", ".e30.a.b.c", ".e30.c2ln.", "."] {
            let parsed = UnverifiedToken::parse(&format!("{header}{rest}"), &Limits::default()).map(|_| ());
            assert_eq!(parsed.map_err(|invalid| invalid.kind()), Err("not_compact"), "{rest}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"secret"}"#);
        let text = format!("{header}.e30.c2ln");
        let shown = format!("{:?}", UnverifiedToken::parse(&text, &Limits::default()).unwrap());
        assert!(!shown.contains("secret") && !shown.contains(&header), "{shown}");
    }
}
