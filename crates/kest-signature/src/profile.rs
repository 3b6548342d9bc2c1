//! What the hop proof and signed requests have in common: the exact set of parts and parameters, and the window.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use kest_core::signature::{KeyId, KeyRing};
use kest_core::{Clock, Limits, Random, RandomError};

use crate::base::Component;
use crate::digest::CONTENT_DIGEST;
use crate::sign_error::SignError;
use crate::{ContentDigest, Fault, SignatureInput};

/// When a signature was made and until when it says that it holds, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) created: u64,
    pub(crate) expires: u64,
}

impl Moment {
    /// The end of a key counts when the signature was made, as for entries.
    pub(crate) fn check_end_of_key(&self, ring: &KeyRing, key_id: &KeyId) -> Result<(), Fault> {
        let made = self.created.saturating_mul(1000);
        let ended = ring.not_after(key_id).is_some_and(|end| end.has_passed(made));
        if ended { Err(Fault::KeyEnded) } else { Ok(()) }
    }
}

/// The input of a signature that is made now, with a new nonce.
///
/// The order is free; in this one a widespread reader writes parameters again, whatever the order they came in.
pub(crate) fn write(
    components: Vec<Component>,
    key_id: &KeyId,
    algorithm: Algorithm,
    tag: &str,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<SignatureInput, SignError> {
    let created = clock.unix_seconds();
    let nonce = new_nonce(random)?;
    Ok(SignatureInput::of(components)?
        .with_seconds("created", created)?
        .with_seconds("expires", created.saturating_add(LIFETIME_SECONDS))?
        .with_text("nonce", &nonce)?
        .with_text("alg", algorithm.as_str())?
        .with_text("keyid", key_id.as_str())
        .map_err(|_same_reason| Fault::KeyId)?
        .with_text("tag", tag)?)
}

/// Writes what the body is, or takes out what an earlier attempt said of it.
pub(crate) fn write_digest(headers: &mut HeaderMap, body: Option<&ContentDigest>) -> Result<(), Fault> {
    headers.remove(CONTENT_DIGEST);
    if let Some(digest) = body {
        headers.insert(CONTENT_DIGEST, digest.to_header().ok_or(Fault::Digest)?);
    }
    Ok(())
}

/// The four parts of every request, `rest`, and those of `conditional` that are among `headers`.
pub(crate) fn components(rest: &[HeaderName], headers: &HeaderMap) -> Vec<Component> {
    let mut components = Vec::with_capacity(ALWAYS.len() + rest.len() + CONDITIONAL.len());
    components.extend(ALWAYS);
    components.extend(rest.iter().cloned().map(Component::Field));
    let present = CONDITIONAL.into_iter().filter(|name| headers.contains_key(name));
    components.extend(present.map(Component::Field));
    components
}

/// 192 bits in base64url.
fn new_nonce(random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0_u8; 24];
    random.fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Demands that exactly what [`components`] names is covered, in any order.
pub(crate) fn check_components(
    input: &SignatureInput,
    rest: &[HeaderName],
    headers: &HeaderMap,
) -> Result<(), Fault> {
    let covered = input.components();
    let covers = |name: &HeaderName| {
        covered.iter().any(|part| matches!(part, Component::Field(field) if field == name))
    };
    let mut demanded = ALWAYS.len() + rest.len();
    let mut all = ALWAYS.iter().all(|part| covered.contains(part)) && rest.iter().all(covers);
    for name in CONDITIONAL.iter().filter(|name| headers.contains_key(*name)) {
        demanded += 1;
        all = all && covers(name);
    }
    if !all {
        return Err(Fault::ComponentMissing);
    }
    // No part stands twice, so that the same number is the same set.
    if covered.len() == demanded { Ok(()) } else { Err(Fault::ComponentExtra) }
}

/// Demands that none of these headers stands in the request twice: which one counts would be a guess.
pub(crate) fn check_single(headers: &HeaderMap, names: &[HeaderName]) -> Result<(), Fault> {
    let twice = names.iter().any(|name| headers.get_all(name).iter().nth(1).is_some());
    if twice { Err(Fault::HeaderTwice) } else { Ok(()) }
}

/// An algorithm that signatures are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RFC 9421 section 3.3.6.
    Ed25519,
    /// RFC 9421 section 3.3.3.
    HmacSha256,
}

impl Algorithm {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::HmacSha256 => "hmac-sha256",
        }
    }

    fn parse(name: &str) -> Result<Self, Fault> {
        [Self::Ed25519, Self::HmacSha256].into_iter().find(|it| it.as_str() == name).ok_or(Fault::Algorithm)
    }
}

