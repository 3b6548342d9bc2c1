//! How a refused caller can do better: the headers of a 401 or 403.

use std::sync::Arc;

/// What an answer tells a refused caller: challenges (RFC 9110 section 11.6.1) and a nonce (RFC 9449 section 8).
///
/// It is made from configuration only, but for the nonce, and never from what the request contained.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    authenticate: Vec<Arc<str>>,
    dpop_nonce: Option<Arc<str>>,
}

impl Challenge {
    /// A challenge with these values of `WWW-Authenticate`, one header line each.
    #[must_use]
    pub fn new(authenticate: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self { authenticate: authenticate.into_iter().map(Into::into).collect(), dpop_nonce: None }
    }

    /// Asks for a proof with this nonce.
    #[must_use]
    pub fn with_dpop_nonce(mut self, nonce: impl Into<Arc<str>>) -> Self {
        self.dpop_nonce = Some(nonce.into());
        self
    }

    /// The values of `WWW-Authenticate`, in order.
    #[must_use]
    pub fn authenticate(&self) -> &[Arc<str>] {
        &self.authenticate
    }

    /// The value of `DPoP-Nonce`.
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.dpop_nonce.as_deref()
    }
}
