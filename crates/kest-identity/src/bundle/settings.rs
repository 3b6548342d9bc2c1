//! What both kinds of bundle are told: how often to look, how long to go on, and within which bounds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kest_core::{Clock, Limits, SystemClock};

use super::followed::Followed;
use super::source::{BundleSource, Place};
use super::{BundleStartError, BundleUnavailable};
use crate::refresh::{Refresher, Schedule};

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) refresh_every: Duration,
    pub(super) serve_stale_for: Duration,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
}

impl Settings {
    pub(super) fn every(refresh_every: Duration) -> Self {
        Self {
            refresh_every,
            serve_stale_for: SERVE_STALE_FOR,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        }
    }

    pub(super) fn check(&self) -> Result<(), BundleStartError> {
        if self.refresh_every.is_zero() || self.serve_stale_for < self.refresh_every {
            return Err(BundleStartError::Refresh);
        }
        Ok(())
    }

    /// Reads the bundle, and follows it from then on.
    pub(super) async fn follow(self, name: Arc<str>, place: Place) -> Result<Followed, BundleStartError> {
        let source = BundleSource {
            place,
            name: Arc::clone(&name),
            clock: Arc::clone(&self.clock),
            limit: self.limits.bundle_bytes,
            said: Mutex::default(),
        };
        let schedule = Schedule::new(self.refresh_every, self.serve_stale_for, &self.limits);
        let refresher = Refresher::new(source, self.clock, schedule);
        refresher
            .start()
            .await
            .map_err(|cause| BundleStartError::Unavailable(BundleUnavailable::from(cause)))?;
        Ok(Followed { refresher, name })
    }
}

/// An hour, as for the keys of issuers: longer than an outage that is being worked on, shorter than one that is not
/// noticed.
const SERVE_STALE_FOR: Duration = Duration::from_secs(3600);
