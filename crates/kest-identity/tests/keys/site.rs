//! A web site on loopback, with or without TLS, whose pages answer as they are told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

#[derive(Debug, Clone)]
pub(crate) enum Page {
    /// 200 with this body, as JSON.
    Json(String),
    /// 200 with this content type and body.
    Typed(&'static str, String),
    /// This status and header lines, without a body.
    Status(String),
    /// 200 and so many blanks, with or without saying so beforehand.
    Blanks { announced: bool, bytes: usize },
    /// 200, so many bytes announced, and nothing more while the connection stays open.
    Promise(usize),
    /// Nothing at all while the connection stays open.
    Silent,
}

#[derive(Debug, Default)]
struct Pages {
    pages: HashMap<String, Page>,
    asked: Vec<String>,
    hits: usize,
}

pub(crate) struct Site {
    pub(crate) origin: String,
    pages: Arc<Mutex<Pages>>,
    accepting: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::listening("http://127.0.0.1", None).await
    }

    pub(crate) async fn secure(acceptor: TlsAcceptor) -> Self {
        Self::listening("https://localhost", Some(acceptor)).await
    }

    async fn listening(host: &str, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("{host}:{}", listener.local_addr().unwrap().port());
        let pages = Arc::default();
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&pages)));
        Self { origin, pages, accepting }
    }

    /// The URI of a page.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    pub(crate) fn publish(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// The paths that were asked for since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.pages.lock().unwrap().asked)
    }

    /// How often it was asked for anything.
    pub(crate) fn hits(&self) -> usize {
        self.pages.lock().unwrap().hits
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, pages: Arc<Mutex<Pages>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, pages) = (acceptor.clone(), Arc::clone(&pages));
        // A client that hangs up in the middle is what several tests are about.
        tokio::spawn(async move {
            match acceptor {
                None => drop(serve(stream, &pages).await),
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        drop(serve(stream, &pages).await);
                    }
                }
            }
        });
    }
}

async fn serve<Stream>(mut stream: Stream, pages: &Mutex<Pages>) -> std::io::Result<()>
where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let page = {
        let mut pages = pages.lock().unwrap();
        pages.hits += 1;
        pages.asked.push(path.to_owned());
        pages.pages.get(path).cloned()
    };
    match page.unwrap_or(Page::Status("404 Not Found".to_owned())) {
        Page::Json(body) => answer(&mut stream, "application/json", &body).await?,
        Page::Typed(content_type, body) => answer(&mut stream, content_type, &body).await?,
        Page::Status(head) => {
            stream.write_all(format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
        }
        Page::Blanks { announced, bytes } => {
            let length = if announced { format!("content-length: {bytes}\r\n") } else { String::new() };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n");
            stream.write_all(head.as_bytes()).await?;
            for _ in 0..bytes / BLOCK.len() {
                stream.write_all(&BLOCK).await?;
            }
        }
        Page::Promise(bytes) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.read_u8().await?;
        }
        Page::Silent => {
            stream.read_u8().await?;
        }
    }
    stream.shutdown().await
}

async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    content_type: &str,
    body: &str,
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

static BLOCK: [u8; 16 * 1024] = [b' '; 16 * 1024];
