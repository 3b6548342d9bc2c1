//! The file of the keys: private, never overwritten, and replaced while the authority runs.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use kest_authority::{Authority, AuthorityKeys, KeyKind, KeysError, MemoryStore, Place, StartError, Store};
use kest_core::OsRandom;
use kest_testkit::TestClock;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::rig::{Applicant, Rig, domain, keys, leaf};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn file_of_the_keys_is_private_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("made");
    keys(&inner, &TestClock::default());
    let modes: Vec<_> = std::fs::read_dir(&inner)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), entry.metadata().unwrap().permissions().mode() & 0o777))
        .collect();
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
    let mut names: Vec<_> = modes.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["authority.json", "authority.lock"]);
    assert_eq!(std::fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
}

/// Attack, and the operator's slip: a second `init` would take the identities of all services away.
#[test]
fn keys_that_are_there_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path(), &TestClock::default());
    let before = std::fs::read(folder.path().join("authority.json")).unwrap();
    let again = AuthorityKeys::init(folder.path(), &domain(), Vec::new(), &TestClock::default(), &OsRandom);
    assert!(matches!(again, Err(KeysError::Exists)), "{again:?}");
    assert_eq!(std::fs::read(folder.path().join("authority.json")).unwrap(), before);
}

/// Attack: another user of the machine reads the root.
#[test]
fn keys_that_others_may_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path(), &TestClock::default());
    let file = folder.path().join("authority.json");
    for mode in [0o644, 0o660, 0o606] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(AuthorityKeys::open(folder.path()), Err(KeysError::Read(_))), "{mode:o}");
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    AuthorityKeys::open(folder.path()).unwrap();
}

/// Attack: a file that was cut off, of another domain, or whose certificate is of another key.
#[test]
fn keys_that_do_not_belong_together_are_refused() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    keys(folder.path(), &TestClock::default());
    keys(other.path(), &TestClock::default());
    let read = |folder: &tempfile::TempDir| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.path().join("authority.json")).unwrap()).unwrap()
    };
    let (good, foreign) = (read(&folder), read(&other));
    let mut swapped = good.clone();
    swapped["roots"][0]["certificate"] = foreign["roots"][0]["certificate"].clone();
    let mut moved = good.clone();
    moved["trust_domain"] = "example.com".into();
    let mut newer = good.clone();
    newer["version"] = 2.into();
    let mut rootless = good.clone();
    rootless["roots"] = serde_json::json!([]);
    let text = good.to_string();
    for wrong in [
        swapped.to_string(),
        moved.to_string(),
        newer.to_string(),
        rootless.to_string(),
        text.get(..99).unwrap().to_owned(),
    ] {
        std::fs::write(folder.path().join("authority.json"), wrong).unwrap();
        assert!(matches!(AuthorityKeys::open(folder.path()), Err(KeysError::Malformed)));
    }
    std::fs::write(folder.path().join("authority.json"), text).unwrap();
    AuthorityKeys::open(folder.path()).unwrap();
}

#[test]
fn names_of_listeners_are_dns_names_and_addresses() {
    let init = |names: Vec<String>| {
        let folder = tempfile::tempdir().unwrap();
        AuthorityKeys::init(folder.path(), &domain(), names, &TestClock::default(), &OsRandom).map(|_keys| ())
    };
    assert!(matches!(init(vec!["a b".into()]), Err(KeysError::Name)));
    assert!(matches!(init(vec!["https://a".into()]), Err(KeysError::Name)));
    assert!(matches!(init(vec!["a".into(); 17]), Err(KeysError::TooManyNames(16))));
    init(vec!["authority.internal".into(), "10.0.0.1".into(), "::1".into()]).unwrap();
}

