//! Makes the document from a request: what all tiers share once, the rest for each tier.

use std::sync::Arc;
use std::time::Duration;

use kest_core::JsonObject;
use kest_core::entry::PolicyTier;
use kest_core::passport::Passport;
use kest_core::policy::PolicyRequest;
use serde_json::value::RawValue;

use super::document::{Chain, Document, Environment, History, Input, InputError, Object, Subject, tier_name};

/// The signed label that names what an entry acted on.
const RESOURCE_ID: &str = "kest.resource_id";

/// What all tiers of one request share.
#[derive(Debug)]
pub(crate) struct Common(Document);

/// Which policies of which tier are asked, and what was left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'it> {
    pub(crate) tier: PolicyTier,
    pub(crate) names: &'it Arc<[Arc<str>]>,
    pub(crate) deviations: &'it [Arc<str>],
}

impl Common {
    /// Reads `request`; with `parent_hash`, the document is unique to the request.
    pub(crate) fn of(request: &PolicyRequest<'_>, parent_hash: bool) -> Result<Self, InputError> {
        let passport = request.arrival().lineage().passport();
        let caller = request.arrival().caller();
        let trust_score = request.trust_score().value();
        let workload: Arc<str> = request.workload().clone().into();
        let text = |text: &str| Arc::<str>::from(text);
        let subject = Subject {
            agent: caller.agent().map(text),
            claims: caller.claims().map(raw).transpose()?,
            identity_source: caller.source().as_str().into(),
            issuer: caller.issuer().map(text),
            roles: caller.roles().into(),
            scopes: caller.scopes().into(),
            taints: request.taints().iter().map(text).collect(),
            task: caller.task().map(text),
            tenant: caller.tenant().map(text),
            trust_score,
            user: caller.user().map(text),
            workload: Arc::clone(&workload),
        };
        let attributes = request.resource().attributes().unwrap_or("{}").to_owned();
        let attributes = RawValue::from_string(attributes).map_err(|_cause| InputError::Attributes)?;
        let id = request.resource().id();
        let history = id.zip(passport).map(|(id, passport)| history_of(id, passport));
        let history = history.unwrap_or_default().into();
        let object = Object { attributes: attributes.into(), history, id: id.map(text) };
        let environment = Environment {
            active_deviations: Vec::new(),
            declared: said(request.environment()).map(raw).transpose()?,
            hop_proof: request.arrival().binding().as_str().into(),
            is_root: request.is_root(),
            operation: request.operation().clone().into(),
            parent_hash: parent_hash.then(|| tip_of(passport)),
            policy_names: Arc::default(),
            policy_tier: tier_name(PolicyTier::Function),
            source_type: request.origin().map(|origin| text(origin.as_str())),
            tip_age_seconds: request.tip_age().map(in_steps),
        };
        let chain = Arc::new(passport.map(chain_of).unwrap_or_default());
        Ok(Self(Document { chain, environment, identity: workload, object, subject, trust_score }))
    }

    /// The document for one tier.
    pub(crate) fn input(&self, asked: Asked<'_>, limit: usize) -> Result<Input, InputError> {
        let mut document = self.0.clone();
        document.environment.active_deviations = asked.deviations.to_vec();
        document.environment.policy_names = Arc::clone(asked.names);
        document.environment.policy_tier = tier_name(asked.tier);
        Input::new(document, limit)
    }
}

/// What is said, where anything is.
fn said(object: &JsonObject) -> Option<&JsonObject> {
    Some(object).filter(|object| !object.is_empty())
}

fn raw(object: &JsonObject) -> Result<Arc<RawValue>, InputError> {
    let value = RawValue::from_string(object.as_str().to_owned());
    value.map(Into::into).map_err(|_cause| InputError::Declared)
}

/// The hash of the tip; of several, their announcement.
fn tip_of(passport: Option<&Passport>) -> Arc<str> {
    match passport {
        Some(passport) if !passport.is_empty() => passport.tips().to_string().into(),
        _ => "0".into(),
    }
}

/// Seconds, rounded up: each one up to 10, then every 10 up to a minute, every minute up to an hour, every hour.
///
/// What differs in every request would make remembered decisions useless. Up, so that no rule takes an older lineage
/// than it says.
fn in_steps(age: Duration) -> u64 {
    let seconds = age.as_secs().saturating_add(u64::from(age.subsec_nanos() > 0));
    let step = match seconds {
        0..=10 => 1,
        11..=60 => 10,
        61..=3600 => 60,
        3601.. => 3600,
    };
    seconds.div_ceil(step).saturating_mul(step)
}

/// What `passport` says was done to the object called `id`.
fn history_of(id: &str, passport: &Passport) -> History {
    let mut history = History::default();
    for entry in passport.entries().iter().filter(|entry| entry.labels().get(RESOURCE_ID) == Some(id)) {
        history.operations.push(entry.operation().clone().into());
        history.principals.push(entry.workload().clone().into());
        history.users.extend(entry.identity().and_then(|identity| identity.user()).map(Arc::from));
    }
    history
}

fn chain_of(passport: &Passport) -> Chain {
    let mut chain = Chain::default();
    for entry in passport.entries() {
        chain.operations.push(entry.operation().clone().into());
        chain.principals.push(entry.workload().clone().into());
        chain.resources.push(entry.labels().get(RESOURCE_ID).map(Into::into));
        chain.users.push(entry.identity().and_then(|identity| identity.user()).map(Into::into));
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_rounded_up_in_few_steps() {
        for (millis, seconds) in [
            (0, 0),
            (1, 1),
            (999, 1),
            (9_001, 10),
            (10_001, 20),
            (60_000, 60),
            (60_001, 120),
            (300_000, 300),
            (899_999, 900),
            (3_600_001, 7200),
        ] {
            assert_eq!(in_steps(Duration::from_millis(millis)), seconds, "{millis}");
        }
        let values: std::collections::BTreeSet<u64> =
            (0..=900_000).step_by(250).map(|millis| in_steps(Duration::from_millis(millis))).collect();
        assert_eq!(values.len(), 11 + 5 + 14, "as many decisions for one caller at most");
        assert_eq!(in_steps(Duration::MAX), u64::MAX, "no overflow");
    }
}
