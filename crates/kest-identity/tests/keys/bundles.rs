//! Trust bundles of a server: over TLS, with entity tags, within bounds, and from nowhere else.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::{Bundle, Ed25519Signer, KeyId, KeyRing, ResolveKeys as _, WorkloadId};
use kest_core::{Limits, UnverifiedPassport};
use kest_identity::{BundleFault, BundleStartError, BundleUnavailable, BundleUrl, BundleUrlBuilder};
use kest_testkit::TestClock;

use crate::authority::Authority;
use crate::site::{Page, Site};

const BUNDLE: &str = "/bundle.json";

/// A bundle of one workload, whose keys have these ids.
fn bundle(key_ids: &[&str]) -> String {
    let workload = WorkloadId::new("spiffe://example.org/cart").unwrap();
    let mut ring = KeyRing::new();
    for key_id in key_ids {
        let seed = [key_id.as_bytes()[0]; 32];
        let key_id = KeyId::new(*key_id).unwrap();
        let signer = Ed25519Signer::from_seed(workload.clone(), key_id, &seed).unwrap();
        ring.trust_signer(&signer).unwrap();
    }
    Bundle::to_json(&ring).unwrap()
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at(1_000_000))
}

async fn fault(builder: BundleUrlBuilder) -> &'static str {
    let refused = builder.build().await.unwrap_err();
    let BundleStartError::Unavailable(BundleUnavailable::NotRefreshed(fault)) = refused else {
        panic!("{refused:?}")
    };
    fault.kind()
}

/// The key ids that a passport under the key `named` is verified with.
async fn trusted(bundle: &BundleUrl, named: &str) -> Option<Vec<String>> {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"EdDSA","kid":"{named}","typ":"JWS"}}"#));
    let entry = [format!("{header}.e30.AA")];
    let passport = UnverifiedPassport::dangerous_from_entries(entry, None, &Limits::default()).unwrap();
    let ring = bundle.ring_for(&passport).await.ok()?;
    let mut ids: Vec<String> = ring.keys().map(|(_, key_id, _)| key_id.to_string()).collect();
    ids.sort();
    Some(ids)
}

/// The key ids in use.
async fn in_use(bundle: &BundleUrl) -> Option<Vec<String>> {
    trusted(bundle, "a").await
}

/// Lets the time of the next look come, and waits for it: a passport under an unknown key does.
async fn next_look(bundle: &BundleUrl, clock: &TestClock) {
    clock.advance(Duration::from_secs(300));
    drop(trusted(bundle, "none").await);
}

#[tokio::test]
async fn bundle_of_a_server_that_a_given_root_vouches_for_is_taken_and_others_are_not() {
    let (other, authority) = (Authority::new(), Authority::new());
    let site = Site::secure(authority.vouches_for("localhost")).await;
    site.publish(BUNDLE, Page::Json(bundle(&["a"])));
    let taken =
        BundleUrl::builder(site.at(BUNDLE)).root_certificate_pem(authority.pem.as_str()).build().await;
    assert_eq!(in_use(&taken.unwrap()).await.unwrap(), ["a"]);
    let unknown = BundleUrl::builder(site.at(BUNDLE)).root_certificate_pem(other.pem.as_str());
    assert_eq!(fault(unknown).await, "unreachable");
}

#[tokio::test]
async fn plain_http_to_another_machine_is_refused_before_anything_is_asked() {
    for url in
        ["http://keys.example/bundle.json", "ftp://localhost/bundle.json", "https://me:secret@localhost/"]
    {
        let refused = BundleUrl::builder(url).build().await.unwrap_err();
        assert!(matches!(refused, BundleStartError::Url(_)), "{url}: {refused:?}");
    }
}

#[tokio::test]
async fn endless_redirected_and_missing_bundles_are_refused() {
    let site = Site::open().await;
    let elsewhere = Site::open().await;
    elsewhere.publish(BUNDLE, Page::Json(bundle(&["evil"])));
    site.publish("/moved", Page::Status(format!("302 Found\r\nlocation: {}", elsewhere.at(BUNDLE))));
    site.publish("/announced", Page::Blanks { announced: true, bytes: 2 * 1024 * 1024 });
    site.publish("/endless", Page::Blanks { announced: false, bytes: 2 * 1024 * 1024 });
    site.publish("/page", Page::Typed("text/html", "<html>".to_owned()));
    let mut hasty = Limits::default();
    hasty.key_fetch_wait = Duration::from_millis(200);
    site.publish("/silent", Page::Silent);
    let at = |path: &str| BundleUrl::builder(site.at(path));
    for (path, kind) in [
        ("/moved", "status"),
        ("/missing", "status"),
        ("/announced", "too_long"),
        ("/endless", "too_long"),
        ("/page", "malformed"),
    ] {
        assert_eq!(fault(at(path)).await, kind, "{path}");
    }
    assert_eq!(fault(at("/silent").limits(hasty)).await, "timed_out");
    assert_eq!(elsewhere.hits(), 0);
}

#[tokio::test]
async fn entity_tag_keeps_a_bundle_young_and_an_answer_without_one_does_not() {
    let (site, clock) = (Site::open().await, clock());
    let builder = || BundleUrl::builder(site.at(BUNDLE)).clock(Arc::<TestClock>::clone(&clock));
    site.publish(BUNDLE, Page::Status("304 Not Modified".to_owned()));
    assert_eq!(fault(builder()).await, "status", "nothing was asked about that could be the same");
    site.publish(BUNDLE, Page::Typed("application/json\r\netag: \"1\"", bundle(&["a"])));
    let follows = builder().build().await.unwrap();
    site.publish(BUNDLE, Page::Status("304 Not Modified".to_owned()));
    for _ in 0..20 {
        next_look(&follows, &clock).await;
    }
    assert_eq!(in_use(&follows).await.unwrap(), ["a"], "100 minutes later");
    assert_eq!(follows.health().consecutive_failures, 0);
    site.publish(BUNDLE, Page::Typed("application/json\r\netag: \"2\"", bundle(&["a", "b"])));
    next_look(&follows, &clock).await;
    assert_eq!(in_use(&follows).await.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn server_that_is_away_or_serves_a_shrunken_bundle_is_survived_for_an_hour() {
    let (site, clock) = (Site::open().await, clock());
    site.publish(BUNDLE, Page::Json(bundle(&["a"])));
    let follows =
        BundleUrl::builder(site.at(BUNDLE)).clock(Arc::<TestClock>::clone(&clock)).build().await.unwrap();
    site.publish(BUNDLE, Page::Json(bundle(&["evil"])));
    next_look(&follows, &clock).await;
    assert_eq!(follows.health().last_error, Some("shrinking"));
    site.publish(BUNDLE, Page::Status("500 Oops".to_owned()));
    next_look(&follows, &clock).await;
    assert_eq!(follows.health().last_error, Some("status"));
    assert_eq!(in_use(&follows).await.unwrap(), ["a"]);
    clock.advance(Duration::from_secs(3000));
    assert_eq!(in_use(&follows).await, None, "an hour after it was asked for");
}

#[test]
fn kinds_of_faults_are_these() {
    let kinds = [BundleFault::TimedOut, BundleFault::Hanging, BundleFault::Abandoned].map(|it| it.kind());
    assert_eq!(kinds, ["timed_out", "hanging", "abandoned"]);
}
