//! When a process is asked to end, and what it says on its standard output.

use std::io::{self, Write as _};

use kest::core::BoxError;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

/// Completes when the process is asked to end.
///
/// # Errors
///
/// What the operating system says.
pub fn asked() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

/// One line of JSON, for the process that started this one.
///
/// # Errors
///
/// When standard output is gone.
pub fn say(line: &impl Serialize) -> Result<(), BoxError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(line)?)?;
    out.flush()?;
    Ok(())
}
