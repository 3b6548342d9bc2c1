//! Verifies the log again and again beside the page, and keeps what was found.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kest_audit::{Log, LogVerifier, Report, Verified};
use kest_core::passport::VerifySettings;
use kest_core::signature::KeyRing;
use kest_core::{Clock as _, Dialect, SystemClock, Verifier};

use crate::output::with_causes;

/// Time between two looks, at the least.
const BETWEEN: Duration = Duration::from_secs(5);
/// A log that has not grown is looked at again after this time: one can change bytes in their place.
const IDLE: Duration = Duration::from_secs(60);
/// A log that takes long is looked at more seldom: at most one part in so many of the time goes into it.
const SHARE: u32 = 10;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    found: RwLock<Option<Arc<Found>>>,
    /// Bytes of the pass that is under way.
    read: AtomicU64,
    whole: AtomicU64,
    passes: AtomicU64,
}

/// The outcome of one pass over the log.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) report: Result<Report, String>,
    /// When the pass began, in milliseconds since 1970.
    pub(crate) at: u64,
    /// The same, by a clock that is not set.
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
}

impl Found {
    /// How long ago the log was as it was found, about: up to two minutes are usual, and a log that takes long is looked at more seldom.
    pub(crate) fn ago(&self) -> String {
        match self.begun.elapsed().as_secs() / 60 {
            0 | 1 => "within the last two minutes".to_owned(),
            minutes @ ..120 => format!("{minutes} minutes ago"),
            minutes => format!("{} hours ago", minutes / 60),
        }
    }
}

impl Judged {
    /// The outcome of the last pass; `None` before the first.
    pub(crate) fn found(&self) -> Option<Arc<Found>> {
        self.found.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes that the pass under way has read, and how many there were when it began.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.whole.load(Ordering::Relaxed))
    }

    pub(super) fn tell(&self, found: Found) {
        *self.found.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(found));
        self.passes.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the log was verified.
    pub(crate) fn passes(&self) -> u64 {
        self.passes.load(Ordering::Relaxed)
    }
}

/// The last look at the log that came to an end: how long it was then, and when that was.
#[derive(Debug, Default)]
struct Before(Option<(u64, Instant)>);

impl Before {
    /// Whether a log of so many bytes need not be looked at now.
    fn is_enough(&self, bytes: Option<u64>, now: Instant) -> bool {
        self.0.is_some_and(|(was, at)| bytes == Some(was) && now.saturating_duration_since(at) < IDLE)
    }

    /// What could not be read, since a file was deleted meanwhile, is looked at again at once.
    fn looked(&mut self, bytes: Option<u64>, began: Instant, found: &io::Result<Report>) {
        self.0 = bytes.filter(|_| found.is_ok()).map(|bytes| (bytes, began));
    }
}

/// Verifies the log until the program ends, which does not wait for it: again when it has grown.
pub(crate) fn judge(
    log: Log,
    ring: Arc<KeyRing>,
    dialect: Dialect,
    judged: &Arc<Judged>,
) -> io::Result<JoinHandle<()>> {
    let judged = Arc::clone(judged);
    std::thread::Builder::new().name("kest-view-judge".to_owned()).spawn(move || {
        let mut settings = VerifySettings::default();
        settings.dialect = dialect;
        let verifier = LogVerifier::new(Verifier::with(settings), &ring);
        // What was found right is compared by its hashes the next time, and judged once.
        let mut verified = Verified::default();
        let mut before = Before::default();
        loop {
            let (at, begin) = (SystemClock.unix_millis(), Instant::now());
            let log = log.again();
            let bytes = log.as_ref().ok().map(|log| log.bytes());
            if !before.is_enough(bytes, begin) {
                judged.whole.store(bytes.unwrap_or_default(), Ordering::Relaxed);
                judged.read.store(0, Ordering::Relaxed);
                let count = |read| {
                    judged.read.fetch_add(read, Ordering::Relaxed);
                };
                let report = log.and_then(|log| verifier.resume(&log, &mut verified, count, |_verified| ()));
                before.looked(bytes, begin, &report);
                let report = report.map_err(|error| with_causes(&error));
                judged.tell(Found { report, at, begun: begin, took: begin.elapsed() });
            }
            std::thread::sleep(BETWEEN.max(begin.elapsed() * SHARE));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure: a file is deleted while the log is checked, and "could not be checked" stands for a minute.
    #[test]
    fn log_that_could_not_be_read_is_looked_at_again_at_once() {
        let (mut before, began) = (Before::default(), Instant::now());
        assert!(!before.is_enough(Some(7), began));
        before.looked(Some(7), began, &Ok(Report::default()));
        assert!(before.is_enough(Some(7), began) && !before.is_enough(Some(8), began));
        assert!(!before.is_enough(Some(7), began + IDLE) && !before.is_enough(None, began));
        before.looked(Some(7), began, &Err(io::ErrorKind::NotFound.into()));
        assert!(!before.is_enough(Some(7), began));
    }
}
