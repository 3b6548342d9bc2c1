//! What a server must show before the first command is sent to it.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{Value, cmd};

use crate::ConnectError;
use crate::settings::{Eviction, Settings};

/// Refuses a server that is too old, a replica, or one that may evict keys that are alive.
pub(super) async fn check(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
) -> Result<(), ConnectError> {
    // `HELLO` is allowed to every login, other than `INFO`, which says the same.
    let said = pairs(ask(connection, &["HELLO"]).await?);
    let said = |name: &str| said.get(name).map(String::as_str).ok_or(ConnectError::UnexpectedReply);
    let version = said("version")?;
    if major(version) < Some(OLDEST) {
        return Err(ConnectError::TooOld(version.to_owned()));
    }
    match (said("mode")?, settings.clustered()) {
        ("cluster", false) => return Err(ConnectError::Cluster),
        ("cluster", true) | ("standalone", false) => {}
        (_, true) => return Err(ConnectError::NoCluster),
        (other, false) => return Err(ConnectError::Refused(other.to_owned())),
    }
    if said("role")? != "master" {
        return Err(ConnectError::ReadOnly);
    }
    // Says whether the server is ready, which `HELLO` does not.
    ask(connection, &["PING"]).await?;
    check_eviction(connection, settings.eviction).await
}

/// Whether keys may be evicted can change on a server that runs, so this is asked again and again.
pub(super) async fn check_eviction(
    connection: &mut MultiplexedConnection,
    choice: Eviction,
) -> Result<(), ConnectError> {
    let policy = eviction_policy(connection).await?;
    match (policy.as_deref(), choice) {
        (Some("noeviction"), _) => Ok(()),
        (policy, Eviction::Accepted) => {
            let policy = policy.unwrap_or("unknown");
            tracing::warn!(policy, "server may evict claims and identifiers that are alive, as was allowed");
            Ok(())
        }
        (Some(policy), Eviction::Refused) => Err(ConnectError::MayEvict(policy.to_owned())),
        (None, Eviction::Refused) => Err(ConnectError::EvictionUnknown),
    }
}

/// `CONFIG` may be forbidden, and so may be `INFO`.
async fn eviction_policy(connection: &mut MultiplexedConnection) -> Result<Option<String>, ConnectError> {
    let configured = match ask(connection, &["CONFIG", "GET", "maxmemory-policy"]).await {
        Ok(value) => pairs(value).remove("maxmemory-policy"),
        Err(ConnectError::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    if configured.is_some() {
        return Ok(configured);
    }
    match ask(connection, &["INFO", "memory"]).await {
        Ok(value) => {
            let text = text(value).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
            Ok(line.map(|policy| policy.trim().to_owned()))
        }
        Err(ConnectError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn ask(connection: &mut MultiplexedConnection, words: &[&str]) -> Result<Value, ConnectError> {
    let (name, rest) = words.split_first().unwrap_or((&"", &[]));
    let mut command = cmd(name);
    command.arg(rest);
    super::open::ask(connection, &command).await
}

/// Names and texts of an answer that is a map, or a list of both by turns.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything else has no pairs")]
fn pairs(value: Value) -> HashMap<String, String> {
    let flat: Vec<Value> = match value {
        Value::Array(list) => list,
        Value::Map(map) => map.into_iter().flat_map(|(name, value)| [name, value]).collect(),
        _ => Vec::new(),
    };
    let mut flat = flat.into_iter();
    let mut pairs = HashMap::new();
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        if let (Some(name), Some(value)) = (text(name), text(value)) {
            pairs.insert(name, value);
        }
    }
    pairs
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only texts are read")]
fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

const OLDEST: u32 = 7;
