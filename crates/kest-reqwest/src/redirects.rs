//! Follows redirects only where the passport was meant to go.

use reqwest::redirect::{Attempt, Policy};

use crate::destination::Destination;

/// Redirects that one request may follow; more is a loop.
const MOST: usize = 5;

/// Follows redirects that stay on the origin of the request. Any other is handed to the caller as it came: reqwest
/// would repeat the `baggage` header to whatever host it names.
pub(crate) fn same_origin() -> Policy {
    Policy::custom(|attempt: Attempt<'_>| {
        let first = attempt.previous().first().and_then(Destination::of);
        if first.is_none() || first != Destination::of(attempt.url()) {
            attempt.stop()
        } else if attempt.previous().len() > MOST {
            attempt.error(TooManyRedirects)
        } else {
            attempt.follow()
        }
    })
}

/// The origin keeps redirecting to itself.
#[derive(Debug, thiserror::Error)]
#[error("more than {MOST} redirects")]
struct TooManyRedirects;
