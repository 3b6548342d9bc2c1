//! HTTP/1.1 by hand: sends any bytes in any header, as an attacker's socket does.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// A request under construction.
#[derive(Debug, Clone)]
pub struct RawRequest {
    path: String,
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct RawResponse {
    /// The status code.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl RawResponse {
    /// The first value of the header called `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// `POST /call`.
pub fn call() -> RawRequest {
    to("/call")
}

/// `POST path`.
pub fn to(path: &str) -> RawRequest {
    RawRequest { path: path.to_owned(), lines: Vec::new(), body: Vec::new() }
}

impl RawRequest {
    /// Adds one `baggage` line.
    pub fn baggage(self, value: impl AsRef<[u8]>) -> Self {
        self.header("baggage", value)
    }

    /// Adds a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds one header line.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.lines.push([name.as_bytes(), b": ", value.as_ref()].concat());
        self
    }

    /// With these bytes behind its headers.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with its header lines in the other order.
    pub fn reordered(mut self) -> Self {
        self.lines.reverse();
        self
    }

    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!(
            "POST {} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.path,
            self.body.len()
        )
        .into_bytes();
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it and reads the answer to its end.
    pub async fn send(&self, address: SocketAddr) -> RawResponse {
        self.send_over(TcpStream::connect(address).await.unwrap()).await
    }

    /// The same from an address of one's own: all of 127.0.0.0/8 is this machine.
    pub async fn send_from(&self, source: Ipv4Addr, address: SocketAddr) -> RawResponse {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        self.send_over(socket.connect(address).await.unwrap()).await
    }

    async fn send_over(&self, mut stream: TcpStream) -> RawResponse {
        stream.write_all(&self.bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that refuses while we still write may reset the connection; what it said before counts.
        let _reset = stream.read_to_end(&mut answer).await;
        parse(&answer)
    }
}

fn parse(answer: &[u8]) -> RawResponse {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.as_ref(), ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|it| it.parse().ok()).unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    RawResponse { status, headers, body: body.to_owned() }
}
