//! Proofs of keys, signers and the files that they are read from.

use super::*;
use crate::random::OsRandom;

fn signer() -> Ed25519Signer {
    Ed25519Signer::generate(WorkloadId::new("spiffe://example.org/cart").unwrap(), &OsRandom).unwrap()
}

#[test]
fn thumbprint_is_the_one_of_rfc_8037_appendix_a() {
    let mut key = [0_u8; 32];
    URL_SAFE_NO_PAD.decode_slice("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", &mut key).unwrap();
    let public = PublicKey::from_bytes(&key).unwrap();
    assert_eq!(thumbprint(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn private_jwk_round_trips_and_debug_hides_the_key() {
    let signer = signer();
    let jwk = signer.to_private_jwk().unwrap();
    let again = Ed25519Signer::from_jwk(&jwk).unwrap();
    assert_eq!(again.public_key(), signer.public_key());
    assert_eq!(again.workload(), signer.workload());
    let secret = URL_SAFE_NO_PAD.encode(signer.0.key.to_bytes());
    assert!(jwk.contains(&secret) && !format!("{signer:?}").contains(&secret));
}

#[test]
fn small_order_key_is_refused() {
    let mut identity = [0_u8; 32];
    identity[0] = 1;
    assert_eq!(PublicKey::from_bytes(&identity), Err(WeakKey));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(WeakKey));
}

/// The key's holder can sign so that some verifiers accept and others refuse; strict ones never accept.
#[test]
fn signature_with_a_nonce_of_small_order_is_refused() {
    use curve25519_dalek::scalar::{Scalar, clamp_integer};
    use sha2::{Digest as _, Sha512};
    let signer = signer();
    let expanded: [u8; 64] = Sha512::digest(signer.0.key.to_bytes()).into();
    let secret = Scalar::from_bytes_mod_order(clamp_integer(expanded[..32].try_into().unwrap()));
    // RFC 8032 section 5.1.6 with the neutral point as R: S = H(R || A || M) a.
    let mut bytes = [0_u8; 64];
    bytes[0] = 1;
    let hash = Sha512::new().chain_update(&bytes[..32]).chain_update(signer.public_key().as_bytes());
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.chain_update(b"message").finalize().into());
    bytes[32..].copy_from_slice((challenge * secret).as_bytes());
    let lenient = ed25519_dalek::Verifier::verify(
        &signer.public_key().0,
        b"message",
        &ed25519_dalek::Signature::from_bytes(&bytes),
    );
    assert!(lenient.is_ok(), "the equation holds");
    assert!(!signer.public_key().verifies(b"message", &Signature::from_bytes(bytes)));
}

#[test]
fn swapped_public_half_is_refused() {
    let (one, other) = (signer(), signer());
    let x = |signer: &Ed25519Signer| URL_SAFE_NO_PAD.encode(signer.public_key().as_bytes());
    let jwk = one.to_private_jwk().unwrap().replace(&x(&one), &x(&other));
    assert!(matches!(Ed25519Signer::from_jwk(&jwk), Err(KeyFileError::Mismatch)));
}

#[cfg(unix)]
#[test]
fn key_file_readable_by_everybody_is_refused_and_one_for_our_group_is_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("kest-key-{}.jwk", thumbprint(signer().public_key())));
    std::fs::write(&path, signer().to_private_jwk().unwrap().as_bytes()).unwrap();
    let read = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Ed25519Signer::from_file(&path)
    };
    let (open, mounted, own) = (read(0o444), read(0o440), read(0o600));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(open, Err(KeyFileError::File(PrivateFileError::Open(0o444)))));
    assert!(mounted.is_ok() && own.is_ok());
}
