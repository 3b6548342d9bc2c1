//! Checks the registered claims: for what, from whom, for whom, and from when until when.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{ClaimPath, InvalidToken};
use crate::spiffe::TrustDomain;

/// What the registered claims of RFC 7519 section 4.1 must say.
#[derive(Debug)]
pub(crate) struct Expectations {
    pub(crate) issuer: Arc<str>,
    pub(crate) origin: Origin,
    pub(crate) audience_claim: ClaimPath,
    pub(crate) audiences: Vec<Arc<str>>,
    /// Claims that must be exactly these texts.
    pub(crate) required: Vec<(ClaimPath, Arc<str>)>,
    pub(crate) leeway: Duration,
    pub(crate) longest_life: Duration,
}

/// Which claim says from whom a token is.
#[derive(Debug)]
pub(crate) enum Origin {
    /// `iss` names the issuer: RFC 7519 section 4.1.1.
    Issuer,
    /// `sub` names a workload of this trust domain: JWT-SVID section 3.1. `iss` says nothing.
    TrustDomain(TrustDomain),
}

impl Expectations {
    /// Checks `claims`, whose signature holds, at `unix_millis`, and says until when they hold.
    pub(crate) fn check(
        &self,
        claims: &Map<String, Value>,
        unix_millis: u64,
    ) -> Result<Duration, InvalidToken> {
        check_purpose(claims)?;
        let text = |name| claims.get(name).and_then(Value::as_str);
        let is_ours = match &self.origin {
            Origin::Issuer => text("iss") == Some(&*self.issuer),
            Origin::TrustDomain(domain) => text("sub").is_some_and(|id| domain.has(id)),
        };
        if !is_ours {
            return Err(InvalidToken::Issuer);
        }
        self.check_audience(self.audience_claim.find(claims))?;
        let until = self.check_times(claims, Duration::from_millis(unix_millis).as_secs_f64())?;
        let is_as_required = |(claim, text): &(ClaimPath, Arc<str>)| {
            claim.find(claims).and_then(Value::as_str).is_some_and(|found| *found == **text)
        };
        if self.required.iter().all(is_as_required) { Ok(until) } else { Err(InvalidToken::RequiredClaim) }
    }

    /// RFC 7519 section 4.1.3: one string or an array of strings.
    fn check_audience(&self, audience: Option<&Value>) -> Result<(), InvalidToken> {
        let ours = |name: &str| self.audiences.iter().any(|audience| **audience == *name);
        match audience {
            Some(Value::String(only)) if ours(only) => Ok(()),
            Some(Value::Array(many)) => {
                let names = many.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
                let names = names.ok_or(InvalidToken::Claim)?;
                if names.into_iter().any(ours) { Ok(()) } else { Err(InvalidToken::Audience) }
            }
            _ => Err(InvalidToken::Audience),
        }
    }

    fn check_times(&self, claims: &Map<String, Value>, now: f64) -> Result<Duration, InvalidToken> {
        let leeway = self.leeway.as_secs_f64();
        let expiry = numeric_date(claims, "exp")?.ok_or(InvalidToken::NoExpiry)?;
        // RFC 7519 section 4.1.4: the current time must be before it, so at the very second it has expired.
        if now - leeway >= expiry {
            return Err(InvalidToken::Expired);
        }
        if numeric_date(claims, "nbf")?.is_some_and(|not_before| now + leeway < not_before) {
            return Err(InvalidToken::NotYetValid);
        }
        let issued = numeric_date(claims, "iat")?;
        if issued.is_some_and(|issued| now + leeway < issued) {
            return Err(InvalidToken::IssuedInFuture);
        }
        if expiry - issued.unwrap_or(now + leeway) > self.longest_life.as_secs_f64() {
            return Err(InvalidToken::LivesTooLong);
        }
        Duration::try_from_secs_f64(expiry).map_err(|_out_of_range| InvalidToken::Claim)
    }
}

/// RFC 8725 section 3.12: what an issuer signs for another purpose is no access token, whatever its header says.
fn check_purpose(claims: &Map<String, Value>) -> Result<(), InvalidToken> {
    // OpenID Connect Core sections 2 and 3.3.2.11: an answer to a login, meant for the client's eyes.
    if ["nonce", "at_hash", "c_hash"].iter().any(|name| claims.contains_key(*name)) {
        return Err(InvalidToken::IdToken);
    }
    // RFC 8417 section 2.2: a security event, a logout among them.
    if claims.contains_key("events") { Err(InvalidToken::Type) } else { Ok(()) }
}

/// RFC 7519 section 2: seconds since 1970, possibly with a fraction. A number in a string is no number.
fn numeric_date(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, InvalidToken> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_f64().filter(|seconds| (0.0..=LATEST_DATE).contains(seconds));
    seconds.ok_or(InvalidToken::Claim).map(Some)
}

