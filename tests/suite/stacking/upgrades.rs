//! Connections that leave HTTP.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{inbound, operation};

async fn switch(route: axum::routing::MethodRouter) -> (String, String) {
    let router = Router::new().route("/socket", route).layer(inbound());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /socket HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: words\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, words) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), words.to_owned())
}

/// Switches to a protocol in which the server says who it works for.
async fn socket(mut request: axum::extract::Request) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    let ambience = kest_baggage::Ambience::capture();
    tokio::spawn(ambience.wrap(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let mut io = hyper_util::rt::TokioIo::new(upgraded);
        let entries = kest_baggage::current_admission().map(|it| it.passport().len());
        io.write_all(format!("{entries:?}").as_bytes()).await.unwrap();
        io.shutdown().await.unwrap();
    }));
    let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "words");
    response.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn upgraded_connection_works_under_the_lineage_that_was_handed_over() {
    let (status, words) = switch(get(socket).route_layer(operation())).await;
    assert_eq!((status.as_str(), words.as_str()), ("HTTP/1.1 101 Switching Protocols", "Some(1)"));
}

#[tokio::test]
async fn route_without_an_operation_does_not_switch_protocols() {
    let refuses = async || (StatusCode::UPGRADE_REQUIRED, "there is no way to switch");
    assert_eq!(
        switch(get(refuses)).await.0,
        "HTTP/1.1 500 Internal Server Error",
        "as extractors of frameworks do"
    );
    let (status, words) = switch(get(socket)).await;
    assert_eq!((status.as_str(), words.as_str()), ("HTTP/1.1 500 Internal Server Error", ""));
}
