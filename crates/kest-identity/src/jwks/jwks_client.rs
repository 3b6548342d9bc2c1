//! Keys from any `JwksSource` of the crate `jwks_client_rs`.

use std::fmt;

use async_trait::async_trait;
use jwks_client_rs::JsonWebKey;
use jwks_client_rs::source::JwksSource;
use kest_core::Limits;
use serde_json::{Map, Value};

use super::{FetchError, FetchKeys, KeySet, VerificationKey};

/// Feeds the key cache from a `JwksSource`, so that a source that exists already need not be written again.
///
/// Only the source is asked; none of that crate's own caching is in the way. What it hands over are parsed keys, so
/// some of what [`HttpKeys`](super::HttpKeys) does is out of reach here:
///
/// - one key of an unknown type, or without a `kid`, makes the whole set unreadable there: the fetch fails, and the
///   keys that are known stay in use until they are too old;
/// - `use` is handed over for RSA keys only and `key_ops` for none, so an EC or OKP key that is meant for something
///   else cannot be told apart; that a private part was published cannot be seen at all;
/// - how long an answer may be, whether redirects are followed, and over what, is for the source to say. A fetch is
///   cut off after `Limits::key_fetch_wait` all the same, and no more than `Limits::key_set_keys` keys are kept.
///
/// ```
/// use std::sync::Arc;
///
/// use jwks_client_rs::source::JwksSource;
/// use jwks_client_rs::{JsonWebKeySet, JwksClientError};
/// use kest_identity::{JwksClientKeys, JwtAuthenticator};
///
/// struct Vault;
///
/// #[async_trait::async_trait]
/// impl JwksSource for Vault {
///     async fn fetch_keys(&self) -> Result<JsonWebKeySet, JwksClientError> {
///         Ok(Vec::new().into())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limits = kest_core::Limits::default();
/// let jwt = JwtAuthenticator::builder()
///     .keys_from(Arc::new(JwksClientKeys::new(Vault, &limits)))
///     .issuer("https://issuer.example/")
///     .audience("https://orders.example/")
///     .build()?;
/// # drop(jwt);
/// # Ok(())
/// # }
/// ```
pub struct JwksClientKeys<Source> {
    source: Source,
    limits: Limits,
}

impl<Source> JwksClientKeys<Source> {
    /// Keys that `source` brings.
    pub fn new(source: Source, limits: &Limits) -> Self {
        Self { source, limits: limits.clone() }
    }
}

#[async_trait]
impl<Source: JwksSource + Send + Sync> FetchKeys for JwksClientKeys<Source> {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let keys = self.source.fetch_keys().await.map_err(|cause| FetchError::Source(Box::new(cause)))?;
        Ok(KeySet::collect(keys.keys(), &self.limits, |key| VerificationKey::from_jwk(&members(&key))))
    }
}

impl<Source> fmt::Debug for JwksClientKeys<Source> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JwksClientKeys").finish_non_exhaustive()
    }
}

/// The JWK as the issuer had written it, as far as it was handed over.
fn members(key: &JsonWebKey) -> Map<String, Value> {
    let parameters: &[(&str, &str)] = match key {
        JsonWebKey::Rsa(key) => &[("kty", "RSA"), ("n", key.modulus()), ("e", key.exponent())],
        JsonWebKey::Ec(key) => &[("kty", "EC"), ("crv", key.curve()), ("x", key.x()), ("y", key.y())],
        JsonWebKey::Okp(key) => &[("kty", "OKP"), ("crv", key.curve()), ("x", key.x())],
    };
    let purpose = match key {
        // The type cannot be named from outside, so its name has to do; any other than "Sig" keeps the key away.
        JsonWebKey::Rsa(key) => key.r#use().map(|purpose| format!("{purpose:?}").to_ascii_lowercase()),
        JsonWebKey::Ec(_) | JsonWebKey::Okp(_) => None,
    };
    let optional = [("alg", key.alg()), ("use", purpose.as_deref())];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let all = parameters.iter().copied().chain([("kid", key.key_id())]).chain(optional);
    all.map(|(name, value)| (name.to_owned(), value.into())).collect()
}

#[cfg(test)]
#[path = "jwks_client/tests.rs"]
mod tests;
