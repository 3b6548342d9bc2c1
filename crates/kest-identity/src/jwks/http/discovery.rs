//! Finds out where an issuer publishes its keys, and believes no one else about it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kest_core::{Limits, parse_strict_object};
use kest_http::{Endpoint, HttpClient};
use serde_json::Value;

use super::client::document;
use crate::jwks::FetchError;

/// The way from an issuer to its key set.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    base: Endpoint,
    candidates: [Endpoint; 2],
    /// Asks the issuer, which the configuration names.
    client: HttpClient,
    /// Asks other origins, which the issuer names.
    published: HttpClient,
    known: Mutex<Option<Known>>,
    wait: Duration,
    metadata_bytes: usize,
    json_depth: usize,
}

/// Where the keys were, and for how many more fetches that is taken for granted.
#[derive(Debug, Clone)]
struct Known {
    uri: Endpoint,
    fetches_left: u32,
}

impl Discovery {
    pub(super) fn new(
        issuer: String,
        base: Endpoint,
        client: HttpClient,
        published: HttpClient,
        limits: &Limits,
    ) -> Self {
        Self {
            candidates: [after_path(&base), before_path(&base)],
            issuer,
            base,
            client,
            published,
            known: Mutex::default(),
            wait: limits.key_fetch_wait / 2,
            metadata_bytes: limits.key_metadata_bytes,
            json_depth: limits.json_depth,
        }
    }

    /// Where the issuer is.
    pub(super) fn issuer(&self) -> &Endpoint {
        &self.base
    }

    pub(super) fn host(&self) -> &str {
        self.base.host()
    }

    /// Where the keys are; asks the issuer when nothing is known, or nothing that can be taken for granted any more.
    pub(super) async fn locate(&self) -> Result<Attempt<'_>, FetchError> {
        let known = self.known().clone();
        let uri = match known {
            Some(known) if known.fetches_left > 0 => known.uri,
            known => {
                // Bounded, so that metadata that hang leave time to fetch from the place that is known.
                let asked = tokio::time::timeout(self.wait, self.ask()).await;
                match (asked.unwrap_or(Err(FetchError::TimedOut)), known) {
                    (Ok(uri), _) => {
                        *self.known() = Some(Known { uri: uri.clone(), fetches_left: REREAD_AFTER });
                        uri
                    }
                    (Err(cause), Some(known)) => {
                        tracing::warn!(kind = cause.kind(), "metadata of the issuer cannot be read again");
                        known.uri
                    }
                    (Err(cause), None) => return Err(cause),
                }
            }
        };
        Ok(Attempt { discovery: self, uri, succeeded: false })
    }

    /// Reads the metadata from the first place where there are any.
    async fn ask(&self) -> Result<Endpoint, FetchError> {
        let mut missing = FetchError::TimedOut;
        for candidate in &self.candidates {
            match document(&self.client, candidate, "application/json", self.metadata_bytes).await {
                Ok(body) => return self.read(&body),
                // Nothing lies there, or what says so is a page or the way to one.
                Err(cause @ (FetchError::Status(300..=499) | FetchError::ContentType)) => missing = cause,
                Err(cause) => return Err(FetchError::Metadata(Box::new(cause))),
            }
        }
        Err(FetchError::Metadata(Box::new(missing)))
    }

    fn read(&self, body: &[u8]) -> Result<Endpoint, FetchError> {
        let members = parse_strict_object(body, self.json_depth)
            .map_err(|cause| FetchError::NotMetadata(Box::new(cause)))?;
        let text = |name: &'static str| {
            let value = members.get(name).and_then(Value::as_str);
            value.ok_or_else(|| FetchError::NotMetadata(Box::new(Missing(name))))
        };
        // RFC 8414 section 3.3, OIDC Discovery 1.0 section 4.3: identical, and not just equivalent.
        if text("issuer")? != self.issuer {
            return Err(FetchError::OtherIssuer);
        }
        let published = self.base.published(text("jwks_uri")?);
        published.map_err(|cause| FetchError::KeySetUri(cause.into()))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One fetch from the place that was found. Unless it succeeds, however it ends, metadata are read again next time.
#[derive(Debug)]
pub(super) struct Attempt<'discovery> {
    discovery: &'discovery Discovery,
    uri: Endpoint,
    succeeded: bool,
}

impl Attempt<'_> {
    pub(super) fn uri(&self) -> &Endpoint {
        &self.uri
    }

    /// The client for it: the issuer's own origin may lie anywhere, as the configuration says.
    pub(super) fn client(&self) -> &HttpClient {
        let Discovery { base, client, published, .. } = self.discovery;
        if self.uri.origin() == base.origin() { client } else { published }
    }

    pub(super) fn succeeded(mut self) {
        self.succeeded = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.discovery.known().as_mut() {
            known.fetches_left = if self.succeeded { known.fetches_left.saturating_sub(1) } else { 0 };
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("member {0} is missing or no text")]
struct Missing(&'static str);

/// OIDC Discovery 1.0 section 4.1: after the path, without its last slash.
fn after_path(issuer: &Endpoint) -> Endpoint {
    issuer.at_path(&format!("{}/.well-known/openid-configuration", bare_path(issuer)))
}

/// RFC 8414 section 3.1: between the host and the path.
fn before_path(issuer: &Endpoint) -> Endpoint {
    issuer.at_path(&format!("/.well-known/oauth-authorization-server{}", bare_path(issuer)))
}

fn bare_path(issuer: &Endpoint) -> &str {
    let path = issuer.path();
    path.strip_suffix('/').unwrap_or(path)
}

/// How many fetches rely on metadata that were read once: with the default period, 50 minutes.
const REREAD_AFTER: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn places(issuer: &str) -> [String; 2] {
        let issuer = Endpoint::parse(issuer).unwrap();
        [after_path(&issuer), before_path(&issuer)].map(|place| place.as_str().to_owned())
    }

    #[test]
    fn metadata_lie_where_the_standards_say() {
        for slash in ["", "/"] {
            let [openid, oauth] = places(&format!("https://issuer.example{slash}"));
            assert_eq!(openid, "https://issuer.example/.well-known/openid-configuration");
            assert_eq!(oauth, "https://issuer.example/.well-known/oauth-authorization-server");
            let [openid, oauth] = places(&format!("https://issuer.example:8443/realms/a%20b{slash}"));
            assert_eq!(openid, "https://issuer.example:8443/realms/a%20b/.well-known/openid-configuration");
            assert_eq!(
                oauth,
                "https://issuer.example:8443/.well-known/oauth-authorization-server/realms/a%20b"
            );
        }
    }
}
