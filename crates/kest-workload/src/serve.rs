//! What `axum::serve` needs: the listener, and the peer of a connection in the extensions of each of its requests.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use http::header::CONNECTION;
use http::{HeaderValue, StatusCode, Version};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::listener::WorkloadListener;
use crate::stream::{Peer, PeerStream};
use crate::telemetry;

impl Listener for WorkloadListener {
    type Io = PeerStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (PeerStream, SocketAddr) {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_address()
    }
}

/// The service of each connection of a [`WorkloadListener`]: `app`, with the peer in the extensions of its requests.
///
/// That is a [`PeerIdentity`](crate::PeerIdentity), a [`PeerWorkload`](kest_identity::PeerWorkload), which `bound_to_peer()`
/// goes by, a [`PeerCertificate`](kest_core::PeerCertificate), which tokens may be bound to, and a
/// `ConnectInfo<SocketAddr>`. What stood there under these types before is gone. A request whose peer's epoch has become void
/// since the handshake is answered 401 without a body, and its connection ends: a workload that has a newer epoch makes another.
///
/// Without this, no request has a peer, and all that asks for one refuses.
pub fn with_peers<S>(app: S) -> WithPeers<S> {
    WithPeers(app)
}

/// Makes a service for each connection; see [`with_peers`].
#[derive(Debug, Clone)]
pub struct WithPeers<S>(S);

impl<S: Clone> Service<IncomingStream<'_, WorkloadListener>> for WithPeers<S> {
    type Response = Peered<S>;
    type Error = Infallible;
    type Future = Ready<Result<Peered<S>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, WorkloadListener>) -> Self::Future {
        let (peer, address) = (stream.io().judged(), *stream.remote_addr());
        ready(Ok(Peered { app: self.0.clone(), peer, address }))
    }
}

/// The service of one connection; see [`with_peers`].
#[derive(Debug, Clone)]
pub struct Peered<S> {
    app: S,
    peer: Option<Peer>,
    address: SocketAddr,
}

impl<S, B> Service<Request<B>> for Peered<S>
where
    S: Service<Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = PeeredFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.app.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.address));
        let Some(peer) = &self.peer else { return PeeredFuture::run(self.app.call(request)) };
        if !peer.trust.still_admits(&peer.identity) {
            telemetry::void_request();
            tracing::warn!(kind = "void", workload = %peer.identity.workload(), "request refused");
            peer.refused.store(true, Ordering::Relaxed);
            return PeeredFuture { running: None, version: request.version() };
        }
        request.extensions_mut().insert((*peer.identity).clone());
        request.extensions_mut().insert(peer.identity.peer_workload());
        request.extensions_mut().insert(*peer.identity.certificate());
        PeeredFuture::run(self.app.call(request))
    }
}

pin_project! {
    /// The answer of the service, or 401 for a peer whose epoch is void.
    #[derive(Debug)]
    pub struct PeeredFuture<F> {
        #[pin]
        running: Option<F>,
        version: Version,
    }
}

impl<F> PeeredFuture<F> {
    fn run(future: F) -> Self {
        Self { running: Some(future), version: Version::HTTP_2 }
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for PeeredFuture<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.running.as_pin_mut() {
            Some(running) => running.poll(context),
            None => {
                let mut void = Response::new(Body::empty());
                *void.status_mut() = StatusCode::UNAUTHORIZED;
                // RFC 9112 section 9.6. HTTP/2 has no such header (RFC 9113 section 8.2.2): its connection just ends.
                if *this.version < Version::HTTP_2 {
                    void.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Poll::Ready(Ok(void))
            }
        }
    }
}
