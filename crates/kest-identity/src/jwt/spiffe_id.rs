//! Names of workloads and of the trust domains that they are of.

/// A trust domain, by its name without the scheme: SPIFFE-ID section 2.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrustDomain(String);

impl TrustDomain {
    /// The trust domain of that name, with `spiffe://` before it or without.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.strip_prefix(SCHEME).unwrap_or(name);
        let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        let is_name = !name.is_empty() && name.len() <= MOST_NAME_BYTES && name.bytes().all(is_allowed);
        is_name.then(|| Self(name.to_owned()))
    }

    /// Whether `id` is the SPIFFE ID of a workload of this trust domain: section 2.2, with a path.
    pub(super) fn has(&self, id: &str) -> bool {
        let path = id.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix(&*self.0));
        let Some(segments) = path.and_then(|path| path.strip_prefix('/')) else { return false };
        id.len() <= MOST_ID_BYTES && segments.split('/').all(is_segment)
    }
}

/// The trust domain of `id` as a URI, as far as `id` may be a SPIFFE ID at all.
pub(super) fn trust_domain_uri(id: &str) -> Option<&str> {
    let path_at = id.strip_prefix(SCHEME)?.find('/')?;
    id.get(..SCHEME.len().checked_add(path_at)?)
}

fn is_segment(segment: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed)
}

pub(super) const SCHEME: &str = "spiffe://";

/// SPIFFE-ID section 2.3.
const MOST_ID_BYTES: usize = 2048;

const MOST_NAME_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_trust_domains_are_lower_case_and_plain() {
        for name in ["example.org", "spiffe://example.org", "a_b-c.1"] {
            assert!(TrustDomain::parse(name).is_some(), "{name}");
        }
        for name in
            ["", "spiffe://", "Example.org", "example.org/", "example.org:80", "user@example.org", "exämple"]
        {
            assert_eq!(TrustDomain::parse(name), None, "{name}");
        }
    }

    #[test]
    fn only_workloads_of_the_very_trust_domain_are_of_it() {
        let domain = TrustDomain::parse("example.org").unwrap();
        for id in ["spiffe://example.org/cart", "spiffe://example.org/ns/shop/sa/Cart_1"] {
            assert!(domain.has(id), "{id}");
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
