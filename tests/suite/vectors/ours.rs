//! Makes the passports of `ours.json`, which the independent verifier has to accept.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kest_baggage::{ClaimCheck, PackedHeader, PassportStore, PassportStoreError, Tier, Tiers, pack};
use kest_core::caller::Attested;
use kest_core::entry::{OtelContext, Resource, Sanitizer, SpanId, TraceId};
use kest_core::policy::{all_of, policy_fn};
use kest_core::signature::{Ed25519Signer, KeyId, WorkloadId};
use kest_core::trust::{Origin, TrustScore};
use kest_core::{
    Admission, AdmitOptions, Admitter, Arrival, Authenticate, AuthenticateError, Authorize, Clock, Evidence,
    FromLineage, Identity, IdentitySource, JsonObject, Limits, Lineage, Operation, Random, RandomError,
    authenticate,
};
use kest_testkit::TestClock;
use kest_tests::vectors::{cases, text};
use serde_json::{Map, Value, json};

use super::describe;

/// Set to `1`, it has the file written anew: after a change of the wire, or of the version that entries name.
const REWRITE: &str = "KEST_WRITE_OURS";

#[tokio::test]
async fn what_we_put_on_the_wire_is_what_ours_json_holds() {
    let made = passports().await;
    if std::env::var_os(REWRITE).is_some_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::write(folder().join("ours.json"), text).unwrap();
    }
    let kept = cases("ours.json");
    let other: Vec<&str> = made
        .iter()
        .enumerate()
        .filter(|(index, case)| kept.get(*index) != Some(*case))
        .map(|(_, case)| text(case, "name"))
        .collect();
    assert!(other.is_empty(), "other bytes than in ours.json; if that is meant, set {REWRITE}=1: {other:?}");
    assert_eq!(kept.len(), made.len());
}

