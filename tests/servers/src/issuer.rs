//! A certified `OpenID` provider on loopback: the issuer that tokens are had from as in earnest.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::node::node;

/// The npm package `oidc-provider` at work, with keys of its own.
///
/// It gives JWT access tokens by client credentials for the resources that `tests/node/issuer.mjs` lists, for two hours.
#[derive(Debug)]
pub struct Issuer {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    address: String,
    client: [(&'static str, String); 2],
}

impl Issuer {
    /// Starts it on a free port, and waits until it listens.
    pub async fn start() -> Self {
        let mut process = node("issuer.mjs").spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = answer(&mut answers).await;
        let text = |name| told.get(name).and_then(Value::as_str).unwrap().to_owned();
        let client = ["client_id", "client_secret"].map(|name| (name, text(name)));
        Self { address: text("issuer"), client, process, commands, answers }
    }

    /// Its name, which is also where it is found: no slash at the end.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The form fields by which its one client authenticates at the token endpoint.
    #[must_use]
    pub fn client(&self) -> &[(&'static str, String)] {
        &self.client
    }

    /// Has it sign with new keys, and publish the old ones beside them.
    pub async fn rotate_keys(&mut self) {
        self.command(&json!(["rotate"])).await;
    }

    /// Has it publish nothing but the keys that it signs with.
    pub async fn withdraw_old_keys(&mut self) {
        self.command(&json!(["withdraw"])).await;
    }

    /// Leaves it with the metadata of RFC 8414 only.
    pub async fn hide_openid_metadata(&mut self) {
        self.command(&json!(["hide"])).await;
    }

    /// Something signed that is no access token, although its `aud` is `https://orders.example/`: `idtoken`, `logout`,
    /// `userinfo` or `introspection`.
    pub async fn sign(&mut self, purpose: &str, more: &Value) -> String {
        let signed = self.command(&json!(["sign", purpose, more])).await;
        signed.as_str().unwrap().to_owned()
    }

    /// Ends it, and waits until the port is closed.
    pub async fn stop(self) {
        let Self { mut process, commands, .. } = self;
        drop(commands);
        assert!(process.wait().await.unwrap().success());
    }

    async fn command(&mut self, command: &Value) -> Value {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        answer(&mut self.answers).await
    }
}

async fn answer(answers: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = answers.next_line().await.unwrap().unwrap();
    serde_json::from_str(&line).unwrap()
}
