//! A key set endpoint on loopback that answers as it is told, down to the byte.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[derive(Clone)]
pub(crate) enum Answer {
    /// 200 with this content type and body.
    Body { content_type: Option<&'static str>, body: String },
    /// This status and header lines, without a body.
    Status(&'static str),
    /// 200 and a body without a length and without an end.
    Endless,
    /// 200, a length, and a body that stops half way while the connection stays open.
    Stalled,
    /// Nothing at all while the connection stays open.
    Silent,
}

impl Answer {
    pub(crate) fn keys(keys: impl IntoIterator<Item = Value>) -> Self {
        let keys: Vec<_> = keys.into_iter().collect();
        Self::Body {
            content_type: Some("application/jwk-set+json"),
            body: json!({ "keys": keys }).to_string(),
        }
    }
}

pub(crate) struct Endpoint {
    pub(crate) uri: String,
    answer: Arc<Mutex<Answer>>,
    hits: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Endpoint {
    pub(crate) async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let (answer, hits) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicU64::new(0)));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&answer), Arc::clone(&hits)));
        Self { uri, answer, hits, accepting }
    }

    pub(crate) fn answer_with(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::SeqCst)
    }

    /// Closes the port, so that connections are refused.
    pub(crate) async fn go_down(&mut self) {
        self.accepting.abort();
        assert!((&mut self.accepting).await.unwrap_err().is_cancelled());
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, answer: Arc<Mutex<Answer>>, hits: Arc<AtomicU64>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = answer.lock().unwrap().clone();
        let hits = Arc::clone(&hits);
        // A client that hangs up in the middle is what several tests are about.
        tokio::spawn(async move { drop(serve(stream, answer, &hits).await) });
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, hits: &AtomicU64) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    hits.fetch_add(1, Ordering::SeqCst);
    match answer {
        Answer::Body { content_type, body } => {
            let content_type =
                content_type.map(|name| format!("content-type: {name}\r\n")).unwrap_or_default();
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\n{content_type}content-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
        }
        Answer::Status(head) => {
            stream.write_all(format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 16 * 1024]).await?;
            }
        }
        Answer::Stalled => {
            let head =
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"key";
            stream.write_all(head).await?;
            stream.read_u8().await?;
        }
        Answer::Silent => {
            stream.read_u8().await?;
        }
    }
    stream.shutdown().await
}
