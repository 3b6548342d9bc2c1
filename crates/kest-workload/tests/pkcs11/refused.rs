//! Which tokens, PINs and keys are refused at the start, and that no message holds the PIN.

use std::os::unix::fs::PermissionsExt as _;

use cryptoki::object::{Attribute, ObjectClass};
use kest_workload::pkcs11::{KeyName, PinSource, Pkcs11Error, Pkcs11Key, Pkcs11Settings, TokenName};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

use crate::rig::{MODULE, PIN, Rig, cart, ed25519, generate, with_token};

/// Loading the key of this name is refused, by an error of which no text holds a PIN.
#[track_caller]
fn check(refused: Result<Pkcs11Key, Pkcs11Error>, kind: &str) {
    let error = refused.expect_err(kind);
    let mut said = format!("{error:?} {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said += &format!(" {error:?} {error}");
        cause = error.source();
    }
    assert!(format!("{error:?}").starts_with(kind), "{said}");
    assert!(!said.contains(PIN) && !said.contains("not-the-pin"), "{said}");
}

async fn load(rig: &Rig, key: &str) -> Result<Pkcs11Key, Pkcs11Error> {
    rig.load(key).await
}

#[test]
fn wrong_pin_is_refused_and_stands_in_no_text() {
    with_token("refused::wrong_pin_is_refused_and_stands_in_no_text", async |rig| {
        rig.write_pin("not-the-pin");
        check(load(&rig, "entries").await, "PinRefused");
        rig.write_pin("");
        check(load(&rig, "entries").await, "PinLength");
        std::fs::set_permissions(rig.pin_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
        check(load(&rig, "entries").await, "PinFile");
        std::fs::remove_file(rig.pin_file()).unwrap();
        check(load(&rig, "entries").await, "PinFile");
        rig.write_pin(PIN);
        let key = load(&rig, "entries").await.unwrap();
        let shown = format!("{key:?} {key:#?} {:?}", rig.settings("entries"));
        assert!(!shown.contains(PIN) && shown.contains(key_id(&key)), "{shown}");
    });
}

fn key_id(key: &Pkcs11Key) -> &str {
    kest_core::signature::SigningKey::key_id(key).as_str()
}

#[test]
fn key_that_is_missing_ambiguous_or_of_another_type_is_refused() {
    with_token("refused::key_that_is_missing_ambiguous_or_of_another_type_is_refused", async |rig| {
        rig.import("cart", "rsa", "02", &KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_pem());
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        rig.import("cart", "p256", "03", &p256.serialize_pem());
        rig.import("cart", "twice", "04", &ed25519(4));
        rig.import("cart", "twice", "05", &ed25519(5));
        check(load(&rig, "absent").await, "KeyMissing");
        check(load(&rig, "rsa").await, "KeyType");
        check(load(&rig, "p256").await, "KeyType");
        check(load(&rig, "twice").await, "KeyAmbiguous");
    });
}

#[test]
fn token_that_is_missing_or_ambiguous_is_refused_and_so_is_a_library_that_is_none() {
    let name = "refused::token_that_is_missing_or_ambiguous_is_refused_and_so_is_a_library_that_is_none";
    with_token(name, async |rig| {
        let settings = |module: &str, token: &str| {
            let key = KeyName::Label("entries".to_owned());
            let pin = PinSource::File(rig.pin_file());
            Pkcs11Settings::new(module, TokenName::Label(token.to_owned()), key, pin)
        };
        let program = std::env::current_exe().unwrap();
        check(Pkcs11Key::load(cart(), settings("/nonexistent.so", "cart")).await, "Module");
        check(Pkcs11Key::load(cart(), settings(program.to_str().unwrap(), "cart")).await, "Module");
        check(Pkcs11Key::load(cart(), settings(MODULE, "no-such-token")).await, "TokenMissing");
    });
}

#[test]
fn two_tokens_of_one_label_are_refused() {
    with_token("refused::two_tokens_of_one_label_are_refused", async |rig| {
        rig.make_token("cart");
        check(load(&rig, "entries").await, "TokenAmbiguous");
    });
}

/// Attack: a key that can be read out of its token, which a thief of the PIN takes along.
#[test]
fn key_that_may_leave_its_token_is_refused() {
    with_token("refused::key_that_may_leave_its_token_is_refused", async |rig| {
        generate(&Rig::session(), "loose", true);
        check(load(&rig, "loose").await, "KeyExtractable");
    });
}

/// Attack: another's public key laid beside ours, so that verifiers are told the wrong one.
#[test]
fn public_key_that_is_not_the_private_ones_is_refused() {
    with_token("refused::public_key_that_is_not_the_private_ones_is_refused", async |rig| {
        let session = Rig::session();
        generate(&session, "mixed", false);
        let (theirs, _) = generate(&session, "theirs", false);
        let label = Attribute::Label(b"mixed".to_vec());
        let public = session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY), label]);
        session.destroy_object(public.unwrap()[0]).unwrap();
        session.update_attributes(theirs, &[Attribute::Label(b"mixed".to_vec())]).unwrap();
        check(load(&rig, "mixed").await, "KeyPair");
    });
}
