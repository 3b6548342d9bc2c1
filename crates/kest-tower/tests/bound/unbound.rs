//! Services that say nothing about what ties passports to requests: which do not start, and what passports are worth to the others.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::{Request, Response};
use kest_core::policy::policy_fn;
use kest_core::trust::Origin;
use kest_core::{
    Attested, Authenticate, AuthenticateError, Credentials, Evidence, FromLineage, Lineage, Operation,
};
use kest_identity::{IdentityChoice, all_of, first_of};
use kest_testkit::{TestCaller, TestKest};
use kest_tower::{HopProof, InboundBuildError, InboundBuilder, OperationLayer};
use tower::{ServiceBuilder, ServiceExt as _};

use super::rig::{HOST, now};

/// A mechanism of one's own that takes the names of the lineage, and says so or not.
#[derive(Debug)]
struct Heir {
    says_so: bool,
}

#[async_trait]
impl Authenticate for Heir {
    fn needs_lineage(&self) -> bool {
        self.says_so
    }

    fn presents(&self, _credentials: &Credentials<'_>) -> bool {
        true
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        assert!(self.says_so || matches!(evidence.lineage(), Lineage::Absent), "it was shown a lineage");
        Ok(FromLineage::attested(evidence.lineage()))
    }
}

/// A mechanism of one's own that implements what must be, and no more.
#[derive(Debug)]
struct Plain;

#[async_trait]
impl Authenticate for Plain {
    async fn attest(&self, _evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        Ok(Attested::anonymous())
    }
}

fn alice() -> TestCaller {
    TestCaller::user("alice")
}

fn mechanism(it: impl Authenticate + 'static) -> IdentityChoice {
    IdentityChoice::mechanism(Arc::new(it))
}

/// All ways to take callers from the lineage.
fn by_lineage() -> Vec<IdentityChoice> {
    let shared: Arc<dyn Authenticate> = Arc::new(FromLineage);
    vec![
        IdentityChoice::from_lineage(),
        FromLineage.into(),
        shared.into(),
        first_of(alice(), FromLineage).into(),
        first_of(FromLineage, alice()).or(alice()).into(),
        all_of(alice(), FromLineage).into(),
        first_of(alice(), all_of(alice(), FromLineage)).into(),
        mechanism(Arc::new(first_of(alice(), FromLineage))),
        mechanism(Heir { says_so: true }),
        mechanism(Plain),
    ]
}

/// Attack: a passport that was copied, sent to a service where its names are the caller's.
#[test]
fn service_by_lineage_that_says_nothing_about_bindings_does_not_start() {
    let kit = TestKest::new(["gateway", "service"]);
    for identity in by_lineage() {
        let what = format!("{identity:?}");
        let error = kit.inbound().identity(identity).try_build().expect_err(&what);
        assert!(matches!(error, InboundBuildError::NoBindingChoice(_)), "{what}: {error}");
        let message = error.to_string();
        for mend in [".hop_proof(", ".bound_to_peer()", ".dangerous_bearer_passports()", "needs_lineage"] {
            assert!(message.contains(mend), "{message}");
        }
    }
    let said: [fn(InboundBuilder) -> InboundBuilder; 3] = [
        |it| it.hop_proof(HopProof::for_authority(HOST)),
        InboundBuilder::bound_to_peer,
        InboundBuilder::dangerous_bearer_passports,
    ];
    for binding in said {
        for identity in by_lineage() {
            assert!(binding(kit.inbound().identity(identity)).try_build().is_ok());
        }
    }
}

#[test]
#[should_panic(expected = ".dangerous_bearer_passports()")]
fn service_by_lineage_that_says_nothing_panics_where_it_is_built() {
    drop(TestKest::new(["gateway"]).inbound().identity(FromLineage).build());
}

#[test]
fn service_that_takes_no_caller_from_a_lineage_needs_to_say_nothing() {
    let kit = TestKest::new(["gateway", "service"]);
    let others = [
        mechanism(alice()),
        first_of(alice(), alice()).into(),
        all_of(alice(), alice()).into(),
        IdentityChoice::dangerous_insecure_no_verify(),
    ];
    for identity in others {
        assert!(kit.inbound().identity(identity).try_build().is_ok());
    }
}

/// A request without a token.
fn asked() -> Request<String> {
    Request::post(format!("https://{HOST}/items/7")).body(String::new()).unwrap()
}

/// What reached the policy and what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Worth {
    trust: u8,
    signed: u8,
    tainted: bool,
    hop_proof: &'static str,
    caller: Option<String>,
}

