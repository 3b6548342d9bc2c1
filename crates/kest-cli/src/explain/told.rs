//! What a service said, for programs and for people.

use kest_baggage::Tier;
use kest_core::Arrival;
use kest_tower::Rejection;
use serde_json::{Value, json};

use super::account::{Stage, Stop};
use super::flags::Unbound;
use crate::escape::Escaped;

/// What a service said.
#[derive(Debug)]
pub(crate) enum Told {
    Accepted(Box<Accepted>),
    Refused(Stop, Box<Rejection>),
}

/// What a service knows of a request that it lets through.
#[derive(Debug)]
pub(crate) struct Accepted {
    tier: Option<Tier>,
    /// What the passport was found to be; `None` where none came.
    passport: Option<Value>,
    caller: Value,
    token: Token,
    unbound: Unbound,
    /// The workload that proved to have made the request.
    proved_by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Came,
    Absent,
}

impl Accepted {
    pub(crate) fn of(arrival: &Arrival, tier: Option<Tier>, has_token: bool, unbound: Unbound) -> Self {
        let caller = arrival.caller();
        let passport = arrival.lineage().passport().map(|passport| {
            json!({
                "entries": passport.len(),
                "tips": passport.tips().as_slice().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "trust_score": passport.trust_score().map(|score| score.value()),
                "taints": passport.taints().iter().collect::<Vec<_>>(),
            })
        });
        let caller = json!({
            "source": caller.source().to_string(),
            "user": caller.user(), "agent": caller.agent(), "task": caller.task(), "issuer": caller.issuer(),
        });
        let token = if has_token { Token::Came } else { Token::Absent };
        let signer = || arrival.tip_workload().map(ToString::to_string);
        let proved_by = if arrival.binding().is_bound() { signer() } else { None };
        Self { tier, passport, caller, token, unbound, proved_by }
    }

    /// What became of a step: whether it was done, or there was nothing to do.
    fn outcome(&self, stage: Stage) -> (&'static str, String) {
        let done = |detail: String| ("ok", detail);
        let nothing = |why: &str| ("nothing_to_do", why.to_owned());
        match (stage, &self.passport) {
            (Stage::Read, _) => done(self.tier.map_or("absent", Tier::as_str).to_owned()),
            (Stage::Presence, Some(_)) => done("a passport is there".to_owned()),
            (Stage::Presence, None) => done("no passport, and none is required".to_owned()),
            (Stage::Token, _) if self.token == Token::Absent => nothing("no token came"),
            (Stage::Token, _) if self.caller.pointer("/source") == Some(&json!("lineage")) => {
                nothing("this service looks at no token")
            }
            (Stage::Token, _) => done(String::new()),
            (Stage::Caller, _) => done(self.caller.to_string()),
            (Stage::HopProof, Some(_)) => match self.unbound {
                Unbound::Refused => match &self.proved_by {
                    Some(workload) => done(format!("{workload} made it; {ONCE}")),
                    None => ("not_judged", NOT_JUDGED.to_owned()),
                },
                Unbound::LiftNothing => nothing(LIFTS_NOTHING),
                Unbound::Believed => nothing(BELIEVED),
            },
            (_, None) => nothing("no passport came"),
            (Stage::Restore | Stage::Age, Some(_)) => done(String::new()),
            (Stage::Verify, Some(passport)) => done(passport.to_string()),
        }
    }
}

impl Told {
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    fn steps(&self) -> Vec<(Stage, &'static str, String)> {
        let of = |stage: Stage| match self {
            Self::Accepted(accepted) => accepted.outcome(stage),
            Self::Refused(stop, rejection) if stage == stop.at => {
                ("refused", rejection.kind().as_str().to_owned())
            }
            Self::Refused(stop, _) if stage < stop.done_before => ("ok", String::new()),
            Self::Refused(..) => ("not_reached", String::new()),
        };
        Stage::ALL
            .into_iter()
            .map(|stage| {
                let (outcome, detail) = of(stage);
                (stage, outcome, detail)
            })
            .collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps()
            .into_iter()
            .map(|(stage, outcome, detail)| json!({"step": stage.name(), "outcome": outcome, "detail": detail}))
            .collect();
        match self {
            Self::Accepted(accepted) => json!({
                "verdict": "accept", "steps": steps,
                "tier": accepted.tier.map_or("absent", Tier::as_str),
                "passport": accepted.passport, "caller": accepted.caller,
            }),
            Self::Refused(stop, rejection) => {
                let failure = rejection.passport_failure();
                json!({
                    "verdict": "refuse", "steps": steps,
                    "step": stop.at.name(), "kind": rejection.kind().as_str(), "cause": rejection.cause(),
                    "index": failure.and_then(kest_core::passport::VerifyError::index),
                    "workload": failure.and_then(kest_core::passport::VerifyError::workload).map(ToString::to_string),
                    "status": rejection.status().as_u16(),
                    "expected": rejection.expected(), "mend": rejection.mend(),
                })
            }
        }
    }

    /// For people; a stranger's text comes escaped.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .steps()
            .into_iter()
            .map(|(stage, outcome, detail)| {
                let line = format!("  {:<10} {:<14} {}", stage.name(), outcome, stage.question());
                if detail.is_empty() { line } else { format!("{line}: {}", Escaped(&detail)) }
            })
            .collect();
        match self {
            Self::Accepted(_) => lines.insert(0, "let through".to_owned()),
            Self::Refused(_, rejection) => {
                lines.insert(0, format!("refused with {}", rejection.status().as_u16()));
                let cause = rejection.cause().map_or_else(String::new, |cause| format!(" ({cause})"));
                lines.push(format!("kind       {}{cause}", rejection.kind().as_str()));
                if let Some(failure) = rejection.passport_failure() {
                    if let Some(index) = failure.index() {
                        lines.push(format!("entry      {index}"));
                    }
                    if let Some(workload) = failure.workload() {
                        lines.push(format!("workload   {}", Escaped(workload.as_str())));
                    }
                }
                lines.push(format!("expected   {}", rejection.expected()));
                lines.push(format!("mend       {}", rejection.mend()));
            }
        }
        lines
    }
}

/// As the layer has it, where nothing was said about bindings.
const LIFTS_NOTHING: &str = "this service asks for no proof, and takes the trust of a passport at most for that of a request without one";
/// Where bearer passports are taken.
const BELIEVED: &str = "this service asks for no proof, and believes whichever passport comes";
/// A proof is made for one request and is not in what is at hand.
const NOT_JUDGED: &str =
    "a proof belongs to one request and is in neither of the two headers: give all of it with --request";
/// Asking a store of used proofs uses the proof up.
const ONCE: &str = "whether it was sent before is known to the service's own replay store alone";
