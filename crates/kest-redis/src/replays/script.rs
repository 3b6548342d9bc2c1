//! The script that decides about an identifier, and its answers.

use redis::{Cmd, Script, Value, cmd};

use crate::CommandError;
use crate::ledger::Window;
use crate::settings::{Eviction, Most};

/// One text for everybody, sent by its digest once the server knows it.
pub(super) struct Insert(Script);

/// What the script said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// Whether the memory was found to have begun anew.
    pub(super) fenced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    Seen,
    Forgotten,
    /// The caller has used up its share.
    Crowded,
    /// There was no identifier: the fence alone was asked for.
    Ready,
}

/// What is asked: of which shard, about which identifier, on whose account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'it> {
    pub(super) fence: &'it str,
    /// `None` to set the fence alone.
    pub(super) id: Option<&'it str>,
    /// Where it is remembered for a moment what the server said of its memory.
    pub(super) memory: &'it str,
    /// Where identifiers of the caller are counted.
    pub(super) account: Option<&'it [String; 2]>,
    pub(super) times: Times,
    pub(super) eviction: Eviction,
    /// The most identifiers of one caller in this shard.
    pub(super) most: Most,
    pub(super) servers: usize,
    pub(super) window: Window,
}

/// Moments and times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) now: u64,
    pub(super) skew: u64,
    /// The longest life; `None` for no fence.
    pub(super) life: Option<u64>,
    pub(super) expiry: u64,
}

impl Insert {
    pub(super) fn new() -> Self {
        Self(Script::new(INSERT))
    }

    pub(super) fn by_digest(&self, question: Question<'_>) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(self.0.get_hash());
        with(command, question)
    }

    pub(super) fn by_text(question: Question<'_>) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(INSERT);
        with(command, question)
    }
}

fn with(mut command: Cmd, question: Question<'_>) -> Cmd {
    let Question { fence, id, memory, account, times, eviction, most, servers, window } = question;
    let account = account.into_iter().flatten().map(String::as_str);
    let keys: Vec<&str> = match id {
        Some(id) => [fence, id, memory].into_iter().chain(account).collect(),
        None => vec![fence],
    };
    command.arg(keys.len()).arg(keys).arg(times.now).arg(times.skew);
    match times.life {
        Some(life) => command.arg(life),
        None => command.arg("none"),
    };
    command.arg(times.expiry);
    command.arg(eviction.word()).arg(most.word()).arg(servers).arg(window.lasts).arg(window.over);
    command
}

impl Answer {
    pub(super) fn read(value: Value) -> Result<Self, CommandError> {
        let Value::BulkString(text) = value else { return Err(CommandError::UnexpectedReply) };
        let (fenced, verdict) = match text.strip_prefix(b"fenced ") {
            Some(verdict) => (true, verdict),
            None => (false, text.as_slice()),
        };
        let verdict = match verdict {
            b"new" => Verdict::New,
            b"seen" => Verdict::Seen,
            b"forgotten" => Verdict::Forgotten,
            b"crowded" => Verdict::Crowded,
            b"ready" => Verdict::Ready,
            _ => return Err(CommandError::UnexpectedReply),
        };
        Ok(Self { verdict, fenced })
    }
}

const INSERT: &str = concat!(include_str!("../room.lua"), include_str!("insert.lua"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_of_the_script_is_no_verdict() {
        let read = |text: &str| Answer::read(Value::BulkString(text.as_bytes().to_vec()));
        assert!(matches!(read("new"), Ok(Answer { verdict: Verdict::New, fenced: false })));
        assert!(matches!(read("fenced forgotten"), Ok(Answer { verdict: Verdict::Forgotten, fenced: true })));
        for text in ["", "fenced", "fenced ", "news", "fenced fenced new", "NEW"] {
            assert!(matches!(read(text), Err(CommandError::UnexpectedReply)), "{text}");
        }
        for value in [Value::Okay, Value::Nil, Value::Int(1)] {
            assert!(matches!(Answer::read(value), Err(CommandError::UnexpectedReply)));
        }
    }
}
