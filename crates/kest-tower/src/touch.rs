//! Notices an answer of a route that no layer of ours was around: nothing was asked there, and nothing signed.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[cfg(feature = "axum")]
use axum::extract::MatchedPath;
use http::{Extensions, Method, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use kest_core::entry::OperationName;
use kest_core::refusal::Step;

use crate::answer::Rejection;
use crate::grpc::GRPC_STATUS;
use crate::rejection::RejectionKind;

/// Set by an operation, a guard or `public()` when a request reaches it; put there anew by each inbound layer.
#[derive(Debug, Clone)]
struct Touched(Arc<Marks>);

#[derive(Debug)]
struct Marks {
    touched: AtomicBool,
    /// The way to switch protocols, kept from routes that nothing was asked about: once a handler has it, the connection
    /// is its own when the answer is done, whatever the answer was.
    upgrade: Mutex<Option<OnUpgrade>>,
}

/// Tells the inbound layer that this route is not a forgotten one.
pub(crate) fn touch(extensions: &mut Extensions) {
    let Some(Touched(marks)) = extensions.get().cloned() else { return };
    marks.touched.store(true, Ordering::Release);
    if let Some(upgrade) = marks.withheld().take() {
        extensions.insert(upgrade);
    }
}

impl Marks {
    fn withheld(&self) -> MutexGuard<'_, Option<OnUpgrade>> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the inbound layer keeps of a request to judge the answer by.
#[derive(Debug)]
pub(crate) struct Watch {
    touched: Touched,
    route: Route,
}

impl Watch {
    /// Begins to watch over the route that `request` will reach.
    pub(crate) fn over<Body>(request: &mut Request<Body>) -> Self {
        let upgrade = Mutex::new(request.extensions_mut().remove::<OnUpgrade>());
        let touched = Touched(Arc::new(Marks { touched: AtomicBool::new(false), upgrade }));
        request.extensions_mut().insert(touched.clone());
        Self { touched, route: Route::of(request) }
    }

    /// The refusal of an answer that no layer was asked about. Answers that say no pass: a path that no route has, a method
    /// that a route does not take.
    pub(crate) fn judge<Body>(&self, response: &Response<Body>) -> Option<Rejection> {
        let Touched(marks) = &self.touched;
        // A handler that found no way to switch protocols says 426.
        let would_switch = || response.status() == StatusCode::UPGRADE_REQUIRED && marks.withheld().is_some();
        let forgotten = !marks.touched.load(Ordering::Acquire) && (is_a_yes(response) || would_switch());
        let rejection = || Rejection::new(Step::Inbound, RejectionKind::NoOperation);
        forgotten.then(|| rejection().on_route(self.route.to_string().into()))
    }
}

/// Whether an answer gives something: content, another place to look, another protocol.
fn is_a_yes<Body>(response: &Response<Body>) -> bool {
    let status = response.status();
    // gRPC says no with status 200, in a response of trailers only.
    let grpc_code = || response.headers().get(GRPC_STATUS);
    let grpc_no = || status == StatusCode::OK && grpc_code().is_some_and(|code| is_a_no(code.as_bytes()));
    let no = status.is_client_error() || status.is_server_error() || grpc_no();
    !no
}

/// Whether a code of gRPC says that a call failed. What is no such code may be read as success: some read `00` as 0.
fn is_a_no(code: &[u8]) -> bool {
    matches!(code, [b'1'..=b'9'] | [b'1', b'0'..=b'6'])
}

/// The route by what the program calls it: the method, and in axum the path that it was registered under. The path of the
/// request is a stranger's text and is not named.
#[derive(Debug)]
struct Route {
    method: &'static str,
    path: Option<MatchedPath>,
}

impl Route {
    fn of<Body>(request: &Request<Body>) -> Self {
        let method = method_of(request.method()).unwrap_or("(extension method)");
        Self { method, path: request.extensions().get().cloned() }
    }
}

/// The name of the operation that a request asks for by its route: method and path as it was registered. `None` without a
/// route, or where that is no name.
pub(crate) fn name_of_route(method: &Method, extensions: &Extensions) -> Option<OperationName> {
    // OpenTelemetry's word for a method that a stranger may have made up.
    let method = method_of(method).unwrap_or("_OTHER");
    OperationName::new(format!("{method} {}", extensions.get::<MatchedPath>()?.as_str())).ok()
}

/// The method, where it is one of those that HTTP itself has.
fn method_of(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => return None,
    })
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(formatter, "{} {}", self.method, path.as_str()),
            None => formatter.write_str(self.method),
        }
    }
}

/// Without axum no router is known that says which path a route was registered under.
#[cfg(not(feature = "axum"))]
#[derive(Debug, Clone)]
enum MatchedPath {}

#[cfg(not(feature = "axum"))]
impl MatchedPath {
    fn as_str(&self) -> &str {
        match *self {}
    }
}
