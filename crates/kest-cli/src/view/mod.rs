//! `kest view`: a local page over an audit log, which shows what comes and what is missing.

mod asked;
mod flags;
mod follow;
mod guard;
mod index;
mod judge;
mod lineage;
mod pages;
mod patience;
mod routes;
mod serve;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

pub(crate) use flags::View;

use crate::audit;
use crate::carried;
use crate::failure::{Answer, Failure};
use crate::keys;
use crate::output::{self, Output};
use follow::Known;
use guard::Guard;
use judge::Judged;
use routes::Site;
use serve::Server;

/// Serves until it is interrupted.
pub(crate) async fn run(flags: View) -> Result<Answer, Failure> {
    if !guard::is_this_machine(flags.listen) && !flags.dangerous_beyond_this_machine {
        return Err(ViewError::Beyond(flags.listen).into());
    }
    let ring = Arc::new(keys::load(&flags.keys).await?.into_ring());
    let log = audit::open(&flags.log)?;
    let listener = TcpListener::bind(flags.listen).await.map_err(|cause| {
        let in_use = cause.kind() == ErrorKind::AddrInUse;
        if in_use { ViewError::InUse(flags.listen) } else { ViewError::Listen(flags.listen, cause) }
    })?;
    let address = listener.local_addr().map_err(|cause| ViewError::Listen(flags.listen, cause))?;
    let stop = stop().map_err(ViewError::Start)?;
    let (known, judged) = (Arc::new(Known::default()), Arc::new(Judged::default()));
    let dialect = flags.dialect.into();
    let following = follow::follow(log.clone(), &known).map_err(ViewError::Start)?;
    let judging = judge::judge(log.clone(), Arc::clone(&ring), dialect, &judged).map_err(ViewError::Start)?;
    let site = Site {
        name: audit::place::shown(&flags.log),
        log,
        known,
        following,
        judged,
        judging,
        ring,
        dialect,
        limits: carried::limits(),
        far: Mutex::new(()),
    };
    announce(address, guard::is_this_machine(address))?;
    serve::serve(listener, Server::new(site, Guard::new(address, flags.host)), stop).await;
    Ok(Answer::Yes)
}

/// Says where the page is: a line for scripts, and one for people.
fn announce(address: SocketAddr, here: bool) -> Result<(), Failure> {
    let mut output = Output::open();
    output.line(&format!("listening on {address}"))?;
    output.flush()?;
    if !here {
        output::say(
            "WARNING: other machines can reach this page, and all who do read the log: it asks for no password",
        );
    }
    output::say(&format!("open http://{address}/"));
    Ok(())
}

/// The page cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    /// Another program has the port.
    #[error("address is in use: {0}; give another one by --listen, or port 0 for a free one")]
    InUse(SocketAddr),
    /// The system does not let it listen there.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Others would read the log.
    #[error(
        "other machines reach {0}, and all who do would read the log; --dangerous-beyond-this-machine if that is meant"
    )]
    Beyond(SocketAddr),
    /// The system gives no thread or no signal.
    #[error("cannot start")]
    Start(#[source] io::Error),
}

/// An interrupt, or the wish of the system that it ends.
#[cfg(unix)]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _told = interrupt.recv() => {}
            _told = terminate.recv() => {}
        }
    })
}

/// An interrupt.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()>> {
    Ok(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
}
