//! Identity from the verified lineage and from nowhere else.

use async_trait::async_trait;

use super::{Attested, Authenticate, AuthenticateError, Evidence, IdentitySource};
use crate::arrival::Lineage;

/// Takes identity from the verified tip entry's signed label and from nowhere else.
///
/// For services behind a verified edge. Tips that disagree name nobody; an identity that was `unverified` where it
/// was signed stays so.
#[derive(Debug, Clone, Copy, Default)]
pub struct FromLineage;

impl FromLineage {
    /// What the verified lineage says about the caller; anonymous when it says nothing or its tips disagree.
    #[must_use]
    pub fn findings(lineage: &Lineage) -> Attested {
        let Some(passport) = lineage.passport() else {
            return Attested::anonymous();
        };
        let mut tips = passport.tip_entries();
        let Some(first) = tips.next() else {
            return Attested::anonymous();
        };
        let found = (first.identity(), first.labels().issuer(), first.labels().identity_source());
        let agree =
            tips.all(|tip| (tip.identity(), tip.labels().issuer(), tip.labels().identity_source()) == found);
        let (Some(identity), issuer, source) = found else {
            return Attested::anonymous();
        };
        if !agree {
            return Attested::anonymous();
        }
        let source = match source {
            Some("unverified") => IdentitySource::Unverified,
            Some("anonymous") => return Attested::anonymous(),
            _ => IdentitySource::Lineage,
        };
        let attested = Attested::new(identity.clone(), source);
        match issuer {
            Some(issuer) => attested.with_issuer(issuer),
            None => attested,
        }
    }
}

#[async_trait]
impl Authenticate for FromLineage {
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        Ok(Self::findings(evidence.lineage()))
    }
}
