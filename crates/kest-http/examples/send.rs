//! Asks a server that is started here, and one that would lead to a private address.

use std::io::Write as _;
use std::time::Duration;

use kest_http::{Endpoint, HttpClient, HttpError, Reach};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let here = format!("http://localhost:{}/keys", listener.local_addr()?.port());
    tokio::spawn(answer(listener));

    let client = HttpClient::builder(Duration::from_secs(5)).build()?;
    let keys = Endpoint::parse(&here)?;
    let answer = client.get(&keys).accept("application/json").limit(1024).send().await?;

    // What others named is asked by a client that cannot be led inward.
    let outward = HttpClient::builder(Duration::from_secs(5)).reach(Reach::Public).build()?;
    let refused = outward.get(&keys).send().await;

    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", String::from_utf8_lossy(answer.body()))?;
    writeln!(
        out,
        "the same endpoint, published by another: {}",
        refused.map_or_else(|error: HttpError| error.to_string(), |_| "taken".into())
    )?;
    Ok(())
}

/// Answers one request with an empty key set.
async fn answer(listener: TcpListener) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let body = r#"{"keys":[]}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await
}
