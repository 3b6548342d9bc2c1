//! The suite: what the whole promises, tried against the real layers over real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which end the test at the line that failed"
)]

mod architecture;
mod claims;
mod debug;
mod documents;
mod grants;
mod grpc;
mod guard;
mod lineages;
mod metrics;
mod outbound;
mod policy;
mod possession;
mod properties;
mod proxies;
mod readme;
mod refusals;
mod services;
mod settings;
mod specification;
mod stacking;
mod streams;
mod threats;
mod vectors;

/// The whole body of an answer.
async fn text_of<Body>(response: http::Response<Body>) -> String
where
    Body: http_body_util::BodyExt<Error: std::fmt::Debug>,
{
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
