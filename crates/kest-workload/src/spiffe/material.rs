//! What is taken of an answer of an agent, once it holds.

use std::sync::Arc;
use std::time::SystemTime;

use kest_core::Clock;
use kest_identity::SpiffeId;
use spiffe::{X509Context, X509Svid};
use zeroize::Zeroizing;

use super::AgentFault;
use crate::certificate::OwnCertificate;
use crate::peer::PeerIdentity;
use crate::trust::PeerTrust;

/// A certificate, its key and the roots of its trust domain, which hold together.
pub(super) struct Material {
    pub(super) identity: SpiffeId,
    pub(super) not_after: u64,
    chain: Vec<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    roots: Vec<Vec<u8>>,
}

impl Material {
    /// Judges an answer: the certificate of `wanted`, else the first (SPIFFE Workload API section 5.2.2), must have a chain to
    /// a root of its own trust domain now, and be that of the key.
    pub(super) fn judge(
        answer: &X509Context,
        wanted: Option<&SpiffeId>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, AgentFault> {
        let named = |svid: &&Arc<X509Svid>, id: &SpiffeId| svid.spiffe_id().to_string() == id.as_str();
        let svid = match wanted {
            Some(id) => answer.svids().iter().find(|svid| named(svid, id)),
            None => answer.default_svid(),
        };
        let svid = svid.ok_or(AgentFault::OtherIdentity)?;
        let identity = SpiffeId::parse(&svid.spiffe_id().to_string())
            .map_err(|cause| AgentFault::Malformed(cause.into()))?;
        let roots = answer.bundle_set().get_ref(svid.spiffe_id().trust_domain());
        let roots = roots.map(|bundle| bundle.authorities()).unwrap_or_default();
        let roots: Vec<_> = roots.iter().map(|root| root.as_bytes().to_vec()).collect();
        let trust = PeerTrust::new(identity.trust_domain().clone(), &roots)
            .map_err(|cause| AgentFault::Roots(cause.into()))?;
        let chain: Vec<_> = svid.cert_chain().iter().map(|der| der.as_bytes().to_vec()).collect();
        trust.check_own(&chain, clock).map_err(|cause| AgentFault::Certificate(cause.into()))?;
        let peer = PeerIdentity::from_der(svid.leaf().as_bytes(), identity.trust_domain())
            .map_err(|cause| AgentFault::Certificate(cause.into()))?;
        let key = Zeroizing::new(svid.private_key().as_bytes().to_vec());
        OwnCertificate::new(&chain, &key).map_err(|cause| AgentFault::Certificate(cause.into()))?;
        let end = peer.not_after().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self { identity, not_after: end.as_secs(), chain, key, roots })
    }

    /// What a process begins with.
    pub(super) fn begin(&self) -> Result<(OwnCertificate, PeerTrust), AgentFault> {
        let own = OwnCertificate::new(&self.chain, &self.key)
            .map_err(|cause| AgentFault::Certificate(cause.into()))?;
        let trust = PeerTrust::new(self.identity.trust_domain().clone(), &self.roots)
            .map_err(|cause| AgentFault::Roots(cause.into()))?;
        Ok((own, trust))
    }

    /// Takes the place of what there was, from the next handshake on.
    pub(super) fn replace(&self, own: &OwnCertificate, trust: &PeerTrust) -> Result<(), AgentFault> {
        trust.replace_roots(&self.roots).map_err(|cause| AgentFault::Roots(cause.into()))?;
        own.replace(&self.chain, &self.key).map_err(|cause| AgentFault::Certificate(cause.into()))
    }
}
