//! A service that demands the tokens of one issuer, in time that moves only when a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use kest_identity::{IdentityChoice, JwtAuthenticator, KeyHealth};
use kest_testkit::{FixedRandom, HttpAnswer, RuntimeClock, TestServer};
use serde_json::Value;
use tokio::time::Instant;

use crate::raw::{self, RawRequest, RawResponse};
use crate::service::{Service, Setup};
use crate::tokens::{AUDIENCE, ISSUER, NOW};

/// A service in front of which stands an authenticator that was told issuer, audience and the place of the keys.
///
/// Keys are fetched again every 300 s and serve for 3600 s, which are the defaults, and without jitter. The runtime must
/// have been started with its clock paused.
#[derive(Debug)]
pub struct Edge {
    /// The service.
    pub service: Service,
    /// Where it has its keys from.
    pub issuer: TestServer,
    /// Who judges the tokens.
    pub authenticator: Arc<JwtAuthenticator>,
    begun: Instant,
    _standstill: Standstill,
}

impl Edge {
    /// A service whose issuer publishes these keys.
    pub async fn trusting(keys: &[Value]) -> Self {
        Self::asking(TestServer::answering(HttpAnswer::keys(keys))).await
    }

    /// The same, with the keys fetched.
    pub async fn warm(keys: &[Value]) -> Self {
        let edge = Self::trusting(keys).await;
        edge.authenticator.start().await.unwrap();
        edge
    }

    /// A service that has its keys from `issuer`.
    pub async fn asking(issuer: TestServer) -> Self {
        let begun = Instant::now();
        let authenticator = JwtAuthenticator::builder()
            .jwks_uri(issuer.at("/jwks.json"))
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(Arc::new(RuntimeClock::new(NOW, begun)))
            .random(Arc::new(FixedRandom::default()))
            .build()
            .unwrap();
        let authenticator = Arc::new(authenticator);
        let identity = IdentityChoice::mechanism(Arc::<JwtAuthenticator>::clone(&authenticator));
        let service = Setup { identity, ..Setup::default() }.start().await;
        Self { service, issuer, authenticator, begun, _standstill: Standstill::begin() }
    }

    /// Sends `token` and expects that the request was handled for the user whom good tokens name.
    #[track_caller]
    pub fn admit<'it>(&'it self, token: &str) -> impl Future<Output = Value> + use<'it> {
        self.admit_in(&std::panic::Location::caller().to_string(), token)
    }

    /// The same, in the case called `name`.
    pub fn admit_in<'it>(&'it self, name: &str, token: &str) -> impl Future<Output = Value> + use<'it> {
        let (name, request) = (name.to_owned(), raw::call().bearer(token));
        async move {
            let runs = self.service.runs();
            let response = request.send(self.service.address).await;
            assert_eq!(response.status, 200, "{name}");
            assert_eq!(self.service.runs(), runs + 1, "{name}");
            let seen: Value = serde_json::from_str(&response.body).unwrap();
            assert_eq!(seen["user"], "alice", "{name}");
            seen
        }
    }

    /// Sends `request` and expects that the bad credential in it is refused, in the same words whatever was sent.
    pub async fn refuse(&self, attack: &str, request: &RawRequest) {
        let response = self.refuse_with(401, attack, request).await;
        assert_eq!(challenges(&response), [r#"Bearer error="invalid_token""#], "{attack}");
    }

    /// The same for a credential that is not ours: RFC 6750 section 3.1 has no error code for it.
    pub async fn refuse_scheme(&self, attack: &str, request: &RawRequest) {
        let response = self.refuse_with(401, attack, request).await;
        assert_eq!(challenges(&response), ["Bearer"], "{attack}");
    }

    /// Sends a good token and expects that it cannot be said whether it holds.
    pub async fn unavailable(&self, fault: &str, token: &str) {
        let request = raw::call().bearer(token);
        let mut answered = std::pin::pin!(self.refuse_with(503, fault, &request));
        let response = loop {
            tokio::select! {
                biased;
                response = &mut answered => break response,
                // While the issuer hangs, only the end of the patience brings an answer.
                () = self.pass_if_hanging() => {}
            }
        };
        assert_eq!(challenges(&response), [""; 0], "{fault}: no other credential would help");
    }

    async fn refuse_with(&self, status: u16, attack: &str, request: &RawRequest) -> RawResponse {
        let before = (self.service.runs(), self.service.signatures());
        let response = request.send(self.service.address).await;
        assert_eq!(response.status, status, "{attack}");
        assert_eq!(response.body, "", "{attack}: a refusal has no body");
        let after = (self.service.runs(), self.service.signatures());
        assert_eq!(after, before, "{attack}: the handler ran or an entry was signed");
        let told = ["connection", "content-length", "date", "www-authenticate"];
        let other = response.headers.iter().find(|(name, _)| !told.contains(&name.as_str()));
        assert_eq!(other, None, "{attack}: a refusal says nothing else");
        response
    }

    async fn pass_if_hanging(&self) {
        if self.issuer.hangs() {
            self.pass(Duration::from_millis(100)).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Lets so much time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets every fetch land that has departed; time stands still meanwhile, so none may hang.
    pub async fn land(&self) {
        self.authenticator.after_fetches(self.authenticator.fetches()).await;
    }

    /// The time since the service was made.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How the keys are.
    pub fn health(&self) -> KeyHealth {
        self.authenticator.health().remove(ISSUER).unwrap()
    }
}

/// The challenges of a response.
pub fn challenges(response: &RawResponse) -> Vec<&str> {
    let named = |(name, _): &&(String, String)| name == "www-authenticate";
    response.headers.iter().filter(named).map(|(_, value)| value.as_str()).collect()
}

/// Keeps paused time from running on by itself whenever everybody waits for a socket: the runtime does not skip ahead
/// while a blocking task is under way.
#[derive(Debug)]
struct Standstill {
    release: Option<mpsc::Sender<()>>,
    overrun: Arc<AtomicBool>,
}

impl Standstill {
    /// Ends after a minute, so that a test in which a request waits that must not fails and does not hang.
    fn begin() -> Self {
        let (release, held) = mpsc::channel::<()>();
        let overrun = Arc::new(AtomicBool::new(false));
        let late = Arc::clone(&overrun);
        tokio::task::spawn_blocking(move || {
            let timed_out = held.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout);
            late.store(timed_out, Ordering::SeqCst);
        });
        Self { release: Some(release), overrun }
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        drop(self.release.take());
        let overrun = self.overrun.load(Ordering::SeqCst);
        assert!(!overrun || std::thread::panicking(), "a request waited for time to pass");
    }
}
