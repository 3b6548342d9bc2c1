//! A key set endpoint on loopback that answers as it is told, down to the byte.

pub(crate) use kest_testkit::HttpAnswer as Answer;
use kest_testkit::TestServer;
use serde_json::Value;

/// What publishes these keys.
pub(crate) fn publishing(keys: impl IntoIterator<Item = Value>) -> Answer {
    Answer::keys(&keys.into_iter().collect::<Vec<_>>())
}

pub(crate) struct Endpoint {
    pub(crate) uri: String,
    server: TestServer,
}

impl Endpoint {
    pub(crate) fn answering(answer: Answer) -> Self {
        let server = TestServer::answering(answer);
        Self { uri: server.at("/jwks.json"), server }
    }

    pub(crate) fn answer_with(&self, answer: Answer) {
        self.server.answer_with(answer);
    }

    pub(crate) fn hits(&self) -> u64 {
        self.server.requests().try_into().unwrap()
    }

    /// Closes the port, so that connections are refused.
    pub(crate) async fn go_down(&mut self) {
        self.server.go_down().await;
    }
}
