//! Proofs and attacks on sealing keys as texts and files.

use kest_core::OsRandom;

use super::*;
use crate::seals::{audience, key, sealing};
use crate::{Audience, Sealing, SealingError};

#[test]
fn jwk_round_trips_and_a_fresh_key_is_not_the_last_one() {
    let jwk = key("k1").to_jwk().unwrap();
    let again = SealingKey::from_jwk(&jwk).unwrap();
    assert_eq!((again.id().as_str(), again.bytes()), ("k1", key("k1").bytes()));
    let fresh = || SealingKey::generate(KeyId::new("k1").unwrap(), &OsRandom).unwrap();
    assert_ne!(fresh().bytes(), fresh().bytes());
}

#[test]
fn jwk_for_another_use_or_of_another_size_is_refused() {
    let good = key("k1").to_jwk().unwrap();
    assert!(SealingKey::from_jwk(&good).is_ok());
    let k = URL_SAFE_NO_PAD.encode(key("k1").bytes());
    for (part, wrong) in [
        ("\"oct\"", "\"OKP\""),
        ("\"A256KW\"", "\"A256GCM\""),
        ("\"A256KW\"", "\"HS256\""),
        ("\"alg\":\"A256KW\",", ""),
        ("\"kid\":\"k1\",", ""),
        ("\"k1\"", "\"\""),
        ("\"k1\"", "\"a\\nb\""),
        (&k, k.strip_suffix(k.chars().last().unwrap()).unwrap()),
        (&k, &format!("{k}AA")),
        (&k, &format!("{k}=")),
        ("{", "{\"kid\":\"k1\","),
        ("{", "["),
    ] {
        assert!(good.contains(part), "{part}");
        let refused = SealingKey::from_jwk(&good.replacen(part, wrong, 1)).unwrap_err();
        assert_eq!(refused.to_string(), "text is no jwk of 256 bits for a256kw", "{part} {wrong}");
    }
}

#[cfg(unix)]
#[test]
fn key_file_readable_by_others_is_refused_and_one_for_our_group_is_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("kest-sealing-{}.jwk", std::process::id()));
    std::fs::write(&path, key("k1").to_jwk().unwrap().as_bytes()).unwrap();
    let read = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        SealingKey::from_file(&path)
    };
    let (writable, others, mounted, own) = (read(0o660), read(0o604), read(0o440), read(0o600));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(writable, Err(SealingKeyError::File(PrivateFileError::Open(0o660)))));
    assert!(matches!(others, Err(SealingKeyError::File(PrivateFileError::Open(0o604)))));
    assert_eq!((mounted.unwrap().bytes(), own.unwrap().bytes()), (key("k1").bytes(), key("k1").bytes()));
    let missing = SealingKey::from_file(&path);
    assert!(matches!(missing, Err(SealingKeyError::File(PrivateFileError::Read(_)))));
}

#[test]
fn third_key_same_key_id_and_nobody_to_write_for_are_refused() {
    let two = || sealing("k1", "shop").also_opens(key("k2")).unwrap();
    let refused = |sealing: Result<Sealing, SealingError>| sealing.map(|_| ()).unwrap_err();
    assert_eq!(refused(two().also_opens(key("k3"))), SealingError::TooManyKeys);
    assert_eq!(refused(sealing("k1", "shop").also_opens(key("k1"))), SealingError::SameKeyId);
    let many = |count: usize| (0..count).map(|name| audience(&name.to_string())).collect::<Vec<_>>();
    assert_eq!(refused(two().write_for([])), SealingError::Audiences);
    assert_eq!(refused(two().write_for(many(9))), SealingError::Audiences);
    assert!(two().write_for(many(8)).is_ok());
}

#[test]
fn audience_is_a_short_visible_name() {
    assert_eq!(Audience::new("x".repeat(128)).unwrap().as_str().len(), 128);
    for wrong in [String::new(), "x".repeat(129), "a\nb".to_owned(), "\u{7f}".to_owned()] {
        assert!(Audience::new(wrong.clone()).is_err(), "{wrong:?}");
    }
}
