//! What a key in a token signs.

use std::sync::Arc;

use kest_core::entry::OperationName;
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyId, KeyRing, ReplaceableSigner, Sign as _, SigningKey as _};
use kest_core::trust::Origin;
use kest_core::{Admitter, Limits, Operation, UnverifiedPassport, Verifier};
use kest_workload::pkcs11::{KeyName, PinSource, Pkcs11Key, Pkcs11Settings, TokenName};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::rig::{MODULE, PIN, Rig, cart, ed25519, generate, with_token};

#[test]
fn key_in_a_token_has_the_public_key_and_the_thumbprint_of_its_seed() {
    with_token("signs::key_in_a_token_has_the_public_key_and_the_thumbprint_of_its_seed", async |rig| {
        let key = rig.load("entries").await.unwrap();
        let same = Ed25519Signer::from_seed(cart(), KeyId::new("7").unwrap(), &[7; 32]).unwrap();
        assert_eq!(key.public_key(), same.public_key());
        assert_eq!(key.key_id().as_str(), same.public_key().thumbprint());
        assert_eq!(*key.workload(), cart());
        let ours = key.sign(b"header.payload").await.unwrap();
        assert_eq!(ours, same.sign(b"header.payload").await.unwrap());
    });
}

#[test]
fn entries_of_a_key_that_was_made_in_its_token_verify_and_its_successor_takes_over() {
    let name = "signs::entries_of_a_key_that_was_made_in_its_token_verify_and_its_successor_takes_over";
    with_token(name, async |rig| {
        generate(&Rig::session(), "made", false);
        let signer = ReplaceableSigner::new(rig.load("made").await.unwrap());
        let service = Admitter::builder(Arc::new(signer.clone())).build();
        let mut ring = KeyRing::new();
        ring.trust_signer(&signer).unwrap();
        verify(&service, &ring).await;
        let before = signer.current().key_id().clone();
        signer.replace(rig.load("entries").await.unwrap()).unwrap();
        ring.trust_signer(&signer).unwrap();
        assert_ne!(*signer.current().key_id(), before);
        verify(&service, &ring).await;
    });
}

async fn verify(service: &Admitter, ring: &KeyRing) {
    let operation = Operation::new(OperationName::from_static("checkout"));
    let admitted = service.originate(Origin::system(), &operation, &dangerous_allow_all()).await.unwrap();
    let limits = Limits::default();
    let text = admitted.passport().to_json();
    let read = UnverifiedPassport::dangerous_from_json(text.as_bytes(), None, &limits).unwrap();
    let verified = Verifier::new(limits).verify(read, ring).unwrap();
    assert_eq!(verified.len(), 1);
}

#[test]
fn sixty_four_signatures_at_once_all_verify() {
    with_token("signs::sixty_four_signatures_at_once_all_verify", async |rig| {
        let key = Pkcs11Key::load(cart(), rig.settings("entries").sessions(3)).await.unwrap();
        let mut signing = JoinSet::new();
        for number in 0..64 {
            let key = key.clone();
            signing.spawn(async move {
                let message = format!("message {number}");
                let signature = key.sign(message.as_bytes()).await.unwrap();
                key.public_key().verifies(message.as_bytes(), &signature)
            });
        }
        assert_eq!(signing.join_all().await, vec![true; 64]);
    });
}

/// Attack: more requests than a token can sign for, so that waiting ones fill the memory.
#[test]
fn those_who_wait_for_a_token_are_bounded() {
    with_token("signs::those_who_wait_for_a_token_are_bounded", async |rig| {
        let settings = rig.settings("entries").sessions(1).waiting(2);
        let key = Pkcs11Key::load(cart(), settings).await.unwrap();
        let mut signing = JoinSet::new();
        let all = Arc::new(Barrier::new(40));
        for _ in 0..40 {
            let (key, all) = (key.clone(), Arc::clone(&all));
            signing.spawn(async move {
                all.wait().await;
                key.sign(b"a.b").await
            });
        }
        let outcomes = signing.join_all().await;
        let busy = |error: &kest_core::signature::SignerError| {
            let cause = std::error::Error::source(error).unwrap();
            cause.to_string() == "too many signatures of the token are waited for"
        };
        assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() >= 3, "{outcomes:?}");
        assert!(outcomes.iter().any(Result::is_err), "{outcomes:?}");
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(busy), "{outcomes:?}");
        key.sign(b"a.b").await.unwrap();
    });
}

#[test]
fn token_is_found_by_its_serial_number_and_a_key_by_its_id() {
    with_token("signs::token_is_found_by_its_serial_number_and_a_key_by_its_id", async |rig| {
        rig.import("cart", "other", "0b0c", &ed25519(9));
        let (serial, id) = (Rig::serial(), KeyName::Id(vec![0x0b, 0x0c]));
        let pin = PinSource::Variable("KEST_TEST_PIN".to_owned());
        let settings = Pkcs11Settings::new(MODULE, TokenName::Serial(serial), id, pin);
        let key = Pkcs11Key::load(cart(), settings).await.unwrap();
        let same = Ed25519Signer::from_seed(cart(), KeyId::new("9").unwrap(), &[9; 32]).unwrap();
        assert_eq!(key.public_key(), same.public_key());
        assert_eq!(std::env::var("KEST_TEST_PIN").unwrap(), PIN);
    });
}
