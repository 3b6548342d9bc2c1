//! A token that goes away while a service signs, and comes back.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kest_core::entry::OperationName;
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{ReplaceableSigner, Sign as _, SigningKey as _};
use kest_core::trust::Origin;
use kest_core::{AdmitErrorKind, Admitter, Operation};
use kest_workload::pkcs11::Pkcs11Key;
use tokio::task::JoinSet;

use crate::rig::{PIN, cart, ed25519, threads, with_token};

#[test]
fn token_that_is_removed_while_running_signs_nothing_and_is_back_by_itself() {
    with_token(
        "away::token_that_is_removed_while_running_signs_nothing_and_is_back_by_itself",
        async |rig| {
            let signer = ReplaceableSigner::new(rig.load("entries").await.unwrap());
            let service = Admitter::builder(Arc::new(signer.clone())).build();
            let (operation, policy) =
                (Operation::new(OperationName::from_static("checkout")), dangerous_allow_all());
            service.originate(Origin::system(), &operation, &policy).await.unwrap();
            let (place, gone) = (rig.token_folder(), rig.folder.join("gone"));
            for _ in 0..2 {
                std::fs::rename(&place, &gone).unwrap();
                for _ in 0..3 {
                    let refused = service.originate(Origin::system(), &operation, &policy).await.unwrap_err();
                    assert_eq!(refused.kind(), AdmitErrorKind::SignerUnavailable);
                }
                std::fs::rename(&gone, &place).unwrap();
                let admitted = service.originate(Origin::system(), &operation, &policy).await.unwrap();
                assert_eq!(admitted.passport().len(), 1);
            }
            assert!(signer.current().sign(b"a.b").await.is_ok());
        },
    );
}

/// Attack: a token with another key of the same name, put in the place of ours while the service runs.
#[test]
fn another_key_under_the_same_name_signs_nothing() {
    with_token("away::another_key_under_the_same_name_signs_nothing", async |rig| {
        let key = rig.load("entries").await.unwrap();
        std::fs::rename(rig.token_folder(), rig.folder.join("gone")).unwrap();
        rig.make_token("cart");
        rig.import("cart", "entries", "01", &ed25519(8));
        let refused = key.sign(b"a.b").await.unwrap_err();
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        assert_eq!(cause, "token has another key than at the start");
    });
}

#[test]
fn pin_that_changed_while_the_token_was_away_is_read_anew_and_a_refused_one_is_not_tried_again() {
    let name =
        "away::pin_that_changed_while_the_token_was_away_is_read_anew_and_a_refused_one_is_not_tried_again";
    with_token(name, async |rig| {
        let key = rig.load("entries").await.unwrap();
        let (place, gone) = (rig.token_folder(), rig.folder.join("gone"));
        std::fs::rename(&place, &gone).unwrap();
        key.sign(b"a.b").await.unwrap_err();
        std::fs::rename(&gone, &place).unwrap();
        rig.write_pin("not-the-pin");
        for _ in 0..3 {
            let refused = key.sign(b"a.b").await.unwrap_err();
            assert_eq!(std::error::Error::source(&refused).unwrap().to_string(), "token refused the pin");
        }
        rig.write_pin(PIN);
        key.sign(b"a.b").await.unwrap();
    });
}

/// Attack: a token that takes a question and never answers, so that all requests and threads wait for it.
#[test]
fn token_that_hangs_is_refused_in_time_and_holds_no_more_threads_than_sessions() {
    let name = "away::token_that_hangs_is_refused_in_time_and_holds_no_more_threads_than_sessions";
    with_token(name, async |rig| {
        let settings = rig.settings("entries").sessions(2).time_limit(Duration::from_millis(500));
        let key = Pkcs11Key::load(cart(), settings).await.unwrap();
        key.sign(b"a.b").await.unwrap();
        let before = threads();
        // SoftHSM reads this file before it signs: a pipe in its place holds it until there is a writer.
        let (generation, aside) = (rig.token_folder().join("generation"), rig.folder.join("generation"));
        std::fs::rename(&generation, &aside).unwrap();
        assert!(Command::new("mkfifo").arg(&generation).status().unwrap().success());
        let mut signing = JoinSet::new();
        for _ in 0..12 {
            let key = key.clone();
            signing.spawn(async move { key.sign(b"a.b").await });
        }
        for refused in signing.join_all().await {
            let cause = std::error::Error::source(&refused.unwrap_err()).unwrap().to_string();
            assert_eq!(cause, "token did not answer in time");
        }
        assert!(threads() <= before + 2, "{before} {}", threads());
        let pipe = rig.folder.join("pipe");
        std::fs::rename(&generation, &pipe).unwrap();
        std::fs::rename(&aside, &generation).unwrap();
        drop(std::fs::OpenOptions::new().write(true).open(&pipe).unwrap());
        key.sign(b"a.b").await.unwrap();
    });
}
