//! Proofs of keys, signers and the files that they are read from.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest as _, Sha512};

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
    assert_eq!(public.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
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

/// A signer's scalar and prefix (RFC 8032 section 5.1.5), for signatures that an honest signer does not make.
fn secret_of(signer: &Ed25519Signer) -> Scalar {
    let expanded: [u8; 64] = Sha512::digest(signer.0.key.to_bytes()).into();
    Scalar::from_bytes_mod_order(clamp_integer(expanded[..32].try_into().unwrap()))
}

/// The number that a signature answers: H(R || A || M) of RFC 8032 section 5.1.6.
fn challenge(nonce: &[u8], key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(nonce).chain_update(key).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn put_together(nonce: &[u8; 32], answer: &[u8; 32]) -> [u8; 64] {
    [*nonce, *answer].concat().try_into().unwrap()
}

/// The key's holder can sign so that some verifiers accept and others refuse; strict ones never accept. With a key of mixed
/// order every point of small order can be the R of such a signature.
#[test]
fn signature_with_a_nonce_of_small_order_is_refused() {
    let signer = signer();
    let secret = secret_of(&signer);
    let honest = VerifyingKey::from_bytes(signer.public_key().as_bytes()).unwrap().to_edwards();
    for (index, nonce) in EIGHT_TORSION.iter().enumerate() {
        let nonce_bytes = nonce.compress().to_bytes();
        let held = EIGHT_TORSION.iter().any(|torsion| {
            let key = PublicKey::from_bytes(&(honest + torsion).compress().to_bytes()).unwrap();
            (0_u32..64).any(|number| {
                let message = number.to_be_bytes();
                let answer = challenge(&nonce_bytes, key.as_bytes(), &message) * secret;
                let bytes = put_together(&nonce_bytes, answer.as_bytes());
                let signature = ed25519_dalek::Signature::from_bytes(&bytes);
                let lenient = key.0.verify(&message, &signature).is_ok();
                assert!(!key.verifies(&message, &Signature::from_bytes(bytes)), "R is torsion point {index}");
                lenient
            })
        });
        assert!(held, "for some message the equation holds with torsion point {index} as R");
    }
}

#[test]
fn points_of_small_order_are_those_of_the_curve() {
    let mut of_the_curve = EIGHT_TORSION.map(|point| point.compress().to_bytes());
    let mut ours = SMALL_ORDER;
    of_the_curve.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, of_the_curve);
}

/// Signatures of every kind that verifiers are known to disagree about: ours and the library's strict one never do.
#[test]
fn every_signature_gets_the_verdict_of_the_librarys_strict_verifier() {
    let signer = signer();
    let secret = secret_of(&signer);
    let honest = VerifyingKey::from_bytes(signer.public_key().as_bytes()).unwrap().to_edwards();
    let order = Scalar::ZERO - Scalar::ONE;
    let (mut accepted, mut refused) = (0, 0);
    let mut judge = |key: &PublicKey, message: &[u8], bytes: [u8; 64]| {
        let strict = key.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes)).is_ok();
        assert_eq!(key.verifies(message, &Signature::from_bytes(bytes)), strict, "{bytes:02x?}");
        if strict { accepted += 1 } else { refused += 1 }
    };
    let mut torsions = EIGHT_TORSION.iter().cycle();
    for number in 0_u8..48 {
        let message = number.to_be_bytes();
        let own_nonce = Scalar::from(u64::from(number) + 7) * ED25519_BASEPOINT_POINT;
        let torsion = *torsions.next().unwrap();
        for key_point in [honest, honest + torsion] {
            let key = PublicKey::from_bytes(&key_point.compress().to_bytes()).unwrap();
            // R of full, mixed and small order, and small ones in forms that are not canonical.
            let points = [own_nonce, own_nonce + torsion, torsion].map(|point| point.compress().to_bytes());
            let spelled_otherwise =
                [filled(0xee, 0xff, 0x7f), filled(0xed, 0xff, 0x7f), filled(0xee, 0xff, 0xff)];
            for nonce in points.into_iter().chain(spelled_otherwise).chain([[0xff; 32]]) {
                let factor = challenge(&nonce, key.as_bytes(), &message);
                let of_nonce = Scalar::from(u64::from(number) + 7);
                for answer in [of_nonce + factor * secret, factor * secret, Scalar::ZERO, order] {
                    judge(&key, &message, put_together(&nonce, answer.as_bytes()));
                    // The same number, written with the group's order added.
                    judge(&key, &message, put_together(&nonce, &with_order_added(answer.as_bytes())));
                }
            }
        }
        let mut good = ed25519_dalek::Signer::sign(&signer.0.key, &message).to_bytes();
        judge(signer.public_key(), &message, good);
        good[usize::from(number) * 5 % 64] ^= 1 << (number % 8);
        judge(signer.public_key(), &message, good);
    }
    assert!(accepted > 48 && refused > 48, "{accepted} accepted, {refused} refused");
}

/// The little-endian number and the order of the group, 2^252 + 27742317777372353535851937790883648493.
fn with_order_added(number: &[u8; 32]) -> [u8; 32] {
    let mut order = (Scalar::ZERO - Scalar::ONE).to_bytes();
    order[0] += 1;
    let mut carried = 0_u16;
    std::array::from_fn(|place| {
        carried += u16::from(number[place]) + u16::from(order[place]);
        let byte = carried.to_le_bytes()[0];
        carried >>= 8;
        byte
    })
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
    let path = std::env::temp_dir().join(format!("kest-key-{}.jwk", signer().public_key().thumbprint()));
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