#[test]
fn independent_verifier_accepts_what_we_sign() {
    let python =
        |arguments: &[&str]| Command::new("python3").arg("-B").args(arguments).current_dir(folder()).output();
    let can = python(&["-c", "import cryptography, rfc8785"]);
    if !can.is_ok_and(|answer| answer.status.success()) {
        eprintln!("left out: python3 with the packages of tests/vectors/requirements.txt is not here");
        return;
    }
    let answer = python(&["check_ours.py"]).unwrap();
    let said = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "{said}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

async fn passports() -> Vec<Value> {
    let mut passports = Vec::new();
    for (name, last) in [
        ("ours_one_entry", chain("ours_one_entry", 1).await),
        ("ours_chain", chain("ours_chain", 3).await),
        ("ours_diamond", diamond(&Rig::new("ours_diamond")).await),
        ("ours_sanitizer", sanitizer(&Rig::new("ours_sanitizer")).await),
        ("ours_resource", resource(&Rig::new("ours_resource")).await),
        ("ours_policies", policies(&Rig::new("ours_policies")).await),
        ("ours_own_words", own_words(&Rig::new("ours_own_words")).await),
    ] {
        passports.push(written(name, &last).await);
    }
    passports
}

async fn chain(name: &str, entries: usize) -> Admission {
    let rig = Rig::new(name);
    let mut last = rig.start("chain.start", Origin::user_input()).await;
    for index in 1..entries {
        let kid = ["gateway-1", "orders-1", "billing-2"][index % 3];
        let operation = named(&format!("chain.{index}")).origin(Origin::verified_rag());
        last = rig.follow(&last, kid, operation.taint(format!("t{index}"))).await;
    }
    last
}

async fn diamond(rig: &Rig) -> Admission {
    let root = rig.start("diamond.start", Origin::internal()).await;
    let left = named("diamond.left").origin(Origin::third_party_api()).taint("web");
    let left = rig.follow(&root, "orders-1", left).await;
    let right = named("diamond.right").origin(Origin::verified_rag()).taint("pii");
    let right = rig.follow(&root, "billing-1", right).await;
    let join = named("diamond.join").origin(Origin::internal());
    left.join([&right]).unwrap().admit(&join, &anyone()).await.unwrap()
}

async fn sanitizer(rig: &Rig) -> Admission {
    let fetch = named("page.fetch").taint("web").taint("unread");
    let fetched = rig.admit("gateway-1", &Lineage::Absent, fetch.origin(Origin::internet())).await;
    let by = Sanitizer::because("markup \"<b>\" removed, read by \u{c6}\u{f0}el\u{2028}")
        .sets_trust(TrustScore::new(80).unwrap())
        .removes("web");
    let clean = named("page.clean").origin(Origin::system()).sanitizer(by);
    let cleaned = rig.follow(&fetched, "orders-1", clean).await;
    rig.follow(&cleaned, "billing-2", named("page.show").origin(Origin::verified_rag())).await
}

async fn resource(rig: &Rig) -> Admission {
    let attributes =
        r#"{"\uE000": "private use", "😀": ["emoji", 1.50, -0.0, 1e21], "größe": {"z": null, "a": true}}"#;
    let resource = Resource::new("Stra\u{df}e/\u{8ba2}\u{5355}/\u{1f680}").with_attributes(attributes);
    let root = rig.start("\u{43e}\u{442}\u{43a}\u{440}\u{44b}\u{442}\u{44c}", Origin::user_input()).await;
    let read = named("read \u{1}\u{7f}\u{301}\\ \"quoted\"")
        .origin(Origin::new("Bote\u{301}").unwrap())
        .classification("vertraulich \u{2713}")
        .input("\u{fc}ber".as_bytes())
        .resource(resource.unwrap());
    rig.follow(&root, "orders-1", read).await
}

async fn policies(rig: &Rig) -> Admission {
    let root = rig.start("policies.start", Origin::user_input()).await;
    let lineage = Lineage::Carried(root.passport().clone());
    let arrival = Arrival::new(lineage, root.caller().clone());
    let both = all_of(
        ["read", "l\u{e9}s"]
            .map(|name| -> Arc<dyn Authorize> { Arc::new(policy_fn(name, |_inquiry| true).unwrap()) }),
    );
    let operation = named("policies.both").origin(Origin::llm());
    let kest = rig.kest("billing-1");
    kest.admit(&arrival, &operation, &both, AdmitOptions::default()).await.unwrap()
}

/// What a service says of an operation in its own words: environment, labels, and the span that it ran in.
async fn own_words(rig: &Rig) -> Admission {
    let environment =
        r#"{"\uE000": null, "😀": {"canary": true}, "region": "eu-west-1", "load": 0.30, "attempt": 2}"#;
    let trace = TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
    let span = OtelContext::new(trace, SpanId::parse("00f067aa0ba902b7").unwrap()).with_flags(1);
    let pay = named("own.pay")
        .origin(Origin::user_input())
        .environment(JsonObject::parse(environment).unwrap())
        .label("order", "Stra\u{df}e/\u{8ba2}\u{5355}")
        .label("cost_center", "4711")
        .otel_context(span);
    let paid = rig.admit("gateway-1", &Lineage::Absent, pay).await;
    let book = named("own.book").origin(Origin::system()).label("cost_center", "0815");
    rig.follow(&paid, "orders-1", book).await
}

fn named(name: &str) -> Operation {
    Operation::named(name).unwrap()
}

fn anyone() -> impl Authorize {
    policy_fn("anyone", |_inquiry| true).unwrap()
}

/// The workloads of the vectors, on a clock that a test moves and with bytes drawn from the case's name.
struct Rig {
    clock: Arc<TestClock>,
    random: Arc<Seeded>,
}

impl Rig {
    fn new(name: &str) -> Self {
        let random = Seeded { name: name.to_owned(), drawn: AtomicU64::new(0) };
        Self { clock: Arc::default(), random: Arc::new(random) }
    }

    /// The workload whose key is called `kid`.
    fn kest(&self, kid: &str) -> Admitter {
        self.clock.advance(Duration::from_millis(7));
        let signer = Arc::new(signer(kid));
        let random: Arc<dyn Random> = Arc::<Seeded>::clone(&self.random);
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&self.clock);
        Admitter::builder(signer).random(random).clock(clock).build()
    }

    /// A request by a caller with a token, who is known by an odd name.
    async fn start(&self, name: &str, origin: Origin) -> Admission {
        self.admit("gateway-1", &Lineage::Absent, named(name).origin(origin)).await
    }

    async fn follow(&self, last: &Admission, kid: &str, operation: Operation) -> Admission {
        self.admit(kid, &Lineage::Carried(last.passport().clone()), operation).await
    }

    async fn admit(&self, kid: &str, lineage: &Lineage, operation: Operation) -> Admission {
        let caller = authenticate(&Named, &Evidence::new(lineage)).await.unwrap();
        let arrival = Arrival::new(lineage.clone(), caller);
        let kest = self.kest(kid);
        kest.admit(&arrival, &operation, &anyone(), AdmitOptions::default()).await.unwrap()
    }
}

