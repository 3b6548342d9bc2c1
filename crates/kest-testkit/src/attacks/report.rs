//! What became of each attack.

use std::fmt;

/// What became of one attack.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The attack.
    pub name: String,
    /// The row of `docs/threats.md` that it plays.
    pub row: u8,
    /// The status of the answer; none where the service failed.
    pub status: Option<u16>,
    /// The kind of the refusal, where a layer of Kest refused.
    pub kind: Option<&'static str>,
    /// What is wrong with the answer; empty where the service stood.
    pub faults: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "row {:>2}  {}: ", self.row, self.name)?;
        match self.status {
            Some(status) => write!(formatter, "{status}")?,
            None => formatter.write_str("no answer")?,
        }
        if let Some(kind) = self.kind {
            write!(formatter, " {kind}")?;
        }
        if self.faults.is_empty() { Ok(()) } else { write!(formatter, " -- {}", self.faults.join("; ")) }
    }
}

/// What became of all attacks, in the order in which they were played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub(crate) outcomes: Vec<Outcome>,
    /// Why nothing can be said: the honest request did not pass.
    pub(crate) unproved: Option<String>,
}

impl Report {
    /// What became of each attack.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Those that the service did not stand.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| !outcome.faults.is_empty())
    }

    /// Why the attacks prove nothing, where that is so: the honest request, before or after them, was not answered as it
    /// should be.
    #[must_use]
    pub fn proves_nothing(&self) -> Option<&str> {
        self.unproved.as_deref()
    }

    /// Whether the honest request passed, and every attack failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.unproved.is_none() && !self.outcomes.is_empty() && self.failures().next().is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.unproved {
            writeln!(formatter, "the attacks prove nothing: {why}")?;
        }
        let failed = self.failures().count();
        writeln!(formatter, "{} attacks were played, {failed} of them got somewhere", self.outcomes.len())?;
        for outcome in self.failures().chain(self.outcomes.iter().filter(|it| it.faults.is_empty())) {
            writeln!(formatter, "  {outcome}")?;
        }
        Ok(())
    }
}
