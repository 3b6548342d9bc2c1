//! Proxies of the environment learn nothing, tried in a process that has them.

use std::process::Command;

use crate::rig::{Server, Then, ok, patient};

/// What runs in a process with proxies in its environment; by itself it shows that a question is answered.
#[tokio::test]
async fn answer_comes_from_the_server_itself() {
    let server = Server::saying(ok("", b"yes"), Then::Closes).await;
    let client = patient().build().unwrap();
    assert_eq!(client.get(&server.endpoint()).send().await.unwrap().body(), b"yes");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn proxy_of_the_environment_is_not_told() {
    let proxy = Server::saying(ok("", b"lie"), Then::Closes).await;
    let address = format!("http://{}", proxy.address);
    let child = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "proxies::answer_comes_from_the_server_itself"]);
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env(name, &address);
        }
        command.env_remove("no_proxy").env_remove("NO_PROXY").env_remove("REQUEST_METHOD").output().unwrap()
    });
    let child = child.await.unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert_eq!(proxy.seen().len(), 0, "{said}");
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}
