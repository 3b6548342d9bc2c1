//! Whatever a service signs through `Admitter::admit`, every strict verifier accepts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::caller::Attested;
use kest_core::entry::{Resource, Sanitizer};
use kest_core::policy::policy_fn;
use kest_core::trust::{Origin, TrustScore};
use kest_core::{
    Admission, AdmitError, AdmitOptions, Admitter, Arrival, Authenticate, AuthenticateError, Caller,
    Evidence, FromLineage, Identity, IdentitySource, Limits, Lineage, Operation, Passport,
    UnverifiedPassport, Verifier, authenticate,
};
use kest_testkit::TestClock;
use kest_tests::forge;
use kest_tests::keys::{TRUSTED, kest, ring, signer};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{compacts, for_all, odd_name, odd_text, verified};

#[test]
fn lineage_that_was_signed_here_holds_everywhere() {
    for_all(256, &lineages(7), |steps| {
        let passport = made(&steps).unwrap();
        let again = verified(passport.to_json().as_bytes(), passport.tips()).map_err(|it| format!("{it:?}"));
        let again = again.map_err(TestCaseError::fail)?;
        prop_assert_eq!(compacts(&again), compacts(&passport));
        prop_assert_eq!(again.tips(), passport.tips());
        prop_assert_eq!(again.trust_score(), passport.trust_score());
        prop_assert_eq!(again.taints(), passport.taints());
        for (ours, theirs) in passport.entries().iter().zip(again.entries()) {
            prop_assert_eq!(ours.identity(), theirs.identity());
            prop_assert!(ours.labels().iter().eq(theirs.labels().iter()));
        }
        Ok(())
    });
}

#[tokio::test]
async fn what_no_verifier_accepts_is_not_signed() {
    let policy = policy_fn("anyone", |_inquiry| true).unwrap();
    let plain = Operation::named("plain").unwrap();
    let mut wrong = Vec::new();
    for (what, operation) in [
        ("no classification", plain.clone().classification("")),
        ("long classification", plain.clone().classification("c".repeat(257))),
        ("empty taint", plain.clone().taint("")),
        ("long taint", plain.clone().taint("t".repeat(129))),
        ("many taints", (0..65).fold(plain.clone(), |it, number| it.taint(format!("t{number}")))),
        ("removing an empty taint", plain.clone().sanitizer(Sanitizer::because("so").removes(""))),
        ("no reason", plain.clone().sanitizer(Sanitizer::because("").removes("t"))),
        ("blank reason", plain.clone().sanitizer(Sanitizer::because(" \n").removes("t"))),
        ("long entry", plain.clone().resource(Resource::new("i".repeat(16 * 1024)))),
    ] {
        if kest("gateway").originate(Origin::system(), &operation, &policy).await.is_ok() {
            wrong.push(what);
        }
    }
    let late = TestClock::default();
    late.advance(Duration::from_millis(1 << 53));
    let late = Admitter::builder(signer("gateway")).clock(Arc::new(late)).build();
    if late.originate(Origin::system(), &plain, &policy).await.is_ok() {
        wrong.push("late clock");
    }
    if follow_all_of(33, &plain).await.is_ok() {
        wrong.push("33 parents");
    }
    assert!(follow_all_of(32, &plain).await.is_ok());
    assert!(wrong.is_empty(), "signed: {wrong:?}");
}

/// Follows a passport of `count` roots, whose carrier announced no tips and was believed.
async fn follow_all_of(count: u16, operation: &Operation) -> Result<Admission, AdmitError> {
    let limits = Limits::default();
    let roots: Vec<String> = (0..count).map(|number| forge::entry("gateway", number, &[]).sign()).collect();
    let carried = UnverifiedPassport::dangerous_from_entries(roots, None, &limits).unwrap();
    let lineage = Lineage::Carried(Verifier::new(limits).verify(carried, &ring()).unwrap());
    let caller = authenticate(&FromLineage, &Evidence::new(&lineage)).await.unwrap();
    let policy = policy_fn("anyone", |_inquiry| true).unwrap();
    let arrival = Arrival::new(lineage, caller);
    kest("orders").admit(&arrival, operation, &policy, AdmitOptions::default()).await
}

#[test]
fn payload_is_written_as_the_oracle_writes_it() {
    for_all(128, &lineages(4), |steps| {
        let passport = made(&steps).unwrap();
        for entry in compacts(&passport) {
            let bytes = URL_SAFE_NO_PAD.decode(entry.split('.').nth(1).unwrap()).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let canonical = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&canonical));
        }
        Ok(())
    });
}

/// One operation of a generated lineage.
#[derive(Debug, Clone)]
pub(super) struct Step {
    workload: &'static str,
    caller: Named,
    operation: String,
    classification: Option<String>,
    origin: Option<String>,
    taints: Vec<String>,
    sanitizer: Option<(String, Option<u8>, Vec<String>)>,
    resource: Option<(String, String)>,
    input: Option<Vec<u8>>,
    /// Which of the earlier operations it follows; none for a root beside the others.
    follows: Vec<Index>,
}

/// A caller by any name, attested in any way.
#[derive(Debug, Clone)]
struct Named {
    names: [Option<String>; 3],
    issuer: String,
    tenant: Option<String>,
    source: IdentitySource,
}

