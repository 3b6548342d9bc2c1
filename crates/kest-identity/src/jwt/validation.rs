//! Checks the registered claims: from whom, for whom, and from when until when.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::InvalidToken;

/// What the registered claims of RFC 7519 section 4.1 must say.
#[derive(Debug)]
pub(crate) struct Expectations {
    pub(crate) issuer: Arc<str>,
    pub(crate) audience: Arc<str>,
    pub(crate) leeway: Duration,
}

impl Expectations {
    /// Checks `claims`, whose signature holds, at `unix_millis`.
    pub(crate) fn check(&self, claims: &Map<String, Value>, unix_millis: u64) -> Result<(), InvalidToken> {
        if claims.get("iss").and_then(Value::as_str) != Some(&*self.issuer) {
            return Err(InvalidToken::Issuer);
        }
        self.check_audience(claims.get("aud"))?;
        self.check_times(claims, Duration::from_millis(unix_millis).as_secs_f64())
    }

    /// RFC 7519 section 4.1.3: one string or an array of strings.
    fn check_audience(&self, audience: Option<&Value>) -> Result<(), InvalidToken> {
        let ours = &*self.audience;
        match audience {
            Some(Value::String(only)) if only == ours => Ok(()),
            Some(Value::Array(many)) => {
                let mut names = many.iter().map(Value::as_str);
                if names.clone().any(|name| name.is_none()) {
                    return Err(InvalidToken::Claim);
                }
                if names.any(|name| name == Some(ours)) { Ok(()) } else { Err(InvalidToken::Audience) }
            }
            _ => Err(InvalidToken::Audience),
        }
    }

    fn check_times(&self, claims: &Map<String, Value>, now: f64) -> Result<(), InvalidToken> {
        let leeway = self.leeway.as_secs_f64();
        let expiry = numeric_date(claims, "exp")?.ok_or(InvalidToken::NoExpiry)?;
        // RFC 7519 section 4.1.4: the current time must be before it, so at the very second it has expired.
        if now - leeway >= expiry {
            return Err(InvalidToken::Expired);
        }
        if numeric_date(claims, "nbf")?.is_some_and(|not_before| now + leeway < not_before) {
            return Err(InvalidToken::NotYetValid);
        }
        if numeric_date(claims, "iat")?.is_some_and(|issued| now + leeway < issued) {
            return Err(InvalidToken::IssuedInFuture);
        }
        Ok(())
    }
}

/// RFC 7519 section 2: seconds since 1970, possibly with a fraction. A number in a string is no number.
fn numeric_date(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, InvalidToken> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite());
    seconds.ok_or(InvalidToken::Claim).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Checks `changes` over good claims at 1000.5 s.
    #[track_caller]
    fn check(leeway: u64, changes: &Value, expected: Result<(), &str>) {
        let mut claims = json!({"iss": "https://i", "aud": "us", "exp": 2000, "nbf": 900, "iat": 900});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| *value != json!("absent"));
        let expectations = Expectations {
            issuer: "https://i".into(),
            audience: "us".into(),
            leeway: Duration::from_secs(leeway),
        };
        let found = expectations.check(claims.as_object().unwrap(), 1_000_500);
        assert_eq!(found.map_err(|invalid| invalid.kind()), expected, "{changes}");
    }

    #[test]
    fn good_claims_hold() {
        check(0, &json!({}), Ok(()));
        check(0, &json!({"aud": ["them", "us"]}), Ok(()));
        check(0, &json!({"nbf": "absent", "iat": "absent"}), Ok(()));
        check(0, &json!({"exp": 1000.75, "nbf": 1000.5, "iat": 1000.25}), Ok(()));
    }

    #[test]
    fn every_claim_that_is_off_is_refused() {
        for (changes, kind) in [
            (json!({"iss": "absent"}), "issuer"),
            (json!({"iss": "https://i/"}), "issuer"),
            (json!({"iss": ["https://i"]}), "issuer"),
            (json!({"aud": "absent"}), "audience"),
            (json!({"aud": "US"}), "audience"),
            (json!({"aud": []}), "audience"),
            (json!({"aud": ["them"]}), "audience"),
            (json!({"aud": ["us", 1]}), "claim"),
            (json!({"aud": {"us": "us"}}), "audience"),
            (json!({"exp": "absent"}), "no_expiry"),
            (json!({"exp": null}), "claim"),
            (json!({"exp": "2000"}), "claim"),
            (json!({"exp": 1000.5}), "expired"),
            (json!({"exp": -1}), "expired"),
            (json!({"nbf": 1001}), "not_yet_valid"),
            (json!({"nbf": "900"}), "claim"),
            (json!({"iat": 1001}), "issued_in_future"),
            (json!({"iat": true}), "claim"),
        ] {
            check(0, &changes, Err(kind));
        }
    }

    #[test]
    fn leeway_moves_each_edge_and_no_further() {
        check(10, &json!({"exp": 991, "nbf": 1010, "iat": 1010}), Ok(()));
        check(10, &json!({"exp": 990}), Err("expired"));
        check(10, &json!({"nbf": 1011}), Err("not_yet_valid"));
        check(10, &json!({"iat": 1011}), Err("issued_in_future"));
    }
}
