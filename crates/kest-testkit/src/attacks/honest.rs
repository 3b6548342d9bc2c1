//! The honest request: what every attack is one change away from.

use bytes::Bytes;
use http::{HeaderValue, Method, Uri};

use super::attack::Sent;
use crate::dpop::DpopKey;
use crate::issuer::TestToken;
use crate::kit::TestKest;
use crate::lineage::{TestLineage, value};

/// Whether the honest request has a passport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    Passport,
    Nothing,
}

/// Who holds the key that tokens are bound to, and how the service is called from outside.
#[derive(Debug, Clone)]
pub(crate) struct Bound<'kit> {
    pub(crate) holder: &'kit DpopKey,
    pub(crate) origin: String,
}

/// What an honest caller sends.
#[derive(Debug, Clone)]
pub(crate) struct Honest<'kit> {
    pub(crate) kit: &'kit TestKest,
    pub(crate) lineage: TestLineage,
    pub(crate) carries: Carries,
    pub(crate) token: Option<TestToken>,
    pub(crate) bound: Option<Bound<'kit>>,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// What is asked for: the path, and what else stands there.
    pub(crate) uri: Uri,
    /// What the body holds.
    pub(crate) content: Bytes,
    /// How callers call a service that demands hop proofs.
    pub(crate) authority: Option<String>,
    /// The last nonce that the service handed out.
    pub(crate) nonce: Option<String>,
}

impl Honest<'_> {
    /// The token, where the service asks for one.
    pub(crate) fn token(&self) -> Option<TestToken> {
        let token = self.token.clone()?;
        Some(match &self.bound {
            Some(bound) => token.bound_to(bound.holder),
            None => token,
        })
    }

    /// The honest headers: with a proof of their own each time, where tokens are bound.
    #[track_caller]
    pub(crate) fn sent(&self) -> Sent {
        let sent = match self.carries {
            Carries::Passport => Sent::default().with_baggage([self.lineage.baggage()]),
            Carries::Nothing => Sent::default(),
        };
        match self.token() {
            Some(token) => self.with_token(sent, &token.sign()),
            None => sent,
        }
    }

    /// `sent` with this token, and a proof for it where tokens are bound.
    #[track_caller]
    pub(crate) fn with_token(&self, sent: Sent, token: &str) -> Sent {
        match &self.bound {
            None => sent.with_authorization([value(&format!("Bearer {token}"))]),
            Some(bound) => sent
                .with_authorization([value(&format!("DPoP {token}"))])
                .with_dpop([self.proof(bound, bound.holder, token)]),
        }
    }

    /// `sent` as its honest caller repeats it: where its token is bound, with another proof for it.
    #[track_caller]
    pub(crate) fn proved_again(&self, sent: Sent) -> Sent {
        let (Some(bound), [scheme_and_token]) = (&self.bound, sent.authorization.as_slice()) else {
            return sent;
        };
        let token = scheme_and_token.to_str().ok().and_then(|it| it.strip_prefix("DPoP "));
        let token = token.unwrap_or_default().to_owned();
        sent.with_dpop([self.proof(bound, bound.holder, &token)])
    }

    /// A proof by `holder` for the honest request with `token`.
    #[track_caller]
    pub(crate) fn proof(&self, bound: &Bound<'_>, holder: &DpopKey, token: &str) -> HeaderValue {
        let address = format!("{}{}", bound.origin, self.path);
        let proof = holder.proof(self.kit.clock().as_ref(), self.method.as_str(), &address, token);
        match &self.nonce {
            Some(nonce) => proof.nonce(nonce).sign(),
            None => proof.sign(),
        }
    }
}
