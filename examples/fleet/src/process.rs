//! A part of the fleet as a child process: started with its flags, heard on its standard output, ended with the demonstration.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use kest::core::BoxError;
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::executors::Tally;

/// A child process; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this very program with `arguments`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Result<Self, BoxError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments.into_iter().map(Into::into)).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("standard output is not piped")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// The next line that it says.
    ///
    /// # Errors
    ///
    /// When it ended, or says something else.
    pub async fn hears<T: DeserializeOwned>(&mut self) -> Result<T, BoxError> {
        let line = self.lines.next_line().await?.ok_or("a process of the fleet has ended")?;
        Ok(serde_json::from_str(&line)?)
    }

    /// The first tally that is as it should be: a minute is waited for it.
    ///
    /// # Errors
    ///
    /// When none is, or the process ended.
    pub async fn until(&mut self, mut holds: impl FnMut(&Tally) -> bool + Send) -> Result<Tally, BoxError> {
        let heard = async {
            loop {
                let tally = self.hears::<Tally>().await?;
                if holds(&tally) {
                    return Ok::<_, BoxError>(tally);
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.map_err(|_elapsed| "what was waited for did not come")?
    }

    /// Ends it at once, as a crash does.
    ///
    /// # Errors
    ///
    /// When it cannot be ended.
    pub async fn kill(mut self) -> Result<(), BoxError> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// When it ended in another way than with success.
    pub async fn end(mut self) -> Result<(), BoxError> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(id.ok_or("a process of the fleet has ended")?, Signal::TERM)?;
        let status = self.child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("a process of the fleet ended with {status}").into())
        }
    }
}

/// Several lives of a certificate, on a machine that is slow.
const PATIENCE: Duration = Duration::from_secs(60);
