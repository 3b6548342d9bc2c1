//! Serves each router on the listener that it is for.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::serve::ListenerExt as _;
use kest_workload::{TlsError, WorkloadListener, with_peers};
use tokio::net::TcpListener;

use super::limited::LimitedListener;
use super::{EnrolmentRouter, WorkloadRouter};
use crate::authority::Authority;

impl Authority {
    /// Serves enrolments on `tcp`, with a certificate of this authority and none of the client, until `stop` is ready.
    ///
    /// There are 1024 connections at most, of which one address has its part, and each ends after 30 seconds.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when it cannot begin, or the socket fails.
    pub async fn serve_enrolments(
        &self,
        tcp: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let listener = WorkloadListener::server_only(tcp, self.own_certificate(), self.clock())?;
        let EnrolmentRouter(router) = EnrolmentRouter::new(self.clone());
        // Tapped for nothing but the address, which axum has of such listeners.
        let listener = LimitedListener::new(listener).tap_io(|_connection| ());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        Ok(axum::serve(listener, service).with_graceful_shutdown(stop).await?)
    }

    /// Serves workloads on `tcp`, over mutual TLS 1.3, until `stop` is ready.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when it cannot begin, or the socket fails.
    pub async fn serve_workloads(
        &self,
        tcp: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let listener =
            WorkloadListener::mutual(tcp, self.own_certificate(), self.peer_trust(), self.clock())?;
        let WorkloadRouter(router) = WorkloadRouter::new(self.clone());
        Ok(axum::serve(listener, with_peers(router)).with_graceful_shutdown(stop).await?)
    }
}

/// A listener was not begun, or came to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket.
    #[error("listener of the authority failed")]
    Socket(#[from] io::Error),
}
