//! One session at a token, logged in, with the key that it signs with.

use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use kest_core::signature::{PublicKey, Signature};

use super::Pkcs11Error;
use super::module::Module;
use super::pin::Pin;
use super::settings::{KeyName, Pkcs11Settings, TokenName};

/// A session, its private key, and the public key that the token says belongs to it. It is closed when dropped.
pub(super) struct Seat {
    session: Session,
    key: ObjectHandle,
    public: PublicKey,
    /// Behind the session, which is closed before the library may be let go of.
    _module: Arc<Module>,
}

impl Seat {
    /// Finds the token, logs in, and finds the key.
    pub(super) fn take(settings: &Pkcs11Settings, pin: &Pin) -> Result<Self, Pkcs11Error> {
        let module = Module::load(&settings.module)?;
        let slot = find_token(&module.library, &settings.token)?;
        let session = module.library.open_ro_session(slot).map_err(Pkcs11Error::token)?;
        pin.log_in(|pin| log_in(&session, pin))?;
        let key = find_key(&session, &settings.key, ObjectClass::PRIVATE_KEY)?;
        let point = find_key(&session, &settings.key, ObjectClass::PUBLIC_KEY)?;
        if may_leave(&session, key)? {
            return Err(Pkcs11Error::KeyExtractable);
        }
        let public = public_key(&session, point)?;
        Ok(Self { session, key, public, _module: module })
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Signature, Pkcs11Error> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = self.session.sign(&mechanism, self.key, message).map_err(Pkcs11Error::token)?;
        let signature = signature.try_into().map_err(|_bytes| Pkcs11Error::NoSignature)?;
        Ok(Signature::from_bytes(signature))
    }
}

fn find_token(library: &Pkcs11, name: &TokenName) -> Result<Slot, Pkcs11Error> {
    let mut found = None;
    for slot in library.get_slots_with_token().map_err(Pkcs11Error::token)? {
        // The token of another slot may be on its way out.
        let Ok(token) = library.get_token_info(slot) else { continue };
        let is_it = match name {
            TokenName::Label(label) => token.label() == label,
            TokenName::Serial(serial) => token.serial_number() == serial,
        };
        if is_it && token.token_initialized() && found.replace(slot).is_some() {
            return Err(Pkcs11Error::TokenAmbiguous);
        }
    }
    found.ok_or(Pkcs11Error::TokenMissing)
}

fn log_in(session: &Session, pin: &str) -> Result<(), Pkcs11Error> {
    match session.login(UserType::User, Some(&AuthPin::from(pin))) {
        // Logged in are all sessions of a process at a token, or none.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
            Err(Pkcs11Error::PinRefused)
        }
        Err(cause) => Err(Pkcs11Error::token(cause)),
    }
}

fn find_key(session: &Session, name: &KeyName, class: ObjectClass) -> Result<ObjectHandle, Pkcs11Error> {
    let name = match name {
        KeyName::Label(label) => Attribute::Label(label.as_bytes().to_vec()),
        KeyName::Id(id) => Attribute::Id(id.clone()),
    };
    let found = session.find_objects(&[Attribute::Class(class), name]).map_err(Pkcs11Error::token)?;
    let key = match found.as_slice() {
        [] => return Err(Pkcs11Error::KeyMissing),
        [key] => *key,
        [_, _, ..] => return Err(Pkcs11Error::KeyAmbiguous),
    };
    let read = session.get_attributes(key, &[AttributeType::KeyType]).map_err(Pkcs11Error::token)?;
    match read.as_slice() {
        [Attribute::KeyType(KeyType::EC_EDWARDS)] => Ok(key),
        _ => Err(Pkcs11Error::KeyType),
    }
}

fn may_leave(session: &Session, key: ObjectHandle) -> Result<bool, Pkcs11Error> {
    let read = session.get_attributes(key, &[AttributeType::Extractable]).map_err(Pkcs11Error::token)?;
    Ok(!matches!(read.as_slice(), [Attribute::Extractable(false)]))
}

fn public_key(session: &Session, key: ObjectHandle) -> Result<PublicKey, Pkcs11Error> {
    let read = session.get_attributes(key, &[AttributeType::EcPoint]).map_err(Pkcs11Error::token)?;
    match read.as_slice() {
        [Attribute::EcPoint(point)] => read_point(point),
        _ => Err(Pkcs11Error::KeyWeak),
    }
}

/// PKCS #11 3.0 section 2.3.5: the bytes of RFC 8032; tokens of the drafts before it have them in an OCTET STRING.
fn read_point(point: &[u8]) -> Result<PublicKey, Pkcs11Error> {
    let bytes = point.strip_prefix(&[0x04, 0x20]).filter(|bytes| bytes.len() == 32).unwrap_or(point);
    // Ed448 has 57 bytes.
    let bytes = bytes.try_into().map_err(|_bytes| Pkcs11Error::KeyType)?;
    PublicKey::from_bytes(bytes).map_err(|_cause| Pkcs11Error::KeyWeak)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack: a token whose public key is a point of small order, under which anything verifies.
    #[test]
    fn weak_key_of_a_token_is_refused() {
        assert!(matches!(read_point(&[0; 32]), Err(Pkcs11Error::KeyWeak)));
        let mut wrapped = vec![0x04, 0x20, 0x01];
        wrapped.resize(34, 0);
        assert!(matches!(read_point(&wrapped), Err(Pkcs11Error::KeyWeak)));
    }

    #[test]
    fn point_is_read_bare_and_in_an_octet_string_and_not_of_another_length() {
        let base = curve_base();
        let wrapped = [&[0x04, 0x20][..], &base].concat();
        assert_eq!(read_point(&base).unwrap(), read_point(&wrapped).unwrap());
        for length in [0, 31, 33, 57, 59] {
            assert!(matches!(read_point(&vec![0x04; length]), Err(Pkcs11Error::KeyType)), "{length}");
        }
    }

    /// RFC 8032 section 5.1: the base point.
    fn curve_base() -> [u8; 32] {
        let mut bytes = [0x66; 32];
        bytes[0] = 0x58;
        bytes
    }
}
