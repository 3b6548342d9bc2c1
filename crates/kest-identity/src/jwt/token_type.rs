//! What a token says that it is, and what an issuer's tokens may say.

use serde_json::Value;

use super::InvalidToken;

/// What `typ` declares: RFC 7515 section 4.1.9. Everything else than these is refused from every issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenType {
    /// RFC 9068 section 2.1: a token made for nothing but access.
    AccessToken,
    /// RFC 7519 section 5.1: a JWT that does not say what for, or says nothing at all.
    PlainJwt,
    /// RFC 7515 section 4.1.9: some JOSE object. JWT-SVID section 2.3 lets workloads say so.
    Jose,
}

impl TokenType {
    /// Reads `typ`, which is a media type: compared without regard to case, its prefix may be left out.
    pub(crate) fn declared(typ: Option<&Value>) -> Result<Self, InvalidToken> {
        let Some(typ) = typ else { return Ok(Self::PlainJwt) };
        let name = typ.as_str().ok_or(InvalidToken::Type)?.to_ascii_lowercase();
        match name.strip_prefix("application/").unwrap_or(&name) {
            "at+jwt" => Ok(Self::AccessToken),
            "jwt" => Ok(Self::PlainJwt),
            "jose" => Ok(Self::Jose),
            _ => Err(InvalidToken::Type),
        }
    }
}

/// Which tokens of an issuer are taken for access tokens.
///
/// RFC 8725 section 3.11: one issuer signs tokens for many purposes with one key, and only their type tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TokenTypes {
    #[default]
    AccessTokensOnly,
    PlainJwtToo,
    /// JWT-SVID section 2.3: `JWT`, `JOSE` or none.
    Svids,
}

impl TokenTypes {
    pub(crate) fn accept(self, declared: TokenType) -> Result<(), InvalidToken> {
        match (self, declared) {
            (Self::AccessTokensOnly | Self::PlainJwtToo, TokenType::AccessToken)
            | (Self::PlainJwtToo | Self::Svids, TokenType::PlainJwt)
            | (Self::Svids, TokenType::Jose) => Ok(()),
            (Self::AccessTokensOnly, TokenType::PlainJwt)
            | (Self::AccessTokensOnly | Self::PlainJwtToo, TokenType::Jose)
            | (Self::Svids, TokenType::AccessToken) => Err(InvalidToken::Type),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accepted(types: TokenTypes, typ: Option<&Value>) -> bool {
        TokenType::declared(typ).and_then(|declared| types.accept(declared)).is_ok()
    }

    #[test]
    fn plain_types_are_taken_only_where_the_issuer_is_known_for_them() {
        for typ in [json!("at+jwt"), json!("AT+JWT"), json!("application/at+jwt")] {
            assert!(accepted(TokenTypes::AccessTokensOnly, Some(&typ)), "{typ}");
            assert!(accepted(TokenTypes::PlainJwtToo, Some(&typ)), "{typ}");
        }
        for typ in [None, Some(json!("JWT")), Some(json!("jwt")), Some(json!("application/jwt"))] {
            assert!(!accepted(TokenTypes::AccessTokensOnly, typ.as_ref()), "{typ:?}");
            assert!(accepted(TokenTypes::PlainJwtToo, typ.as_ref()), "{typ:?}");
        }
    }

    #[test]
    fn svids_are_of_the_types_that_their_specification_names() {
        for typ in [None, Some(json!("JWT")), Some(json!("JOSE")), Some(json!("jose"))] {
            assert!(accepted(TokenTypes::Svids, typ.as_ref()), "{typ:?}");
        }
        for typ in [json!("at+jwt"), json!("logout+jwt"), json!("dpop+jwt"), json!("")] {
            assert!(!accepted(TokenTypes::Svids, Some(&typ)), "{typ}");
        }
    }

    #[test]
    fn types_of_other_purposes_are_never_taken() {
        for typ in [
            json!("logout+jwt"),
            json!("dpop+jwt"),
            json!("secevent+jwt"),
            json!("application/logout+jwt"),
            json!("id+jwt"),
            json!("JWS"),
            json!("JOSE"),
            json!("text/at+jwt"),
            json!("application/application/at+jwt"),
            json!(" at+jwt"),
            json!("at+jwt;v=1"),
            json!(""),
            json!(null),
            json!(1),
            json!(["at+jwt"]),
        ] {
            assert!(!accepted(TokenTypes::AccessTokensOnly, Some(&typ)), "{typ}");
            assert!(!accepted(TokenTypes::PlainJwtToo, Some(&typ)), "{typ}");
        }
    }
}
