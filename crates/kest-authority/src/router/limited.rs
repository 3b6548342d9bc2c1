//! Connections of strangers: so many, and each for so long, whether it sends or not.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use kest_core::{Share, Slot, Slots};
use kest_workload::{PeerStream, WorkloadListener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The listener of enrolments. What is over its bounds is closed; those who wait are not kept waiting by it.
pub(super) struct LimitedListener {
    inner: WorkloadListener,
    slots: Slots,
}

impl LimitedListener {
    pub(super) fn new(inner: WorkloadListener) -> Self {
        Self { inner, slots: Slots::new(MOST_CONNECTIONS, 0) }
    }
}

impl Listener for LimitedListener {
    type Io = Limited<PeerStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = self.inner.next().await;
            if let Ok(slot) = self.slots.try_enter(Share::of_address(address.ip())) {
                return (Limited::new(stream, slot), address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_address()
    }
}

/// A connection that ends at its time.
pub(super) struct Limited<S> {
    stream: S,
    end: Pin<Box<Sleep>>,
    _slot: Slot,
}

impl<S> Limited<S> {
    fn new(stream: S, slot: Slot) -> Self {
        Self { stream, end: Box::pin(tokio::time::sleep(LONGEST)), _slot: slot }
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Some 50 KiB each: 50 MiB at most. One address has its part of them.
const MOST_CONNECTIONS: usize = 1024;

/// An enrolment takes a second; who reads the bundle again and again comes again.
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Attack: connections that send nothing, or a byte now and then, until no service can enrol.
    #[tokio::test(start_paused = true)]
    async fn connection_of_a_stranger_ends_whether_it_sends_or_not() {
        for sends in [false, true] {
            let (stranger, stream) = tokio::io::duplex(64);
            let slots = Slots::new(2, 0);
            let mut limited = Limited::new(stream, slots.try_enter(Share::UNKNOWN).unwrap());
            let (mut reader, mut writer) = tokio::io::split(stranger);
            let sending = tokio::spawn(async move {
                while sends && writer.write_all(b"G").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
            let mut bytes = [0; 1];
            let begun = tokio::time::Instant::now();
            let ended = loop {
                if let Err(ended) = limited.read_exact(&mut bytes).await {
                    break ended;
                }
            };
            assert_eq!((ended.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, LONGEST));
            assert_eq!(limited.write(b"x").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            drop(limited);
            assert_eq!(slots.taken(), 0, "its place is free again");
            assert_eq!(reader.read(&mut bytes).await.unwrap(), 0);
            sending.await.unwrap();
        }
    }
}
