//! Charges callers for the bytes of their claims, mostly without asking the server.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kest_core::Share;
use redis::{Cmd, Script, Value, cmd};

use crate::settings::hex;
use crate::{CommandError, Redis};

/// Accounts of callers, which lie on the server, and what was granted to this process in advance.
///
/// What a caller of claims holds is counted before the claims are put: their keys and the caller's need not lie on one
/// server of a cluster. A put that is within what was granted asks nothing, so that it costs one message as before.
pub(crate) struct Ledger {
    charge: Script,
    granted: Mutex<HashMap<Share, Grant>>,
}

/// Bytes that are counted on the server and not used yet; gone with their window.
#[derive(Debug, Clone, Copy)]
struct Grant {
    window: u64,
    left: u64,
}

/// Whether a caller may put what it wants to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    Yes,
    /// It holds its whole part.
    ShareUsedUp,
}

/// Which window it is, how long each lasts, and how much of this one is over, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) number: u64,
    pub(crate) lasts: u64,
    pub(crate) over: u64,
}

impl Window {
    /// The one at `unix_millis` of those that are as long as one thing lives.
    pub(crate) fn at(unix_millis: u64, life: Duration) -> Self {
        let lasts = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        let over = unix_millis.checked_rem(lasts).unwrap_or_default();
        Self { number: unix_millis.checked_div(lasts).unwrap_or_default(), lasts, over }
    }

    /// Names of the accounts of this window and of the one before, by what they begin with.
    pub(crate) fn accounts(self, prefix: &str) -> [String; 2] {
        [self.number, self.number.saturating_sub(1)].map(|number| format!("{prefix}.{number}"))
    }
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { charge: Script::new(CHARGE), granted: Mutex::default() }
    }

    /// Charges `share` for `bytes` that live for `life`.
    ///
    /// What is not put after all stays charged until it would have been over, and never the other way.
    pub(crate) async fn charge(
        &self,
        redis: &Redis,
        share: Share,
        bytes: usize,
        life: Duration,
    ) -> Result<Charged, CommandError> {
        let window = Window::at(redis.clock().unix_millis(), life);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.take(share, window, bytes) {
            return Ok(Charged::Yes);
        }
        let Some(rest) = self.ask(redis, share, bytes, window).await?.checked_sub(bytes) else {
            return Ok(Charged::ShareUsedUp);
        };
        self.keep(share, Grant { window: window.number, left: rest });
        Ok(Charged::Yes)
    }

    /// How much is granted; one step on the server.
    async fn ask(
        &self,
        redis: &Redis,
        share: Share,
        bytes: u64,
        window: Window,
    ) -> Result<u64, CommandError> {
        let [own, before] = window.accounts(&format!("kest.share.{{{}}}", hex(share.as_bytes())));
        let question = |mut command: Cmd, script: &str| {
            let settings = redis.settings();
            command.arg(script).arg(2).arg(&own).arg(&before);
            command.arg(bytes).arg(settings.share_bytes.word()).arg(settings.eviction.word());
            command.arg(redis.servers());
            command.arg(window.lasts).arg(window.over);
            command
        };
        let by_digest = question(cmd("EVALSHA"), self.charge.get_hash());
        let answer = match redis.run("charge", &own, &by_digest).await {
            // Nothing was done; this is no second attempt.
            Err(error) if error.code() == Some("NOSCRIPT") => {
                redis.run("charge", &own, &question(cmd("EVAL"), CHARGE)).await
            }
            answer => answer,
        };
        let Value::Int(granted) = answer? else { return Err(CommandError::UnexpectedReply) };
        u64::try_from(granted).map_err(|_negative| CommandError::UnexpectedReply)
    }

    fn take(&self, share: Share, window: Window, bytes: u64) -> bool {
        let mut granted = self.granted();
        let Some(grant) = granted.get_mut(&share).filter(|grant| grant.window == window.number) else {
            return false;
        };
        let Some(left) = grant.left.checked_sub(bytes) else { return false };
        grant.left = left;
        true
    }

    fn keep(&self, share: Share, more: Grant) {
        let mut granted = self.granted();
        if granted.len() >= MOST_GRANTS && !granted.contains_key(&share) {
            granted.retain(|_share, grant| grant.window == more.window && grant.left > 0);
            // The bytes stay counted, and the caller's next put asks again.
            if granted.len() >= MOST_GRANTS {
                return;
            }
        }
        let grant = granted.entry(share).or_insert(Grant { left: 0, ..more });
        if grant.window != more.window {
            *grant = Grant { left: 0, ..more };
        }
        grant.left = grant.left.saturating_add(more.left);
    }

    fn granted(&self) -> MutexGuard<'_, HashMap<Share, Grant>> {
        // Whole after each step.
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ledger").finish_non_exhaustive()
    }
}

/// Callers for whom something is granted in advance: 40 bytes each.
const MOST_GRANTS: usize = 4096;

const CHARGE: &str = concat!(include_str!("room.lua"), include_str!("charge.lua"));

#[cfg(test)]
mod tests {
    use super::*;

    fn share(number: usize) -> Share {
        Share::of_key(&number.to_string())
    }

    fn window(number: u64) -> Window {
        Window { number, lasts: 1000, over: 0 }
    }

    #[test]
    fn grant_is_used_up_once_and_ends_with_its_window() {
        let ledger = Ledger::new();
        assert!(!ledger.take(share(0), window(7), 1));
        ledger.keep(share(0), Grant { window: 7, left: 10 });
        ledger.keep(share(0), Grant { window: 7, left: 5 });
        assert!(ledger.take(share(0), window(7), 14));
        assert!(!ledger.take(share(0), window(7), 2) && !ledger.take(share(1), window(7), 1));
        assert!(!ledger.take(share(0), window(8), 1), "of another window");
        ledger.keep(share(0), Grant { window: 8, left: 3 });
        assert!(ledger.take(share(0), window(8), 3) && !ledger.take(share(0), window(8), 1));
    }

    /// Attack: ever new callers, each of whom is granted something that it never uses.
    #[test]
    fn grants_are_bounded_and_those_that_are_over_make_room() {
        let ledger = Ledger::new();
        for number in 0..2 * MOST_GRANTS {
            ledger.keep(share(number), Grant { window: 7, left: 1 });
        }
        assert_eq!(ledger.granted().len(), MOST_GRANTS);
        assert!(ledger.take(share(0), window(7), 1), "what was granted stays");
        ledger.keep(share(MOST_GRANTS), Grant { window: 8, left: 1 });
        assert_eq!(ledger.granted().len(), 1);
    }

    #[test]
    fn windows_are_as_long_as_one_thing_lives() {
        let at = Window::at(90_500, Duration::from_secs(60));
        assert_eq!((at.number, at.lasts, at.over), (1, 60_000, 30_500));
        assert_eq!(at.accounts("a"), ["a.1", "a.0"]);
        assert_eq!(Window::at(5, Duration::ZERO).lasts, 1);
    }
}
