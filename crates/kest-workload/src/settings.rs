//! What a workload is told beside where its authority is.

use std::time::Duration;

use kest_core::Limits;

use crate::renew::GLANCE;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) refresh_every: Duration,
    pub(crate) serve_stale_for: Duration,
    pub(crate) entry_key_life: Duration,
    /// From when a key is in the bundle until it signs; a sixth of the certificate's life unless it is said.
    pub(crate) overlap: Option<Duration>,
    pub(crate) glance: Duration,
    pub(crate) limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            refresh_every: Duration::from_secs(300),
            serve_stale_for: Duration::from_secs(3600),
            entry_key_life: Duration::from_secs(24 * 3600),
            overlap: None,
            glance: GLANCE,
            limits: Limits::default(),
        }
    }
}
