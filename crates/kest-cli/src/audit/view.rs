//! What one record says, in the words that it is asked and shown by; nothing of it is proved.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_audit::{Line, Record};
use kest_core::entry::EntryHash;
use serde::{Deserialize, Serialize};

use super::flags::Query;

/// One record.
#[derive(Debug, Default, Serialize)]
pub(crate) struct View {
    pub(crate) at: u64,
    pub(crate) kind: &'static str,
    pub(crate) seq: u64,
    pub(crate) writer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust_score: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) taints: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) millis: Option<u64>,
    /// Of what an operation gave: recorded with its end, or signed in its entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_hash: Option<String>,
    /// What the entry claims to follow.
    #[serde(skip)]
    pub(crate) parents: Vec<EntryHash>,
}

/// What is shown of an entry's payload; other members are left alone.
#[derive(Debug, Deserialize)]
struct Payload {
    operation: String,
    trust_score: i64,
    taints: Vec<String>,
    labels: std::collections::BTreeMap<String, Label>,
    #[serde(default)]
    content_hash: String,
    #[serde(default)]
    parent_ids: Vec<String>,
}

/// Other dialects have labels that are no texts; those say nothing here, and hide nothing.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Text(String),
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Identity {
    user: Option<String>,
    agent: Option<String>,
    task: Option<String>,
}

impl View {
    pub(crate) fn of(line: &Line<'_>) -> Self {
        let mut view = Self {
            at: line.at,
            kind: line.record.kind(),
            seq: line.seq,
            writer: line.writer.to_string(),
            ..Self::default()
        };
        let text = |text: &str| Some(text.to_owned());
        match &line.record {
            Record::Signed { entry } | Record::Carried { entry } => view.take_entry(entry),
            Record::Refused(refused) => {
                view.operation = refused.operation.as_deref().and_then(text);
                view.workload = refused.workload.as_deref().and_then(text);
                view.user = refused.user.as_deref().and_then(text);
                view.agent = refused.agent.as_deref().and_then(text);
                view.task = refused.task.as_deref().and_then(text);
                view.tenant = refused.tenant.as_deref().and_then(text);
                view.step = text(&refused.step);
                view.refusal = text(&refused.kind);
                view.cause = refused.cause.as_deref().and_then(text);
            }
            Record::Finished { content_hash, ending, entry, millis, .. } => {
                view.content_hash = content_hash.as_deref().and_then(text);
                (view.ending, view.entry, view.millis) = (text(ending), text(entry), Some(*millis));
            }
            // What a log says of itself, and what later versions add, names neither callers nor operations.
            Record::Start(_)
            | Record::Segment { .. }
            | Record::Lost { .. }
            | Record::InForce { .. }
            | Record::Removed { .. }
            | Record::Checkpoint { .. }
            | Record::End {}
            | _ => {}
        }
        view
    }

    fn take_entry(&mut self, compact: &str) {
        self.entry = Some(EntryHash::of(compact).to_hex());
        let payload = compact.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let Some(payload) = payload.and_then(|bytes| serde_json::from_slice::<Payload>(&bytes).ok()) else {
            return;
        };
        let label = |name: &str| match payload.labels.get(name)? {
            Label::Text(text) => Some(text.clone()),
            Label::Other(_) => None,
        };
        let identity: Identity =
            label("kest.identity").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        (self.user, self.agent, self.task) = (identity.user, identity.agent, identity.task);
        self.workload = label("principal");
        self.tenant = label("kest.tenant");
        self.trace = label("trace_id");
        (self.operation, self.trust_score) = (Some(payload.operation), Some(payload.trust_score));
        self.content_hash = Some(payload.content_hash).filter(|hash| !hash.is_empty());
        self.taints = payload.taints;
        self.parents = payload.parent_ids.iter().filter_map(|parent| parent.parse().ok()).collect();
    }

