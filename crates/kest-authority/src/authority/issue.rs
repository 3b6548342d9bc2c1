//! What is handed over: a certificate, and the bundle with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_identity::SpiffeId;
use kest_workload::protocol::{Epoch, Issued};

use super::Authority;
use crate::certificate::{RequestedKey, Subject, issue};
use crate::error::Trouble;

/// What the store has agreed to.
pub(super) struct Certified<'it> {
    pub(super) key: RequestedKey,
    pub(super) identity: &'it SpiffeId,
    pub(super) epoch: Epoch,
    pub(super) at: u64,
    pub(super) until: u64,
}

impl Authority {
    pub(super) async fn issued(&self, certified: &Certified<'_>) -> Result<Issued, Trouble> {
        let set = self.0.keys.current();
        if certified.identity.trust_domain() != set.domain() || certified.identity == set.identity() {
            // A ticket that was put into the store by something else than this authority.
            return Err(Trouble::Issue("identity is not one that this authority gives".into()));
        }
        let root = set.issuing(certified.at).ok_or_else(|| Trouble::Issue("no root".into()))?;
        let subject =
            Subject { identity: certified.identity, epoch: Some(certified.epoch), server_names: &[] };
        let leaf = issue(root, &certified.key, &subject, certified.at, certified.until, &*self.0.random)?;
        let bundle = self.bundle().await?;
        Ok(Issued {
            identity: certified.identity.as_str().to_owned(),
            epoch: certified.epoch,
            certificate: vec![STANDARD.encode(&leaf.der)],
            bundle: bundle.jws().to_owned(),
            workload_url: self.0.workload_url.clone(),
        })
    }
}