/// Whose root a leaf ends in.
fn issuer_of(
    rig_roots: &[tokio_rustls::rustls::pki_types::CertificateDer<'_>],
    leaf: &[u8],
) -> Option<usize> {
    let (_rest, leaf) = X509Certificate::from_der(leaf).unwrap();
    rig_roots.iter().position(|root| {
        let (_rest, root) = X509Certificate::from_der(root).unwrap();
        leaf.verify_signature(Some(root.public_key())).is_ok()
    })
}

/// Services have the next root before anything ends in it, and the last one until nothing does. Nothing starts again.
#[tokio::test]
async fn next_root_is_published_before_it_issues_and_the_last_one_until_its_leaves_are_over() {
    let rig = Rig::start().await;
    let first = rig.roots().await;
    // Another process does it.
    let operator = AuthorityKeys::open(rig.folder.path()).unwrap();
    operator.rotate_root(HOUR, &rig.clock, &OsRandom).unwrap();
    assert_eq!(rig.roots().await, first);
    rig.authority.keep_up_now().await.unwrap();
    let both = rig.roots().await;
    assert_eq!((both.len(), both.contains(&first[0])), (2, true));
    let issued = async |name: &str| leaf(&rig.enrolled(name).await.1);
    assert_eq!(issuer_of(&first, &issued("before").await), Some(0));
    assert!(matches!(operator.rotate_root(HOUR, &rig.clock, &OsRandom), Err(KeysError::NotOver)));

    rig.clock.advance(HOUR);
    let after = issued("after").await;
    assert_eq!((issuer_of(&first, &after), issuer_of(&both, &after).is_some()), (None, true));
    rig.clock.advance(24 * HOUR);
    rig.authority.keep_up_now().await.unwrap();
    assert_eq!(rig.roots().await.len(), 2, "a leaf of a day is not over by an hour of clocks");
    rig.clock.advance(HOUR);
    rig.authority.keep_up_now().await.unwrap();
    let last = rig.roots().await;
    assert_eq!((last.len(), last.contains(&first[0])), (1, false));
    operator.rotate_root(HOUR, &rig.clock, &OsRandom).unwrap();
}

/// What the keys were made for binds the authority, or a root would be gone before what it issued is over.
#[tokio::test]
async fn authority_of_short_lives_replaces_its_root_sooner_and_issues_no_longer_ones() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::default());
    let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
    let init = |at: &str, life| {
        let names = ["localhost".to_owned()];
        AuthorityKeys::init_with_longest_life(
            folder.path().join(at),
            &domain(),
            names,
            life,
            &clock,
            &OsRandom,
        )
    };
    for life in [Duration::ZERO, 24 * HOUR + second] {
        assert!(matches!(init("never", life), Err(KeysError::Life)), "{life:?}");
    }
    let keys = init("short", minute).unwrap();
    let rotate = || keys.rotate_root(second, &clock, &OsRandom);
    rotate().unwrap();
    clock.advance(second + minute + minute / 4 - second / 10);
    assert!(matches!(rotate(), Err(KeysError::NotOver)));
    clock.advance(second / 10);
    rotate().unwrap();

    let shared: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let begin = |life| {
        let keys = AuthorityKeys::open(folder.path().join("short")).unwrap();
        Authority::builder(keys, Arc::clone(&shared)).certificate_life(life).start()
    };
    assert!(matches!(begin(minute + second).await, Err(StartError::CertificateLife)));
    assert!(begin(minute).await.is_ok());
}

/// First contact is pinned to the root that issues, so the chain of the listener ends there from then on.
#[tokio::test]
async fn tickets_after_a_rotation_name_the_next_root() {
    let rig = Rig::start().await;
    let pin = async || {
        *kest_workload::protocol::TicketText::parse(&rig.ticket("cart", Place::Free).await)
            .unwrap()
            .root_pin()
    };
    let before = pin().await;
    rig.authority.keys().rotate_root(HOUR, &rig.clock, &OsRandom).unwrap();
    assert_eq!(pin().await, before);
    rig.clock.advance(HOUR);
    assert_ne!(pin().await, before);
}

