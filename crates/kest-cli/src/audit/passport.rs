//! `kest audit passport`: the passport of a recorded entry, out of what was recorded before it.

use kest_core::entry::EntryHash;

use super::flags::Passport;
use super::{AuditError, open};
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

/// Prints a JSON array of compact entries, as `kest verify` takes it.
pub(crate) fn run(flags: &Passport) -> Result<Answer, Failure> {
    let hash: EntryHash = flags.entry.parse().map_err(|_cause| AuditError::Hash)?;
    let found = open(&flags.log)?.ancestors(hash).map_err(AuditError::Unreadable)?;
    let Some(entries) = found else {
        output::say("log has no such entry");
        return Ok(Answer::No);
    };
    let mut output = Output::open();
    output.json(&entries)?;
    output.flush()?;
    output::say(&format!("verify it with: kest verify --keys BUNDLE --chain-tip {}", hash.to_hex()));
    Ok(Answer::Yes)
}