    /// Whether it fits all that is asked.
    pub(crate) fn fits(&self, query: &Query) -> bool {
        let same = |asked: &Option<String>, said: &Option<String>| asked.is_none() || asked == said;
        same(&query.user, &self.user)
            && same(&query.agent, &self.agent)
            && same(&query.task, &self.task)
            && same(&query.tenant, &self.tenant)
            && same(&query.workload, &self.workload)
            && same(&query.operation, &self.operation)
            && same(&query.trace, &self.trace)
            && same(&query.content_hash, &self.content_hash)
            && query.taint.as_ref().is_none_or(|taint| self.taints.contains(taint))
            && query.min_trust.is_none_or(|least| self.trust_score.is_some_and(|score| score >= least))
            && query.max_trust.is_none_or(|most| self.trust_score.is_some_and(|score| score <= most))
            && query.since.is_none_or(|since| self.at >= since)
            && query.until.is_none_or(|until| self.at < until)
            && (!query.refused || self.kind == "refused")
            && (!query.signed || self.kind == "signed")
    }

    /// One line for people.
    pub(crate) fn shown(&self) -> String {
        let mut line = format!("{} {} {:>6} {:<10}", self.at, self.writer, self.seq, self.kind);
        let mut add = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                line.push_str(&format!(" {name}={value}"));
            }
        };
        add("operation", self.operation.as_deref());
        add("workload", self.workload.as_deref());
        add("user", self.user.as_deref());
        add("agent", self.agent.as_deref());
        add("task", self.task.as_deref());
        add("step", self.step.as_deref());
        add("kind", self.refusal.as_deref());
        add("cause", self.cause.as_deref());
        add("ending", self.ending.as_deref());
        add("trust", self.trust_score.map(|score| score.to_string()).as_deref());
        add("taints", Some(self.taints.join(",").as_str()).filter(|taints| !taints.is_empty()));
        add("content", self.content_hash.as_deref());
        add("entry", self.entry.as_deref());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let text = |text: &str| Some(text.to_owned());
        View {
            at: 1000,
            kind: "signed",
            user: text("alice"),
            agent: text("web"),
            task: text("t-1"),
            tenant: text("acme"),
            workload: text("cart"),
            operation: text("pay"),
            trace: text("ab"),
            content_hash: text("cd"),
            trust_score: Some(40),
            taints: vec!["raw".to_owned()],
            ..View::default()
        }
    }

    #[track_caller]
    fn check(ask: impl Fn(&mut Query), fits: bool) {
        let mut query = Query::default();
        ask(&mut query);
        assert_eq!(view().fits(&query), fits, "{query:?}");
    }

    /// Both ends of a range of trust, and the beginning of one of time, belong to it; its end does not.
    #[test]
    fn ranges_have_their_ends() {
        for (least, most, fits) in [(40, 40, true), (41, 50, false), (30, 39, false), (0, 100, true)] {
            check(|query| (query.min_trust, query.max_trust) = (Some(least), Some(most)), fits);
        }
        for (since, until, fits) in [(1000, 1001, true), (999, 1000, false), (1001, 2000, false)] {
            check(|query| (query.since, query.until) = (Some(since), Some(until)), fits);
        }
    }

    #[test]
    fn each_name_fits_whole_and_by_its_own_member() {
        type Member = fn(&mut Query) -> &mut Option<String>;
        let members: [(Member, &str); 9] = [
            (|query| &mut query.user, "alice"),
            (|query| &mut query.agent, "web"),
            (|query| &mut query.task, "t-1"),
            (|query| &mut query.tenant, "acme"),
            (|query| &mut query.workload, "cart"),
            (|query| &mut query.operation, "pay"),
            (|query| &mut query.trace, "ab"),
            (|query| &mut query.content_hash, "cd"),
            (|query| &mut query.taint, "raw"),
        ];
        for (member, value) in members {
            check(|query| *member(query) = Some(value.to_owned()), true);
            for (other, _) in members.iter().filter(|(_, other)| *other != value) {
                check(|query| *other(query) = Some(value.to_owned()), false);
            }
            check(|query| *member(query) = value.get(1..).map(str::to_owned), false);
        }
        check(|query| query.refused = true, false);
        check(|query| query.signed = true, true);
    }
}