#[tokio::test]
async fn next_key_of_tokens_is_published_before_it_signs() {
    let rig = Rig::start().await;
    let kid = |jws: &str| {
        use base64::Engine as _;
        let header =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jws.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let before = rig.authority.bundle().await.unwrap();
    rig.authority.keys().rotate_token_key(HOUR, &rig.clock, &OsRandom).unwrap();
    rig.authority.keep_up_now().await.unwrap();
    let published = rig.authority.bundle().await.unwrap();
    assert!(published.sequence() > before.sequence());
    assert_eq!(kid(published.jws()), kid(before.jws()));
    rig.clock.advance(HOUR);
    let next = rig.authority.bundle().await.unwrap();
    assert_ne!(kid(next.jws()), kid(before.jws()));
    assert!(published.json().contains(&kid(next.jws())), "those who follow knew it before");
    assert_eq!(next.json(), published.json());
}

/// Attack, and the disk's: a file that is no longer one must not take the running authority down, nor change what it does.
#[tokio::test]
async fn running_authority_keeps_its_keys_when_the_file_is_broken() {
    let rig = Rig::start().await;
    let before = rig.roots().await;
    std::fs::write(rig.folder.path().join("authority.json"), "{").unwrap();
    assert_eq!(rig.authority.keep_up_now().await.unwrap_err().kind(), "keys");
    rig.enrolled("stock").await;
    rig.clock.advance(HOUR);
    assert_eq!(rig.authority.keep_up_now().await.unwrap_err().kind(), "keys");
    let stock = rig.store.workload(&crate::rig::id("stock")).await.unwrap().unwrap();
    assert_eq!(
        stock.entry_keys.first().unwrap().until,
        Some(stock.alive_until),
        "the rest of the upkeep goes on"
    );
    let ticket = rig.ticket("cart", Place::Free).await;
    let issued = rig.authority.enrol(&Applicant::new().request(&rig, &ticket).await).await.unwrap();
    assert_eq!(issuer_of(&before, &leaf(&issued)), Some(0));
}

/// Two operators at once: one of them rotates, and the file has both of its roots whole.
#[test]
fn rotations_at_once_come_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path(), &TestClock::default());
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let rotate = || {
            AuthorityKeys::open(folder.path()).unwrap().rotate_root(HOUR, &TestClock::default(), &OsRandom)
        };
        let running: Vec<_> = (0..4).map(|_one| scope.spawn(rotate)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let refused = outcomes.iter().filter(|it| matches!(it, Err(KeysError::NotOver))).count();
    assert_eq!((refused, outcomes.len()), (3, 4), "{outcomes:?}");
    let states = AuthorityKeys::open(folder.path()).unwrap().states(&TestClock::default());
    let signs: Vec<_> = states.iter().map(|key| (key.kind, key.signs)).collect();
    assert_eq!(signs, [(KeyKind::Root, true), (KeyKind::Root, false), (KeyKind::Token, true)]);
}

/// Power lost while keys were written: what was begun is put aside.
#[test]
fn file_that_a_crash_left_half_written_keeps_no_rotation_waiting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("authority.json.new"), "{").unwrap();
    let keys = keys(folder.path(), &TestClock::default());
    std::fs::write(folder.path().join("authority.json.new"), "{").unwrap();
    keys.rotate_token_key(HOUR, &TestClock::default(), &OsRandom).unwrap();
    assert_eq!(AuthorityKeys::open(folder.path()).unwrap().states(&TestClock::default()).len(), 3);
    assert!(!folder.path().join("authority.json.new").exists());
}

/// Attack: keys in a log.
#[test]
fn debug_output_shows_no_private_key() {
    let folder = tempfile::tempdir().unwrap();
    let shown = format!("{:?}", keys(folder.path(), &TestClock::default()));
    let stored = std::fs::read(folder.path().join("authority.json")).unwrap();
    let stored: serde_json::Value = serde_json::from_slice(&stored).unwrap();
    let jwk: serde_json::Value =
        serde_json::from_str(stored["token_keys"][0]["jwk"].as_str().unwrap()).unwrap();
    for secret in [stored["roots"][0]["key"].as_str().unwrap(), jwk["d"].as_str().unwrap()] {
        assert!(secret.len() > 40 && !shown.contains(secret), "{shown}");
    }
}
