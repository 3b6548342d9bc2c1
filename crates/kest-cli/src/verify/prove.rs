//! Takes a passport through the steps of the library: read, restore, verify.

use kest_core::passport::{SeenEntries, Tips};
use kest_core::signature::KeyRing;
use kest_core::{Dialect, Limits, Passport, Verifier};

use super::verdict::Verdict;
use crate::arguments::DialectName;
use crate::carried::{self, Announcement, Carried};

/// Verifies under one set of keys.
#[derive(Debug)]
pub(crate) struct Prover {
    ring: KeyRing,
    limits: Limits,
    seen: SeenEntries,
}

/// What is to be proved.
pub(crate) struct Question<'input> {
    pub(crate) carried: Carried<'input>,
    /// What the passport must end in, whatever the carrier announced.
    pub(crate) chain_tip: Option<Tips>,
    pub(crate) dialect: DialectName,
}

impl Prover {
    /// A prover with these keys.
    pub(crate) fn new(ring: KeyRing) -> Self {
        let limits = carried::limits();
        Self { ring, seen: SeenEntries::new(&limits), limits }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The verdict; whatever is wrong with the input is one too.
    pub(crate) async fn verdict(&self, question: Question<'_>) -> Verdict {
        let dialect = question.dialect;
        self.prove(question)
            .await
            .map_or_else(|refused| refused, |passport| Verdict::accept(&passport, dialect))
    }

    /// The passport, or why it does not hold.
    pub(crate) async fn prove(&self, question: Question<'_>) -> Result<Passport, Verdict> {
        let Question { carried, chain_tip, dialect } = question;
        let dialect = Dialect::from(dialect);
        let restored =
            carried.restore(dialect, Announcement::Required, &self.limits).await.map_err(Verdict::refuse)?;
        let passport = match restored {
            None => Passport::empty(),
            Some(unverified) => Verifier::new(self.limits.clone())
                .dialect(dialect)
                .remember(self.seen.clone())
                .verify(unverified, &self.ring)?,
        };
        match chain_tip {
            Some(tips) if tips != passport.tips() => Err(Verdict::refuse("chain_tip_mismatch")),
            _ => Ok(passport),
        }
    }
}