/// The parameters of a signature, of the right types and bounded.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: KeyId,
    pub(crate) nonce: String,
    pub(crate) moment: Moment,
}

impl Form {
    /// Reads exactly the six parameters.
    pub(crate) fn of(input: &SignatureInput, limits: &Limits) -> Result<Self, Fault> {
        if input.parameters().any(|name| !PARAMETERS.contains(&name)) {
            return Err(Fault::ParameterExtra);
        }
        let text = |name: &str| input.text(name).ok_or(Fault::ParameterMissing);
        let seconds = |name: &str| input.seconds(name).ok_or(Fault::ParameterMissing);
        let algorithm = Algorithm::parse(text("alg")?)?;
        let nonce = text("nonce")?;
        if !(NONCE_CHARACTERS..=limits.signature_nonce_bytes).contains(&nonce.len()) {
            return Err(Fault::Nonce);
        }
        let moment = Moment { created: seconds("created")?, expires: seconds("expires")? };
        let key_id = KeyId::new(text("keyid")?).map_err(|_cause| Fault::KeyId)?;
        Ok(Self { algorithm, key_id, nonce: nonce.to_owned(), moment })
    }
}

/// How far from now a signature may have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) max_age: Duration,
    pub(crate) skew: Duration,
}

impl Window {
    /// For how long a nonce has to be remembered at most, from when it comes: as [`check`](Self::check) says.
    pub(crate) fn longest_life(&self) -> Duration {
        let skews = self.skew.saturating_mul(3);
        self.max_age.saturating_add(skews).saturating_add(Duration::from_secs(1))
    }

    /// Judges `moment` by `clock`, and says how long a nonce of it has to be remembered.
    ///
    /// Whole seconds are compared, since that is what `created` counts.
    pub(crate) fn check(&self, moment: &Moment, clock: &dyn Clock) -> Result<SystemTime, Fault> {
        let now = clock.unix_seconds();
        let (max_age, skew) = (self.max_age.as_secs(), self.skew.as_secs());
        let says = moment.expires.saturating_sub(moment.created);
        if says == 0 || says > MOST_LIFETIME_SECONDS {
            return Err(Fault::Expires);
        }
        if moment.created > now.saturating_add(skew) {
            return Err(Fault::FromTheFuture);
        }
        let holds_until = moment.created.saturating_add(max_age).min(moment.expires.saturating_add(skew));
        if holds_until < now {
            return Err(Fault::TooOld);
        }
        // To the end of its last second, and longer by the skew, for replicas whose clocks differ and share the store.
        let kept = moment.created.saturating_add(max_age).saturating_add(2 * skew).saturating_add(1);
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(kept)).ok_or(Fault::FromTheFuture)
    }
}

const ALWAYS: [Component; 4] = [Component::Method, Component::Authority, Component::Path, Component::Query];

/// Headers that are covered where the request has them.
const CONDITIONAL: [HeaderName; 2] = [AUTHORIZATION, CONTENT_DIGEST];

/// How long a signature says that it holds: as long as receivers believe one by default.
const LIFETIME_SECONDS: u64 = 10;

/// What every signature of ours says, and nothing else.
const PARAMETERS: [&str; 6] = ["created", "expires", "nonce", "keyid", "alg", "tag"];

/// 128 bits in base64 without padding.
const NONCE_CHARACTERS: usize = 22;

/// No receiver believes a signature for longer, so that one which says so is a mistake.
const MOST_LIFETIME_SECONDS: u64 = 300;
#[cfg(test)]
mod tests {
    use kest_core::Limits;
    use kest_testkit::TestClock;

    use super::*;

    /// Attack on the edge of the window: a store that is made for a moment less refuses the proof, or forgets it.
    #[test]
    fn nonce_of_a_clock_that_is_ahead_is_remembered_for_as_long_as_stores_are_made_for() {
        for (age, ahead) in [(10, 2), (1, 0), (300, 60), (30, 7)] {
            let (max_age, skew) = (Duration::from_secs(age), Duration::from_secs(ahead));
            let window = Window { max_age, skew };
            let moment = Moment { created: 1000 + ahead, expires: 1000 + ahead + 10 };
            let kept = window.check(&moment, &TestClock::at(1000)).unwrap();
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
            assert_eq!(kept.duration_since(now).unwrap(), window.longest_life());
            let mut limits = Limits::default();
            (limits.signature_max_age, limits.signature_skew) = (max_age, skew);
            assert_eq!(window.longest_life(), limits.longest_signature_life());
        }
    }
}
