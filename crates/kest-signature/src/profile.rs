//! What the hop proof and signed requests have in common: the exact set of parts and parameters, and the window.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName};
use kest_core::signature::KeyId;
use kest_core::{Clock, Limits, Random, RandomError};

use crate::base::Component;
use crate::hop::SignError;
use crate::{Fault, SignatureInput};

/// When a signature was made and until when it says that it holds, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) created: u64,
    pub(crate) expires: u64,
}

impl Moment {
    /// Now, for so many seconds.
    pub(crate) fn at(clock: &dyn Clock, seconds: u64) -> Self {
        let created = clock.unix_seconds();
        Self { created, expires: created.saturating_add(seconds) }
    }
}

/// The input of a new signature, with a new nonce; `keyid`, `alg` and `tag` are still to be added.
pub(crate) fn write(
    components: Vec<Component>,
    moment: &Moment,
    random: &dyn Random,
) -> Result<SignatureInput, SignError> {
    let input = SignatureInput::of(components)?;
    let nonce = new_nonce(random)?;
    Ok(input
        .with_seconds("created", moment.created)?
        .with_seconds("expires", moment.expires)?
        .with_text("nonce", &nonce)?)
}

/// 192 bits in base64url.
fn new_nonce(random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0_u8; 24];
    random.fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Demands that exactly `required` and those of `conditional` that are among `headers` are covered, in any order.
pub(crate) fn check_components(
    input: &SignatureInput,
    required: &[Component],
    conditional: &[HeaderName],
    headers: &HeaderMap,
) -> Result<(), Fault> {
    let covered = input.components();
    let present = conditional.iter().filter(|name| headers.contains_key(*name)).cloned();
    let demanded: Vec<Component> = required.iter().cloned().chain(present.map(Component::Field)).collect();
    if !demanded.iter().all(|part| covered.contains(part)) {
        return Err(Fault::ComponentMissing);
    }
    // No part stands twice, so that the same number is the same set.
    if covered.len() == demanded.len() { Ok(()) } else { Err(Fault::ComponentExtra) }
}

/// Demands that none of these headers stands in the request twice: which one counts would be a guess.
pub(crate) fn check_single(headers: &HeaderMap, names: &[HeaderName]) -> Result<(), Fault> {
    let twice = names.iter().any(|name| headers.get_all(name).iter().nth(1).is_some());
    if twice { Err(Fault::HeaderTwice) } else { Ok(()) }
}

/// The parameters of a signature, of the right types and bounded.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) key_id: KeyId,
    pub(crate) nonce: String,
    pub(crate) moment: Moment,
}

impl Form {
    /// Reads exactly the six parameters.
    pub(crate) fn of(input: &SignatureInput, algorithm: &str, limits: &Limits) -> Result<Self, Fault> {
        if input.parameters().any(|name| !PARAMETERS.contains(&name)) {
            return Err(Fault::ParameterExtra);
        }
        let text = |name: &str| input.text(name).ok_or(Fault::ParameterMissing);
        let seconds = |name: &str| input.seconds(name).ok_or(Fault::ParameterMissing);
        if text("alg")? != algorithm {
            return Err(Fault::Algorithm);
        }
        let nonce = text("nonce")?;
        if !(NONCE_CHARACTERS..=limits.signature_nonce_bytes).contains(&nonce.len()) {
            return Err(Fault::Nonce);
        }
        let moment = Moment { created: seconds("created")?, expires: seconds("expires")? };
        let key_id = KeyId::new(text("keyid")?).map_err(|_cause| Fault::KeyId)?;
        Ok(Self { key_id, nonce: nonce.to_owned(), moment })
    }
}

/// How far from now a signature may have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) max_age: Duration,
    pub(crate) skew: Duration,
}

impl Window {
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

/// What every signature of ours says, and nothing else.
const PARAMETERS: [&str; 6] = ["created", "expires", "nonce", "keyid", "alg", "tag"];

/// 128 bits in base64 without padding.
const NONCE_CHARACTERS: usize = 22;

/// No receiver believes a signature for longer, so that one which says so is a mistake.
const MOST_LIFETIME_SECONDS: u64 = 300;
