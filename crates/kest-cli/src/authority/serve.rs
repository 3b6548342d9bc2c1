//! `kest authority serve`: two listeners, until the program is asked to end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use kest_authority::{Authority, AuthorityKeys, ServeError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing_subscriber::filter::LevelFilter;

use super::place::{Missing, store};
use super::{AuthorityError, flags, start};
use crate::failure::{Answer, Failure};
use crate::output::Output;
use crate::view::stop;

/// Serves until SIGINT or SIGTERM.
pub(crate) async fn run(flags: flags::Serve) -> Result<Answer, Failure> {
    // What is issued, refused and stolen is told on standard error.
    let lines = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false);
    lines.with_max_level(LevelFilter::INFO).init();
    let keys = AuthorityKeys::open(&flags.place.dir).map_err(AuthorityError::Keys)?;
    let store = store(&flags.place, Missing::Refused)?;
    let (enrolments, workloads) = (listen(flags.enrolments).await?, listen(flags.workloads).await?);
    let addresses = [address(&enrolments, flags.enrolments)?, address(&workloads, flags.workloads)?];
    let [_, at] = addresses;
    let url = flags.workload_url.map(|url| url.as_str().trim_end_matches('/').to_owned());
    let here = at.ip().is_loopback().then(|| format!("https://localhost:{}", at.port()));
    let url = url.or(here).ok_or(AuthorityError::NoUrl)?;
    let authority = start(keys, store, |builder| {
        builder.workload_url(url).certificate_life(flags.certificate_life).token_life(flags.token_life)
    });
    let authority = authority.await?;
    let stop = stop().map_err(AuthorityError::Signals)?;
    announce(addresses)?;
    serve(authority, enrolments, workloads, stop).await?;
    Ok(Answer::Yes)
}

/// Ends with the first of its listeners, or when it is asked to: then what is under way gets time to finish.
async fn serve(
    authority: Authority,
    enrolments: TcpListener,
    workloads: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), AuthorityError> {
    let (ending, ended) = watch::channel(());
    let asked = |mut ended: watch::Receiver<()>| async move {
        // The sender goes when it is time.
        while ended.changed().await.is_ok() {}
    };
    let mut listeners: JoinSet<Result<(), ServeError>> = JoinSet::new();
    let (one, other) = (authority.clone(), authority.clone());
    let (one_ends, other_ends) = (asked(ended.clone()), asked(ended));
    listeners.spawn(async move { one.serve_enrolments(enrolments, one_ends).await });
    listeners.spawn(async move { other.serve_workloads(workloads, other_ends).await });
    let upkeep = tokio::spawn(async move { authority.keep_up().await });
    let first = tokio::select! {
        () = stop => None,
        first = listeners.join_next() => first,
    };
    drop(ending);
    upkeep.abort();
    let all = timeout(GRACE, async { while listeners.join_next().await.is_some() {} }).await;
    if all.is_err() {
        // A client that does not take its answer holds nothing up.
        listeners.abort_all();
    }
    match first {
        Some(Ok(Err(failed))) => Err(failed.into()),
        Some(Err(panicked)) => Err(ServeError::Socket(panicked.into()).into()),
        Some(Ok(Ok(()))) | None => Ok(()),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, AuthorityError> {
    TcpListener::bind(address).await.map_err(|cause| AuthorityError::Listen(address, cause))
}

fn address(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, AuthorityError> {
    listener.local_addr().map_err(|cause| AuthorityError::Listen(asked, cause))
}

fn announce(addresses: [SocketAddr; 2]) -> Result<(), Failure> {
    let mut output = Output::open();
    for address in addresses {
        output.line(&format!("listening on {address}"))?;
    }
    Ok(output.flush()?)
}

/// Less than the ten seconds after which supervisors kill.
const GRACE: Duration = Duration::from_secs(8);
