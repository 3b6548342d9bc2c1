//! The normative test cases of the specification (Kest v0.3.0, section 13.3), by their names.

use std::sync::Arc;

use kest_baggage::{
    HeaderReader, InMemoryPassports, PassportStore, Tier, Tiers, current_user, pack, restore, run_admitted,
};
use kest_core::entry::Sanitizer;
use kest_core::passport::VerifyErrorKind;
use kest_core::policy::{
    Authorize, AuthorizeError, Decision, PolicyRequest, all_of, dangerous_allow_all, policy_fn,
};
use kest_core::trust::{Origin, TrustScore};
use kest_core::{
    AdmitError, Limits, Operation, OsRandom, Passport, UnverifiedPassport, Verifier, canonicalize,
};
use kest_tests::forge;
use kest_tests::keys;
use kest_tests::raw;
use kest_tests::service::Setup;

fn verify(entries: &[String]) -> Result<Passport, kest_core::passport::VerifyError> {
    let limits = Limits::default();
    let carried =
        UnverifiedPassport::dangerous_from_entries(entries.iter().map(String::as_str), None, &limits)
            .unwrap();
    Verifier::new(limits).verify(carried, &keys::ring())
}

/// Changes one character in the middle of a part of a compact entry.
fn tamper(entry: &str, part: usize) -> String {
    let mut parts: Vec<String> = entry.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let changed = if parts[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
    parts[part].replace_range(middle..=middle, changed);
    parts.join(".")
}

fn three() -> Vec<String> {
    let first = forge::entry("gateway", 1, &[]).sign();
    let second = forge::entry("orders", 2, &[&first]).sign();
    let third = forge::entry("ledger", 3, &[&second]).sign();
    vec![first, second, third]
}

#[test]
fn tc_01_root_entry_hash() {
    let root = forge::entry("gateway", 1, &[]).sign();
    let passport = verify(&[root]).unwrap();
    assert!(passport.entries()[0].is_root());
}

/// The specification expects the third entry's link to be what fails; verifying signatures in order, we stop at the
/// second entry already. Signed again by its own workload, the change breaks the link as described.
#[test]
fn tc_02_merkle_chain_break_detection() {
    let [first, second, third] = three().try_into().unwrap();
    let changed = tamper(&second, 1);
    let error = verify(&[first.clone(), changed, third.clone()]).unwrap_err();
    assert_eq!(error.index(), Some(1));

    let signed_again = forge::entry("orders", 2, &[&first]).with("/operation", "something else").sign();
    let error = verify(&[first, signed_again, third]).unwrap_err();
    assert_eq!((error.kind(), error.index()), (VerifyErrorKind::BrokenLink, Some(2)));
}

#[test]
fn tc_03_jws_signature_tampering_detection() {
    let [first, second, _] = three().try_into().unwrap();
    let error = verify(&[tamper(&first, 2), second]).unwrap_err();
    assert_eq!((error.kind(), error.index()), (VerifyErrorKind::BadSignature, Some(0)));
}

#[tokio::test]
async fn tc_04_trust_score_weakest_link() {
    let root = keys::chain_from(Origin::internet(), 1).await;
    let next =
        keys::follow(&root, "orders", Operation::named("next").unwrap().origin(Origin::internal())).await;
    assert_eq!((root.entry().trust_score().value(), next.entry().trust_score().value()), (10, 10));
}

#[tokio::test]
async fn tc_05_trust_override_bypasses_evaluator() {
    let root = keys::chain_from(Origin::internet(), 1).await;
    let sanitizer = Sanitizer::because("checked by hand").sets_trust(TrustScore::FULL);
    let next = keys::follow(&root, "orders", Operation::named("check").unwrap().sanitizer(sanitizer)).await;
    assert_eq!(next.entry().trust_score(), TrustScore::FULL);
    let label = next.entry().labels().sanitizer().unwrap();
    assert_eq!(label, r#"{"by":"spiffe://test.example/orders","reason":"checked by hand"}"#);
}

#[tokio::test]
async fn tc_06_taint_accumulation() {
    let root = keys::kest("gateway")
        .originate(
            Origin::system(),
            &Operation::named("root").unwrap().taint("b").taint("a"),
            &dangerous_allow_all(),
        )
        .await
        .unwrap();
    let operation =
        Operation::named("next").unwrap().taint("c").sanitizer(Sanitizer::because("b is gone").removes("b"));
    let next = keys::follow(&root, "orders", operation).await;
    assert_eq!(next.entry().taints().iter().collect::<Vec<_>>(), ["a", "c"]);
}

#[tokio::test]
async fn tc_07_authorization_error_halts_execution() {
    let deny = Arc::new(policy_fn("deny_all", |_| false).unwrap());
    let service = Setup { policy: deny, ..Setup::default() }.start().await;
    service.refused(&raw::call(), &[403]).await;
}

#[tokio::test]
async fn tc_08_multi_policy_logical_and() {
    let allow: Arc<dyn Authorize> = Arc::new(policy_fn("allow_all", |_| true).unwrap());
    let deny: Arc<dyn Authorize> = Arc::new(policy_fn("deny_all", |_| false).unwrap());
    for policies in [[Arc::clone(&allow), Arc::clone(&deny)], [deny, Arc::clone(&allow)]] {
        let service = Setup { policy: Arc::new(all_of(policies)), ..Setup::default() }.start().await;
        service.refused(&raw::call(), &[403]).await;
    }
    let service =
        Setup { policy: Arc::new(all_of([Arc::clone(&allow), allow])), ..Setup::default() }.start().await;
    service.admitted(&raw::call()).await;
}

/// An engine behind HTTP whose address does not answer.
#[derive(Debug)]
struct Sidecar(String);

#[async_trait::async_trait]
impl Authorize for Sidecar {
    async fn decide(&self, _: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        match reqwest::Client::new().post(&self.0).send().await {
            Ok(response) => panic!("no server listens there, yet it answered {}", response.status()),
            Err(cause) => Err(AuthorizeError::Unavailable(cause.into())),
        }
    }
}

#[tokio::test]
async fn tc_09_sidecar_timeout_is_denial() {
    // A port that was free a moment ago and that no server listens on.
    let free = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let sidecar = Sidecar(format!("http://{free}/v1/data/kest"));
    let error = keys::kest("gateway")
        .originate(Origin::system(), &Operation::named("job").unwrap(), &sidecar)
        .await
        .unwrap_err();
    assert!(matches!(error, AdmitError::Authorize(AuthorizeError::Unavailable(_))));
    let service = Setup { policy: Arc::new(sidecar), ..Setup::default() }.start().await;
    service.refused(&raw::call(), &[503]).await;
}

#[test]
fn tc_10_rfc_8785_determinism() {
    assert_eq!(canonicalize(br#"{"z": 3, "a": 1, "m": 2}"#, 64).unwrap(), br#"{"a":1,"m":2,"z":3}"#);
}

#[tokio::test]
async fn tc_11_claim_check_round_trip() {
    let limits = Limits::default();
    let store: Arc<dyn PassportStore> = Arc::new(InMemoryPassports::new(&limits));
    let chain = keys::chain(30).await;
    let identity = chain.caller().identity();
    let packed =
        pack(chain.passport(), identity, &Tiers::auto().store(Arc::clone(&store)), &OsRandom, &limits)
            .await
            .unwrap();
    assert_eq!(packed.tier(), Some(Tier::ClaimCheck));
    let mut headers = http::HeaderMap::new();
    packed.inject(&mut headers, &limits).unwrap();
    let read = HeaderReader::new(limits.clone()).read_headers(&headers).unwrap();
    let restored = restore(read, Some(store.as_ref()), &limits).await.unwrap().passport().unwrap();
    let proved = Verifier::new(limits).verify(restored, &keys::ring()).unwrap();
    assert_eq!(proved.to_json(), chain.passport().to_json());
}

/// The specification lets the accessor fall back to the unsigned `kest.user`; here only what the verified lineage
/// signed is believed, and the accessor gives that (see the decision on accessors).
#[tokio::test]
async fn tc_12_context_accessor_fallback() {
    let service = kest_tests::service::Service::start().await;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let header = format!("{},kest.user=alice", forge::inline(&entries, &forge::tip(&entries)));
    assert_eq!(service.admitted(&raw::call().baggage(header)).await["ambient_user"], "alice");

    let outside = current_user();
    let inside =
        run_admitted(keys::chain(1).await, async |_| kest_baggage::current_passport().unwrap().len()).await;
    assert_eq!((outside, inside), (None, 1));
}
