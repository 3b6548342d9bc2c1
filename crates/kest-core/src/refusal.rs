//! What a refusal tells the people who run the service: one line and one count, and nothing that a stranger sent.

use std::fmt;

use crate::audit::{Audit, Refused};
use crate::caller::Caller;
use crate::entry::{EntryId, OperationName};
use crate::policy::Denial;
use crate::signature::WorkloadId;
use crate::taint::Taints;
use crate::trust::TrustScore;

/// Refusals by `step` and `kind`: every request, operation and call that was not let through counts once.
pub const REFUSALS: &str = "kest_refusals_total";

/// Describes the metrics of this crate to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(REFUSALS, "refused requests, operations and calls by step and kind");
}

/// Where something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Steps 1 to 4 of a request's life, and what the inbound layer sees of the answer.
    Inbound,
    /// Steps 5 and 6, for the operation of a route.
    Operation,
    /// The scopes and roles that a route asks for.
    Guard,
    /// What a handler asked for and no layer had proved.
    Extractor,
    /// Steps 5 and 6, for an operation within another, or one that joins several.
    Nested,
    /// Steps 5 and 6, for work that no request asked for.
    Originate,
    /// The lineage of a message that is taken out of a queue.
    Message,
    /// Step 8: a request that would have gone out.
    Client,
}

impl Step {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Operation => "operation",
            Self::Guard => "guard",
            Self::Extractor => "extractor",
            Self::Nested => "nested",
            Self::Originate => "originate",
            Self::Message => "message",
            Self::Client => "client",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Inbound | Self::Operation | Self::Guard | Self::Extractor => "request refused",
            Self::Nested | Self::Originate => "operation refused",
            Self::Message => "message refused",
            Self::Client => "request not sent",
        }
    }
}

/// Who has to do something so that it is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Actor {
    /// Who sent it, or who decides what it may do. Logged at `info`.
    Caller,
    /// The people who built or configured this service: no request of this kind will ever pass. Logged at `error`.
    Service,
    /// The people who run something that this service needs. Logged at `info`, since it comes with every request.
    Dependency,
}

/// What one kind of refusal means: constant texts, written for the people who run the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    kind: &'static str,
    actor: Actor,
    expected: &'static str,
    mend: &'static str,
}

impl Explanation {
    /// A kind by its stable name, who must act, what would have been let through, and what to do about it.
    #[must_use]
    pub const fn new(kind: &'static str, actor: Actor, expected: &'static str, mend: &'static str) -> Self {
        Self { kind, actor, expected, mend }
    }

    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Who must act.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// What would have been let through.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// What to do about it.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        self.mend
    }
}

/// One refusal on its way into the log and the metrics; [`report`](Self::report) it once.
///
/// Nothing that a stranger sent goes in: names of kinds, numbers, and what the configuration says. The exception is
/// [`unknown`](Self::unknown), which prints nothing but a plain name of bounded length.
#[derive(Debug, Clone, Copy)]
#[must_use = "a refusal that is not reported is a silent one"]
pub struct Refusal<'it> {
    step: Step,
    explanation: Explanation,
    expected: &'it str,
    status: Option<u16>,
    cause: Option<&'it str>,
    index: Option<usize>,
    unknown: Option<&'it WorkloadId>,
    route: Option<&'it str>,
    audit: Option<&'it dyn Audit>,
    caller: Option<&'it Caller>,
    workload: Option<&'it WorkloadId>,
}

impl<'it> Refusal<'it> {
    /// A refusal at `step`.
    pub fn new(step: Step, explanation: Explanation) -> Self {
        Self {
            step,
            explanation,
            expected: explanation.expected,
            status: None,
            cause: None,
            index: None,
            unknown: None,
            route: None,
            audit: None,
            caller: None,
            workload: None,
        }
    }

    /// Says more precisely what was expected, in words of the configuration.
    pub fn expecting(mut self, expected: &'it str) -> Self {
        self.expected = expected;
        self
    }

    /// The status of the answer.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The name of the finer kind, such as what is wrong with a token.
    pub fn cause(mut self, cause: Option<&'it str>) -> Self {
        self.cause = cause;
        self
    }

    /// Which entry of a passport it is about, counted from 0.
    pub fn index(mut self, index: Option<usize>) -> Self {
        self.index = index;
        self
    }

    /// The workload that a passport claims and that is not trusted; left out of the line unless it is a plain name.
    pub fn unknown(mut self, workload: Option<&'it WorkloadId>) -> Self {
        self.unknown = workload;
        self
    }

    /// The route by its name in the configuration, never the path of a request.
    pub fn route(mut self, route: Option<&'it str>) -> Self {
        self.route = route;
        self
    }

    /// Records it in this audit log too.
    pub fn audited(mut self, audit: Option<&'it dyn Audit>) -> Self {
        self.audit = audit;
        self
    }

    /// Who was refused, where that was proved, and the workload that signed the tip of the passport: for the audit log alone.
    pub fn proved(mut self, caller: Option<&'it Caller>, workload: Option<&'it WorkloadId>) -> Self {
        (self.caller, self.workload) = (caller, workload);
        self
    }

