//! SPIFFE ids of workloads, and the trust domains that they are of: the SPIFFE-ID standard, sections 2.1 to 2.3.

use std::fmt;
use std::sync::Arc;

use kest_core::signature::WorkloadId;

/// A trust domain, by its name without the scheme: SPIFFE-ID section 2.1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(Arc<str>);

impl TrustDomain {
    /// The trust domain of that name, with `spiffe://` before it or without.
    ///
    /// # Errors
    ///
    /// [`SpiffeIdError`] for a name of other bytes than lower case letters, digits, `.`, `-` and `_`, or of over 255 of them.
    pub fn parse(name: &str) -> Result<Self, SpiffeIdError> {
        let name = name.strip_prefix(SCHEME).unwrap_or(name);
        let is_name = !name.is_empty() && name.len() <= MOST_NAME_BYTES && name.bytes().all(is_of_name);
        if is_name { Ok(Self(name.into())) } else { Err(SpiffeIdError) }
    }

    /// The name, without the scheme.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `id` is the SPIFFE id of a workload of this trust domain: section 2.2, with a path.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        parts(id).is_some_and(|(domain, _path)| domain == &*self.0)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The SPIFFE id of a workload: one spelling, without port, query, escapes or empty segments, and with a path, since a trust
/// domain is no workload.
///
/// ```
/// use kest_identity::SpiffeId;
///
/// # fn main() -> Result<(), kest_identity::SpiffeIdError> {
/// let cart = SpiffeId::parse("spiffe://example.org/ns/shop/cart")?;
/// assert_eq!((cart.trust_domain().as_str(), cart.path()), ("example.org", "/ns/shop/cart"));
/// assert!(SpiffeId::parse("spiffe://example.org/ns/../cart").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    workload: WorkloadId,
    domain: TrustDomain,
}

impl SpiffeId {
    /// Reads an id of at most 256 bytes: what a [`WorkloadId`] holds, an eighth of what section 2.3 allows.
    ///
    /// # Errors
    ///
    /// [`SpiffeIdError`] for anything else.
    pub fn parse(id: &str) -> Result<Self, SpiffeIdError> {
        let (domain, _path) = parts(id).ok_or(SpiffeIdError)?;
        let workload = WorkloadId::new(id).map_err(|_cause| SpiffeIdError)?;
        Ok(Self { workload, domain: TrustDomain(domain.into()) })
    }

    /// The id as the name that entries are signed with.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.workload
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.workload.as_str()
    }

    /// The trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// The path, with its leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        parts(self.as_str()).map_or("", |(_domain, path)| path)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// It is no SPIFFE id, or no name of a trust domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a spiffe id of a workload, or not a trust domain")]
pub struct SpiffeIdError;

/// The trust domain of `id` as a URI, as far as `id` may be a SPIFFE id at all.
pub(crate) fn trust_domain_uri(id: &str) -> Option<&str> {
    let path_at = id.strip_prefix(SCHEME)?.find('/')?;
    id.get(..SCHEME.len().checked_add(path_at)?)
}

/// Whether `id` is the SPIFFE id of a workload, of whatever trust domain.
#[cfg(feature = "x509")]
pub(crate) fn is_spiffe_id(id: &str) -> bool {
    parts(id).is_some()
}

/// The name of the trust domain, and the path with its leading slash.
fn parts(id: &str) -> Option<(&str, &str)> {
    let rest = id.strip_prefix(SCHEME)?;
    let (domain, path) = rest.split_at(rest.find('/')?);
    let is_domain = !domain.is_empty() && domain.len() <= MOST_NAME_BYTES && domain.bytes().all(is_of_name);
    let is_path = path.strip_prefix('/')?.split('/').all(is_segment);
    (id.len() <= MOST_ID_BYTES && is_domain && is_path).then_some((domain, path))
}

fn is_of_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')
}

fn is_segment(segment: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed)
}

pub(crate) const SCHEME: &str = "spiffe://";

/// SPIFFE-ID section 2.3.
const MOST_ID_BYTES: usize = 2048;

const MOST_NAME_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_trust_domains_are_lower_case_and_plain() {
        for name in ["example.org", "spiffe://example.org", "a_b-c.1"] {
            assert!(TrustDomain::parse(name).is_ok(), "{name}");
        }
        for name in
            ["", "spiffe://", "Example.org", "example.org/", "example.org:80", "user@example.org", "exämple"]
        {
            assert_eq!(TrustDomain::parse(name), Err(SpiffeIdError), "{name}");
        }
    }

    #[test]
    fn only_workloads_of_the_very_trust_domain_are_of_it() {
        let domain = TrustDomain::parse("example.org").unwrap();
        for id in ["spiffe://example.org/cart", "spiffe://example.org/ns/shop/sa/Cart_1"] {
            assert!(domain.has(id), "{id}");
            assert_eq!(SpiffeId::parse(id).map(|id| id.trust_domain().clone()), Ok(domain.clone()), "{id}");
            assert_eq!(trust_domain_uri(id), Some("spiffe://example.org"));
        }
        for id in [
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe://example.org//cart",
            "spiffe://example.org/cart/",
            "spiffe://example.org/../cart",
            "spiffe://example.org/./cart",
            "spiffe://example.org/c%61rt",
            "spiffe://example.org/cart?x",
            "spiffe://example.org.evil.example/cart",
            "spiffe://evil.example/example.org/cart",
            "spiffe://user@example.org/cart",
            "SPIFFE://example.org/cart",
            "https://example.org/cart",
            "example.org/cart",
            "",
        ] {
            assert!(!domain.has(id), "{id}");
        }
        assert!(!domain.has(&format!("spiffe://example.org/{}", "a".repeat(2048))));
    }
}
