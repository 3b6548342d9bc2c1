//! The verdict on one passport, for programs and for people.

use std::fmt;

use kest_core::Passport;
use kest_core::passport::VerifyError;
use serde::Serialize;

use crate::arguments::DialectName;
use crate::escape::Escaped;

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Verdict {
    /// All of it holds, and this is what it proves.
    Accept(Proved),
    /// It does not hold.
    Refuse(Fault),
}

/// What a passport proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Proved {
    entries: usize,
    tips: Vec<String>,
    workloads: Vec<String>,
    dialect: DialectName,
    trust_score: Option<u8>,
    taints: Vec<String>,
}

/// What is wrong, and with which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    kind: &'static str,
    index: Option<usize>,
}

impl Verdict {
    /// What the passport, read in `dialect`, proves.
    pub(crate) fn accept(passport: &Passport, dialect: DialectName) -> Self {
        let mut workloads: Vec<String> = Vec::new();
        for entry in passport.entries() {
            let workload = entry.workload().as_str();
            if !workloads.iter().any(|known| known == workload) {
                workloads.push(workload.to_owned());
            }
        }
        Self::Accept(Proved {
            entries: passport.len(),
            tips: passport.tips().as_slice().iter().map(ToString::to_string).collect(),
            workloads,
            dialect,
            trust_score: passport.trust_score().map(|score| score.value()),
            taints: passport.taints().iter().map(str::to_owned).collect(),
        })
    }

    /// Refused as a whole.
    pub(crate) fn refuse(kind: &'static str) -> Self {
        Self::Refuse(Fault { kind, index: None })
    }

    /// Whether it was accepted.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accept(_))
    }

    /// The verdict as it is written.
    pub(crate) fn named<'verdict>(&'verdict self, name: Option<&'verdict str>) -> Named<'verdict> {
        let verdict = if self.is_accepted() { "accept" } else { "refuse" };
        Named { name, verdict, rest: self }
    }
}

impl From<VerifyError> for Verdict {
    fn from(error: VerifyError) -> Self {
        Self::Refuse(Fault { kind: error.kind().as_str(), index: error.index() })
    }
}

/// A verdict with the name of what it is about.
#[derive(Debug, Serialize)]
pub(crate) struct Named<'verdict> {
    name: Option<&'verdict str>,
    verdict: &'static str,
    #[serde(flatten)]
    rest: &'verdict Verdict,
}

/// For people; a stranger's text comes escaped.
impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse(fault) => match fault.index {
                Some(index) => write!(formatter, "refused: {} (entry {index})", fault.kind),
                None => write!(formatter, "refused: {}", fault.kind),
            },
            Self::Accept(proved) => {
                writeln!(formatter, "accepted")?;
                writeln!(formatter, "  entries     {}", proved.entries)?;
                writeln!(formatter, "  tips        {}", Listed(&proved.tips))?;
                writeln!(formatter, "  workloads   {}", Listed(&proved.workloads))?;
                match proved.trust_score {
                    Some(score) => writeln!(formatter, "  trust       {score}")?,
                    None => writeln!(formatter, "  trust       none")?,
                }
                write!(formatter, "  taints      {}", Listed(&proved.taints))
            }
        }
    }
}

struct Listed<'texts>(&'texts [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("none");
        }
        for (index, text) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(formatter, "{comma}{}", Escaped(text))?;
        }
        Ok(())
    }
}
