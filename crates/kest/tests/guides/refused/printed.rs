use axum::Router;
use axum::response::Response;
use kest::Rejection;
use tower::util::MapResponseLayer;

/// Put around the whole service, outside of `kest.inbound(..)`: hands every refusal to `report`, and changes no answer.
fn reported(service: Router, report: impl Fn(&Rejection) + Clone + Send + Sync + 'static) -> Router {
    service.layer(MapResponseLayer::new(move |response: Response| {
        if let Some(rejection) = response.extensions().get::<Rejection>() {
            report(rejection);
        }
        response
    }))
}
// ---
/// One line that says what was wrong, what was expected and what to do; nothing that the request contained.
fn explained(rejection: &Rejection) -> String {
    let cause = rejection.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!(
        "{}{cause}: expected {}; {}",
        rejection.kind().as_str(),
        rejection.expected(),
        rejection.mend()
    )
}
