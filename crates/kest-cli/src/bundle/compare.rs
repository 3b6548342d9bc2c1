//! Compares the bundle that files make with one that is there, and judges whether services would go over to it.

use std::collections::BTreeMap;
use std::path::Path;

use kest_core::signature::{Bundle, KeyRing, NotAfter};
use kest_core::{Clock as _, SystemClock};

use super::JoinError;
use super::join::Joined;
use crate::escape::Escaped;
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

/// Says whether the file holds the bundle; without a file, that there is one.
pub(super) fn check(
    out: Option<&Path>,
    present: Option<&Bundle>,
    joined: &Joined,
) -> Result<Answer, Failure> {
    let Some(out) = out else { return Ok(Answer::Yes) };
    match present {
        Some(present) if joined.is_in(present)? => Ok(Answer::Yes),
        _ => {
            output::say(&format!("{} is not the bundle of these keys", out.display()));
            Ok(Answer::No)
        }
    }
}

/// Prints which keys come, go and end, and says whether who trusts `old` takes the new bundle over.
pub(super) fn diff(old: &Bundle, joined: &Joined) -> Result<Answer, Failure> {
    let (before, after) = (ends(old.ring()), ends(&joined.ring));
    let mut output = Output::open();
    for line in changes(&before, &after) {
        output.line(&line)?;
    }
    output.flush()?;
    let new = Bundle::from_json(joined.to_json(Some(old))?.as_bytes()).map_err(JoinError::Unread)?;
    match new.check_follows(old, SystemClock.unix_millis()) {
        Ok(()) => Ok(Answer::Yes),
        Err(refused) => {
            output::say(&format!("services that trust the old bundle refuse the new one: {refused}"));
            Ok(Answer::No)
        }
    }
}

/// Workload, key id and the key itself, each with its end.
type Ends = BTreeMap<(String, String, [u8; 32]), Option<NotAfter>>;

fn ends(ring: &KeyRing) -> Ends {
    ring.keys()
        .map(|(workload, key_id, key)| {
            ((workload.to_string(), key_id.to_string(), *key.as_bytes()), ring.not_after(key_id))
        })
        .collect()
}

/// A line for each key that differs, in order of workload and key id.
fn changes(before: &Ends, after: &Ends) -> Vec<String> {
    let mut lines = BTreeMap::new();
    for (key, end) in before.iter().chain(after) {
        let (workload, key_id) = (Escaped(&key.0), Escaped(&key.1));
        let line = match (before.get(key), after.get(key)) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(old), Some(new)) => {
                format!("~ {workload} {key_id} not_after {} -> {}", shown(*old), shown(*new))
            }
            (Some(_), None) => format!("- {workload} {key_id}"),
            (None, _) if end.is_some() => format!("+ {workload} {key_id} not_after {}", shown(*end)),
            (None, _) => format!("+ {workload} {key_id}"),
        };
        lines.insert(key, line);
    }
    lines.into_values().collect()
}

fn shown(end: Option<NotAfter>) -> String {
    end.map_or_else(|| "none".to_owned(), |end| end.to_string())
}
