//! A server on loopback that says what it is told, byte for byte, and remembers what it was asked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kest_http::{Endpoint, HttpClient, HttpClientBuilder, Lookup};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// More than any answer on this machine takes, on a busy one too.
pub(crate) const PATIENT: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Writes `answer` after each request; keeps the connection open when `Then::Waits`.
    pub(crate) async fn saying(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        Self::listening(answer.into(), then, None).await
    }

    pub(crate) async fn secure(answer: impl Into<Vec<u8>>, acceptor: TlsAcceptor) -> Self {
        Self::listening(answer.into(), Then::Closes, Some(acceptor)).await
    }

    async fn listening(answer: Vec<u8>, then: Then, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&heads);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (answer, seen, acceptor) = (answer.clone(), Arc::clone(&seen), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => talk(stream, &answer, then, &seen).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => talk(stream, &answer, then, &seen).await,
                            Err(_hung_up) => (),
                        },
                    }
                });
            }
        });
        Self { address, heads, accepting }
    }

    /// The heads of the requests that came.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("http://{}/k", self.address)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Closes,
    Waits,
    /// Ten bytes more whenever there is room, for ever.
    Trickles,
}

async fn talk<Io>(mut stream: Io, answer: &[u8], then: Then, seen: &Mutex<Vec<String>>)
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    // The client hangs up on what it does not want.
    if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    match then {
        Then::Closes => stream.shutdown().await.unwrap_or_default(),
        Then::Waits => std::future::pending().await,
        Then::Trickles => {
            while stream.write_all(b"a\r\n0123456789\r\n").await.is_ok() && stream.flush().await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// 200 with these header lines and a body whose length is announced.
pub(crate) fn ok(lines: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\n{lines}content-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// 200 with a body in one chunk.
pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len());
    [head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}

pub(crate) fn patient() -> HttpClientBuilder {
    HttpClient::builder(PATIENT)
}

/// Names that lead where a test says, one answer after the other; it counts how often it was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    answers: Vec<Vec<IpAddr>>,
    asked: Vec<String>,
}

impl Names {
    pub(crate) fn leading_to(answers: &[&[&str]]) -> Self {
        let parse = |text: &&str| text.parse().unwrap();
        let answers = answers.iter().map(|one| one.iter().map(parse).collect()).collect();
        Self(Arc::new(Mutex::new(Told { answers, asked: Vec::new() })))
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }
}

#[async_trait::async_trait]
impl Lookup for Names {
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut told = self.0.lock().unwrap();
        told.asked.push(name.to_owned());
        let at = told.asked.len().min(told.answers.len());
        Ok(told.answers.get(at.saturating_sub(1)).cloned().unwrap_or_default())
    }
}
