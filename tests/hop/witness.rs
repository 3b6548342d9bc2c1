//! A server that keeps each request as it arrived, and says of it what a receiver of hop proofs would.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, Uri, Version, header};
use http_body_util::BodyExt as _;
use kest_core::{Limits, Verifier};
use kest_signature::hop::{self, HopSettings};
use kest_signature::{ExpectedBody, RequestHead};
use kest_tests::clock::today;
use kest_tests::keys;
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

/// Answers everything over HTTP/1.1 and HTTP/2: `/again` and `/see-other` by a redirect to `/here`, `/busy` by 503.
#[derive(Clone)]
pub(crate) struct Witness {
    pub(crate) port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Witness {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let witness = Self { port: listener.local_addr().unwrap().port(), arrived: Arc::default() };
        let keeps = Arc::clone(&witness.arrived);
        let router = Router::new().fallback(async move |request: axum::extract::Request| -> Response {
            let (parts, body) = request.into_parts();
            let path = parts.uri.path().to_owned();
            let body = body.collect().await.unwrap().to_bytes();
            keeps.lock().unwrap().push(Arrived { parts, body });
            let to_here = |status| (status, [(header::LOCATION, "/here?then=1")]).into_response();
            match path.as_str() {
                "/again" => to_here(StatusCode::TEMPORARY_REDIRECT),
                "/see-other" => to_here(StatusCode::SEE_OTHER),
                "/busy" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                _ => "seen".into_response(),
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        witness
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Arrived {
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "requests that arrived");
        arrived.into_iter().next().unwrap()
    }
}

impl Arrived {
    /// What a service that callers know as `authority` says of it.
    pub(crate) async fn judged_by(&self, authority: &str) -> Result<(), String> {
        let limits = Limits::default();
        let packed = kest_baggage::HeaderReader::default().read_headers(&self.parts.headers).unwrap();
        let restored = kest_baggage::restore(packed, None, &limits).await.unwrap();
        let carried = restored.passport().ok_or("no passport")?;
        let passport = Verifier::new(limits.clone()).verify(carried, &keys::ring()).unwrap();
        let settings = HopSettings::builder().authority(authority).clock(Arc::new(today())).build().unwrap();
        let head = RequestHead::of(&self.parts.method, &self.parts.uri);
        let said = |error: hop::HopError| format!("{} {:?}", error.kind(), error.cause());
        let proof = hop::read(&head, &self.parts.headers, &limits).map_err(said)?.ok_or("no proof")?;
        let proved = proof.verify(&passport, &keys::ring(), &settings).await.map_err(said)?;
        let mut body = proved.body().check();
        body.update(&self.body).and_then(|()| body.finish()).map_err(|fault| fault.to_string())
    }

    /// Whether the proof says anything about the body.
    pub(crate) fn covers_its_body(&self) -> bool {
        let input = self.header("signature-input");
        let digest = kest_signature::ContentDigest::read(&self.parts.headers).unwrap();
        assert_eq!(digest.is_some(), input.contains("content-digest"));
        digest.map_or(ExpectedBody::Empty, ExpectedBody::Digest) != ExpectedBody::Empty
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let lines = self.parts.headers.get_all(name).iter().map(|line| line.to_str().unwrap());
        lines.collect::<Vec<_>>().join(",")
    }

    pub(crate) fn version(&self) -> Version {
        self.parts.version
    }

    /// The same request with another target.
    pub(crate) fn at(&self, uri: &str) -> Self {
        let mut moved = self.clone();
        moved.parts.uri = uri.parse::<Uri>().unwrap();
        moved
    }
}
