//! Takes the one token out of the evidence, or says why there is none.

use kest_core::{Evidence, Limits};

use crate::jwt::InvalidToken;

/// How a token was presented: the scheme of the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

/// Which schemes are read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schemes {
    BearerOnly,
    BearerAndDpop,
}

/// A token as it was presented.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credential<'request> {
    pub(crate) scheme: Scheme,
    pub(crate) token: &'request str,
}

/// The token of a request; `None` when no `Authorization` header came at all.
///
/// Anything that is not exactly one well-formed credential is an error and never "no token": a caller who sent
/// something else must not be taken for one who sent nothing.
pub(crate) fn credential<'request>(
    evidence: &Evidence<'request>,
    schemes: Schemes,
    limits: &Limits,
) -> Result<Option<Credential<'request>>, InvalidToken> {
    let value = match evidence.authorization() {
        [] => return Ok(None),
        [value] => *value,
        _ => return Err(InvalidToken::SeveralCredentials),
    };
    // RFC 6750 section 2.1 and RFC 9449 section 7.1 spell the schemes this way; other spellings have one reader too many.
    let (scheme, token) = match (value.strip_prefix(b"Bearer "), value.strip_prefix(b"DPoP "), schemes) {
        (Some(token), _, _) => (Scheme::Bearer, token),
        (None, Some(token), Schemes::BearerAndDpop) => (Scheme::Dpop, token),
        (None, _, _) => return Err(InvalidToken::NotBearer),
    };
    if token.len() > limits.token_bytes {
        return Err(InvalidToken::TooLong);
    }
    let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if token.is_empty() || !token.iter().all(in_alphabet) {
        return Err(InvalidToken::NotCompact);
    }
    let token = str::from_utf8(token).map_err(|_ascii_never_fails| InvalidToken::NotCompact)?;
    Ok(Some(Credential { scheme, token }))
}

#[cfg(test)]
mod tests {
    use kest_core::Lineage;

    use super::*;

    fn read_as(
        schemes: Schemes,
        values: &[&'static str],
    ) -> Result<Option<(Scheme, &'static str)>, &'static str> {
        let evidence =
            Evidence::new(&Lineage::Absent).with_authorization(values.iter().map(|v| v.as_bytes()));
        let read = credential(&evidence, schemes, &Limits::default());
        read.map(|it| it.map(|it| (it.scheme, it.token))).map_err(|invalid| invalid.kind())
    }

    fn read(values: &[&'static str]) -> Result<Option<(Scheme, &'static str)>, &'static str> {
        read_as(Schemes::BearerOnly, values)
    }

    #[test]
    fn one_bearer_token_is_taken() {
        assert_eq!(read(&["Bearer a-b.c_d.e"]), Ok(Some((Scheme::Bearer, "a-b.c_d.e"))));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn the_dpop_scheme_is_taken_only_where_some_issuer_binds_tokens() {
        let both = |values: &[&'static str]| read_as(Schemes::BearerAndDpop, values);
        assert_eq!(both(&["DPoP a.b.c"]), Ok(Some((Scheme::Dpop, "a.b.c"))));
        assert_eq!(both(&["Bearer a.b.c"]), Ok(Some((Scheme::Bearer, "a.b.c"))));
        assert_eq!(read(&["DPoP a.b.c"]), Err("not_bearer"));
        for values in [&["dpop a.b.c"][..], &["DPOP a.b.c"], &["DPoP"], &["DPoPa.b.c"]] {
            assert_eq!(both(values), Err("not_bearer"), "{values:?}");
        }
        assert_eq!(both(&["DPoP a.b.c", "Bearer a.b.c"]), Err("several_credentials"));
        assert_eq!(both(&["DPoP  a.b.c"]), Err("not_compact"));
    }

    #[test]
    fn anything_else_is_refused_and_never_absent() {
        for (values, kind) in [
            (&["Bearer a.b.c", "Bearer a.b.c"][..], "several_credentials"),
            (&["bearer a.b.c"], "not_bearer"),
            (&["BEARER a.b.c"], "not_bearer"),
            (&["Basic dTpw"], "not_bearer"),
            (&["DPoP a.b.c"], "not_bearer"),
            (&["Bearer"], "not_bearer"),
            (&["Bearer\ta.b.c"], "not_bearer"),
            (&[" Bearer a.b.c"], "not_bearer"),
            (&[""], "not_bearer"),
            (&["Bearer "], "not_compact"),
            (&["Bearer  a.b.c"], "not_compact"),
            (&["Bearer a.b.c "], "not_compact"),
            (&["Bearer a.b.c, Bearer a.b.c"], "not_compact"),
            (&["Bearer a.b.c="], "not_compact"),
            (&["Bearer ä.b.c"], "not_compact"),
        ] {
            assert_eq!(read(values), Err(kind), "{values:?}");
        }
    }

    #[test]
    fn oversize_is_refused_before_it_is_read() {
        let long = format!("Bearer {}", "a".repeat(Limits::default().token_bytes + 1));
        let evidence = Evidence::new(&Lineage::Absent).with_authorization([long.as_bytes()]);
        let read = credential(&evidence, Schemes::BearerOnly, &Limits::default());
        assert!(matches!(read, Err(InvalidToken::TooLong)));
    }
}
