//! Looks names up, and drops addresses that no issuer has.

use std::net::{IpAddr, SocketAddr};

use kest_core::BoxError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks names up as usual, and drops addresses of the network segment and those that are nobody's.
///
/// Names come from an issuer's metadata. Behind link-local addresses lie the metadata services of clouds, which trust
/// whoever reaches them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outward;

impl Resolve for Outward {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The client puts the port of the URI in place of 0.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            outward(found.map_err(NotFound)?)
        })
    }
}

fn outward(found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, BoxError> {
    let kept: Vec<_> = found.filter(|address| !is_nobodys(address.ip())).collect();
    if kept.is_empty() {
        return Err(Box::new(NoAddress));
    }
    Ok(Box::new(kept.into_iter()))
}

/// Whether it is link-local (RFC 3927, RFC 4291 section 2.5.6) or not the address of one machine at all.
pub(super) fn is_nobodys(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(it) => it.is_link_local() || it.is_unspecified() || it.is_multicast() || it.is_broadcast(),
        IpAddr::V6(it) => it.is_unicast_link_local() || it.is_unspecified() || it.is_multicast(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("name could not be looked up")]
struct NotFound(#[source] std::io::Error);

#[derive(Debug, thiserror::Error)]
#[error("name has no address that an issuer may have")]
struct NoAddress;

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(addresses: &[&str]) -> Option<Vec<String>> {
        let found = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0));
        outward(found).ok().map(|kept| kept.map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn names_lead_to_no_metadata_service() {
        let good = vec!["192.0.2.1".to_owned(), "10.0.0.1".to_owned()];
        assert_eq!(look_up(&["192.0.2.1", "169.254.169.254", "fe80::1", "10.0.0.1"]), Some(good));
        for alone in
            ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "::", "255.255.255.255"]
        {
            assert_eq!(look_up(&[alone]), None, "{alone}");
        }
    }
}
