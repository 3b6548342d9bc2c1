//! What a test can see of one answer.

use std::fmt::Debug;

use bytes::Buf as _;
use http::header::WWW_AUTHENTICATE;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use kest_tower::{Rejection, RejectionKind};
use tower::{Service, ServiceExt as _};

use crate::kit::TestKest;
use crate::signer::SignedEntry;

/// How often a handler ran.
pub(crate) type Runs = dyn Fn() -> usize + Send + Sync;

/// One answer, and what happened until it came.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: Option<u16>,
    pub(crate) rejection: Option<Rejection>,
    pub(crate) challenged: bool,
    pub(crate) nonce: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) signed: Vec<SignedEntry>,
    /// How often the handler ran meanwhile, where a test watches it.
    pub(crate) runs: Option<usize>,
}

impl Seen {
    /// Asks `app`, and reads the answer of a refusal.
    pub(crate) async fn of<S, B, R>(app: S, request: Request<B>, kit: &TestKest, runs: Option<&Runs>) -> Self
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Debug,
        R: Body,
    {
        let (signed_before, runs_before) = (kit.signatures(), runs.map(|count| count()));
        let answer = app.oneshot(request).await;
        let signed = kit.signed().split_off(signed_before);
        let runs = runs.map(|count| count() - runs_before.unwrap_or_default());
        let none = Self {
            status: None,
            rejection: None,
            challenged: false,
            nonce: None,
            body: Vec::new(),
            signed,
            runs,
        };
        let Ok(response) = answer else { return none };
        let (parts, body) = response.into_parts();
        let refused = parts.status.is_client_error() || parts.status.is_server_error();
        Self {
            status: Some(parts.status.as_u16()),
            rejection: parts.extensions.get::<Rejection>().cloned(),
            challenged: parts.headers.contains_key(WWW_AUTHENTICATE),
            nonce: parts.headers.get("dpop-nonce").and_then(|it| it.to_str().ok()).map(str::to_owned),
            body: if refused { read(body).await } else { Vec::new() },
            ..none
        }
    }

    /// The kind of the refusal, where a layer of Kest refused.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        self.rejection.as_ref().map(|rejection| rejection.kind().as_str())
    }

    /// Whether it is the answer of a handler: 1xx to 3xx.
    pub(crate) fn is_answer(&self) -> bool {
        self.rejection.is_none() && self.status.is_some_and(|status| status < 400)
    }

    /// Whether a handler ran, as far as can be seen.
    pub(crate) fn ran(&self) -> Option<&'static str> {
        let unguarded = |rejection: &Rejection| rejection.kind() == RejectionKind::NoOperation;
        if self.runs.is_some_and(|runs| runs > 0) {
            Some("the handler ran")
        } else if !self.signed.is_empty() {
            Some("an entry was signed, so that the operation ran")
        } else if self.rejection.as_ref().is_some_and(unguarded) {
            Some("the handler ran outside of an operation")
        } else if self.rejection.is_none() && self.runs.is_none() {
            Some("no layer of Kest refused it, so that the handler may have run")
        } else {
            None
        }
    }

    /// What a person needs to know of a refusal.
    pub(crate) fn told(&self) -> String {
        let status = self.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        match &self.rejection {
            Some(it) => {
                let cause = it.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
                format!(
                    "{status} {}{cause}: expected was {}; {}",
                    it.kind().as_str(),
                    it.expected(),
                    it.mend()
                )
            }
            None => status,
        }
    }
}

/// The beginning of a body. One that breaks off has what came before.
async fn read<R: Body>(body: R) -> Vec<u8> {
    let mut read = Vec::new();
    let mut body = std::pin::pin!(body);
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(mut data) = frame.into_data() {
            read.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
        if read.len() > MOST_BYTES {
            break;
        }
    }
    read
}

const MOST_BYTES: usize = 64 * 1024;
