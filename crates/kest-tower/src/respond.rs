//! Lets a service shape the answer to a refused request without ever seeing what was refused.

use std::sync::Arc;

use http::Request;
use http::response::Parts;

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

/// How a refusal of one request is answered: as its protocol has it, then as the service shapes it.
#[derive(Clone)]
pub(crate) struct Answering {
    protocol: Protocol,
    hook: Option<Respond>,
}

impl Answering {
    pub(crate) fn to<Body>(request: &Request<Body>, hook: Option<Respond>) -> Self {
        Self { protocol: Protocol::of(request.method(), request.headers()), hook }
    }

    pub(crate) fn shape(&self, rejection: &Rejection, parts: &mut Parts) {
        self.protocol.shape(rejection.kind(), parts);
        if let Some(hook) = &self.hook {
            hook(rejection, parts);
        }
    }
}
