//! Takes the one token out of the evidence, or says why it cannot.

use kest_core::{Credentials, Limits};

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
    credentials: &Credentials<'request>,
    schemes: Schemes,
    limits: &Limits,
) -> Result<Option<Credential<'request>>, InvalidToken> {
    let value = match credentials.authorization() {
        [] => return Ok(None),
        [value] => *value,
        _ => return Err(InvalidToken::SeveralCredentials),
    };
    let (scheme, token) = split(value, schemes).ok_or(InvalidToken::NotBearer)?;
    if token.len() > limits.token_bytes {
        return Err(InvalidToken::TooLong);
    }
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_' | b'.');
    // Without leaving early, so that the compiler looks at many bytes at a time.
    if token.is_empty() || !token.iter().fold(true, |all, byte| all & in_alphabet(*byte)) {
        return Err(InvalidToken::NotCompact);
    }
    let token = str::from_utf8(token).map_err(|_ascii_never_fails| InvalidToken::NotCompact)?;
    Ok(Some(Credential { scheme, token }))
}

/// RFC 9110 sections 11.1 and 11.4: a scheme in any case, one blank or several, and what is presented.
fn split(value: &[u8], schemes: Schemes) -> Option<(Scheme, &[u8])> {
    let end = value.iter().position(|byte| *byte == b' ')?;
    let (name, token) = value.split_at_checked(end)?;
    let scheme = match schemes {
        _ if name.eq_ignore_ascii_case(b"Bearer") => Scheme::Bearer,
        Schemes::BearerAndDpop if name.eq_ignore_ascii_case(b"DPoP") => Scheme::Dpop,
        Schemes::BearerOnly | Schemes::BearerAndDpop => return None,
    };
    let begin = token.iter().position(|byte| *byte != b' ').unwrap_or(token.len());
    Some((scheme, token.get(begin..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(
        schemes: Schemes,
        values: &[&'static str],
    ) -> Result<Option<(Scheme, &'static str)>, &'static str> {
        let offered = Credentials::none().with_authorization(values.iter().map(|v| v.as_bytes()));
        let read = credential(&offered, schemes, &Limits::default());
        read.map(|it| it.map(|it| (it.scheme, it.token))).map_err(|invalid| invalid.kind())
    }

    fn read(values: &[&'static str]) -> Result<Option<(Scheme, &'static str)>, &'static str> {
        read_as(Schemes::BearerOnly, values)
    }

    #[test]
    fn one_bearer_token_is_taken() {
        assert_eq!(read(&["Bearer a-b.c_d.e"]), Ok(Some((Scheme::Bearer, "a-b.c_d.e"))));
        for value in ["bearer a.b.c", "BEARER a.b.c", "bEaReR a.b.c", "Bearer  a.b.c", "bearer      a.b.c"] {
            assert_eq!(read(&[value]), Ok(Some((Scheme::Bearer, "a.b.c"))), "{value}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn the_dpop_scheme_is_taken_only_where_some_issuer_binds_tokens() {
        let both = |values: &[&'static str]| read_as(Schemes::BearerAndDpop, values);
        for value in ["DPoP a.b.c", "dpop a.b.c", "DPOP   a.b.c"] {
            assert_eq!(both(&[value]), Ok(Some((Scheme::Dpop, "a.b.c"))), "{value}");
        }
        assert_eq!(both(&["Bearer a.b.c"]), Ok(Some((Scheme::Bearer, "a.b.c"))));
        assert_eq!(read(&["DPoP a.b.c"]), Err("not_bearer"));
        assert_eq!(read(&["dpop a.b.c"]), Err("not_bearer"));
        for values in [&["DPoP"][..], &["DPoPa.b.c"], &["DPoP\ta.b.c"], &["DP\u{130}P a.b.c"]] {
            assert_eq!(both(values), Err("not_bearer"), "{values:?}");
        }
        assert_eq!(both(&["DPoP a.b.c", "Bearer a.b.c"]), Err("several_credentials"));
        assert_eq!(both(&["dpop a.b.c", "bearer a.b.c"]), Err("several_credentials"));
        assert_eq!(both(&["DPoP a.b.c, Bearer a.b.c"]), Err("not_compact"));
    }

    #[test]
    fn anything_else_is_refused_and_never_absent() {
        for (values, kind) in [
            (&["Bearer a.b.c", "Bearer a.b.c"][..], "several_credentials"),
            (&["bearer a.b.c", "BEARER a.b.c"], "several_credentials"),
            (&["bearers a.b.c"], "not_bearer"),
            (&["Bearer, a.b.c"], "not_bearer"),
            (&["b\u{e9}arer a.b.c"], "not_bearer"),
            (&["Basic dTpw"], "not_bearer"),
            (&["DPoP a.b.c"], "not_bearer"),
            (&["Bearer"], "not_bearer"),
            (&["Bearer\ta.b.c"], "not_bearer"),
            (&[" Bearer a.b.c"], "not_bearer"),
            (&[""], "not_bearer"),
            (&["Bearer "], "not_compact"),
            (&["bearer  "], "not_compact"),
            (&["bearer \ta.b.c"], "not_compact"),
            (&["Bearer bearer a.b.c"], "not_compact"),
            (&["Bearer a.b.c a.b.c"], "not_compact"),
            (&["Bearer a.b.c,a.b.c"], "not_compact"),
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
        let offered = Credentials::none().with_authorization([long.as_bytes()]);
        let read = credential(&offered, Schemes::BearerOnly, &Limits::default());
        assert!(matches!(read, Err(InvalidToken::TooLong)));
    }
}
