//! Answers: whole ones are read, and each other kind has its name.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderValue;
use kest_http::{Endpoint, HttpClient, HttpError};

use crate::rig::{Server, Then, chunked, ok, patient};

async fn ask(answer: Vec<u8>, limit: usize) -> Result<Vec<u8>, HttpError> {
    let server = Server::saying(answer, Then::Closes).await;
    let client = patient().build().unwrap();
    let answer = client.get(&server.endpoint()).limit(limit).send().await;
    assert_eq!(server.seen().len(), 1, "asked once");
    answer.map(kest_http::HttpResponse::into_body)
}

#[tokio::test]
async fn question_asks_for_no_coding_and_says_nothing_else() {
    let server = Server::saying(ok("content-type: a/b\r\n", b"yes"), Then::Closes).await;
    let client = patient().build().unwrap();
    let secret = HeaderValue::from_static("Bearer hunter2");
    let endpoint = server.endpoint();
    let answer = client.get(&endpoint).accept("a/b").authorization(secret).send().await.unwrap();
    assert_eq!((answer.body(), answer.content_type().unwrap().as_bytes()), (&b"yes"[..], &b"a/b"[..]));
    client.post(&endpoint, "c/d", "?").send().await.unwrap();
    let mut lines: Vec<Vec<String>> = Vec::new();
    for head in server.seen() {
        let mut of_one: Vec<String> = head.trim_end().split("\r\n").map(str::to_ascii_lowercase).collect();
        of_one.sort();
        lines.push(of_one);
    }
    let host = format!("host: {}", server.address);
    let coding = "accept-encoding: identity";
    let get = [coding, "accept: a/b", "authorization: bearer hunter2", "get /k http/1.1", &host];
    let post = [coding, "accept: */*", "content-length: 1", "content-type: c/d", &host, "post /k http/1.1"];
    assert_eq!(lines, [get.map(str::to_owned).to_vec(), post.map(str::to_owned).to_vec()]);
}

#[tokio::test]
async fn gzip_that_was_not_asked_for_is_named() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(b"{}").unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(b"{}").unwrap();
    let deflate = deflate.finish().unwrap();
    for (lines, body, name) in [
        ("content-encoding: gzip\r\n", &gzip, "gzip"),
        ("content-encoding: GZip\r\n", &gzip, "gzip"),
        ("content-encoding: identity, x-gzip\r\n", &gzip, "x-gzip"),
        ("content-encoding: identity\r\ncontent-encoding: deflate\r\n", &deflate, "deflate"),
        ("content-encoding: br\r\n", &gzip, "br"),
        ("content-encoding: gzip\t;\r\n", &gzip, "unreadable"),
    ] {
        let refused = ask(ok(lines, body), 100).await.unwrap_err();
        assert_eq!(refused.kind(), "content_coding");
        assert!(refused.to_string().ends_with(&format!("not asked for: {name}")), "{refused}");
    }
}

#[tokio::test]
async fn identity_is_no_coding() {
    for lines in
        ["content-encoding: identity\r\n", "content-encoding: Identity,\r\n", "content-encoding:\r\n"]
    {
        assert_eq!(ask(ok(lines, b"{}"), 2).await.unwrap(), b"{}", "{lines}");
    }
}

#[tokio::test]
async fn answer_may_have_as_many_bytes_as_the_limit_and_no_more() {
    let unframed = |body: &[u8]| [&b"HTTP/1.1 200 OK\r\n\r\n"[..], body].concat();
    for framed in [|body: &[u8]| ok("", body), chunked, unframed] {
        assert_eq!(ask(framed(b"12345"), 5).await.unwrap(), b"12345");
        let refused = ask(framed(b"123456"), 5).await.unwrap_err();
        assert!(matches!(refused, HttpError::TooLong(5)), "{refused:?}");
    }
    let promise = b"HTTP/1.1 200 OK\r\ncontent-length: 4611686018427387904\r\n\r\n".to_vec();
    assert_eq!(ask(promise, 5).await.unwrap_err().kind(), "too_long");
}

#[tokio::test]
async fn answer_that_breaks_off_is_none() {
    let broken = [ok("", b"12345"), chunked(b"12345")].map(|whole| whole[..whole.len() - 3].to_vec());
    for answer in broken {
        assert_eq!(ask(answer, 100).await.unwrap_err().kind(), "unreachable");
    }
}

#[tokio::test]
async fn redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let lure = Server::saying(ok("", b"lured"), Then::Closes).await;
        let head = format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {}\r\n", lure.endpoint().as_str());
        let refused = ask(format!("{head}content-length: 0\r\n\r\n").into(), 100).await.unwrap_err();
        assert!(matches!(refused, HttpError::Status(it) if it == status), "{refused:?}");
        assert_eq!(lure.seen().len(), 0);
    }
}

#[tokio::test]
async fn other_statuses_are_no_answer_whatever_their_body_says() {
    for status in ["201 Created", "204 No Content", "206 Partial Content", "404 Not Found", "503 Away"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(ask(answer.into(), 100).await.unwrap_err().kind(), "status", "{status}");
    }
}

#[tokio::test]
async fn server_that_hangs_holds_the_question_for_its_time_only() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1".to_vec();
    let trickling = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for (answer, then) in [(Vec::new(), Then::Waits), (announced, Then::Waits), (trickling, Then::Trickles)] {
        let server = Server::saying(answer, then).await;
        let client = HttpClient::builder(Duration::from_millis(300)).build().unwrap();
        let asked = client.get(&server.endpoint()).limit(usize::MAX).send();
        let answer = tokio::time::timeout(Duration::from_secs(60), asked).await.expect("it ends");
        assert!(matches!(answer, Err(HttpError::TimedOut)), "{then:?}: {answer:?}");
    }
}

#[tokio::test]
async fn server_that_is_away_is_out_of_reach_and_its_query_stays_out_of_the_error() {
    let gone = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let endpoint = Endpoint::parse(&format!("http://{gone}/k?key=hunter2")).unwrap();
    let refused = patient().build().unwrap().get(&endpoint).send().await.unwrap_err();
    assert_eq!(refused.kind(), "unreachable");
    let mut said = format!("{refused} {refused:?}");
    let mut cause = std::error::Error::source(&refused);
    while let Some(error) = cause {
        said.push_str(&error.to_string());
        cause = error.source();
    }
    assert!(!said.contains("hunter2"), "{said}");
}
