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
//! and the proof of its hop anew then. A layer below sees the passport and could take it elsewhere: one that follows redirects does. A
//! retry below repeats the same proof, which receivers take for a replay. One that changes method, address, body or the header
//! `authorization` breaks it.
//!
//! The proof covers the bytes of a body, not its trailers. A stream is read to its end first, within `Limits::signed_body_bytes` and
//! `Limits::signed_body_wait`, and sent as the kind of body that it was: one of axum or tonic (with the features of these names), a
//! `Full`, a `String`, a boxed one. Others are refused, and so is a stream that does not end; for a stream that goes on for as long as
//! its call say [`dangerous_uncovered_streams`](CarryLayerBuilder::dangerous_uncovered_streams).
//!
//! A request that a task of its own sends has no ambience. Put an [`Admission`](kest_core::Admission) into its extensions, or
//! the [`Ambience`](kest_baggage::Ambience) that it was built under. The same holds for bodies that are streamed, since the task
//! of the connection polls them: [`CarryLayer::stream_body`] keeps them part of the operation.

mod body;
mod builder;
mod content;
mod future;
mod layer;

pub use body::{AsItIs, Streamed, WrapBody};
pub use builder::CarryLayerBuilder;
pub use future::ResponseFuture;
pub use kest_baggage::carry::{
    CarryError, ContentError, Destination, DestinationError, HopSigning, RulesError, Sent, Streams,
    WithoutLineage,
};
pub use layer::{Carry, CarryLayer};
