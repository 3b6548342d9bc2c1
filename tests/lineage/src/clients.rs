//! Clients as users put them together: retries, tracing, and an SDK that writes baggage, all of which once ran below ours.

use std::time::Duration;

use http::{Extensions, HeaderValue};
use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{Admission, Operation};
use kest_reqwest::{CarryPassport, Carrying, Destination, WithoutLineage};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use reqwest_tracing::TracingMiddleware;

use crate::services::kest;

/// Carries to `origin` alone, and refuses where there is no lineage.
pub fn carrying(origin: &str) -> Carrying {
    CarryPassport::to([Destination::origin(origin).unwrap()]).without_lineage(WithoutLineage::Refuse)
}

/// Carries to `origin` alone, and starts a lineage of full trust where the request has none.
pub fn originating(origin: &str) -> Carrying {
    let job = Operation::named("nightly").unwrap();
    CarryPassport::to([Destination::origin(origin).unwrap()]).without_lineage(WithoutLineage::originate(
        kest("batch"),
        Origin::system(),
        job,
        dangerous_allow_all(),
    ))
}

/// One client that refuses and one that may originate, below the same middleware.
#[derive(Debug, Clone)]
pub struct TwoClients {
    /// Refuses where there is no lineage.
    pub refusing: ClientWithMiddleware,
    /// Starts a lineage where the request has none.
    pub originating: ClientWithMiddleware,
}

impl TwoClients {
    /// Both carry to `origin` alone.
    #[must_use]
    pub fn to(origin: &str) -> Self {
        let build = |carrying: Carrying| carrying.client_with(reqwest::Client::builder(), stack).unwrap();
        Self { refusing: build(carrying(origin)), originating: build(originating(origin)) }
    }
}

fn stack(stack: ClientBuilder) -> ClientBuilder {
    let at_once = Duration::from_millis(1);
    let policy = ExponentialBackoff::builder().retry_bounds(at_once, at_once).build_with_max_retries(2);
    stack
        .with(RetryTransientMiddleware::new_with_policy(policy))
        .with(TracingMiddleware::default())
        .with(WritesBaggage)
}

/// Adds its members to whatever stands there, and twice, as an SDK for errors does that is installed twice; and puts
/// what an inbound request carried onto every request, as a proxy of headers would.
struct WritesBaggage;

#[async_trait::async_trait]
impl Middleware for WritesBaggage {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let headers = request.headers_mut();
        headers.append("baggage", HeaderValue::from_static("sentry-environment=test"));
        headers.append("baggage", HeaderValue::from_static("sentry-release=1,kest.user=admin"));
        if let Some(admission) =
            extensions.get::<Admission>().cloned().or_else(kest_baggage::current_admission)
        {
            let inbound = admission.arrival().lineage().passport().map(kest_core::Passport::to_json);
            let members = format!("kest.passport={},kest.chain_tip=0", inbound.unwrap_or_default());
            headers.append("baggage", members.parse().unwrap());
        }
        next.run(request, extensions).await
    }
}
