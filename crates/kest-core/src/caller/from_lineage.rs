//! Identity from the verified lineage and from nowhere else.

use async_trait::async_trait;

use super::{Attested, Authenticate, AuthenticateError, Evidence, HeaderName, IdentitySource};
use crate::arrival::Lineage;
use crate::entry::{Entry, Identity};

/// Takes identity from the verified tip entry's signed label and from nowhere else.
///
/// For services behind a verified edge. Tips that disagree name no one; an identity that was `unverified` where it
/// was signed stays so.
#[derive(Debug, Clone, Copy, Default)]
pub struct FromLineage;

impl FromLineage {
    /// What the verified lineage says about the caller; anonymous when it says nothing or its tips disagree.
    #[must_use]
    pub fn attested(lineage: &Lineage) -> Attested {
        let Some(passport) = lineage.passport() else {
            return Attested::anonymous();
        };
        let mut tips = passport.tip_entries();
        let Some(first) = tips.next() else {
            return Attested::anonymous();
        };
        let found = said(first);
        let agree = tips.all(|tip| said(tip) == found);
        let Some(identity) = first.identity().filter(|_| agree) else {
            return Attested::anonymous();
        };
        let labels = first.labels();
        let source = match labels.source() {
            Some(IdentitySource::Anonymous) => return Attested::anonymous(),
            Some(IdentitySource::Jwt | IdentitySource::Lineage) => IdentitySource::Lineage,
            // The first implementation signs no source; the strict dialect refuses names without one.
            None if labels.identity_source().is_none() => IdentitySource::Lineage,
            // A source that is not known may mean anything.
            Some(IdentitySource::Unverified) | None => IdentitySource::Unverified,
        };
        let mut attested = Attested::new(identity.clone(), source);
        if let Some(issuer) = labels.issuer() {
            attested = attested.with_issuer(issuer);
        }
        if let Some(tenant) = labels.tenant() {
            attested = attested.with_tenant(tenant);
        }
        attested
    }
}

/// What has to be the same in every tip. A token that one tip's signer verified and what another took over from its
/// parents are worth the same here: both are inherited.
type Said<'entry> = (Option<&'entry Identity>, Option<&'entry str>, Option<&'entry str>, Option<&'entry str>);

fn said(tip: &Entry) -> Said<'_> {
    let labels = tip.labels();
    let inherited = |source| {
        if source == IdentitySource::Jwt.as_str() { IdentitySource::Lineage.as_str() } else { source }
    };
    let source = labels.identity_source().map(inherited);
    (labels.identity(), labels.issuer(), labels.tenant(), source)
}

#[async_trait]
impl Authenticate for FromLineage {
    fn needs(&self) -> &[HeaderName] {
        &[]
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        Ok(Self::attested(evidence.lineage()))
    }
}
