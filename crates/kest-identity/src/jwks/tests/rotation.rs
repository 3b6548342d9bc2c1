//! Which keys stay the very same value when a set is fetched again.

use std::sync::Arc;
use std::time::Duration;

use super::rig::{Source, ask, cache, jwk};
use crate::jwks::KeyCache;

use kest_testkit::TestClock;

struct Rig {
    source: Arc<Source>,
    clock: Arc<TestClock>,
    cache: KeyCache,
}

impl Rig {
    async fn publishing(keys: &[String]) -> Self {
        let (source, clock) = (Source::publishing("a"), Arc::new(TestClock::at(1_000_000)));
        source.publish_json(keys.join(","));
        let cache = cache(&source, Arc::<TestClock>::clone(&clock));
        cache.start().await.unwrap();
        Self { source, clock, cache }
    }

    async fn refresh(&self, keys: &[String]) {
        self.source.publish_json(keys.join(","));
        self.clock.advance(Duration::from_secs(300));
        let fetches = self.cache.fetches();
        assert_ne!(ask(&self.cache, "a").await, "fetch failed");
        self.cache.after_fetches(fetches + 1).await;
    }
}

#[tokio::test]
async fn key_that_has_not_changed_stays_the_same_value() {
    let rig = Rig::publishing(&[jwk("a"), jwk("b")]).await;
    let known = rig.cache.find("a").unwrap();
    let with_comment = jwk("a").replace('{', r#"{"x5t":"other","use":"sig","#);
    rig.refresh(&[jwk("c"), with_comment]).await;
    assert!(Arc::ptr_eq(&known, &rig.cache.find("a").unwrap()));
    assert!(rig.cache.find("b").is_none() && rig.cache.find("c").is_some());
}

#[tokio::test]
async fn key_under_an_old_name_is_another_key() {
    let rig = Rig::publishing(&[jwk("a")]).await;
    let known = rig.cache.find("a").unwrap();
    let other = jwk("a").replace("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", BASE_POINT);
    rig.refresh(&[other]).await;
    assert!(!Arc::ptr_eq(&known, &rig.cache.find("a").unwrap()));
}

#[tokio::test]
async fn key_that_is_now_meant_for_other_algorithms_is_another_key() {
    let rsa = |member: &str| {
        let n = format!("{}w", "_".repeat(341));
        format!(r#"{{"kty":"RSA","kid":"a","e":"AQAB","n":"{n}"{member}}}"#)
    };
    let rig = Rig::publishing(&[rsa("")]).await;
    for member in [r#","alg":"PS256""#, r#","alg":"RS256""#, ""] {
        let known = rig.cache.find("a").unwrap();
        rig.refresh(&[rsa(member)]).await;
        assert!(!Arc::ptr_eq(&known, &rig.cache.find("a").unwrap()), "{member}");
    }
}

#[tokio::test]
async fn key_that_was_withdrawn_in_between_is_another_key() {
    let rig = Rig::publishing(&[jwk("a")]).await;
    let known = rig.cache.find("a").unwrap();
    rig.refresh(&[jwk("b")]).await;
    assert!(rig.cache.find("a").is_none());
    rig.refresh(&[jwk("a")]).await;
    assert!(!Arc::ptr_eq(&known, &rig.cache.find("a").unwrap()));
}

/// RFC 8032 section 5.1: 4/5 and the smaller root, a good public key without an owner.
const BASE_POINT: &str = "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY";
