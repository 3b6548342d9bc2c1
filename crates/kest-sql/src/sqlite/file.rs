//! Opens a SQLite file: made for its owner's eyes, in write-ahead mode, while others may hold it.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::time::sleep;

use super::session::is_busy;

/// Makes the file where it is missing. What operations do and who asks for them is for the owner to read. SQLite gives its other
/// files the same rights. A file that is there is not opened: closing it would take the locks from all other connections of this
/// process.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let _one = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop),
    }
}

/// A file goes over to write-ahead mode while no other connection is there, and SQLite does not wait for that itself.
pub(super) async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    loop {
        match options.connect().await {
            Err(error) if is_busy(&error) => sleep(AGAIN).await,
            opened => return opened,
        }
    }
}

/// Between two tries of what another connection holds for a moment.
const AGAIN: Duration = Duration::from_millis(1);
/// Held while a new file is opened, so that none of this process is closed again while another connection has locks on it.
static CREATING: Mutex<()> = Mutex::new(());
