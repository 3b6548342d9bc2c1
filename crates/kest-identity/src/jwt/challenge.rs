//! What a refused caller is told: constant texts, made of the configuration when the authenticator is built.

use kest_core::{AuthenticateError, Challenge};
use url::Url;

use crate::confirmation::{BindingAnswer, BindingError};

use super::{InvalidToken, JwtBuildError};

/// The answers to all refusals, made once: nothing in them comes from a request.
#[derive(Debug)]
pub(super) struct Challenges {
    missing: Challenge,
    invalid_token: Challenge,
    invalid_proof: Challenge,
    use_nonce: Challenge,
}

/// One way in that answers name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Offer {
    /// RFC 6750.
    Bearer,
    /// RFC 9449, with proofs signed by one of these algorithms, separated by blanks.
    Dpop(String),
}

/// What the answers say beside scheme and error.
#[derive(Debug, Clone, Default)]
pub(super) struct ChallengeText {
    pub(super) realm: Option<String>,
    pub(super) resource_metadata: Option<String>,
}

impl Challenges {
    pub(super) fn new(offers: &[Offer], text: &ChallengeText) -> Result<Self, JwtBuildError> {
        let text = text.checked()?;
        let all = |error| Challenge::new(offers.iter().map(|offer| text.line(offer, error)));
        // Who brings a proof has chosen its scheme, and is told what to mend about it and nothing else.
        let proofs = || offers.iter().filter(|offer| matches!(offer, Offer::Dpop(_)));
        let dpop = |error| Challenge::new(proofs().map(|offer| text.line(offer, Some(error))));
        Ok(Self {
            // RFC 6750 section 3.1: a caller that sent nothing, or tried another scheme, is not told of an error.
            missing: all(None),
            invalid_token: all(Some("invalid_token")),
            invalid_proof: dpop("invalid_dpop_proof"),
            use_nonce: dpop("use_dpop_nonce"),
        })
    }

    /// The answer to `error`; `None` when no other credential would help.
    pub(super) fn answer(&self, error: &AuthenticateError) -> Option<Challenge> {
        match error {
            AuthenticateError::Missing => Some(self.missing.clone()),
            AuthenticateError::Invalid(cause) if is_other_scheme(cause.as_ref()) => {
                Some(self.missing.clone())
            }
            AuthenticateError::Invalid(cause) if cause.is::<InvalidToken>() => {
                Some(self.invalid_token.clone())
            }
            AuthenticateError::Invalid(cause) => match cause.downcast_ref().map(BindingError::answer)? {
                BindingAnswer::InvalidToken => Some(self.invalid_token.clone()),
                BindingAnswer::InvalidDpopProof => Some(self.invalid_proof.clone()),
                BindingAnswer::UseDpopNonce(nonce) => Some(self.use_nonce.clone().with_dpop_nonce(nonce)),
                BindingAnswer::Nothing => None,
            },
            AuthenticateError::Unavailable(_) | _ => None,
        }
    }
}

fn is_other_scheme(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(InvalidToken::NotBearer))
}

impl ChallengeText {
    /// RFC 9110 section 5.6.4: what stands in a quoted string must not end it.
    fn checked(&self) -> Result<Self, JwtBuildError> {
        let realm = self.realm.clone();
        let harmless =
            |realm: &str| realm.bytes().all(|byte| matches!(byte, b' '..=b'~') && !is_special(byte));
        if !realm.as_deref().is_none_or(harmless) {
            return Err(JwtBuildError::Realm);
        }
        let resource_metadata = self.resource_metadata.as_deref().map(metadata_url).transpose()?;
        Ok(Self { realm, resource_metadata })
    }

    fn line(&self, offer: &Offer, error: Option<&str>) -> String {
        let (scheme, algorithms) = match offer {
            Offer::Bearer => ("Bearer", None),
            Offer::Dpop(algorithms) => ("DPoP", Some(algorithms.as_str())),
        };
        let parameters = [
            ("realm", self.realm.as_deref()),
            ("error", error),
            ("algs", algorithms),
            // RFC 9728 section 5.1.
            ("resource_metadata", self.resource_metadata.as_deref()),
        ];
        let said: Vec<_> = parameters
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", value?)))
            .collect();
        format!("{scheme} {}", said.join(", ")).trim_end().to_owned()
    }
}

/// RFC 9728 section 1.2 asks for https; a caller on this machine may be sent to this machine. The parsed form is used,
/// in which nothing is left that could end a quoted string.
fn metadata_url(text: &str) -> Result<String, JwtBuildError> {
    let url = Url::parse(text).map_err(|cause| JwtBuildError::ResourceMetadata(Some(Box::new(cause))))?;
    let secure = kest_http::Origin::of(&url).is_some_and(|it| it.is_https() || it.is_loopback());
    let bare = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if secure && bare && url.as_str().bytes().all(|byte| matches!(byte, b'!'..=b'~') && !is_special(byte)) {
        Ok(url.into())
    } else {
        Err(JwtBuildError::ResourceMetadata(None))
    }
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(offers: &[Offer], error: Option<&str>) -> Vec<String> {
        let text = ChallengeText {
            realm: Some("orders".into()),
            resource_metadata: Some("https://o.example/m".into()),
        };
        offers.iter().map(|offer| text.line(offer, error)).collect()
    }

    #[test]
    fn each_scheme_says_its_own() {
        let both = [Offer::Bearer, Offer::Dpop("ES256 EdDSA".into())];
        assert_eq!(
            lines(&both, None),
            [
                r#"Bearer realm="orders", resource_metadata="https://o.example/m""#,
                r#"DPoP realm="orders", algs="ES256 EdDSA", resource_metadata="https://o.example/m""#,
            ]
        );
        assert_eq!(
            lines(&both[1..], Some("use_dpop_nonce")),
            [concat!(
                r#"DPoP realm="orders", error="use_dpop_nonce", algs="ES256 EdDSA", "#,
                r#"resource_metadata="https://o.example/m""#
            )]
        );
    }

    #[test]
    fn nothing_to_say_leaves_the_scheme_alone() {
        assert_eq!(ChallengeText::default().line(&Offer::Bearer, None), "Bearer");
    }
}
