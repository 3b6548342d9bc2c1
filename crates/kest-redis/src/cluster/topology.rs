//! The answer to `CLUSTER SLOTS`: ranges of slots and who holds them.

use redis::{Value, cmd};
use tokio::time::timeout;

use super::slot::SLOTS;
use crate::ConnectError;
use crate::address::Address;
use crate::link::open;
use crate::settings::Settings;

/// Slots from the first to the second, both included, are held by a primary.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) primary: Address,
}

impl PartialEq for Range {
    fn eq(&self, other: &Self) -> bool {
        (self.first, self.last) == (other.first, other.last) && self.primary.is_at(&other.primary)
    }
}

/// Asks `address` on a connection of its own: it may be a replica, or anything else, and still know.
pub(super) async fn ask(address: &Address, settings: &Settings) -> Result<Vec<Range>, ConnectError> {
    let asking = async {
        let mut open = open(address, settings).await?;
        let mut command = cmd("CLUSTER");
        command.arg("SLOTS");
        match open.connection.send_packed_command(&command).await {
            // What a server says that is no part of a cluster.
            Ok(Value::ServerError(error)) if error.code() == "ERR" => Err(ConnectError::NoCluster),
            Ok(Value::ServerError(error)) if error.code() == "NOAUTH" => Err(ConnectError::Unauthorized),
            Ok(Value::ServerError(error)) => Err(ConnectError::Refused(error.code().to_owned())),
            Ok(value) => ranges(value, address).ok_or(ConnectError::UnexpectedReply),
            Err(cause) => Err(ConnectError::Unreachable(cause.into())),
        }
    };
    timeout(settings.connect_timeout, asking).await.unwrap_or(Err(ConnectError::TimedOut))
}

/// Whether every slot is held.
pub(super) fn is_covered(ranges: &[Range]) -> bool {
    let held: u32 = ranges.iter().map(|range| u32::from(range.last.saturating_sub(range.first)) + 1).sum();
    held >= u32::from(SLOTS)
}

fn ranges(value: Value, asked: &Address) -> Option<Vec<Range>> {
    let Value::Array(list) = value else { return None };
    list.into_iter().map(|entry| range(entry, asked)).collect()
}

fn range(entry: Value, asked: &Address) -> Option<Range> {
    let Value::Array(parts) = entry else { return None };
    let mut parts = parts.into_iter();
    let first = number(&parts.next()?)?;
    let last = number(&parts.next()?)?;
    let Value::Array(node) = parts.next()? else { return None };
    let mut node = node.into_iter();
    let host = host(node.next()?)?;
    let port = number(&node.next()?)?;
    Some(Range { first, last, primary: asked.with_place(&host, port) })
}

/// Empty for a server that does not know its own name: it is where it was asked.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything else is no name")]
fn host(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::Nil => Some(String::new()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u16> {
    let Value::Int(number) = value else { return None };
    u16::try_from(*number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node])
    }

    #[test]
    fn ranges_are_read_and_a_nameless_server_is_where_it_was_asked() {
        let asked = Address::parse("redis://u:p@seed.example:7000").unwrap();
        let named = Value::BulkString(b"10.0.0.1".to_vec());
        let answer = Value::Array(vec![entry(0, 8191, named, 7001), entry(8192, 16383, Value::Nil, 7002)]);
        let read = ranges(answer, &asked).unwrap();
        let shown: Vec<_> = read.iter().map(|it| (it.first, it.last, it.primary.to_string())).collect();
        assert_eq!(
            shown,
            [(0, 8191, "10.0.0.1:7001".to_owned()), (8192, 16383, "seed.example:7002".to_owned())]
        );
        assert_eq!(read[0].primary.login().password(), Some("p"));
        assert!(is_covered(&read));
        assert!(!is_covered(&read[..1]));
    }

    #[test]
    fn an_answer_that_is_none_names_nobody() {
        let asked = Address::parse("redis://seed.example").unwrap();
        let named = || Value::BulkString(b"10.0.0.1".to_vec());
        for answer in [
            Value::Nil,
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![entry(0, 70_000, named(), 7001)]),
            Value::Array(vec![entry(0, 1, named(), -1)]),
            Value::Array(vec![entry(0, 1, Value::Int(4), 7001)]),
        ] {
            assert!(ranges(answer, &asked).is_none());
        }
    }
}
