//! Proves who signed a request that carries no lineage.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use kest_core::signature::{KeyId, WorkloadId};
use kest_core::{Clock, Limits, ReplayStore, SystemClock};

use super::signer::ALWAYS_JUDGED;
use super::{RequestKeys, RequestSignatureError, TAG};
use crate::digest::{ContentDigest, ExpectedBody};
use crate::hop::{HopSettingsError, authorities, replays, window};
use crate::profile::{self, Form, Window};
use crate::{Authority, Fault, RequestHead, fields, once};

/// Who signed a request, just now and for this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    workload: WorkloadId,
    key_id: KeyId,
    created: u64,
}

impl SignedRequest {
    /// The workload whose key signed it.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.workload
    }

    /// The key that signed it.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// When it was signed, in seconds since 1970 on the sender's clock.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created
    }
}

/// Judges signed requests; shared by all requests of a service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RequestVerifier(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    keys: RequestKeys,
    authorities: Arc<[Authority]>,
    covered: Vec<HeaderName>,
    window: Window,
    replays: Arc<dyn ReplayStore>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl RequestVerifier {
    /// Takes requests that are signed with `keys`: a [`KeyRing`](kest_core::signature::KeyRing) of workloads, keys that are
    /// [replaced](kest_core::signature::ReplaceableKeys) while the service runs, shared keys.
    pub fn builder(keys: impl Into<RequestKeys>) -> RequestVerifierBuilder {
        let limits = Limits::default();
        RequestVerifierBuilder {
            keys: keys.into(),
            authorities: Vec::new(),
            covered: Vec::new(),
            max_age: limits.signature_max_age,
            skew: limits.signature_skew,
            replays: None,
            clock: Arc::new(SystemClock),
            limits,
        }
    }

    /// Proves who signed the request of `head` and `headers`, and says what its body must be. The signature is used up.
    ///
    /// # Errors
    ///
    /// [`RequestSignatureError`]; nothing may be run then.
    pub async fn verify(
        &self,
        head: &RequestHead<'_>,
        headers: &HeaderMap,
    ) -> Result<(SignedRequest, ExpectedBody), RequestSignatureError> {
        let Parts { keys, authorities, covered, window, replays, clock, limits } = self.0.as_ref();
        let found = fields::find(headers, TAG, limits)?;
        let (input, signature) = found.ok_or(RequestSignatureError::Missing)?;
        profile::check_components(&input, covered, headers)?;
        profile::check_single(headers, &[AUTHORIZATION])?;
        let form = Form::of(&input, limits)?;
        let authority = Authority::of_incoming(head, headers)?;
        if !authorities.contains(&authority) {
            return Err(Fault::AuthorityNotOurs.into());
        }
        let body = ContentDigest::read(headers)?.map_or(ExpectedBody::Empty, ExpectedBody::Digest);
        let base = input.base(head, headers, &authority)?;
        let kept_until = window.check(&form.moment, clock.as_ref())?;
        let workload =
            keys.workload(&form.key_id, form.algorithm, &form.moment, base.as_bytes(), &signature)?;
        once::use_up(replays.as_ref(), TAG, &form.key_id, &form.nonce, kept_until).await?;
        Ok((SignedRequest { workload, key_id: form.key_id, created: form.moment.created }, body))
    }

    #[cfg(feature = "tower")]
    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

/// Builds a [`RequestVerifier`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RequestVerifierBuilder {
    keys: RequestKeys,
    authorities: Vec<String>,
    covered: Vec<HeaderName>,
    max_age: Duration,
    skew: Duration,
    replays: Option<Arc<dyn ReplayStore>>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl RequestVerifierBuilder {
    /// Adds an authority, `host` or `host:port`, under which this service is reached.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authorities.push(authority.into());
        self
    }

    /// Demands that every request has this header and covers it.
    pub fn covering(mut self, header: HeaderName) -> Self {
        if !ALWAYS_JUDGED.contains(&header) && !self.covered.contains(&header) {
            self.covered.push(header);
        }
        self
    }

    /// How long after it was made a signature counts, instead of `Limits::signature_max_age`. Whole seconds.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How far ahead the clock of a sender may be, instead of `Limits::signature_skew`. Whole seconds.
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// Remembers used signatures there: for all replicas of a service.
    pub fn replays(mut self, replays: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(replays);
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps these bounds, also those that were given by [`max_age`](Self::max_age) and [`skew`](Self::skew).
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.max_age = limits.signature_max_age;
        self.skew = limits.signature_skew;
        self.limits = limits.clone();
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// [`HopSettingsError`] when no authority was named, one is malformed, the window is too wide, or wider than the store remembers.
    pub fn build(self) -> Result<RequestVerifier, HopSettingsError> {
        let window = window(self.max_age, self.skew)?;
        let authorities = authorities(&self.authorities)?;
        let replays = replays(self.replays, window, &self.limits, &self.clock)?;
        Ok(RequestVerifier(Arc::new(Parts {
            keys: self.keys,
            authorities,
            covered: self.covered,
            window,
            replays,
            clock: self.clock,
            limits: self.limits,
        })))
    }
}