    /// Writes the one line, counts once, and records where there is an audit log.
    pub fn report(self) {
        self.report_about(None);
    }

    /// The same, with what policy was asked.
    pub(crate) fn report_about(self, asked: Option<Asked<'_>>) {
        let (step, kind) = (self.step.as_str(), self.explanation.kind);
        metrics::counter!(REFUSALS, "step" => step, "kind" => kind).increment(1);
        let about = asked.as_ref();
        let denial = about.and_then(|asked| asked.denial);
        if let Some(audit) = self.audit {
            audit.refused(&Refused {
                step: self.step,
                kind,
                cause: self.cause,
                operation: about.map(|asked| asked.operation),
                entry_id: about.map(|asked| asked.entry_id),
                caller: self.caller,
                workload: self.workload,
            });
        }
        let unknown = self.unknown.filter(|workload| is_plain(workload.as_str()));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    step,
                    kind,
                    status = self.status,
                    cause = self.cause,
                    index = self.index,
                    unknown = unknown.map(tracing::field::display),
                    route = self.route.map(|route| tracing::field::display(Shown(route))),
                    kest.entry_id = about.map(|asked| tracing::field::display(asked.entry_id)),
                    kest.operation =
                        about.map(|asked| tracing::field::display(Shown(asked.operation.as_str()))),
                    kest.workload_id = about.map(|asked| tracing::field::display(asked.workload)),
                    trust = about.map(|asked| asked.trust.value()),
                    taints = about.map(|asked| tracing::field::display(Listed(asked.taints))),
                    root = about.map(|asked| asked.root),
                    tier = denial.map(|denial| denial.tier().as_str()),
                    policy = denial.map(|denial| tracing::field::display(Shown(denial.policy().as_str()))),
                    expected = self.expected,
                    mend = self.explanation.mend,
                    "{}",
                    self.step.message()
                )
            };
        }
        match self.explanation.actor {
            Actor::Service => line!(error),
            Actor::Caller | Actor::Dependency => line!(info),
        }
    }
}

/// What policy was asked about an operation that was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'it> {
    pub(crate) entry_id: EntryId,
    pub(crate) operation: &'it OperationName,
    pub(crate) workload: &'it WorkloadId,
    pub(crate) trust: TrustScore,
    pub(crate) taints: &'it Taints,
    pub(crate) root: bool,
    pub(crate) denial: Option<&'it Denial>,
}

/// Whether a name is one that a line can show as it stands: the characters of SPIFFE ids, host names and plain words.
fn is_plain(name: &str) -> bool {
    name.len() <= MOST_SHOWN
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/@".contains(&byte))
}

/// A name of our own, which may hold anything: on one line, and no longer than a line can take.
pub(crate) struct Shown<'it>(pub(crate) &'it str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shown in self.0.chars().take(MOST_SHOWN) {
            // A quote or a backslash breaks no line.
            if matches!(shown, '"' | '\'') {
                write!(formatter, "{shown}")?;
            } else {
                write!(formatter, "{}", shown.escape_debug())?;
            }
        }
        if self.0.chars().nth(MOST_SHOWN).is_some() { formatter.write_str("...") } else { Ok(()) }
    }
}

/// The first taints of many.
struct Listed<'it>(&'it Taints);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[")?;
        for (place, taint) in self.0.iter().take(TAINTS_SHOWN).enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(formatter, "{comma}{}", Shown(taint))?;
        }
        formatter.write_str(if self.0.iter().nth(TAINTS_SHOWN).is_some() { ",...]" } else { "]" })
    }
}

/// Characters of one name in a line: as long as names of workloads can be.
const MOST_SHOWN: usize = 256;

/// Taints of one line: more than real lineages have.
const TAINTS_SHOWN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_in_a_line_neither_breaks_it_nor_hides_anything() {
        let hostile = "a\nb\r\u{1b}[31m\u{202e}\u{0}é\"";
        assert_eq!(Shown(hostile).to_string(), "a\\nb\\r\\u{1b}[31m\\u{202e}\\0é\"");
        assert_eq!(Shown(&"x".repeat(300)).to_string(), format!("{}...", "x".repeat(256)));
    }

    #[test]
    fn strange_workload_is_named_only_when_its_name_is_plain() {
        assert!(is_plain("spiffe://example.org/ns/shop/sa/cart_1"));
        for strange in ["a b", "a\nb", "\u{202e}cart", "a\"b", "eyJ=", "a%0a", "a,b", "a=b"] {
            assert!(!is_plain(strange), "{strange:?}");
        }
    }

    #[test]
    fn list_of_taints_is_cut() {
        let many: Taints = (0..40).map(|number| format!("t{number:02}")).collect();
        let shown = Listed(&many).to_string();
        assert!(shown.starts_with("[t00,t01,") && shown.ends_with(",t15,...]"), "{shown}");
        assert_eq!(Listed(&Taints::none()).to_string(), "[]");
    }
}
