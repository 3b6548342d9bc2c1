//! A connection whose client has so much time to take an answer: one that reads nothing would keep its place for good.

use std::future::Future as _;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What is written to it fails once a client has left an answer waiting for too long.
#[derive(Debug)]
pub(crate) struct Patient<Io> {
    io: Io,
    most: Duration,
    /// When the answer that is waiting has to be taken; `running` while one is.
    until: Pin<Box<Sleep>>,
    running: bool,
}

impl<Io> Patient<Io> {
    pub(crate) fn new(io: Io, most: Duration) -> Self {
        Self { io, most, until: Box::pin(tokio::time::sleep(most)), running: false }
    }

    /// Counts from the first byte that had to wait: a client that takes one now and then gains nothing by it.
    fn wait<Done>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Done>> {
        if !self.running {
            self.until.as_mut().reset(Instant::now() + self.most);
            self.running = true;
        }
        self.until.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Patient<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Patient<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(context, bytes) {
            Poll::Pending => self.wait(context),
            // Until all of the answer is taken the time runs on: what is left of it has to wait again.
            ready @ Poll::Ready(_) => ready,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(context) {
            Poll::Pending => self.wait(context),
            ready @ Poll::Ready(_) => {
                // All of the answer is on its way.
                self.running = false;
                ready
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_shutdown(context) {
            Poll::Pending => self.wait(context),
            ready @ Poll::Ready(_) => ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// How a connection to a long page ends whose client is `client`.
    async fn served<Gone>(client: impl AsyncFnOnce(DuplexStream) -> Gone) -> Result<(), hyper::Error> {
        let (near, far) = tokio::io::duplex(64);
        let page = async |_| Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(vec![b'x'; 100_000]))));
        let io = TokioIo::new(Patient::new(near, Duration::from_millis(200)));
        let connection = http1::Builder::new().serve_connection(io, service_fn(page));
        let both = async {
            let mut client = std::pin::pin!(client(far));
            tokio::select! {
                ended = connection => ended,
                _gone = &mut client => panic!("the client ended first"),
            }
        };
        tokio::time::timeout(Duration::from_secs(20), both).await.expect("its place is kept")
    }

    /// Attack: clients ask for pages, read nothing, and keep the places of all others.
    #[tokio::test]
    async fn client_that_takes_no_answer_loses_its_place() {
        let ended = served(async |mut client| {
            client.write_all(REQUEST).await.unwrap();
            std::future::pending::<()>().await;
            drop(client);
        });
        assert!(ended.await.is_err());
    }

    /// Attack: a client takes a byte now and then, so that something always moves.
    #[tokio::test]
    async fn client_that_takes_an_answer_byte_by_byte_loses_its_place() {
        let ended = served(async |mut client| {
            client.write_all(REQUEST).await.unwrap();
            let mut pace = tokio::time::interval(Duration::from_millis(5));
            while client.read_u8().await.is_ok() {
                pace.tick().await;
            }
            std::future::pending::<()>().await;
        });
        assert!(ended.await.is_err());
    }
}
