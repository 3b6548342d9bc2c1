//! A service in front of a key set on loopback, in time that moves only when a test moves it.

use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kest_core::{AuthenticateError, Caller, Evidence, Lineage, authenticate};
use kest_identity::{InvalidToken, JwtAuthenticator, KeySetUnavailable};
use kest_testkit::{FixedRandom, RuntimeClock};
use serde_json::Value;
use tokio::time::Instant;

use crate::signer::{AUDIENCE, ISSUER, NOW, key_set};
use crate::site::{Page, Site};

pub(crate) const KEYS: &str = "/jwks.json";

pub(crate) struct Service {
    pub(crate) authenticator: JwtAuthenticator,
    pub(crate) site: Site,
    pub(crate) begun: Instant,
    _standstill: mpsc::Sender<()>,
}

impl Service {
    /// A service that trusts a site which publishes these keys: refreshed every 300 s without jitter, served stale for
    /// 3600 s. The runtime must have been started with its clock paused.
    pub(crate) async fn trusting(keys: &[Value]) -> Self {
        let site = Site::open().await;
        site.publish(KEYS, Page::Json(key_set(keys)));
        let begun = Instant::now();
        let authenticator = JwtAuthenticator::builder()
            .jwks_uri(site.at(KEYS))
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(Arc::new(RuntimeClock::new(NOW, begun)))
            .random(Arc::new(FixedRandom::default()))
            .build()
            .unwrap();
        Self { authenticator, site, begun, _standstill: stand_still() }
    }

    /// The same, with the keys fetched.
    pub(crate) async fn warm(keys: &[Value]) -> Self {
        let service = Self::trusting(keys).await;
        service.authenticator.start().await.unwrap();
        service
    }

    pub(crate) fn publish(&self, page: Page) {
        self.site.publish(KEYS, page);
    }

    pub(crate) async fn send(&self, token: &str) -> &'static str {
        send(&self.authenticator, token).await
    }

    /// The answer if it comes without waiting for anything.
    pub(crate) fn send_at_once(&self, token: &str) -> Option<&'static str> {
        let mut sent = std::pin::pin!(self.send(token));
        match sent.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    /// The answer, while time passes for whatever it waits for.
    pub(crate) async fn send_patiently(&self, token: &str) -> &'static str {
        let mut sent = std::pin::pin!(self.send(token));
        loop {
            tokio::select! {
                biased;
                answer = &mut sent => return answer,
                () = self.pass(Duration::from_millis(100)) => {}
            }
        }
    }

    /// Lets so much time pass, and then every fetch land that has started.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
        self.end().await;
    }

    /// Lets every fetch land that has started; time stands still meanwhile.
    pub(crate) async fn end(&self) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.authenticator.after_fetches(self.authenticator.fetches()).await;
    }

    /// Checks how many fetches there were, as seen from both ends.
    #[track_caller]
    pub(crate) fn check_fetches(&self, expected: usize) {
        let begun = usize::try_from(self.authenticator.fetches()).unwrap();
        assert_eq!((begun, self.site.hits()), (expected, expected));
    }
}

/// What becomes of a request: `accepted`, or the kind of the refusal.
pub(crate) async fn send(authenticator: &JwtAuthenticator, token: &str) -> &'static str {
    let header = format!("Bearer {token}");
    let evidence = Evidence::new(&Lineage::Absent).with_authorization([header.as_bytes()]);
    match authenticate(authenticator, &evidence).await {
        Ok(caller) => accepted(&caller),
        Err(AuthenticateError::Invalid(cause)) => cause.downcast_ref::<InvalidToken>().unwrap().kind(),
        Err(AuthenticateError::Unavailable(cause)) => match cause.downcast_ref().unwrap() {
            KeySetUnavailable::Fetch(cause) => cause.kind(),
            KeySetUnavailable::Waited(_) => "waited",
            KeySetUnavailable::Crowded => "crowded",
            KeySetUnavailable::NoRuntime => "no_runtime",
            other => panic!("{other:?}"),
        },
        Err(other) => panic!("{other:?}"),
    }
}

fn accepted(caller: &Caller) -> &'static str {
    assert_eq!(caller.user(), Some("user-1"));
    "accepted"
}

/// Keeps paused time from running on by itself whenever everybody waits for a socket: the runtime does not skip ahead
/// while a blocking task is under way.
pub(crate) fn stand_still() -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel();
    tokio::task::spawn_blocking(move || held.recv().is_err());
    release
}
