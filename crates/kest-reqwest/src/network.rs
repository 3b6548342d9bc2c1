//! What every client that carries passports keeps to, whatever its builder was told.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use kest_http::Origin;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{ClientBuilder, Proxy, Url};

/// Redirects that one request may follow; more is a loop.
const MOST: usize = 5;

/// Redirects of the same origin, proxies that the builder was given and none of the environment, and `localhost`
/// without a look-up.
///
/// A proxy reads what is sent over plain http, the passport included, so that one must be chosen and not inherited. The
/// builder reads the environment unless it was given some proxy: the one that is added here never applies, and stands
/// behind all others.
pub(crate) fn bounded(builder: ClientBuilder) -> ClientBuilder {
    // Plain http to this name needs no leave, so it has to be this machine: RFC 6761 section 6.3. The client puts the
    // port of the URL in place of 0.
    let here =
        [SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0)];
    builder
        .redirect(same_origin())
        .proxy(Proxy::custom(|_url| None::<Url>))
        .resolve_to_addrs("localhost", &here)
        .resolve_to_addrs("localhost.", &here)
}

/// Follows redirects that stay on the origin of the request. Any other is handed to the caller as it came: reqwest
/// would repeat the `baggage` header to whatever host it names.
fn same_origin() -> Policy {
    Policy::custom(|attempt: Attempt<'_>| {
        let first = attempt.previous().first().and_then(Origin::of);
        if first.is_none() || first != Origin::of(attempt.url()) {
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
