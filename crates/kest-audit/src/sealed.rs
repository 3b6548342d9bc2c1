//! How far the last checkpoint reached, and whether another one is due.

/// How far the last checkpoint reached, and when.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    pub(crate) next: u64,
    pub(crate) at: u64,
    /// When a later one could not be had, or a file for it.
    pub(crate) failed: Option<u64>,
}

impl Sealed {
    /// Nothing yet of a writer that begins.
    pub(crate) fn nothing(at: u64) -> Self {
        Self { next: 0, at, failed: None }
    }

    /// Whether another is due where the next record has the number `next`.
    pub(crate) fn is_due(&self, next: u64, now: u64) -> bool {
        let (fresh, since) = (next.saturating_sub(self.next), passed(self.at, now));
        fresh >= SEAL_RECORDS || fresh > 0 && since >= SEAL_MILLIS || since >= HEARTBEAT_MILLIS
    }

    /// Whether it is time to try again: operations wait for a signer that is away, or a disk, and not each of them.
    pub(crate) fn may_be_tried(&self, now: u64) -> bool {
        self.failed.is_none_or(|at| passed(at, now) >= SEAL_MILLIS)
    }
}

/// A clock that was set back says nothing about the time since.
fn passed(at: u64, now: u64) -> u64 {
    now.checked_sub(at).unwrap_or(u64::MAX)
}

/// Records without a checkpoint.
const SEAL_RECORDS: u64 = 1000;
/// Time without one while records come.
const SEAL_MILLIS: u64 = 1000;
/// Time without one while none come: a watcher sees that the log is still there.
const HEARTBEAT_MILLIS: u64 = 60_000;
