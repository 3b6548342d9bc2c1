//! The authority as a process: two listeners over the keys and the memory that one folder holds.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kest::core::BoxError;
use kest_authority::{Authority, AuthorityKeys};
use kest_sql::Sqlite;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::stopping;

/// Where the authority lives.
#[derive(Debug, Clone, Args)]
pub struct Flags {
    /// The folder with its keys and its memory.
    #[arg(long)]
    pub folder: PathBuf,
    /// Where it enrols.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub enrolments: SocketAddr,
    /// Where it renews.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub workloads: SocketAddr,
    /// Seconds that a certificate lives.
    #[arg(long, default_value_t = 3600)]
    pub life: u64,
}

/// What the process says once it listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listening {
    /// Where it enrols.
    pub enrolments: SocketAddr,
    /// Where it renews.
    pub workloads: SocketAddr,
}

/// The authority over `folder`: as the process runs it, and as its operator holds it.
///
/// # Errors
///
/// When the folder has no keys, or its memory cannot be opened.
pub async fn over(folder: &Path, workloads: SocketAddr, life: Duration) -> Result<Authority, BoxError> {
    let store = Sqlite::builder(folder.join("authority.sqlite")).build()?.authority_store();
    Ok(Authority::builder(AuthorityKeys::open(folder)?, Arc::new(store))
        .workload_url(format!("https://{workloads}"))
        .certificate_life(life)
        .look_every(Duration::from_millis(500))
        .start()
        .await?)
}

/// Serves until it is asked to end.
///
/// # Errors
///
/// When it cannot begin, or a listener fails.
pub async fn run(flags: Flags) -> Result<(), BoxError> {
    let asked = stopping::asked()?;
    let (enrolments, workloads) =
        (TcpListener::bind(flags.enrolments).await?, TcpListener::bind(flags.workloads).await?);
    let listening = Listening { enrolments: enrolments.local_addr()?, workloads: workloads.local_addr()? };
    let authority = over(&flags.folder, listening.workloads, Duration::from_secs(flags.life)).await?;
    stopping::say(&listening)?;
    let (stop, stopped) = watch::channel(());
    let until = |mut stopped: watch::Receiver<()>| async move { drop(stopped.changed().await) };
    tokio::select! {
        served = async {
            tokio::try_join!(
                authority.serve_enrolments(enrolments, until(stopped.clone())),
                authority.serve_workloads(workloads, until(stopped.clone())),
            )
        } => drop(served?),
        () = authority.keep_up() => {}
        () = asked => {}
    }
    drop(stop);
    Ok(())
}
