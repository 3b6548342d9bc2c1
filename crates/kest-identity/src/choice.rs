//! The one choice that a service must make: where the identity of its callers comes from.

use std::sync::Arc;

use kest_core::{Authenticate, FromLineage};

use crate::combine::{AllOf, FirstOf};
use crate::insecure::InsecureIdentity;
use crate::jwt::JwtAuthenticator;

/// Where the identity of callers comes from. There is no default.
///
/// ```
/// use kest_identity::{IdentityChoice, guard};
///
/// // Two ways to choose, and what happens without one.
/// let unset = |_: &str| None;
/// assert!(guard(Some(IdentityChoice::from_lineage()), &unset).is_ok());
/// assert!(guard(None, &|_| Some("true".into())).is_ok());
/// assert!(guard(None, &unset).is_err());
/// ```
#[derive(Debug)]
pub struct IdentityChoice {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Mechanism(Arc<dyn Authenticate>),
    Insecure,
}

impl IdentityChoice {
    /// From bearer tokens that are verified here.
    #[must_use]
    pub fn jwks(authenticator: JwtAuthenticator) -> Self {
        Self::mechanism(Arc::new(authenticator))
    }

    /// From the verified lineage and nothing else, for a service behind an edge that authenticates.
    #[must_use]
    pub fn from_lineage() -> Self {
        Self::mechanism(Arc::new(FromLineage))
    }

    /// From a mechanism of your own.
    #[must_use]
    pub fn mechanism(mechanism: Arc<dyn Authenticate>) -> Self {
        Self { kind: Kind::Mechanism(mechanism) }
    }

    /// From whatever the token says, unverified: every caller can claim to be anybody.
    ///
    /// For development only. Every identity made this way is marked `unverified`, for policies and in what is signed.
    #[must_use]
    pub fn dangerous_insecure_no_verify() -> Self {
        Self { kind: Kind::Insecure }
    }

    /// The insecure choice, if `KEST_INSECURE_NO_VERIFY` is exactly `1`, `true` or `yes` in `environment`.
    #[must_use]
    pub fn from_environment(environment: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let value = environment(INSECURE_NO_VERIFY)?;
        matches!(value.as_str(), "1" | "true" | "yes").then(Self::dangerous_insecure_no_verify)
    }

    /// Whether callers may be who a lineage says: such a service says what ties passports to their requests, so that no stolen one
    /// makes a thief a caller. Not where every identity is marked `unverified` anyway.
    #[must_use]
    pub fn believes_lineage(&self) -> bool {
        match &self.kind {
            Kind::Mechanism(mechanism) => mechanism.needs_lineage(),
            Kind::Insecure => false,
        }
    }

    /// The mechanism that was chosen. An insecure one warns in the log now.
    #[must_use]
    pub fn into_authenticate(self) -> Arc<dyn Authenticate> {
        match self.kind {
            Kind::Mechanism(mechanism) => mechanism,
            Kind::Insecure => Arc::new(InsecureIdentity::dangerous_new()),
        }
    }
}

impl From<JwtAuthenticator> for IdentityChoice {
    fn from(authenticator: JwtAuthenticator) -> Self {
        Self::jwks(authenticator)
    }
}

impl From<FromLineage> for IdentityChoice {
    fn from(_lineage: FromLineage) -> Self {
        Self::from_lineage()
    }
}

impl From<FirstOf> for IdentityChoice {
    fn from(mechanisms: FirstOf) -> Self {
        Self::mechanism(Arc::new(mechanisms))
    }
}

impl From<AllOf> for IdentityChoice {
    fn from(mechanisms: AllOf) -> Self {
        Self::mechanism(Arc::new(mechanisms))
    }
}

impl From<Arc<dyn Authenticate>> for IdentityChoice {
    fn from(mechanism: Arc<dyn Authenticate>) -> Self {
        Self::mechanism(mechanism)
    }
}

/// Makes sure that a choice was made: in code, or else by `KEST_INSECURE_NO_VERIFY` in `environment`.
///
/// A choice in code wins, so that no variable can switch off the verification that a program asked for.
///
/// # Errors
///
/// [`NoIdentityChoice`], whose message names the mend.
pub fn guard(
    choice: Option<IdentityChoice>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<IdentityChoice, NoIdentityChoice> {
    let by_environment = IdentityChoice::from_environment(environment);
    if choice.is_some() && by_environment.is_some() {
        tracing::warn!("KEST_INSECURE_NO_VERIFY is set and has no effect: identity was chosen in code");
    }
    choice.or(by_environment).ok_or(NoIdentityChoice(()))
}

/// Looks `name` up in the environment of this process; a value that is not Unicode counts as absent.
#[must_use]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Nothing says where the identity of callers comes from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no identity was chosen: verify bearer tokens (`JwtAuthenticator::builder()` with `.jwks_uri(..)`, `.issuer(..)` \
     and `.audience(..)`), or take identity from the verified lineage (`IdentityChoice::from_lineage()`), or, for \
     development only, believe everybody (`IdentityChoice::dangerous_insecure_no_verify()` or \
     KEST_INSECURE_NO_VERIFY=true)"
)]
pub struct NoIdentityChoice(());

const INSECURE_NO_VERIFY: &str = "KEST_INSECURE_NO_VERIFY";

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(value: &str) -> impl Fn(&str) -> Option<String> {
        move |name| (name == "KEST_INSECURE_NO_VERIFY").then(|| value.to_owned())
    }

    #[test]
    fn only_three_spellings_switch_verification_off() {
        for value in ["1", "true", "yes"] {
            assert!(IdentityChoice::from_environment(&environment(value)).is_some(), "{value}");
        }
        for value in ["", "0", "false", "no", "TRUE", "True", "on", " true", "2", "y"] {
            assert!(IdentityChoice::from_environment(&environment(value)).is_none(), "{value}");
            assert!(guard(None, &environment(value)).is_err(), "{value}");
        }
    }

    #[test]
    fn choice_in_code_wins_over_the_environment() {
        let chosen = guard(Some(IdentityChoice::from_lineage()), &environment("true")).unwrap();
        assert!(matches!(chosen.kind, Kind::Mechanism(_)));
    }

    #[test]
    fn no_choice_is_an_error_that_names_every_mend() {
        let message = guard(None, &|_| None).unwrap_err().to_string();
        let mends = ["jwks_uri", "issuer", "audience", "lineage", "dangerous_insecure_no_verify"];
        for mend in mends.into_iter().chain(["KEST_INSECURE_NO_VERIFY=true"]) {
            assert!(message.contains(mend), "{mend}");
        }
    }
}