fn signer(kid: &str) -> Ed25519Signer {
    let seeds: Value = serde_json::from_slice(&std::fs::read(folder().join("seeds.json")).unwrap()).unwrap();
    let keys = seeds["seeds"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == kid).unwrap();
    let digits = text(key, "seed_hex");
    let seed = std::array::from_fn(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap());
    let workload = WorkloadId::new(text(key, "principal")).unwrap();
    Ed25519Signer::from_seed(workload, KeyId::new(kid).unwrap(), &seed).unwrap()
}

#[derive(Debug)]
struct Named;

#[async_trait]
impl Authenticate for Named {
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let identity = Identity::default()
            .with_user("Zo\u{eb} \u{1f469}\u{200d}\u{1f52c}, \"Lab;7\"")
            .with_agent("assistant");
        Ok(if evidence.lineage().passport().is_none() {
            Attested::new(identity, IdentitySource::Jwt)
                .with_issuer("https://issuer.example.org")
                .with_tenant("\u{41a}\u{440}\u{443}\u{433}")
        } else {
            FromLineage::attested(evidence.lineage())
        })
    }
}

/// SHA-256 of a name and a counter: different bytes on every draw, the same ones in every run.
#[derive(Debug)]
struct Seeded {
    name: String,
    drawn: AtomicU64,
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        use sha2::Digest as _;
        for chunk in bytes.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::SeqCst);
            let digest = sha2::Sha256::digest(format!("{}/{number}", self.name));
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
        Ok(())
    }
}

/// A case of `ours.json`: what was signed, and the header line of each tier.
async fn written(name: &str, last: &Admission) -> Value {
    let passport = last.passport();
    let written = Arc::new(WrittenClaims::default());
    let store: Arc<dyn PassportStore> = Arc::<WrittenClaims>::clone(&written);
    let mut lines = Map::new();
    for (tier, tiers) in [
        (Tier::Inline, Tiers::auto().threshold(16 * 1024)),
        (Tier::Compressed, Tiers::compressed_always().threshold(16 * 1024)),
        (Tier::ClaimCheck, Tiers::auto().threshold(0).store(store)),
    ] {
        let random = Seeded { name: format!("{name}/{tier}"), drawn: AtomicU64::new(0) };
        let limits = Limits::default();
        let identity = last.caller().identity();
        let header = pack(passport, identity, &tiers, &random, &limits).await.unwrap();
        assert_eq!(header.tier(), Some(tier), "{name}");
        lines.insert(tier.to_string(), line(&header).into());
    }
    let mut case = json!({
        "name": name,
        "chain_tip": passport.tips().to_string(),
        "passport": passport.entries().iter().map(|entry| entry.compact()).collect::<Vec<_>>(),
        "lines": lines,
        "claims": written.0.lock().unwrap().clone(),
    });
    let said = describe(passport);
    case.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    case
}

fn line(header: &PackedHeader) -> String {
    let mut headers = http::HeaderMap::new();
    headers.insert("baggage", "region=eu".parse().unwrap());
    header.inject(&mut headers, &Limits::default()).unwrap();
    headers["baggage"].to_str().unwrap().to_owned()
}

/// Keeps claims under the keys that every implementation looks for.
#[derive(Debug, Default)]
struct WrittenClaims(std::sync::Mutex<Map<String, Value>>);

#[async_trait]
impl PassportStore for WrittenClaims {
    async fn put(
        &self,
        claim: &ClaimCheck,
        json: bytes::Bytes,
        _: Duration,
    ) -> Result<(), PassportStoreError> {
        let text = String::from_utf8(json.to_vec()).unwrap();
        self.0.lock().unwrap().insert(claim.store_key(), text.into());
        Ok(())
    }

    async fn get(&self, _claim: &ClaimCheck) -> Result<Option<bytes::Bytes>, PassportStoreError> {
        Ok(None)
    }

    async fn remove(&self, _claim: &ClaimCheck) -> Result<bool, PassportStoreError> {
        Ok(false)
    }
}
