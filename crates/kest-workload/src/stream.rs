//! A connection whose handshake holds, with what it proved of the peer.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use kest_identity::PeerWorkloadError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::peer::{PeerError, PeerIdentity};
use crate::trust::PeerTrust;

/// A connection, and who its peer is.
pub struct PeerStream {
    tls: Box<TlsStream<TcpStream>>,
    peer: Option<Peer>,
    /// Nothing is read any more.
    ends: bool,
}

/// Who the peer is, and by what it is judged again.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) identity: Arc<PeerIdentity>,
    pub(crate) trust: PeerTrust,
    /// Set once a request was refused since the peer's epoch is void.
    pub(crate) refused: Arc<AtomicBool>,
}

impl PeerStream {
    /// With `trust`, a peer that presented no certificate is refused once more, though rustls has asked for one.
    pub(crate) fn new(tls: TlsStream<TcpStream>, trust: Option<PeerTrust>) -> Result<Self, PeerError> {
        let peer = match trust {
            None => None,
            Some(trust) => {
                let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
                let leaf = chain.first().ok_or(PeerError::Name(PeerWorkloadError::Unreadable))?;
                Some(Peer { identity: Arc::new(trust.judge(leaf)?), trust, refused: Arc::default() })
            }
        };
        Ok(Self { tls: Box::new(tls), peer, ends: false })
    }

    /// The peer; none on a listener that asks for no certificate.
    #[must_use]
    pub fn peer(&self) -> Option<&PeerIdentity> {
        self.peer.as_ref().map(|peer| &*peer.identity)
    }

    fn was_refused(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.refused.load(Ordering::Relaxed))
    }

    #[cfg(feature = "axum")]
    pub(crate) fn judged(&self) -> Option<Peer> {
        self.peer.clone()
    }
}

impl fmt::Debug for PeerStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PeerStream").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A workload that was enrolled again keeps its connections, and would present its former epoch on them for good: such a
        // connection ends after the answer, as if the peer had ended it.
        if self.ends {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.tls).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.tls).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut *self.tls).poll_flush(context);
        // What was answered is on its way.
        self.ends |= flushed.is_ready() && self.was_refused();
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.tls).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.tls).poll_write_vectored(context, parts)
    }
}
