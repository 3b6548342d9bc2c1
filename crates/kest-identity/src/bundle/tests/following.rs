//! What a bundle that changes does for those who use it.

use std::sync::Arc;
use std::time::Duration;

use kest_core::signature::ResolveKeys as _;
use kest_testkit::TestClock;

use super::rig::{Folder, at_once, bundle, key_ids, naming, next_look, trusted};

#[tokio::test]
async fn next_look_brings_what_was_published_meanwhile() {
    let (folder, clock) = (Folder::new("next"), Arc::new(TestClock::at(1_000_000)));
    folder.publish(&bundle(&["cart/a"]));
    let follows = folder.start(&clock).await.unwrap();
    folder.publish(&bundle(&["cart/a", "cart/b"]));
    next_look(&follows, &clock).await;
    assert_eq!(key_ids(&follows.0.ring().unwrap()), ["cart/a", "cart/b"]);
    folder.publish(&bundle(&["cart/b"]));
    next_look(&follows, &clock).await;
    assert_eq!(key_ids(&follows.0.ring().unwrap()), ["cart/b"]);
    assert_eq!((follows.health().keys, follows.health().consecutive_failures), (1, 0));
}

/// As Kubernetes exchanges a mounted file: the link leads to a link that is renamed.
#[cfg(unix)]
#[tokio::test]
async fn bundle_that_is_exchanged_behind_a_link_is_noticed() {
    use std::os::unix::fs::symlink;
    let (folder, clock) = (Folder::new("link"), Arc::new(TestClock::at(1_000_000)));
    for (version, keys) in [("1", &["cart/a"][..]), ("2", &["cart/a", "cart/b"])] {
        std::fs::create_dir(folder.at(version)).unwrap();
        std::fs::write(folder.at(version).join("bundle.json"), bundle(keys)).unwrap();
    }
    symlink("1", folder.at("data")).unwrap();
    symlink("data/bundle.json", folder.at("bundle.json")).unwrap();
    let follows = folder.start(&clock).await.unwrap();
    symlink("2", folder.at("new")).unwrap();
    std::fs::rename(folder.at("new"), folder.at("data")).unwrap();
    next_look(&follows, &clock).await;
    assert_eq!(key_ids(&follows.0.ring().unwrap()), ["cart/a", "cart/b"]);
}

#[tokio::test]
async fn passport_under_a_new_key_does_not_wait_for_the_next_refresh() {
    let (folder, clock) = (Folder::new("new"), Arc::new(TestClock::at(1_000_000)));
    folder.publish(&bundle(&["cart/a"]));
    let follows = folder.start(&clock).await.unwrap();
    folder.publish(&bundle(&["cart/a", "stock/s"]));
    clock.advance(Duration::from_secs(1));
    assert_eq!(trusted(&follows, &["cart/a", "stock/s"]).await.unwrap(), ["cart/a", "stock/s"]);
    assert_eq!(follows.0.refresher.fetches(), 2);
}

#[tokio::test]
async fn passport_under_known_keys_waits_for_nothing() {
    let (folder, clock) = (Folder::new("known"), Arc::new(TestClock::at(1_000_000)));
    folder.publish(&bundle(&["cart/a", "stock/s"]));
    let follows = folder.start(&clock).await.unwrap();
    std::fs::remove_file(folder.at("bundle.json")).unwrap();
    clock.advance(Duration::from_secs(100));
    let passport = naming(&["stock/s", "cart/a"]);
    assert!(at_once(follows.ring_for(&passport)).is_some_and(|ring| ring.is_ok()));
}

#[tokio::test]
async fn flood_of_invented_keys_causes_one_look_in_a_cool_down() {
    let (folder, clock) = (Folder::new("flood"), Arc::new(TestClock::at(1_000_000)));
    folder.publish(&bundle(&["cart/a"]));
    let follows = folder.start(&clock).await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(trusted(&follows, &["evil/0"]).await.unwrap(), ["cart/a"], "verifying refuses it");
    for number in 0..1000 {
        let name = format!("evil/{number}");
        drop(at_once(trusted(&follows, &[&name])));
    }
    assert_eq!(follows.0.refresher.fetches(), 2);
}

#[tokio::test]
async fn looking_ends_with_the_last_who_holds_the_bundle() {
    let (folder, clock) = (Folder::new("ends"), Arc::new(TestClock::at(1_000_000)));
    folder.publish(&bundle(&["cart/a"]));
    let follows = folder.start(&clock).await.unwrap();
    let (clone, watched) = (follows.clone(), Arc::downgrade(&follows.0));
    drop(follows);
    assert!(trusted(&clone, &["cart/a"]).await.is_ok());
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 1, "the one who looks again");
    drop(clone);
    assert!(watched.upgrade().is_none());
    let ended = async {
        while tasks() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
}