#[async_trait]
impl Authenticate for Named {
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        match self.source {
            IdentitySource::Lineage => return Ok(FromLineage::attested(evidence.lineage())),
            IdentitySource::Anonymous => return Ok(Attested::anonymous()),
            IdentitySource::Jwt | IdentitySource::Unverified | _ => {}
        }
        let [user, agent, task] = &self.names;
        let mut identity = Identity::default();
        identity = user.iter().fold(identity, |it, user| it.with_user(user.as_str()));
        identity = agent.iter().fold(identity, |it, agent| it.with_agent(agent.as_str()));
        identity = task.iter().fold(identity, |it, task| it.with_task(task.as_str()));
        let attested = Attested::new(identity, self.source).with_issuer(self.issuer.as_str());
        Ok(match &self.tenant {
            Some(tenant) => attested.with_tenant(tenant.as_str()),
            None => attested,
        })
    }
}

/// Lineages of 1 to `longest` operations.
pub(super) fn lineages(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=longest)
}

fn step() -> impl Strategy<Value = Step> {
    let reason = odd_text(40).prop_map(|text| format!("since {text}"));
    let sanitizer = (reason, option::of(0..=100_u8), vec(taint(), 0..3));
    let what = (odd_name(256), option::of(odd_name(256)), option::of(origin()), vec(taint(), 0..4));
    let on = (option::weighted(0.2, sanitizer), option::of(resource()), option::of(vec(any::<u8>(), 0..40)));
    let follows = prop_oneof![1 => vec(any::<Index>(), 0..=0), 9 => vec(any::<Index>(), 1..4)];
    (select(&TRUSTED[..]), caller(), what, on, follows).prop_map(|(workload, caller, what, on, follows)| {
        let (operation, classification, origin, taints) = what;
        let (sanitizer, resource, input) = on;
        Step {
            workload,
            caller,
            operation,
            classification,
            origin,
            taints,
            sanitizer,
            resource,
            input,
            follows,
        }
    })
}

fn caller() -> impl Strategy<Value = Named> {
    use IdentitySource::{Anonymous, Jwt, Lineage, Unverified};
    let name = || option::of(odd_text(300));
    // Most follow the lineage, as most services do: so that whole lineages of one caller are made.
    let source = select(&[Anonymous, Jwt, Lineage, Lineage, Lineage, Unverified][..]);
    ([name(), name(), name()], odd_name(300), name(), source)
        .prop_map(|(names, issuer, tenant, source)| Named { names, issuer, tenant, source })
}

/// Few enough that the same one comes up again and is removed now and then.
fn taint() -> impl Strategy<Value = String> + Clone {
    prop_oneof![3 => select(&["pii", "web", "\u{1f600}", "\u{e000}"][..]).prop_map(str::to_owned), 1 => odd_name(128)]
}

fn origin() -> impl Strategy<Value = String> {
    let known =
        vec!["system", "internal", "verified_rag", "third_party_api", "user_input", "internet", "llm"];
    prop_oneof![3 => select(known).prop_map(str::to_owned), 1 => odd_name(64)]
}

/// An id and an object of attributes.
fn resource() -> impl Strategy<Value = (String, String)> {
    let attributes = proptest::collection::btree_map(odd_text(20), odd_text(20), 0..4);
    // Behind a letter, an id is neither a path, which has a normal form, nor `*`, which is no id.
    (odd_text(60), attributes)
        .prop_map(|(id, attributes)| (format!("r{id}"), serde_json::to_string(&attributes).unwrap()))
}

/// Signs all of `steps` and joins what is left unfollowed.
pub(super) fn made(steps: &[Step]) -> Result<Passport, AdmitError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut lineages: Vec<Passport> = Vec::new();
        for step in steps {
            let mut before = Passport::empty();
            for index in step.follows.iter().filter(|_| !lineages.is_empty()) {
                before = before.merge(index.get(&lineages), &Limits::default()).unwrap();
            }
            lineages.push(step.admit(before).await?);
        }
        let all =
            lineages.iter().try_fold(Passport::empty(), |all, next| all.merge(next, &Limits::default()));
        Ok(all.unwrap())
    })
}

impl Step {
    async fn admit(&self, before: Passport) -> Result<Passport, AdmitError> {
        let lineage = if before.is_empty() { Lineage::Absent } else { Lineage::Carried(before) };
        let caller: Caller = authenticate(&self.caller, &Evidence::new(&lineage)).await.unwrap();
        let policy = policy_fn(self.operation.as_str(), |_inquiry| true).unwrap();
        let arrival = Arrival::new(lineage, caller);
        let admission =
            kest(self.workload).admit(&arrival, &self.described(), &policy, AdmitOptions::default()).await?;
        Ok(admission.passport().clone())
    }

    fn described(&self) -> Operation {
        let mut operation = Operation::named(self.operation.as_str()).unwrap();
        if let Some(classification) = &self.classification {
            operation = operation.classification(classification.as_str());
        }
        if let Some(origin) = &self.origin {
            operation = operation.origin(Origin::new(origin.as_str()).unwrap());
        }
        for taint in &self.taints {
            operation = operation.taint(taint.as_str());
        }
        if let Some((reason, trust, removes)) = &self.sanitizer {
            let mut sanitizer = Sanitizer::because(reason.as_str());
            sanitizer =
                trust.iter().fold(sanitizer, |it, trust| it.sets_trust(TrustScore::new(*trust).unwrap()));
            sanitizer = removes.iter().fold(sanitizer, |it, taint| it.removes(taint.as_str()));
            operation = operation.sanitizer(sanitizer);
        }
        if let Some((id, attributes)) = &self.resource {
            operation = operation.resource(Resource::new(id.as_str()).with_attributes(attributes).unwrap());
        }
        self.input.iter().fold(operation, |it, input| it.input(input))
    }
}
