//! Every refusal explains itself to the people who run the service: one line, one count, what was expected and what to
//! do, and nothing that was sent.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use kest_core::entry::{Identity, PolicyContext, PolicyName, Resource, Tier};
use kest_core::passport::UnverifiedPassport;
use kest_core::policy::{AuthorizeError, Decision, Inquiry, policy_fn};
use kest_core::signature::{KeyRing, KeysUnavailable, ResolveKeys};
use kest_core::{
    Attested, Authenticate, AuthenticateError, Authorize, Evidence, IdentitySource, Limits, Operation,
};
use kest_identity::IdentityChoice;
use kest_tests::forge::{self, Forge};
use kest_tests::keys;
use kest_tests::logs::Logs;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{BadSigner, Setup, SignerFault};
use kest_tests::stores::BadStore;
use kest_tower::{GuardLayer, InboundLayer, OperationLayer, Rejection, RejectionKind};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tower::{ServiceBuilder, ServiceExt as _};

/// What was logged and counted while it was kept.
pub(crate) struct Kept {
    pub(crate) logs: Logs,
    counts: Snapshotter,
    _guards: (tracing::subscriber::DefaultGuard, metrics::LocalRecorderGuard<'static>),
}

pub(crate) fn keep() -> Kept {
    let (logs, logging) = Logs::keep();
    let recorder: &'static DebuggingRecorder = Box::leak(Box::new(DebuggingRecorder::new()));
    let counts = recorder.snapshotter();
    Kept { logs, counts, _guards: (logging, metrics::set_default_local_recorder(recorder)) }
}

impl Kept {
    /// The one line above debug, after checking that there is one, and one count for the same step and kind.
    #[track_caller]
    pub(crate) fn only(&self, step: &str, kind: &str) -> String {
        let text = self.logs.text();
        let told_at_start = |line: &&str| !line.contains("no deployment policy");
        let loud = |line: &&str| ["INFO", "WARN", "ERROR"].iter().any(|level| line.contains(level));
        let loud: Vec<&str> = text.lines().filter(loud).filter(told_at_start).collect();
        assert_eq!(loud.len(), 1, "{kind}: {text}");
        let expected = BTreeMap::from([((step.to_owned(), kind.to_owned()), 1)]);
        assert_eq!(self.refusals(), expected, "{kind}");
        let line = loud[0].to_owned();
        for part in [&format!("step=\"{step}\""), &format!("kind=\"{kind}\""), "expected=\"", "mend=\""] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("expected=\"\"") && !line.contains("mend=\"\""), "{line}");
        line
    }

    fn refusals(&self) -> BTreeMap<(String, String), u64> {
        let mut counted = BTreeMap::new();
        for (key, _, _, value) in self.counts.snapshot().into_vec() {
            let key = key.key();
            if let (kest_core::refusal::REFUSALS, DebugValue::Counter(count)) = (key.name(), value) {
                let label =
                    |name: &str| key.labels().find(|label| label.key() == name).unwrap().value().to_owned();
                counted.insert((label("step"), label("kind")), count);
            }
        }
        counted
    }
}

const SECRET: &str = "TOPSECRET";

/// Sends `request` to the service and checks its one line, its one count, and that neither repeats what was sent.
#[expect(clippy::future_not_send, reason = "what is kept belongs to the thread of the test")]
#[track_caller]
fn check(
    setup: Setup,
    request: RawRequest,
    step: &'static str,
    kind: RejectionKind,
) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    async move {
        let kept = keep();
        let service = setup.start().await;
        let response = request.header("x-note", SECRET).send(service.address).await;
        assert_eq!(response.status, kind.status().as_u16(), "{caller}");
        assert_eq!((response.body.as_str(), service.runs()), ("", 0), "{caller}");
        let text = kept.logs.text();
        assert!(!text.contains(SECRET) && !text.contains("eyJ"), "{caller}: {text}");
        kept.only(step, kind.as_str())
    }
}

#[test]
fn every_kind_has_a_name_a_status_an_expectation_and_a_mend() {
    let mut names = std::collections::BTreeSet::new();
    for kind in RejectionKind::ALL {
        let told = kind.explanation();
        assert!(names.insert(kind.as_str()), "{} stands twice", kind.as_str());
        assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        assert!(told.expected().len() > 15 && told.mend().len() > 15, "{kind:?}");
        assert!(!told.mend().contains("  ") && !told.expected().contains("  "), "{kind:?}");
        let own_fault = told.actor() == kest_core::refusal::Actor::Service;
        assert_eq!(own_fault, kind.status().as_u16() == 500, "{kind:?}");
        let away = told.actor() == kest_core::refusal::Actor::Dependency;
        assert_eq!(away, kind.status().as_u16() == 503, "{kind:?}");
        // Names that dashboards and alarms are built on.
        assert_eq!(kind.as_str(), snake(&format!("{kind:?}")), "a name follows from its kind");
    }
    let guide = include_str!("../../docs/guides/inbound.md");
    for kind in RejectionKind::ALL {
        let row = format!("| `{}` | {} |", kind.as_str(), kind.status().as_u16());
        assert!(guide.contains(&row), "the inbound guide has no row {row}");
    }
}

fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
        text
    })
}

#[tokio::test]
async fn header_that_cannot_be_read_is_explained() {
    let request = raw::call().baggage(format!("kest.passport=%5B%22{SECRET}%0d%0aX%22%5D,kest.chain_tip=0"));
    let line = check(Setup::default(), request, "inbound", RejectionKind::BaggageMalformed).await;
    assert!(line.contains("cause=\"baggage_escape\"") && line.contains("status=400"), "{line}");
    let mut limits = Limits::default();
    limits.header_bytes = 64;
    let setup = Setup { limits, ..Setup::default() };
    let request = raw::call().baggage(format!("a={}", SECRET.repeat(20)));
    let line = check(setup, request, "inbound", RejectionKind::BaggageTooLarge).await;
    assert!(line.contains("cause=\"baggage_too_long\""), "{line}");
}

#[tokio::test]
async fn claim_that_cannot_be_redeemed_is_explained() {
    let tip = "0".repeat(64);
    let claim = format!("kest.claim_check=1b4e28ba-2fa1-41d2-883f-0016d3cca427,kest.chain_tip={tip}");
    let request = || raw::call().baggage(&claim);
    check(Setup::default(), request(), "inbound", RejectionKind::ClaimGone).await;
    let setup = Setup { store: Some(Arc::new(BadStore::Down)), ..Setup::default() };
    check(setup, request(), "inbound", RejectionKind::ClaimStoreUnavailable).await;
}

