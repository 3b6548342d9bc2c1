//! Carries the lineage of the running operation on requests of any tower client: a tonic channel, a client of hyper.
//!
//! ```
//! use http::{Request, Response};
//! use kest_baggage::{Tiers, run_admitted};
//! use kest_tower::carry::CarryLayerBuilder;
//! use tower::{ServiceBuilder, ServiceExt as _};
//!
//! # async fn example(admitter: &kest_core::Admitter, job: kest_core::Admission) -> Result<(), kest_core::BoxError> {
//! // For a client that goes where each request's address says, such as hyper's:
//! let listed = CarryLayerBuilder::new(admitter, Tiers::auto()).destination("https://stock.internal")?.build()?;
//! // For a client that goes to one origin whatever the address says, such as a tonic channel:
//! let bound = CarryLayerBuilder::new(admitter, Tiers::auto()).to("https://stock.internal")?.build()?;
//! # drop(bound);
//!
//! # let client = tower::service_fn(async |request: Request<String>| {
//! #     assert!(request.headers().contains_key("baggage"));
//! #     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//! # });
//! let client = ServiceBuilder::new().layer(listed).service(client);
//! let request = Request::get("https://stock.internal/items").body(String::new())?;
//! run_admitted(job, async |_job| client.oneshot(request).await).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Without a lineage nothing is sent, unless the builder was told what to [`originate`](CarryLayerBuilder::originate). The
//! error of the service is boxed, as those of tower's own layers are; [`CarryError::of`] finds in it why a request was not sent.
//!
//! # Limits and caveats
//!
//! Put this layer innermost, right around the client, with retries and timeouts above it: every attempt gets its passport
//! anew then. A layer below sees the passport and could take it elsewhere: one that follows redirects does. A retry below repeats
//! the same passport, which fails where claims are for single use.
//!
//! A request that a task of its own sends has no ambience. Put an [`Admission`](kest_core::Admission) into its extensions, or
//! the [`Ambience`](kest_baggage::Ambience) that it was built under. The same holds for bodies that are streamed, since the task
//! of the connection polls them: [`CarryLayer::stream_body`] keeps them part of the operation.

mod body;
mod builder;
mod future;
mod layer;

pub use body::{AsItIs, Streamed, WrapBody};
pub use builder::CarryLayerBuilder;
pub use future::ResponseFuture;
pub use kest_baggage::carry::{CarryError, Destination, DestinationError, RulesError, Sent, WithoutLineage};
pub use layer::{Carry, CarryLayer};
