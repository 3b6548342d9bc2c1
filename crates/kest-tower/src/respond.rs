//! Lets a service shape the answer to a refused request without ever seeing what was refused.

use std::sync::Arc;

use http::response::Parts;
use http::{Method, Request, StatusCode};
use kest_core::{Arrival, Audit};

use crate::answer::Rejection;
use crate::grpc::Protocol;

/// Changes status and headers of a refusing response. The body stays empty.
pub type Respond = Arc<dyn Fn(&Rejection, &mut Parts) + Send + Sync>;

/// Answers as gRPC does, whatever the request says: status 200 and a `grpc-status`, a response of trailers only.
///
/// Requests whose content type is gRPC's are answered so without it.
pub fn grpc(rejection: &Rejection, parts: &mut Parts) {
    Protocol::Grpc.shape(rejection.kind(), parts);
}

/// The audit log of the service that a request came to, among the request's extensions: layers and extractors further in record
/// their refusals there. The inbound layer puts it there.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "one shared log, and nothing else")]
pub struct AuditedBy(pub Arc<dyn Audit>);

/// How a refusal of one request is answered: as its protocol has it, then as the service shapes it.
#[derive(Clone)]
pub(crate) struct Answering {
    protocol: Protocol,
    hook: Option<Respond>,
    /// A HEAD request: no body follows whose end could be waited for.
    head: bool,
    audit: Option<Asking>,
}

/// Where a refusal is recorded, and who asked as far as that was proved when the layer saw the request.
#[derive(Clone)]
struct Asking {
    audit: Arc<dyn Audit>,
    arrival: Option<Arrival>,
}

impl Answering {
    pub(crate) fn to<Body>(request: &Request<Body>, hook: Option<Respond>) -> Self {
        let audit = request.extensions().get::<AuditedBy>().map(|AuditedBy(audit)| Asking {
            audit: Arc::clone(audit),
            arrival: request.extensions().get::<Arrival>().cloned(),
        });
        let protocol = Protocol::of(request.method(), request.headers());
        Self { protocol, hook, head: request.method() == Method::HEAD, audit }
    }

    /// One line, one count and one record.
    pub(crate) fn report(&self, rejection: &Rejection) {
        let asking = self.audit.as_ref();
        let arrival = asking.and_then(|asking| asking.arrival.as_ref());
        rejection.report(asking.map(|asking| asking.audit.as_ref()), arrival);
    }

    /// Whether no body follows the head of an answer of this status (RFC 9110 section 6.4.1).
    pub(crate) fn is_bare(&self, status: StatusCode) -> bool {
        self.head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    pub(crate) fn shape(&self, rejection: &Rejection, parts: &mut Parts) {
        self.protocol.shape(rejection.kind(), parts);
        if let Some(hook) = &self.hook {
            hook(rejection, parts);
        }
    }
}
