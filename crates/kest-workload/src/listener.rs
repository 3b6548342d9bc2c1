//! The listener of a service: takes connections whose handshake holds, and no handshake keeps another one waiting.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kest_core::{Clock, Share, Slots};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{CertificateError, Error, OtherError};

use crate::certificate::OwnCertificate;
use crate::peer::PeerError;
use crate::stream::PeerStream;
use crate::telemetry;
use crate::tls::{self, TlsError};
use crate::trust::PeerTrust;

/// Takes TLS 1.3 connections; with the feature `axum`, it is a listener of `axum::serve`.
///
/// A handshake has 10 s. Of those under way there are 256 at most, of which one address has at most its part
/// ([`Slots`]); a connection past that is closed at once. An error of one connection, or of the socket, never ends it.
pub struct WorkloadListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    trust: Option<PeerTrust>,
    slots: Slots,
    wait: Duration,
    handshakes: JoinSet<Option<(PeerStream, SocketAddr)>>,
}

impl WorkloadListener {
    /// Mutual TLS: a peer has to present a certificate that `trust` believes.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when TLS 1.3 cannot be set up.
    pub fn mutual(
        tcp: TcpListener,
        own: &OwnCertificate,
        trust: &PeerTrust,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let config = tls::server(own, Some(trust), clock)?;
        Ok(Self::of(tcp, TlsAcceptor::from(Arc::new(config)), Some(trust.clone())))
    }

    /// The server's certificate only, for peers that have none yet: nothing is known of who they are.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when TLS 1.3 cannot be set up.
    pub fn server_only(
        tcp: TcpListener,
        own: &OwnCertificate,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let config = tls::server(own, None, clock)?;
        Ok(Self::of(tcp, TlsAcceptor::from(Arc::new(config)), None))
    }

    pub(crate) fn of(tcp: TcpListener, acceptor: TlsAcceptor, trust: Option<PeerTrust>) -> Self {
        let slots = Slots::new(HANDSHAKES, 0);
        Self { tcp, acceptor, trust, slots, wait: HANDSHAKE_WAIT, handshakes: JoinSet::new() }
    }

    /// Gives a handshake this long, in the place of 10 s.
    #[must_use]
    pub fn handshake_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Lets so many handshakes be under way, in the place of 256.
    #[must_use]
    pub fn handshakes(mut self, most: usize) -> Self {
        self.slots = Slots::new(most, 0);
        self
    }

    /// The next connection whose handshake holds.
    pub async fn next(&mut self) -> (PeerStream, SocketAddr) {
        loop {
            tokio::select! {
                Some(ended) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = ended {
                        return connection;
                    }
                }
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, address)) => self.begin(stream, address),
                    Err(cause) => rest_after(&cause).await,
                }
            }
        }
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    fn begin(&mut self, stream: TcpStream, address: SocketAddr) {
        let Ok(slot) = self.slots.try_enter(Share::of_address(address.ip())) else {
            telemetry::handshake("crowded");
            return;
        };
        let (acceptor, trust, wait) = (self.acceptor.clone(), self.trust.clone(), self.wait);
        self.handshakes.spawn(async move {
            let _slot = slot;
            if let Err(cause) = stream.set_nodelay(true) {
                tracing::debug!(%cause, "connection is delayed");
            }
            let shaken = tokio::time::timeout(wait, acceptor.accept(stream)).await;
            let outcome = match shaken {
                Ok(Ok(tls)) => PeerStream::new(tls, trust).map_err(PeerError::kind),
                Ok(Err(cause)) => Err(kind_of(&cause)),
                Err(_elapsed) => Err("timed_out"),
            };
            telemetry::handshake(outcome.as_ref().map_or_else(|kind| *kind, |_stream| "held"));
            outcome.map_err(|kind| tracing::debug!(kind, "handshake refused")).ok().map(|it| (it, address))
        });
    }
}

impl fmt::Debug for WorkloadListener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("WorkloadListener");
        shown.field("tcp", &self.tcp).field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// Without file handles, for one, each further try fails at once: a moment's rest keeps a core free meanwhile.
async fn rest_after(cause: &io::Error) {
    let of_one_connection = matches!(
        cause.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    );
    if !of_one_connection {
        tracing::error!(%cause, "connections cannot be taken");
        tokio::time::sleep(REST).await;
    }
}

/// Why a handshake failed, without anything that the peer sent.
fn kind_of(cause: &io::Error) -> &'static str {
    let Some(cause) = cause.get_ref().and_then(|it| it.downcast_ref::<Error>()) else { return "broken_off" };
    if let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = cause
        && let Some(cause) = cause.downcast_ref::<PeerError>()
    {
        return cause.kind();
    }
    let is_of_certificate = matches!(cause, Error::InvalidCertificate(_));
    let has_none = matches!(cause, Error::NoCertificatesPresented);
    match (is_of_certificate, has_none) {
        (true, _) => "certificate",
        (_, true) => "no_certificate",
        (false, false) if matches!(cause, Error::PeerIncompatible(_)) => "version",
        (false, false) => "protocol",
    }
}

/// A handshake takes two round trips and some milliseconds of work; the slowest networks take seconds.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Some 40 KiB each: 10 MiB at most.
const HANDSHAKES: usize = 256;

const REST: Duration = Duration::from_secs(1);
