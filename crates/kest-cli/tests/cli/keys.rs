//! `--keys`: bundles from files and from this machine's ports, and nothing between that could change them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use crate::support::{Run, bundle, directory, file, kest, lineage};

fn verify(keys: &str) -> Run {
    kest(["verify", "--json", "--keys", keys], lineage(0).to_json().as_bytes())
}

#[track_caller]
fn check_no_keys(keys: &str, message: &str) {
    let run = verify(keys);
    assert_eq!((run.code, run.text()), (Some(2), ""), "{}", run.stderr);
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

/// Answers one request with `head` and `body`.
fn serve(head: &str, body: &str) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer =
        format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        // The client hangs up on what it does not want.
        stream.write_all(answer.as_bytes()).unwrap_or_default();
    });
    (address, server)
}

#[test]
fn bundle_is_fetched_from_this_machine() {
    let (address, server) = serve("200 OK", &bundle(&["cart"]));
    let run = verify(&format!("http://localhost:{}/keys", address.port()));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    server.join().unwrap();
}

#[test]
fn other_answers_are_no_bundle() {
    let long = "x".repeat(1024 * 1024 + 1);
    for (head, body, message) in [
        ("302 Found\r\nlocation: http://127.0.0.1:9/", String::new(), "status 302"),
        ("404 Not Found", bundle(&["cart"]), "status 404"),
        ("200 OK\r\ncontent-encoding: gzip", bundle(&["cart"]), "not asked for: gzip"),
        ("200 OK", "[]".into(), "no jwk set"),
        ("200 OK", long, "over the limit of 1048576 bytes"),
    ] {
        let (address, server) = serve(head, &body);
        check_no_keys(&format!("http://{address}/keys"), message);
        server.join().unwrap();
    }
}

#[test]
fn bundle_is_fetched_from_this_machine_however_it_is_spelled() {
    for host in ["127.0.0.1", "127.1", "2130706433", "localhost.", "LOCALHOST"] {
        let (address, server) = serve("200 OK", &bundle(&["cart"]));
        let run = verify(&format!("http://{host}:{}/keys", address.port()));
        assert_eq!(run.code, Some(0), "{host}: {}", run.stderr);
        server.join().unwrap();
    }
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for host in ["192.0.2.1", "localhost.example.org", "a.localhost", "[64:ff9b::7f00:1]", "0.0.0.0"] {
        check_no_keys(&format!("http://{host}/keys"), "must be https");
    }
    check_no_keys("HTTPS://", "no acceptable url");
}

#[test]
fn url_with_a_password_is_refused_and_stays_out_of_messages() {
    let run = verify("http://user:secret@localhost:1/keys");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("credentials") && !run.stderr.contains("secret"), "{}", run.stderr);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = verify(&format!("http://{closed}/keys?key=secret"));
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("cannot fetch") && !run.stderr.contains("secret"), "{}", run.stderr);
}

#[test]
fn unusable_bundle_is_no_verdict_about_the_passport() {
    let directory = directory("unusable_bundle");
    check_no_keys(directory.join("none.json").to_str().unwrap(), "no trust bundle");
    check_no_keys(&file(&directory, "text", "keys"), "not acceptable");
    let twice = bundle(&["cart", "shop"]).replace("shop-1", "cart-1");
    check_no_keys(&file(&directory, "twice", twice), "contradicts itself");
}

#[test]
fn keys_of_other_types_are_skipped_with_a_warning() {
    let keys = bundle(&["cart"]).replace("[", r#"[{"kty":"EC","crv":"P-256","kid":"e"},"#);
    let run = verify(&file(&directory("skipped"), "bundle.json", keys));
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("skipped 1 keys of other types"), "{}", run.stderr);
}
