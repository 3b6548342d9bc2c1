//! A real Chromium, which opens pages for tests and ends with them.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// One browser, asked one thing after the other.
#[derive(Debug)]
pub struct Browser {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Browser {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        let mut process = crate::node::node("browser.mjs").stderr(Stdio::inherit()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { input, output, _process: process }
    }

    /// What `tests/node/browser.mjs` answers to `command`.
    ///
    /// # Panics
    ///
    /// When the browser cannot do it.
    #[expect(clippy::panic, reason = "a test whose browser refuses has failed")]
    pub async fn ask(&mut self, command: Value) -> Value {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let line = self.output.next_line().await.unwrap();
        let line = line.unwrap_or_else(|| {
            panic!("the browser ended: is chromium installed? `cargo xtask test` does it")
        });
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get_mut("ok") {
            Some(ok) => ok.take(),
            None => panic!("{answer}"),
        }
    }
}