fn worth(of: IdentityChoice, bind: impl Fn(InboundBuilder) -> InboundBuilder, origin: Origin) -> Worth {
    let kit = TestKest::new(["gateway", "service"]);
    let lineage = kit.lineage().caller(TestCaller::user("root"));
    let lineage = lineage.hop_as("gateway", Operation::from_static("import").taint("feed"));
    let sent = kit.carry(&lineage.passport(), asked());
    worth_of(&kit, sent, of, bind, origin)
}

fn worth_of(
    kit: &TestKest,
    sent: Request<String>,
    of: IdentityChoice,
    bind: impl Fn(InboundBuilder) -> InboundBuilder,
    origin: Origin,
) -> Worth {
    let asked = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&asked);
    let policy = policy_fn("looks", move |it| {
        let caller = it.user().map(str::to_owned);
        *seen.lock().unwrap() = Some(Worth {
            trust: it.trust_score().value(),
            signed: 0,
            tainted: it.taints().contains("feed"),
            hop_proof: it.arrival().binding().as_str(),
            caller,
        });
        true
    });
    let operation = Operation::from_static("reserve");
    let operation = OperationLayer::new(kit.admitter("service").build(), operation, policy.unwrap());
    let service = ServiceBuilder::new()
        .layer(bind(kit.inbound().identity(of)).build())
        .layer(operation.root_origin(origin))
        .service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new(String::new())));
    assert_eq!(now(service.oneshot(sent)).unwrap().status(), 200);
    let signed = kit.signed().last().unwrap().payload()["trust_score"].as_u64().unwrap();
    let worth = asked.lock().unwrap().take().unwrap();
    Worth { signed: u8::try_from(signed).unwrap(), ..worth }
}

/// Attack: a token of one's own, and beside it a passport of full trust that was copied somewhere.
#[test]
fn unbound_passport_does_not_lift_the_trust_of_a_token_caller() {
    let worth = |origin| worth(mechanism(alice()), |it| it, origin);
    let held = |trust| Worth {
        trust,
        signed: trust,
        tainted: true,
        hop_proof: "none",
        caller: Some("alice".to_owned()),
    };
    assert_eq!(worth(Origin::internet()), held(10));
    assert_eq!(worth(Origin::user_input()), held(40));
}

#[test]
fn passport_that_is_bound_or_believed_aloud_is_worth_what_was_signed() {
    let believed = worth(mechanism(alice()), InboundBuilder::dangerous_bearer_passports, Origin::internet());
    assert_eq!((believed.trust, believed.signed, believed.hop_proof), (100, 100, "none"));
    let kit = TestKest::new(["gateway", "service"]);
    let sent = kit.lineage().hop("gateway").send(asked());
    let proof = |it: InboundBuilder| it.hop_proof(HopProof::for_authority(HOST));
    let proved = worth_of(&kit, sent, mechanism(alice()), proof, Origin::internet());
    assert_eq!((proved.trust, proved.signed, proved.hop_proof), (100, 100, "signature"));
}

/// An unbound passport of little trust takes away what a root would have.
#[test]
fn unbound_passport_of_less_trust_than_a_root_is_held_to_its_own() {
    let kit = TestKest::new(["gateway", "service"]);
    let lineage = kit.lineage().origin(Origin::internet()).hop("gateway");
    let sent = kit.carry(&lineage.passport(), asked());
    let low = worth_of(&kit, sent, mechanism(alice()), |it| it, Origin::user_input());
    assert_eq!((low.trust, low.signed), (10, 10));
}

/// Attack: a mechanism that says that it needs no lineage, and takes its names where one can be had.
#[test]
fn mechanism_that_says_it_needs_no_lineage_is_shown_none() {
    let unsaid = || Heir { says_so: false };
    for identity in
        [mechanism(unsaid()), first_of(unsaid(), alice()).into(), all_of(unsaid(), unsaid()).into()]
    {
        assert_eq!(worth(identity, |it| it, Origin::internet()).caller, None);
    }
    // Beside one that needs it, where a binding was said.
    let bearer = InboundBuilder::dangerous_bearer_passports;
    let beside = [all_of(unsaid(), FromLineage).into(), first_of(unsaid(), FromLineage).into()];
    for identity in beside {
        assert_eq!(worth(identity, bearer, Origin::internet()).caller, None);
    }
    assert_eq!(worth(FromLineage.into(), bearer, Origin::internet()).caller.as_deref(), Some("root"));
}

/// Attack: the insecure mode takes any name, and a stolen passport must not bring its trust along.
#[test]
fn insecure_mode_believes_the_names_of_an_unbound_passport_and_not_its_trust() {
    let open = worth(IdentityChoice::dangerous_insecure_no_verify(), |it| it, Origin::internet());
    assert_eq!((open.caller.as_deref(), open.trust, open.tainted), (Some("root"), 10, true));
}
