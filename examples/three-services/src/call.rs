//! The protected route: says what was proved, then calls the next service.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use kest::Admitted;
use reqwest_middleware::ClientWithMiddleware;
use serde_json::json;

use crate::answer::{Answer, Sent};

/// What the route knows about its service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) next: Option<Next>,
}

/// The next service.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) client: ClientWithMiddleware,
    pub(crate) url: reqwest::Url,
}

/// `POST /call`.
pub(crate) async fn call(
    State(service): State<Arc<Service>>,
    Admitted(admission): Admitted,
    received: Option<axum::Extension<kest::tower::Received>>,
) -> Response {
    let tier = received.and_then(|received| received.0.tier);
    let mut answer = Answer::of(&service.name, &admission, tier);
    let Some(next) = &service.next else {
        return Json(answer).into_response();
    };
    match ask(next).await {
        Ok((sent, of_next)) => {
            answer.sent = sent;
            answer.next = Some(Box::new(of_next));
            Json(answer).into_response()
        }
        Err(status) => {
            let status = status.map(|status| status.as_u16());
            (StatusCode::BAD_GATEWAY, Json(json!({ "next_status": status }))).into_response()
        }
    }
}

/// The next service's answer, or its status when it refused, or nothing when it was not reached.
async fn ask(next: &Next) -> Result<(Option<Sent>, Answer), Option<StatusCode>> {
    let response = next.client.post(next.url.clone()).send().await.map_err(|error| {
        tracing::warn!("next service was not reached: {error}");
        None
    })?;
    if !response.status().is_success() {
        return Err(Some(response.status()));
    }
    let sent = response
        .extensions()
        .get::<kest::client::Sent>()
        .map(|sent| Sent { tier: sent.tier.as_str().to_owned(), bytes: sent.bytes });
    let answer = response.json().await.map_err(|_cause| None)?;
    Ok((sent, answer))
}
