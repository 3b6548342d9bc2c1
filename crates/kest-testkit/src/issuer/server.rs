//! An HTTP endpoint on loopback that answers as it is told, down to the byte, and counts who comes.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fail::OrFail as _;

/// What the endpoint says to its callers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HttpAnswer {
    /// 200 with this content type, if any, and body.
    Body(Option<&'static str>, String),
    /// This status and further header lines, without a body.
    Status(String),
    /// 200 and a JSON text that so many blanks precede, with or without saying beforehand how long it is.
    Padded(Length, usize, String),
    /// 200, so many bytes announced, and nothing more while the connection stays open.
    Promise(usize),
    /// 200, and one blank each 100 ms while the connection stays open.
    Trickle,
    /// 200, and blanks as fast as they are taken, without an end.
    Endless,
    /// Nothing at all while the connection stays open.
    Silent,
    /// The end of the connection.
    HangUp,
}

/// Whether an answer says how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Length {
    /// It has a `content-length`.
    Announced,
    /// It ends with the connection.
    Unknown,
}

impl HttpAnswer {
    /// The JWK Set of these keys.
    #[must_use]
    pub fn keys(keys: &[Value]) -> Self {
        Self::Body(Some("application/jwk-set+json"), key_set(keys))
    }

    /// A JSON document.
    #[must_use]
    pub fn json(document: &Value) -> Self {
        Self::Body(JSON, document.to_string())
    }

    /// A redirect of that status.
    #[must_use]
    pub fn redirect(status: &str, location: &str) -> Self {
        Self::Status(format!("{status}\r\nlocation: {location}"))
    }

    /// Whether it keeps its callers waiting for ever.
    #[must_use]
    pub fn hangs(&self) -> bool {
        matches!(self, Self::Trickle | Self::Silent)
    }
}

/// The JWK Set of these keys.
#[must_use]
pub fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// An endpoint that is up until it is told otherwise, or dropped.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    pages: Arc<Mutex<Pages>>,
    counts: Arc<watch::Sender<Counts>>,
    state: State,
}

#[derive(Debug)]
struct Pages {
    pages: HashMap<String, HttpAnswer>,
    otherwise: HttpAnswer,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    connections: usize,
    requests: usize,
}

#[derive(Debug)]
enum State {
    Up(JoinHandle<()>),
    /// The port is kept from others, and closed.
    Down(TcpSocket),
}

impl TestServer {
    /// An endpoint that gives `answer` to every question.
    ///
    /// # Panics
    ///
    /// When no port can be had, and outside of tokio.
    #[must_use]
    #[track_caller]
    pub fn answering(answer: HttpAnswer) -> Self {
        let mut endpoint = Self::down();
        endpoint.answer_with(answer);
        endpoint.come_up();
        endpoint
    }

    /// An endpoint that refuses connections.
    ///
    /// # Panics
    ///
    /// When no port can be had, and outside of tokio.
    #[must_use]
    #[track_caller]
    pub fn down() -> Self {
        let socket = hold((Ipv4Addr::LOCALHOST, 0).into());
        let address = socket.local_addr().or_fail("the address of a socket");
        let pages =
            Pages { pages: HashMap::new(), otherwise: HttpAnswer::Status("404 Not Found".to_owned()) };
        Self {
            address,
            pages: Arc::new(Mutex::new(pages)),
            counts: Arc::default(),
            state: State::Down(socket),
        }
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URI of a path.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Gives `answer` to questions for `path` from now on.
    pub fn publish(&self, path: &str, answer: HttpAnswer) {
        self.pages().pages.insert(path.to_owned(), answer);
    }

    /// Gives `answer` to all other questions from now on.
    pub fn answer_with(&self, answer: HttpAnswer) {
        self.pages().otherwise = answer;
    }

    /// Whether its answer keeps its callers waiting for ever.
    #[must_use]
    pub fn hangs(&self) -> bool {
        self.pages().otherwise.hangs()
    }

    /// Refuses connections from now on.
    ///
    /// # Panics
    ///
    /// When the port is lost.
    pub async fn go_down(&mut self) {
        if let State::Up(accepting) = &mut self.state {
            accepting.abort();
            let ended = accepting.await;
            assert!(ended.is_err_and(|end| end.is_cancelled()), "the endpoint ended by itself");
            self.state = State::Down(hold(self.address));
        }
    }

    /// Takes connections again.
    ///
    /// # Panics
    ///
    /// When the port is lost.
    #[track_caller]
    pub fn come_up(&mut self) {
        if let State::Down(socket) = &mut self.state {
            let socket = std::mem::replace(socket, TcpSocket::new_v4().or_fail("a socket"));
            let listener = socket.listen(1024).or_fail("a port that listens");
            let accepting = accept(listener, Arc::clone(&self.pages), Arc::clone(&self.counts));
            self.state = State::Up(tokio::spawn(accepting));
        }
    }

    /// How many connections were made to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.counts.borrow().connections
    }

