//! Says of one entry what happened: who did it for whom, what became of trust and taints, and who let it pass.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kest_core::trust::{TrustModel, TrustScore};
use unicode_width::UnicodeWidthStr as _;

use crate::claims::{Claims, Deviated};
use crate::graph::{Graph, Missing, Node, Standing, State, Tip};
use crate::shown::shown;

/// One line about an entry: what it is about, and what there is to say. Strangers' texts in it are shown already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) about: &'static str,
    pub(crate) said: String,
}

/// Hexadecimal digits that tell one entry from another for a reader.
pub(crate) const HASH_DIGITS: usize = 12;

/// Columns of a title; what is longer is a fact too, and then stands there in full.
pub(crate) const TITLE: usize = 64;

/// How many entries one line names.
const NAMED: usize = 8;

impl Graph {
    /// What an item is called: its number and operation, or that it is missing.
    pub(crate) fn title(&self, item: usize) -> String {
        let Some(node) = self.nodes.get(item) else {
            return self.missing_at(item).map_or_else(String::new, |missing| match missing {
                Missing::Parent(id, None) => format!("missing parent {}", shown(&start(id))),
                Missing::Parent(id, Some(later)) => {
                    format!("missing parent {}: it stands behind, as #{later}", shown(&start(id)))
                }
                Missing::Tip(hash) => {
                    format!("missing tip {}: announced and not there", start(&hash.to_hex()))
                }
            });
        };
        let operation = node.claims.as_ref().map(|claims| known(claims.operation.as_ref()));
        format!("#{item} {}", operation.unwrap_or_else(|| "unreadable".to_owned()))
    }

    /// How far an item was proved, in words.
    pub(crate) fn word(&self, item: usize) -> String {
        match self.nodes.get(item).map(|node| node.state) {
            Some(State::Proved) => "verified".to_owned(),
            Some(State::Claimed) => "not checked".to_owned(),
            Some(State::AtFault) => match &self.standing {
                Standing::Refused(fault) => format!("REFUSED: {}", fault.kind),
                Standing::Verified | Standing::NotChecked => "REFUSED".to_owned(),
            },
            None => "missing".to_owned(),
        }
    }

    pub(crate) fn missing_at(&self, item: usize) -> Option<&Missing> {
        self.missing.get(item.checked_sub(self.nodes.len())?)
    }

    /// All there is to say about an item.
    pub(crate) fn facts(&self, item: usize) -> Vec<Fact> {
        let Some(node) = self.nodes.get(item) else {
            return Vec::new();
        };
        let mut facts = Vec::new();
        let mut say = |about, said: String| facts.push(Fact { about, said });
        if let (State::AtFault, Standing::Refused(fault)) = (node.state, &self.standing) {
            say("fault", fault.why.clone());
        }
        if let Some(claims) = &node.claims {
            let operation = known(claims.operation.as_ref());
            if self.title(item).width() > TITLE {
                say("operation", operation);
            }
            say("workload", known(claims.workload.as_ref()));
            say("caller", caller(claims));
            if let Some(resource) = &claims.resource {
                say("object", shown(resource));
            }
            say("trust", self.trust(node, claims));
            if let Some(said) = self.taints(node, claims) {
                say("taints", said);
            }
            for said in decided(claims) {
                say("policy", said);
            }
            if let Some(content) = &claims.content {
                say("content", format!("{}, signed", shown(content)));
            }
            if let Some(time) = claims.timestamp_ms {
                say("time", moment(time));
            }
        }
        if let Some(content) = node.recorded {
            say("content", format!("{}, recorded", content.to_hex()));
        }
        if !node.parents.is_empty() {
            say("follows", self.named(&node.parents));
        }
        if node.tip == Tip::NotAnnounced {
            say("tip", "the passport ends here, and that was not announced".to_owned());
        }
        say("hash", start(&node.hash.to_hex()));
        facts
    }

    fn named(&self, items: &[usize]) -> String {
        let name = |item: &usize| match self.nodes.get(*item) {
            Some(_) => format!("#{item}"),
            None => self.title(*item),
        };
        let mut said = items.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
        if items.len() > NAMED {
            said.push_str(&format!(" and {} more", items.len() - NAMED));
        }
        said
    }

    /// The score, and why it is this one.
    fn trust(&self, node: &Node, claims: &Claims) -> String {
        let Some(score) = claims.trust else {
            return "not said".to_owned();
        };
        format!("{score} of 100, {}", self.why(node, claims, score))
    }

