//! The policy of these tests: yes to inputs that have the first caller's value, no to others; it counts and compares.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kest_core::{Clock as _, SystemClock};
use kest_identity::{ClaimNames, IdentityChoice, JwtAuthenticator, TrustedIssuer};
use kest_policy::{Input, Policies, PoliciesBuilder};
use kest_tests::forge::{self, Forge};
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use serde_json::{Map, Value, json};
use three_services::issuer::Issuer;

use crate::threats::row_14::AUDIENCE;

/// The policy's name.
pub(super) const POLICY: &str = "first_caller_only";

/// No decision grows old in a test.
pub(super) const TTL: Duration = Duration::from_secs(3600);

/// Allows inputs that have one value at one place, and keeps every input that it was asked about.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    pointer: &'static str,
    value: Value,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Judge {
    /// Allows inputs that have `value` at `pointer`.
    pub(super) fn of(pointer: &'static str, value: impl Into<Value>) -> Self {
        Self { pointer, value: value.into(), seen: Arc::default() }
    }

    /// Policies of which this is the only one.
    pub(super) fn policies(&self) -> Policies {
        self.builder().build().unwrap()
    }

    /// A builder with this policy, remembering decisions.
    pub(super) fn builder(&self) -> PoliciesBuilder {
        let judge = self.clone();
        Policies::builder().cache_ttl(TTL).closure(POLICY, move |input| judge.allows(input)).unwrap()
    }

    fn allows(&self, input: &Input) -> bool {
        let input: Value = serde_json::from_str(input.canonical()).unwrap();
        let allows = input.pointer(self.pointer) == Some(&self.value);
        self.seen.lock().unwrap().push(input);
        allows
    }

    /// How often it was asked: what was remembered is not asked again.
    pub(super) fn evaluations(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// It was asked twice, about documents that differ at `pointers` and nowhere else.
    pub(super) fn saw_two_that_differ_at(&self, pointers: &[&str]) {
        let seen = self.seen.lock().unwrap();
        let [first, second] = seen.as_slice() else { panic!("{} evaluations", seen.len()) };
        assert_eq!(differences(first, second), pointers, "the callers differ in something else");
    }
}

/// Where two documents differ; a list is compared as a whole, and so are objects that have no member in common. A
/// member that one of them lacks is a difference.
fn differences(first: &Value, second: &Value) -> Vec<String> {
    match (first, second) {
        (Value::Object(first), Value::Object(second))
            if first.keys().any(|name| second.contains_key(name)) =>
        {
            let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
            let below = names.into_iter().flat_map(|name| {
                let of = |document: &Map<String, Value>| document.get(name).cloned().unwrap_or_else(absent);
                differences(&of(first), &of(second))
                    .into_iter()
                    .map(move |pointer| format!("/{name}{pointer}"))
            });
            below.collect()
        }
        (first, second) if first == second => Vec::new(),
        _ => vec![String::new()],
    }
}

/// Equal to nothing that a document has.
fn absent() -> Value {
    json!(["absent"])
}

/// A service whose route needs the judge's yes.
pub(super) fn setup(policies: &Policies) -> Setup {
    Setup { policy: Arc::new(policies.function([POLICY]).unwrap()), ..Setup::default() }
}

/// Who asks where.
pub(super) type Caller<'it> = (&'it Service, &'it RawRequest);

/// Only the first caller is allowed, in either order; both answers are remembered, each for its caller.
pub(super) async fn check_apart(judge: &Judge, first: Caller<'_>, second: Caller<'_>, pointers: &[&str]) {
    for _ in 0..2 {
        first.0.admitted(first.1).await;
        second.0.refused(second.1, &[403]).await;
    }
    judge.saw_two_that_differ_at(pointers);
}

/// Believes the tokens of `issuer`, whose task is not their scope.
pub(super) fn identity(issuer: &Issuer) -> IdentityChoice {
    believing(trusted(issuer))
}

/// Believes the tokens of `issuer`, which say for which tenant they are.
pub(super) fn identity_of_tenants(issuer: &Issuer) -> IdentityChoice {
    believing(trusted(issuer).tenant_claim("org"))
}

fn trusted(issuer: &Issuer) -> TrustedIssuer {
    TrustedIssuer::new(issuer.name())
        .jwks_uri(issuer.jwks_uri())
        .audience(AUDIENCE)
        .claims(ClaimNames::default().with_task("task"))
}

fn believing(issuer: TrustedIssuer) -> IdentityChoice {
    IdentityChoice::jwks(JwtAuthenticator::builder().trust(issuer).build().unwrap())
}

/// Alice's token, good for five minutes, with these claims changed; one that is null is left out.
pub(super) fn token(issuer: &Issuer, change: &Value) -> String {
    let now = SystemClock.unix_seconds();
    let mut claims = json!({
        "iss": issuer.name(), "aud": AUDIENCE, "iat": now, "exp": now + 300, "sub": "alice", "client_id": "web",
        "org": "acme", "task": "buy", "scope": "orders:read orders:write", "roles": ["admin", "clerk"],
    });
    let members = claims.as_object_mut().unwrap();
    members.extend(change.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    issuer.sign(&claims).unwrap()
}

/// A request that carries one entry.
pub(super) fn carrying(entry: &Forge) -> RawRequest {
    let entries = vec![entry.sign()];
    raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)))
}
