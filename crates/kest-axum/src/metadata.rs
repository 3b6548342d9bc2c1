//! Serves what a protected resource says about itself: RFC 9728.

use axum::Router;
use axum::routing::get;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use kest_tower::ResourceMetadata;

/// A router with the one route that the document is served under.
///
/// Merge it outside of the `InboundLayer`: who has no token yet must be able to read it.
///
/// # Errors
///
/// An error of the JSON writer, which does not happen for texts.
///
/// ```
/// use axum::Router;
/// use kest_axum::protected_resource;
/// use kest_tower::ResourceMetadata;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let metadata = ResourceMetadata::of("https://orders.example")?.authorization_servers(["https://issuer.example"]);
/// let protected: Router = Router::new(); // the routes, with their layers
/// let service = protected.merge(protected_resource(&metadata)?);
/// # drop(service);
/// # Ok(())
/// # }
/// ```
pub fn protected_resource(metadata: &ResourceMetadata) -> Result<Router, serde_json::Error> {
    let document = metadata.to_json()?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "max-age=3600"),
        // Public by definition; clients that run in browsers have to read it too.
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    Ok(Router::new().route(metadata.path(), get(async move || (headers, document))))
}