#[tokio::test]
async fn passport_of_an_unknown_workload_names_it() {
    let mut entries = vec![Forge::entry("gateway", 1, &[]).sign()];
    let stranger =
        Forge::entry("gateway", 2, &[&entries[0]]).label("principal", "spiffe://partner.example/billing");
    entries.push(stranger.sign());
    let request = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let line = check(Setup::default(), request, "inbound", RejectionKind::PassportInvalid).await;
    for part in ["cause=\"unknown_principal\"", "index=1", "unknown=spiffe://partner.example/billing"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn workload_with_a_hostile_name_is_not_repeated() {
    let names = ["a b=\"forged\" kind=\"fine\"", "TOPSECRET%0a", "\u{202e}cart", "x,y=z"];
    for name in names {
        let entries = vec![Forge::entry("gateway", 1, &[]).label("principal", name).sign()];
        let request = raw::call().baggage(forge::compressed(&entries, &forge::tip(&entries)));
        let line = check(Setup::default(), request, "inbound", RejectionKind::PassportInvalid).await;
        assert!(line.contains("cause=\"unknown_principal\"") && !line.contains("unknown="), "{line}");
    }
}

#[tokio::test]
async fn missing_passport_is_explained() {
    let inbound = Box::new(|builder: kest_tower::InboundBuilder| builder.require_passport());
    let setup = Setup { inbound, ..Setup::default() };
    check(setup, raw::call(), "inbound", RejectionKind::PassportMissing).await;
}

#[tokio::test]
async fn stale_and_unwanted_passports_are_explained() {
    let entries = vec![Forge::entry("gateway", 1, &[]).with("/timestamp_ms", serde_json::json!(7)).sign()];
    let request = || raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let line = check(Setup::default(), request(), "inbound", RejectionKind::PassportStale).await;
    assert!(line.contains("cause=\"too_old\""), "{line}");
    let refused =
        |builder: kest_tower::InboundBuilder| builder.passport(kest_tower::PassportPresence::Refused);
    let setup = Setup { inbound: Box::new(refused), ..Setup::default() };
    check(setup, request(), "inbound", RejectionKind::PassportRefused).await;
}

/// Answers as it is told.
#[derive(Debug, Clone, Copy)]
enum Mechanism {
    Missing,
    Invalid,
    Away,
    Silent,
    Known,
}

#[async_trait]
impl Authenticate for Mechanism {
    async fn attest(&self, _: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        match self {
            Self::Missing => Err(AuthenticateError::Missing),
            // The cause of a custom mechanism may repeat anything.
            Self::Invalid => Err(AuthenticateError::Invalid(SECRET.into())),
            Self::Away => Err(AuthenticateError::Unavailable(SECRET.into())),
            Self::Silent => std::future::pending().await,
            Self::Known => {
                Ok(Attested::new(Identity::default(), IdentitySource::Jwt)
                    .with_issuer("https://issuer.example"))
            }
        }
    }
}

#[tokio::test]
async fn credentials_that_do_not_hold_are_explained() {
    let setup = |mechanism: Mechanism| {
        let mut limits = Limits::default();
        limits.arrival_wait = Duration::from_millis(50);
        Setup { identity: IdentityChoice::mechanism(Arc::new(mechanism)), limits, ..Setup::default() }
    };
    let request = || raw::call().bearer(SECRET);
    for (mechanism, kind) in [
        (Mechanism::Missing, RejectionKind::CredentialsMissing),
        (Mechanism::Invalid, RejectionKind::CredentialsInvalid),
        (Mechanism::Away, RejectionKind::IdentityUnavailable),
        (Mechanism::Silent, RejectionKind::TookTooLong),
    ] {
        check(setup(mechanism), request(), "inbound", kind).await;
    }
}

#[tokio::test(start_paused = true)]
async fn token_that_does_not_hold_names_the_rule() {
    let key = kest_tests::tokens::TokenKey::ed25519("key-1", 1);
    let edge = kest_tests::edge::Edge::warm(&[key.jwk()]).await;
    let kept = keep();
    let response = raw::call().bearer("e30.e30.e30").send(edge.service.address).await;
    assert_eq!(response.status, 401);
    let line = kept.only("inbound", "credentials_invalid");
    assert!(line.contains("cause=\"algorithm\""), "{line}");
}

/// A policy that fails as it is told.
#[derive(Debug, Clone, Copy)]
enum Policy {
    Away,
    Failing,
    Silent,
    EmptyYes,
    Enterprise,
}

#[async_trait]
impl Authorize for Policy {
    async fn decide(&self, _: &Inquiry<'_>) -> Result<Decision, AuthorizeError> {
        match self {
            Self::Away => Err(AuthorizeError::Unavailable(SECRET.into())),
            Self::Failing => Err(AuthorizeError::Failed(SECRET.into())),
            Self::Silent => std::future::pending().await,
            Self::EmptyYes => Ok(Decision::Allow(PolicyContext::default())),
            Self::Enterprise => {
                let mut policies = PolicyContext::default();
                policies.push(Tier::Enterprise, &PolicyName::new("usurped").unwrap());
                Ok(Decision::Allow(policies))
            }
        }
    }
}

#[tokio::test]
async fn operation_that_is_not_admitted_is_explained() {
    for (policy, kind) in [
        (Policy::Away, RejectionKind::PolicyUnavailable),
        (Policy::Failing, RejectionKind::PolicyFailed),
        (Policy::Silent, RejectionKind::TookTooLong),
        (Policy::EmptyYes, RejectionKind::NoPolicy),
        (Policy::Enterprise, RejectionKind::PolicyMisplaced),
    ] {
        let mut limits = Limits::default();
        limits.admission_wait = Duration::from_millis(50);
        let setup = Setup { policy: Arc::new(policy), limits, ..Setup::default() };
        check(setup, raw::call(), "operation", kind).await;
    }
    for fault in [SignerFault::Away, SignerFault::Wrong] {
        let setup = Setup { signer: BadSigner::with(fault), ..Setup::default() };
        let line = check(setup, raw::call(), "operation", RejectionKind::SignerUnavailable).await;
        assert!(line.contains("cause=\""), "{line}");
    }
}

#[tokio::test]
async fn denial_says_what_policy_was_asked_about() {
    let policy = Arc::new(policy_fn("trusted_data", |it| it.trust_score().value() >= 40).unwrap());
    let operation = Operation::named("import\nfeed").unwrap().taint("feed").taint("a\u{1b}[2Jb");
    let setup = Setup { policy, operation, ..Setup::default() };
    let line = check(setup, raw::call(), "operation", RejectionKind::Denied).await;
    for part in [
        "trust=10",
        "root=true",
        "taints=[a\\u{1b}[2Jb,feed]",
        "tier=\"function\"",
        "policy=trusted_data",
        "kest.operation=import\\nfeed",
        "kest.entry_id=",
        "root_origin",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn denial_within_a_lineage_is_no_root() {
    let policy = Arc::new(policy_fn("never", |_| false).unwrap());
    let entries = vec![Forge::entry("gateway", 1, &[]).with("/trust_score", 70.into()).sign()];
    let request = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let line = check(Setup { policy, ..Setup::default() }, request, "operation", RejectionKind::Denied).await;
    assert!(line.contains("trust=70") && line.contains("root=false") && line.contains("taints=[]"), "{line}");
}

#[tokio::test]
async fn entry_that_the_request_makes_too_large_is_the_callers_fault() {
    let mut limits = Limits::default();
    limits.entry_bytes = 1200;
    let operation = Operation::named("call").unwrap().resource(Resource::new("x".repeat(600)));
    let setup = Setup { limits, operation, ..Setup::default() };
    let line = check(setup, raw::call(), "operation", RejectionKind::EntryTooLarge).await;
    assert!(line.contains("INFO") && line.contains("cause=\"entry_too_long\""), "{line}");
    let mut limits = Limits::default();
    limits.entries = 1;
    let entries = vec![Forge::entry("gateway", 1, &[]).sign()];
    let request = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    check(Setup { limits, ..Setup::default() }, request, "operation", RejectionKind::LineageFull).await;
}

/// Knows no keys today.
#[derive(Debug)]
struct NoKeys;

#[async_trait]
impl ResolveKeys for NoKeys {
    async fn ring_for(&self, _: &UnverifiedPassport) -> Result<Arc<KeyRing>, KeysUnavailable> {
        Err(KeysUnavailable::new(SECRET))
    }
}

fn inbound() -> InboundLayer {
    InboundLayer::builder(keys::ring()).identity(IdentityChoice::from_lineage()).build()
}

fn operation() -> OperationLayer {
    let policy = policy_fn("anyone", |_| true).unwrap();
    OperationLayer::new(keys::kest("service"), Operation::named("call").unwrap(), policy)
}

async fn ran(_: Request<()>) -> Result<Response<String>, Infallible> {
    Ok(Response::new("ran".to_owned()))
}

#[tokio::test]
async fn keys_out_of_reach_are_explained() {
    let kept = keep();
    let layer = InboundLayer::builder(NoKeys).identity(IdentityChoice::from_lineage()).build();
    let service = ServiceBuilder::new().layer(layer).layer(operation()).service_fn(ran);
    let entries = vec![Forge::entry("gateway", 1, &[]).sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    let response =
        service.oneshot(Request::builder().header("baggage", header).body(()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 503);
    kept.only("inbound", "keys_unavailable");
    assert!(!kept.logs.text().contains(SECRET));
}

#[tokio::test]
async fn guard_says_what_it_needs() {
    let guard = || GuardLayer::scopes(["orders:write"]).unwrap().roles(["clerk"]);
    let refuse = async |mechanism: Mechanism, guard: GuardLayer| {
        let kept = keep();
        let choice = IdentityChoice::mechanism(Arc::new(mechanism));
        let inbound = InboundLayer::builder(keys::ring()).identity(choice).build();
        let service = ServiceBuilder::new().layer(inbound).layer(guard).service_fn(ran);
        let response = service.oneshot(Request::new(())).await.unwrap();
        (kept, response.extensions().get::<Rejection>().unwrap().clone())
    };
    let (kept, rejection) = refuse(Mechanism::Known, guard()).await;
    assert!(rejection.expected().contains("orders:write"), "{rejection:?}");
    assert!(kept.only("guard", "insufficient_scope").contains("orders:write"));
    drop(kept);
    let roles_only = GuardLayer::for_roles(["clerk"]).unwrap();
    let (kept, rejection) = refuse(Mechanism::Known, roles_only).await;
    assert!(rejection.expected().contains("clerk"), "{rejection:?}");
    assert!(kept.only("guard", "role_missing").contains("clerk"));
}

#[tokio::test]
async fn forgotten_inbound_layer_is_explained_once_in_all_places() {
    let kept = keep();
    let service = ServiceBuilder::new().layer(operation()).service_fn(ran);
    assert_eq!(service.oneshot(Request::new(())).await.unwrap().status(), 500);
    assert!(kept.only("operation", "no_arrival").contains("ERROR"));
    drop(kept);
    let kept = keep();
    let service = ServiceBuilder::new().layer(GuardLayer::scopes(["a"]).unwrap()).service_fn(ran);
    assert_eq!(service.oneshot(Request::new(())).await.unwrap().status(), 500);
    kept.only("guard", "no_arrival");
    drop(kept);
    let ask =
        async |router: axum::Router| router.oneshot(Request::new(axum::body::Body::empty())).await.unwrap();
    let kept = keep();
    let router = axum::Router::new().route("/", axum::routing::get(async |_: kest::Caller| "ran"));
    assert_eq!(ask(router).await.status(), 500);
    kept.only("extractor", "no_arrival");
    drop(kept);
    let kept = keep();
    let router = axum::Router::new().route("/", axum::routing::get(async |_: kest::Admitted| "ran"));
    assert_eq!(ask(router.layer(inbound())).await.status(), 500);
    kept.only("extractor", "no_admission");
}

#[tokio::test]
async fn nested_and_originated_work_is_explained_too() {
    let outer = keys::chain(1).await;
    let never = policy_fn("never", |_| false).unwrap();
    let kept = keep();
    assert!(outer.operation(Operation::named("delete").unwrap()).admit(&never).await.is_err());
    let line = kept.only("nested", "denied");
    assert!(line.contains("policy=never") && line.contains("root=false"), "{line}");
    drop(kept);
    let kept = keep();
    let joined = outer.join([]).unwrap().admit(&Operation::named("sum").unwrap(), &never).await;
    assert!(joined.is_err());
    kept.only("nested", "denied");
    drop(kept);
    let kept = keep();
    let nightly = Operation::named("nightly").unwrap();
    let origin = kest_core::trust::Origin::user_input();
    assert!(keys::kest("service").originate(origin, &nightly, &never).await.is_err());
    assert!(kept.only("originate", "denied").contains("trust=40"));
}

#[tokio::test]
async fn request_that_is_not_sent_is_explained_and_one_without_a_passport_is_counted() {
    use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
    let never = || policy_fn("never", |_| false).unwrap();
    let nightly = || Operation::named("nightly").unwrap();
    let internal = kest_core::trust::Origin::internal;
    for (choice, step, kind) in [
        (WithoutLineage::Refuse, "client", "no_lineage"),
        (
            WithoutLineage::originate(keys::kest("service"), internal(), nightly(), never()),
            "originate",
            "denied",
        ),
    ] {
        let client = CarryPassport::to([Destination::origin("http://127.0.0.1:9").unwrap()])
            .without_lineage(choice)
            .client(reqwest::Client::builder())
            .unwrap();
        let kept = keep();
        assert!(client.get(format!("http://127.0.0.1:9/{SECRET}")).send().await.is_err());
        kept.only(step, kind);
        assert!(!kept.logs.text().contains(SECRET));
        drop(kept);
        let kept = keep();
        let unlisted = client.get(format!("http://127.0.0.2:9/{SECRET}")).send().await;
        assert!(unlisted.is_err());
        assert_eq!(kept.refusals(), BTreeMap::new());
        let text = kept.logs.text();
        assert!(text.contains("destination is not listed") && text.contains("http://127.0.0.2:9"), "{text}");
        let ours: Vec<&str> = text.lines().filter(|line| line.contains("kest_reqwest")).collect();
        assert!(ours.len() == 1 && !ours[0].contains(SECRET), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn nested_work_that_takes_too_long_is_explained() {
    use kest_baggage::RunNested as _;
    let outer = keys::chain(1).await;
    let kept = keep();
    let nested = outer.operation(Operation::named("ask").unwrap());
    assert!(nested.run(&Policy::Silent, async |_: kest_core::Admission| ()).await.is_err());
    kept.only("nested", "took_too_long");
}

#[tokio::test]
async fn rejection_in_the_answer_says_the_same_as_the_line() {
    let kept = keep();
    let service = ServiceBuilder::new().layer(inbound()).layer(operation()).service_fn(ran);
    let entries = vec![Forge::entry("gateway", 1, &[]).label("principal", "partner").sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    let request = Request::builder().header("baggage", header).body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    let failure = rejection.passport_failure().unwrap();
    assert_eq!((failure.kind().as_str(), failure.index()), ("unknown_principal", Some(0)));
    assert_eq!(failure.workload().map(|it| it.as_str()), Some("partner"));
    let line = kept.only(rejection.step().as_str(), rejection.kind().as_str());
    assert!(line.contains(rejection.expected()) && line.contains(rejection.mend()), "{line}");
    assert!(line.contains(rejection.cause().unwrap()), "{line}");
    let told: Vec<_> = response.headers().iter().collect();
    assert_eq!((told.len(), &response.headers()["www-authenticate"]), (1, &"Kest".parse().unwrap()));
}

#[tokio::test]
async fn request_that_gets_through_leaves_a_line_for_those_who_look() {
    let kept = keep();
    let service = kest_tests::service::Service::start().await;
    service.admitted(&raw::call()).await;
    let text = kept.logs.text();
    let line = text.lines().find(|line| line.contains("operation admitted")).unwrap();
    for part in ["DEBUG", "kest.entry_id=", "trust=10", "entries=1"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(kept.refusals(), BTreeMap::new());
}
