//! The script that decides about an identifier, and its answers.

use redis::{Cmd, Script, Value, cmd};

use crate::CommandError;

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
    /// There was no identifier: the fence alone was asked for.
    Ready,
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
        Self(Script::new(include_str!("insert.lua")))
    }

    pub(super) fn by_digest(&self, fence: &str, id: Option<&str>, times: Times) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(self.0.get_hash());
        with(command, fence, id, times)
    }

    pub(super) fn by_text(fence: &str, id: Option<&str>, times: Times) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(include_str!("insert.lua"));
        with(command, fence, id, times)
    }
}

fn with(mut command: Cmd, fence: &str, id: Option<&str>, times: Times) -> Cmd {
    match id {
        Some(id) => command.arg(2).arg(fence).arg(id),
        None => command.arg(1).arg(fence),
    };
    command.arg(times.now).arg(times.skew);
    match times.life {
        Some(life) => command.arg(life),
        None => command.arg("none"),
    };
    command.arg(times.expiry);
    command
}

impl Answer {
    pub(super) fn read(value: Value) -> Result<Self, CommandError> {
        let Value::BulkString(text) = value else { return Err(CommandError::Rubbish) };
        let (fenced, verdict) = match text.strip_prefix(b"fenced ") {
            Some(verdict) => (true, verdict),
            None => (false, text.as_slice()),
        };
        let verdict = match verdict {
            b"new" => Verdict::New,
            b"seen" => Verdict::Seen,
            b"forgotten" => Verdict::Forgotten,
            b"ready" => Verdict::Ready,
            _ => return Err(CommandError::Rubbish),
        };
        Ok(Self { verdict, fenced })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_of_the_script_is_no_verdict() {
        let read = |text: &str| Answer::read(Value::BulkString(text.as_bytes().to_vec()));
        assert!(matches!(read("new"), Ok(Answer { verdict: Verdict::New, fenced: false })));
        assert!(matches!(read("fenced forgotten"), Ok(Answer { verdict: Verdict::Forgotten, fenced: true })));
        for text in ["", "fenced", "fenced ", "news", "fenced fenced new", "NEW"] {
            assert!(matches!(read(text), Err(CommandError::Rubbish)), "{text}");
        }
        for value in [Value::Okay, Value::Nil, Value::Int(1)] {
            assert!(matches!(Answer::read(value), Err(CommandError::Rubbish)));
        }
    }
}
