//! Serves a router so that no client holds the service up: a head has to come in time, and shutting down has an end.
//!
//! Made to be copied. `axum::serve` waits without end for a head that is begun and not finished, and so does its graceful
//! shutdown.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Time for the head of a request to arrive, from the connection or from the request before it; so it is also the longest
/// that a connection without requests is kept.
const HEAD_WAIT: Duration = Duration::from_secs(30);

/// Time that running requests get to finish once the service is asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Pause after a connection could not be accepted: others have to close theirs first.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves until `stop`, then lets running requests finish, for ten seconds at most.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            Some(_ended) = connections.join_next() => continue,
            stream = accept(&listener) => stream,
        };
        connections.spawn(serve_one(stream, router.clone(), &graceful));
    }
    // Closes the port: what comes now is refused by the system and tried elsewhere.
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections were cut off: they did not end in time");
    }
    connections.shutdown().await;
}

/// One connection, HTTP/1 or HTTP/2.
fn serve_one(
    stream: TcpStream,
    router: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT);
    // A peer that vanished does not answer pings.
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_WAIT);
    let arrived = Arc::new(Notify::new());
    let service = hyper::service::service_fn({
        let arrived = Arc::clone(&arrived);
        move |request| {
            arrived.notify_one();
            router.clone().oneshot(request)
        }
    });
    let connection =
        graceful.watch(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned());
    async move {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            // Until the first bytes have told HTTP/1 from HTTP/2, no time-out of either is running.
            () = tokio::time::sleep(HEAD_WAIT) => return,
            () = arrived.notified() => connection.await,
        };
        if let Err(error) = ended {
            tracing::debug!("connection ended early: {error}");
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
