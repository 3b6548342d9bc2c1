//! The other implementation: npm `jose`, in a process of Node.js that reads a token a line and answers with a verdict.

use kest_servers::node::node;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use kest_identity::Algorithm;

use crate::issuer::{AUDIENCE, ISSUER, LEEWAY, NOW};
use crate::judges::{Findings, Verdict};

/// Judges with the settings that ours has.
pub(crate) struct Theirs(Process);

impl Theirs {
    pub(crate) async fn new(key_set: &str) -> Self {
        let settings = json!({
            "keys": key_set, "now": NOW, "typ": "at+jwt", "issuer": ISSUER, "audience": AUDIENCE,
            "clockTolerance": LEEWAY, "algorithms": Algorithm::ALL.map(Algorithm::as_str),
            "requiredClaims": ["iss", "aud", "sub", "exp"],
        });
        let mut process = Process::start(node("jose.mjs"));
        process.tell(&[settings]).await;
        Self(process)
    }

    pub(crate) async fn judge(&mut self, tokens: &[&str]) -> Vec<Verdict> {
        let questions: Vec<_> = tokens.iter().map(|token| json!(token)).collect();
        self.0.ask(&questions).await.iter().map(verdict).collect()
    }
}

fn verdict(answer: &Value) -> Verdict {
    match (answer["accepted"].as_str(), answer["refused"].as_str()) {
        // Of claims that have no meaning for us, as a number that cannot be read, nothing can be found.
        (Some(claims), None) => {
            let claims: Value = serde_json::from_str(claims).unwrap_or_default();
            Verdict::Accepted(Findings::of_claims(&claims))
        }
        (None, Some(error)) => Verdict::Refused(error.into()),
        _ => panic!("no verdict: {answer}"),
    }
}

/// Public keys, and messages signed by them, of kinds and in ways that nothing here can sign.
pub(crate) struct OddSigner {
    process: Process,
    /// Each with the algorithm that it signs with.
    pub(crate) keys: Vec<(Value, &'static str)>,
}

impl OddSigner {
    pub(crate) async fn new() -> Self {
        let mut command = node("jose.mjs");
        command.arg("sign");
        let mut process = Process::start(command);
        let keys = process.ask(&[json!(null)]).await.remove(0);
        let algorithm = |key: &Value| match key["kid"].as_str() {
            Some("rsa-1024" | "rsa-three") => "RS256",
            Some("rsa-salt") => "PS256",
            Some("ec-521") => "ES512",
            Some("ec-k1") => "ES256K",
            other => panic!("no such key: {other:?}"),
        };
        let keys = keys.as_array().unwrap().iter().map(|key| (key.clone(), algorithm(key))).collect();
        Self { process, keys }
    }

    /// Signs messages, each with the key of that id.
    pub(crate) async fn sign(&mut self, messages: &[(String, String)]) -> Vec<String> {
        let questions: Vec<_> = messages.iter().map(|message| json!(message)).collect();
        let signatures = self.process.ask(&questions).await;
        signatures.iter().map(|signature| signature.as_str().unwrap().to_owned()).collect()
    }
}

/// A process that answers every line with a line.
struct Process {
    _child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let questions = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, questions, answers }
    }

    async fn tell(&mut self, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.questions.write_all(text.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, lines: &[Value]) -> Vec<Value> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let Self { questions, answers, .. } = self;
        // Side by side, or both ends would wait for the other one to read.
        let read = async {
            let mut read = Vec::with_capacity(lines.len());
            while read.len() < lines.len() {
                let line = answers.next_line().await.unwrap().expect("the other implementation ended");
                read.push(serde_json::from_str(&line).unwrap());
            }
            read
        };
        let (written, read) = tokio::join!(questions.write_all(text.as_bytes()), read);
        written.unwrap();
        read
    }
}
