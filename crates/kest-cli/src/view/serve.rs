//! Serves pages until the program is asked to end: one bounded answer to each request, and no client holds it up.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::guard::{Guard, harden, refusal_headers};
use super::patience::Patient;
use super::routes::{Site, answer};

/// Connections at once; a browser opens six.
const CONNECTIONS: usize = 64;
/// Pages that are made at once.
const PAGES: usize = 4;
/// Time for a head to arrive, and the longest that a connection without requests is kept.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// Time for an answer to be taken.
const TAKE_WAIT: Duration = Duration::from_secs(30);
/// The longest that a connection is kept, whatever its client asks: others wait for its place. Browsers open another one.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// Bytes of a head, the address with its search included.
const HEAD_BYTES: usize = 16 * 1024;
/// Time that answers under way get to finish.
const GRACE: Duration = Duration::from_secs(2);
/// Pause after a connection could not be accepted: others have to close theirs first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What answers.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) site: Site,
    pub(crate) guard: Guard,
    turns: Arc<Semaphore>,
}

impl Server {
    pub(crate) fn new(site: Site, guard: Guard) -> Self {
        Self { site, guard, turns: Arc::new(Semaphore::new(PAGES)) }
    }
}

/// Serves until `stop`.
pub(crate) async fn serve(listener: TcpListener, server: Server, stop: impl Future<Output = ()>) {
    let server = Arc::new(server);
    let (ending, ended) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            Some(_ended) = connections.join_next() => continue,
            stream = accept(&listener), if connections.len() < CONNECTIONS => stream,
        };
        connections.spawn(connection(stream, Arc::clone(&server), ended.clone()));
    }
    drop((listener, ending));
    let all = async { while connections.join_next().await.is_some() {} };
    // What is not done by then is cut off: an answer that its reader does not take.
    if tokio::time::timeout(GRACE, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, server: Arc<Server>, mut ended: watch::Receiver<()>) {
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(respond(&server, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(HEAD_BYTES);
    let mut connection =
        pin!(builder.serve_connection(TokioIo::new(Patient::new(stream, TAKE_WAIT)), service));
    tokio::select! {
        // A client that went away is no business of ours.
        _done = &mut connection => return,
        // The sender is gone: the program ends.
        _gone = ended.changed() => {}
        () = tokio::time::sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await.unwrap_or_default();
}

/// The answer to one request. Its body is never read.
async fn respond(server: &Arc<Server>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, _body) = request.into_parts();
    let mut response = match server.guard.check(&parts) {
        Err(status) => {
            let mut response = bare(status);
            refusal_headers(status, response.headers_mut());
            response
        }
        Ok(()) => page(server, &parts.uri).await.unwrap_or_else(|| bare(StatusCode::INTERNAL_SERVER_ERROR)),
    };
    harden(response.headers_mut());
    response
}

/// Pages read files and go through the index, which other connections must not wait for.
async fn page(server: &Arc<Server>, uri: &http::Uri) -> Option<Response<Full<Bytes>>> {
    let turn = Arc::clone(&server.turns).acquire_owned().await.ok()?;
    let (server, uri) = (Arc::clone(server), uri.clone());
    let made = tokio::task::spawn_blocking(move || {
        // Kept until the page is made, also where its client went away meanwhile.
        let _turn = turn;
        answer(&server.site, uri.path(), uri.query().unwrap_or_default())
    });
    made.await.ok()
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
