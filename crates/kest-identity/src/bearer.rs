//! Takes the one bearer token out of the evidence, or says why there is none.

use kest_core::{Evidence, Limits};

use crate::jwt::InvalidToken;

/// The bearer token of a request; `None` when no `Authorization` header came at all.
///
/// Anything that is not exactly one well-formed bearer credential is an error and never "no token": a caller who sent
/// something else must not be taken for one who sent nothing.
pub(crate) fn token<'request>(
    evidence: &Evidence<'request>,
    limits: &Limits,
) -> Result<Option<&'request str>, InvalidToken> {
    let value = match evidence.authorization() {
        [] => return Ok(None),
        [value] => *value,
        _ => return Err(InvalidToken::SeveralCredentials),
    };
    // RFC 6750 section 2.1 spells the scheme this way; other spellings have one reader too many.
    let token = value.strip_prefix(b"Bearer ").ok_or(InvalidToken::NotBearer)?;
    if token.len() > limits.token_bytes {
        return Err(InvalidToken::TooLong);
    }
    let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if token.is_empty() || !token.iter().all(in_alphabet) {
        return Err(InvalidToken::NotCompact);
    }
    str::from_utf8(token).map(Some).map_err(|_ascii_never_fails| InvalidToken::NotCompact)
}

#[cfg(test)]
mod tests {
    use kest_core::Lineage;

    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<&'static str>, &'static str> {
        let evidence =
            Evidence::new(&Lineage::Absent).with_authorization(values.iter().map(|v| v.as_bytes()));
        token(&evidence, &Limits::default()).map_err(|invalid| invalid.kind())
    }

    #[test]
    fn one_bearer_token_is_taken() {
        assert_eq!(read(&["Bearer a-b.c_d.e"]), Ok(Some("a-b.c_d.e")));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn anything_else_is_refused_and_never_absent() {
        for (values, kind) in [
            (&["Bearer a.b.c", "Bearer a.b.c"][..], "several_credentials"),
            (&["bearer a.b.c"], "not_bearer"),
            (&["BEARER a.b.c"], "not_bearer"),
            (&["Basic dTpw"], "not_bearer"),
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
        assert!(matches!(token(&evidence, &Limits::default()), Err(InvalidToken::TooLong)));
    }
}
