//! Whose part of what all callers share: a digest that names no one.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::arrival::Lineage;
use crate::caller::{Caller, PeerCertificate};
use crate::signature::WorkloadId;

/// The caller on whose account something is kept or done, so that no caller uses up what belongs to all.
///
/// A caller is the user of an issuer, else the workload that signed the tip, else the peer of the connection. All that
/// is known of none of them is one share together. Sixteen bytes of a digest; no name can be read from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share([u8; 16]);

impl Share {
    /// Everything of which no caller is known.
    pub const UNKNOWN: Self = Self([0; 16]);

    /// A user, or an agent without one, for whom `issuer` vouches: a name means nothing without it.
    #[must_use]
    pub fn of_user(issuer: &str, user: &str) -> Self {
        Self::of(&[b"user", issuer.as_bytes(), user.as_bytes()])
    }

    /// A workload that proved its name.
    #[must_use]
    pub fn of_workload(workload: &WorkloadId) -> Self {
        Self::of(&[b"workload", workload.as_str().as_bytes()])
    }

    /// Everything that is read from the queue called `queue`, by whichever sender: who it is gets known only when it is verified.
    #[must_use]
    pub fn of_queue(queue: &str) -> Self {
        Self::of(&[b"queue", queue.as_bytes()])
    }

    /// The owner of the key of this thumbprint.
    #[must_use]
    pub fn of_key(thumbprint: &str) -> Self {
        Self::of(&[b"key", thumbprint.as_bytes()])
    }

    /// The peer that proved to have the key of `certificate`.
    #[must_use]
    pub fn of_certificate(certificate: &PeerCertificate) -> Self {
        Self::of(&[b"certificate", certificate.thumbprint()])
    }

    /// The peer at `address`. An IPv6 address counts by its first 64 bits: a host chooses the rest as it likes.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of(&[b"address", &address.octets()]),
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64;
                Self::of(&[b"address", &network.to_be_bytes()])
            }
        }
    }

    /// The best known of these: the caller, the signer of the lineage's tip, the peer.
    pub(crate) fn of_caller(caller: &Caller, lineage: &Lineage, peer: Option<Self>) -> Self {
        let of_tip = || {
            let tips = lineage.passport()?.tip_entries();
            // Of several, the first by name: joining lineages in another order must not make another share.
            tips.map(|tip| tip.workload()).min_by_key(|workload| workload.as_str()).map(Self::of_workload)
        };
        caller.share().or_else(of_tip).or(peer).unwrap_or(Self::UNKNOWN)
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(half)
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Share(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Share {
        Share::of_address(text.parse().unwrap())
    }

    #[test]
    fn names_of_two_issuers_or_of_two_kinds_are_two_shares() {
        let shares = [
            Share::of_user("https://a", "alice"),
            Share::of_user("https://b", "alice"),
            Share::of_user("https://aa", "lice"),
            Share::of_workload(&WorkloadId::new("alice").unwrap()),
            Share::of_key("alice"),
            Share::of_queue("alice"),
            Share::UNKNOWN,
        ];
        let different: std::collections::HashSet<_> = shares.iter().collect();
        assert_eq!(different.len(), shares.len());
        assert_eq!(format!("{:?}", shares[0]), "Share(..)");
    }

    /// Attack: a host with a network of its own takes a new address for each request.
    #[test]
    fn addresses_that_one_host_may_choose_among_are_one_share() {
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff:1:2:3"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}
