//! A key set endpoint on loopback that answers as it is told, down to the byte, and counts who comes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the endpoint says to its callers.
#[derive(Debug, Clone)]
pub enum Answer {
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
    /// Nothing at all while the connection stays open.
    Silent,
    /// The end of the connection.
    HangUp,
}

/// Whether an answer says how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// It has a `content-length`.
    Announced,
    /// It ends with the connection.
    Unknown,
}

impl Answer {
    /// The JWK Set of these keys.
    pub fn keys(keys: &[Value]) -> Self {
        Self::Body(Some("application/jwk-set+json"), key_set(keys))
    }

    /// A redirect of that status.
    pub fn redirect(status: &str, location: &str) -> Self {
        Self::Status(format!("{status}\r\nlocation: {location}"))
    }

    /// Whether it keeps its callers waiting for ever.
    pub fn hangs(&self) -> bool {
        matches!(self, Self::Trickle | Self::Silent)
    }
}

/// The JWK Set of these keys.
pub fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// An endpoint that is up until it is told otherwise, or dropped.
#[derive(Debug)]
pub struct JwksServer {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    counts: Arc<watch::Sender<Counts>>,
    state: State,
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

impl JwksServer {
    /// An endpoint that gives `answer`.
    pub async fn answering(answer: Answer) -> Self {
        let mut server = Self::down().await;
        server.answer_with(answer);
        server.come_up();
        server
    }

    /// An endpoint that refuses connections.
    pub async fn down() -> Self {
        let socket = hold((Ipv4Addr::LOCALHOST, 0).into());
        let address = socket.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(Answer::HangUp));
        Self { address, answer, counts: Arc::default(), state: State::Down(socket) }
    }

    /// Where the key set is.
    pub fn uri(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// Gives `answer` to everybody who comes from now on.
    pub fn answer_with(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Whether its answer keeps its callers waiting for ever.
    pub fn hangs(&self) -> bool {
        self.answer.lock().unwrap().hangs()
    }

    /// Refuses connections from now on.
    pub async fn go_down(&mut self) {
        if let State::Up(accepting) = &mut self.state {
            accepting.abort();
            assert!(accepting.await.unwrap_err().is_cancelled());
            self.state = State::Down(hold(self.address));
        }
    }

    /// Takes connections again.
    pub fn come_up(&mut self) {
        if let State::Down(socket) = &mut self.state {
            let socket = std::mem::replace(socket, TcpSocket::new_v4().unwrap());
            let listener = socket.listen(1024).unwrap();
            let accepting = accept(listener, Arc::clone(&self.answer), Arc::clone(&self.counts));
            self.state = State::Up(tokio::spawn(accepting));
        }
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.counts.borrow().connections
    }

    /// How many requests it got.
    pub fn requests(&self) -> usize {
        self.counts.borrow().requests
    }

    /// Completes as soon as it got so many requests.
    pub async fn after_requests(&self, count: usize) {
        self.counts.subscribe().wait_for(|counts| counts.requests >= count).await.unwrap();
    }
}

impl Drop for JwksServer {
    fn drop(&mut self) {
        if let State::Up(accepting) = &self.state {
            accepting.abort();
        }
    }
}

/// A port that is reserved and closed. Connections that just ended there do not count.
fn hold(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn accept(listener: TcpListener, answer: Arc<Mutex<Answer>>, counts: Arc<watch::Sender<Counts>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        counts.send_modify(|counts| counts.connections += 1);
        let (answer, counts) = (Arc::clone(&answer), Arc::clone(&counts));
        // A client that hangs up in the middle is what several tests are about.
        tokio::spawn(async move { drop(serve(stream, &answer, &counts).await) });
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &Mutex<Answer>,
    counts: &watch::Sender<Counts>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let answer = answer.lock().unwrap().clone();
    counts.send_modify(|counts| counts.requests += 1);
    match answer {
        Answer::Body(content_type, body) => {
            head(&mut stream, content_type, Some(body.len())).await?;
            stream.write_all(body.as_bytes()).await?;
        }
        Answer::Status(lines) => {
            stream.write_all(format!("HTTP/1.1 {lines}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
        }
        Answer::Padded(length, blanks, text) => {
            let bytes = (length == Length::Announced).then_some(blanks + text.len());
            head(&mut stream, JSON, bytes).await?;
            for _ in 0..blanks / BLANKS.len() {
                stream.write_all(&BLANKS).await?;
            }
            stream.write_all(&BLANKS[..blanks % BLANKS.len()]).await?;
            stream.write_all(text.as_bytes()).await?;
        }
        Answer::Promise(bytes) => {
            head(&mut stream, JSON, Some(bytes)).await?;
            stream.read_u8().await?;
        }
        Answer::Trickle => trickle(&mut stream).await?,
        Answer::Silent => drop(stream.read_u8().await?),
        Answer::HangUp => {}
    }
    stream.shutdown().await
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

/// Never silent for longer than 100 ms, and never done.
async fn trickle(stream: &mut TcpStream) -> std::io::Result<()> {
    head(stream, JSON, None).await?;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        stream.write_all(b" ").await?;
    }
}

const JSON: Option<&str> = Some("application/json");

static BLANKS: [u8; 16 * 1024] = [b' '; 16 * 1024];