/// 9999-12-31T23:59:59Z. What lies beyond is no date but milliseconds, or an attempt to overflow a reader.
const LATEST_DATE: f64 = 253_402_300_799.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Checks `changes` over good claims at 1000.5 s, with a life of 1500 s.
    #[track_caller]
    fn check(leeway: u64, changes: &Value, expected: Result<(), &str>) {
        let mut claims = json!({"iss": "https://i", "aud": "us", "exp": 2000, "nbf": 900, "iat": 900});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| *value != json!("absent"));
        let expectations = Expectations {
            issuer: "https://i".into(),
            origin: Origin::Issuer,
            audience_claim: "aud".into(),
            required: Vec::new(),
            audiences: vec!["us".into(), "us too".into()],
            leeway: Duration::from_secs(leeway),
            longest_life: Duration::from_secs(1500),
        };
        let found = expectations.check(claims.as_object().unwrap(), 1_000_500).map(|_expiry| ());
        assert_eq!(found.map_err(|invalid| invalid.kind()), expected, "{changes}");
    }

    #[test]
    fn good_claims_hold() {
        check(0, &json!({}), Ok(()));
        check(0, &json!({"aud": ["them", "us"]}), Ok(()));
        check(0, &json!({"aud": "us too"}), Ok(()));
        check(0, &json!({"aud": ["us too", "them"]}), Ok(()));
        check(0, &json!({"nbf": "absent", "iat": "absent"}), Ok(()));
        check(0, &json!({"exp": 1000.75, "nbf": 1000.5, "iat": 1000.25}), Ok(()));
        check(0, &json!({"exp": 1.1e3, "nbf": 0, "iat": 0.0}), Ok(()));
        check(0, &json!({"iat": 1000.5}), Ok(()));
    }

    #[test]
    fn every_claim_that_is_off_is_refused() {
        for (changes, kind) in [
            (json!({"iss": "absent"}), "issuer"),
            (json!({"iss": "https://i/"}), "issuer"),
            (json!({"iss": ["https://i"]}), "issuer"),
            (json!({"aud": "absent"}), "audience"),
            (json!({"aud": "US"}), "audience"),
            (json!({"aud": "us us too"}), "audience"),
            (json!({"aud": []}), "audience"),
            (json!({"aud": ["them"]}), "audience"),
            (json!({"aud": ["us", 1]}), "claim"),
            (json!({"aud": {"us": "us"}}), "audience"),
            (json!({"exp": "absent"}), "no_expiry"),
            (json!({"exp": null}), "claim"),
            (json!({"exp": "2000"}), "claim"),
            (json!({"exp": [2000]}), "claim"),
            (json!({"exp": 1000.5}), "expired"),
            (json!({"exp": 0}), "expired"),
            (json!({"exp": -1}), "claim"),
            (json!({"exp": 1e300}), "claim"),
            (json!({"exp": u64::MAX}), "claim"),
            (json!({"nbf": 1001}), "not_yet_valid"),
            (json!({"nbf": "900"}), "claim"),
            (json!({"nbf": -900}), "claim"),
            (json!({"iat": 1001}), "issued_in_future"),
            (json!({"iat": true}), "claim"),
            (json!({"iat": -0.5}), "claim"),
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

    #[test]
    fn life_is_bounded_from_the_issue_or_from_now() {
        check(0, &json!({"exp": 2400}), Ok(()));
        check(0, &json!({"exp": 2400.5}), Err("lives_too_long"));
        check(10, &json!({"exp": 2400.5}), Err("lives_too_long"));
        check(0, &json!({"exp": 4_000_000_000_u64}), Err("lives_too_long"));
        check(0, &json!({"exp": 2500.5, "iat": "absent"}), Ok(()));
        check(0, &json!({"exp": 2501, "iat": "absent"}), Err("lives_too_long"));
        check(10, &json!({"exp": 2510, "iat": "absent"}), Ok(()));
        // A token that was issued long ago lived too long, however soon it ends.
        check(0, &json!({"exp": 2000, "iat": 0}), Err("lives_too_long"));
    }

    #[test]
    fn tokens_for_other_purposes_are_refused_by_their_claims() {
        for name in ["nonce", "at_hash", "c_hash"] {
            for value in [json!("n-0S6_WzA2Mj"), json!(null), json!(7)] {
                check(0, &json!({ name: value }), Err("id_token"));
            }
        }
        let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        check(0, &json!({"events": logout}), Err("type"));
    }

    #[test]
    fn the_moment_of_expiry_is_handed_on() {
        let expectations = Expectations {
            issuer: "i".into(),
            origin: Origin::Issuer,
            audience_claim: "aud".into(),
            required: Vec::new(),
            audiences: vec!["us".into()],
            leeway: Duration::ZERO,
            longest_life: Duration::from_secs(10),
        };
        let claims = json!({"iss": "i", "aud": "us", "exp": 5.25});
        let expiry = expectations.check(claims.as_object().unwrap(), 1000).unwrap();
        assert_eq!(expiry, Duration::from_millis(5250));
    }
}