    fn why(&self, node: &Node, claims: &Claims, score: i64) -> String {
        let parents = node.parents.iter().map(|place| {
            let trust = self.nodes.get(*place)?.claims.as_ref()?.trust?;
            let trust = u8::try_from(trust).ok().and_then(|trust| TrustScore::new(trust).ok())?;
            Some((trust, *place))
        });
        let Some(parents) = parents.collect::<Option<Vec<(TrustScore, usize)>>>() else {
            return "and what it follows is not known".to_owned();
        };
        let model = TrustModel::default();
        let scores: Vec<TrustScore> = parents.iter().map(|(trust, _)| *trust).collect();
        let own = model.score(claims.origin.as_deref(), &[]);
        let expected = i64::from(model.score(claims.origin.as_deref(), &scores).value());
        let origin = claims
            .origin
            .as_ref()
            .map_or_else(|| "no origin".to_owned(), |it| format!("origin {}", shown(it)));
        let rule = match parents.iter().min() {
            None => format!("{origin} is worth {own}"),
            Some((weakest, place)) if own == TrustScore::FULL => {
                format!("as its weakest parent #{place} has {weakest}")
            }
            Some((weakest, place)) => {
                format!("{origin} keeps {own} % of the {weakest} of its weakest parent #{place}")
            }
        };
        if let Some(sanitizer) = &claims.sanitizer {
            let (by, reason) = (known(sanitizer.by.as_ref()), known(sanitizer.reason.as_ref()));
            if score != expected {
                return format!("set by sanitizer {by}: {reason} (without it {expected})");
            }
            // What it removed is told with the taints.
            return if claims.removed.is_empty() {
                format!("{rule}; sanitizer {by} left it: {reason}")
            } else {
                rule
            };
        }
        match score.cmp(&expected) {
            std::cmp::Ordering::Equal => rule,
            std::cmp::Ordering::Less => format!("lowered by its signer from {expected}: {rule}"),
            std::cmp::Ordering::Greater => format!("above the {expected} that it may have: {rule}"),
        }
    }

    /// What came in, what was added and removed, by whom and why, and what left.
    fn taints(&self, node: &Node, claims: &Claims) -> Option<String> {
        let parents = node.parents.iter().filter_map(|place| self.nodes.get(*place)?.claims.as_ref());
        let came: BTreeSet<&String> = parents.flat_map(|claims| &claims.taints).collect();
        let untouched = came.is_empty() && claims.added.is_empty();
        if untouched && claims.removed.is_empty() && claims.taints.is_empty() {
            return None;
        }
        let mut said = format!("in {}", list(came.into_iter()));
        if !claims.added.is_empty() {
            said.push_str(&format!("; added {}", list(claims.added.iter())));
        }
        if !claims.removed.is_empty() {
            said.push_str(&format!("; removed {}", list(claims.removed.iter())));
            match &claims.sanitizer {
                Some(it) => {
                    let (by, reason) = (known(it.by.as_ref()), known(it.reason.as_ref()));
                    said.push_str(&format!(" by {by}: {reason}"));
                }
                None => said.push_str(" without a reason"),
            }
        }
        said.push_str(&format!("; out {}", list(claims.taints.iter())));
        Some(said)
    }
}

fn caller(claims: &Claims) -> String {
    let names = [("user", &claims.user), ("agent", &claims.agent), ("task", &claims.task)];
    let named =
        names.into_iter().filter_map(|(about, name)| Some(format!("{about} {}", shown(name.as_ref()?))));
    let mut said = named.collect::<Vec<_>>().join(", ");
    if said.is_empty() {
        said.push_str("not named");
    }
    let from = [("source", &claims.source), ("issuer", &claims.issuer), ("tenant", &claims.tenant)];
    for (about, name) in from {
        if let Some(name) = name {
            said.push_str(&format!(", {about} {}", shown(name)));
        }
    }
    said
}

/// Policies that said yes, tier by tier, and what was not asked.
fn decided(claims: &Claims) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for tier in ["enterprise", "platform", "application", "function"] {
        let names: Vec<&String> =
            claims.policies.iter().filter(|(it, _)| *it == tier).map(|(_, name)| name).collect();
        if !names.is_empty() {
            said.push(format!("{tier} {} allowed", list(names.into_iter())));
        }
    }
    let deviation = |it: &Deviated| {
        let (tier, policy) = (known(it.tier.as_ref()), known(it.policy.as_ref()));
        let (reason, approver) = (known(it.reason.as_ref()), known(it.approver.as_ref()));
        format!("{tier} {policy} NOT asked, by a deviation that {approver} approved: {reason}")
    };
    said.extend(claims.deviations.iter().map(deviation));
    said
}

/// The moment in RFC 3339, in UTC.
pub(crate) fn moment(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| format!("{millis} ms"), |time| time.to_string())
}

pub(crate) fn start(hash: &str) -> String {
    hash.chars().take(HASH_DIGITS).collect()
}

pub(crate) fn known(text: Option<&String>) -> String {
    text.map_or_else(|| "not said".to_owned(), |text| shown(text))
}

fn list<Text: AsRef<str>>(texts: impl Iterator<Item = Text>) -> String {
    let shown: Vec<String> = texts.map(|text| shown(text.as_ref())).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc_and_absurd_ones_as_they_are() {
        assert_eq!(moment(1_767_225_600_123), "2026-01-01T00:00:00.123Z");
        assert_eq!(moment(i64::MAX), format!("{} ms", i64::MAX));
    }
}
