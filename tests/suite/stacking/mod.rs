//! Layers that were stacked wrongly or forgotten are loud, and no lineage is lost between them.

mod order;
mod routes;
mod start;
mod trace;
mod upgrades;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, Operation};
use kest_identity::IdentityChoice;
use kest_tests::forge;
use kest_tests::keys;
use kest_tower::{InboundBuilder, InboundLayer, OperationLayer};

fn builder() -> InboundBuilder {
    InboundLayer::builder(keys::ring()).identity(IdentityChoice::from_lineage()).dangerous_bearer_passports()
}

fn inbound() -> InboundLayer {
    builder().build()
}

fn operation() -> OperationLayer {
    OperationLayer::new(keys::kest("service"), Operation::named("call").unwrap(), dangerous_allow_all())
}

/// A request whose lineage is worth nothing.
fn worthless() -> Request<String> {
    let entries = vec![forge::entry("gateway", 1, &[]).with("/trust_score", 0).sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    Request::builder().header("baggage", header).body(String::new()).unwrap()
}

#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Answers with the trust of the operation that runs.
    fn run<B>(&self, request: &Request<B>) -> std::future::Ready<Result<Response<String>, Infallible>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let admission = request.extensions().get::<Admission>();
        let trust = admission.map(|it| it.entry().trust_score().to_string());
        std::future::ready(Ok(Response::new(trust.unwrap_or_default())))
    }
}