    /// How many requests it got.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.counts.borrow().requests
    }

    /// Completes as soon as it got so many requests.
    pub async fn after_requests(&self, count: usize) {
        // The sender is this endpoint's own, so that it is still there.
        drop(self.counts.subscribe().wait_for(|counts| counts.requests >= count).await);
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let State::Up(accepting) = &self.state {
            accepting.abort();
        }
    }
}

/// A port that is reserved and closed. Connections that just ended there do not count.
#[track_caller]
fn hold(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().or_fail("a socket");
    socket.set_reuseaddr(true).or_fail("a socket");
    socket.bind(address).or_fail("a port on loopback");
    socket
}

async fn accept(listener: TcpListener, pages: Arc<Mutex<Pages>>, counts: Arc<watch::Sender<Counts>>) {
    while let Ok((stream, _)) = listener.accept().await {
        counts.send_modify(|counts| counts.connections += 1);
        let (pages, counts) = (Arc::clone(&pages), Arc::clone(&counts));
        // A client that hangs up in the middle is what several tests are about.
        tokio::spawn(async move { drop(serve(stream, &pages, &counts).await) });
    }
}

async fn serve(
    mut stream: TcpStream,
    pages: &Mutex<Pages>,
    counts: &watch::Sender<Counts>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let answer = {
        let pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.pages.get(path).unwrap_or(&pages.otherwise).clone()
    };
    counts.send_modify(|counts| counts.requests += 1);
    say(&mut stream, answer).await?;
    stream.shutdown().await
}

async fn say(stream: &mut TcpStream, answer: HttpAnswer) -> std::io::Result<()> {
    match answer {
        HttpAnswer::Body(content_type, body) => {
            head(stream, content_type, Some(body.len())).await?;
            stream.write_all(body.as_bytes()).await
        }
        HttpAnswer::Status(lines) => {
            stream.write_all(format!("HTTP/1.1 {lines}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await
        }
        HttpAnswer::Padded(length, blanks, text) => {
            head(stream, JSON, (length == Length::Announced).then_some(blanks + text.len())).await?;
            for _ in 0..blanks / BLANKS.len() {
                stream.write_all(&BLANKS).await?;
            }
            stream.write_all(BLANKS.get(..blanks % BLANKS.len()).unwrap_or_default()).await?;
            stream.write_all(text.as_bytes()).await
        }
        HttpAnswer::Promise(bytes) => {
            head(stream, JSON, Some(bytes)).await?;
            stream.read_u8().await.map(|_byte| ())
        }
        HttpAnswer::Trickle => {
            head(stream, JSON, None).await?;
            let mut ticks = tokio::time::interval(Duration::from_millis(100));
            loop {
                ticks.tick().await;
                stream.write_all(b" ").await?;
            }
        }
        HttpAnswer::Endless => {
            head(stream, JSON, None).await?;
            loop {
                stream.write_all(&BLANKS).await?;
            }
        }
        HttpAnswer::Silent => stream.read_u8().await.map(|_byte| ()),
        HttpAnswer::HangUp => Ok(()),
    }
}

async fn head(
    stream: &mut TcpStream,
    content_type: Option<&str>,
    length: Option<usize>,
) -> std::io::Result<()> {
    let line =
        |name: &str, value: Option<String>| value.map(|it| format!("{name}: {it}\r\n")).unwrap_or_default();
    let content_type = line("content-type", content_type.map(str::to_owned));
    let length = line("content-length", length.map(|it| it.to_string()));
    stream.write_all(format!("HTTP/1.1 200 OK\r\n{content_type}{length}\r\n").as_bytes()).await
}

const JSON: Option<&str> = Some("application/json");

static BLANKS: [u8; 16 * 1024] = [b' '; 16 * 1024];
