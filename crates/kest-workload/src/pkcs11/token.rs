//! The sessions of a key at its token: kept while they work, taken anew when one fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kest_core::signature::{PublicKey, Signature};

use super::Pkcs11Error;
use super::module::Module;
use super::pin::Pin;
use super::seat::Seat;
use super::settings::Pkcs11Settings;

/// A token, asked on blocking threads alone.
pub(super) struct Token {
    settings: Pkcs11Settings,
    pin: Pin,
    /// Sessions that no signature is being made on: at most as many as threads sign.
    idle: Mutex<Vec<Seat>>,
    is_away: AtomicBool,
}

impl Token {
    /// Finds the key, and has it sign once: that shows that its halves belong together.
    pub(super) fn open(settings: Pkcs11Settings) -> Result<(Self, PublicKey), Pkcs11Error> {
        let pin = Pin::new(settings.pin.clone());
        let seat = Seat::take(&settings, &pin)?;
        let public = seat.public_key().clone();
        if !public.verifies(TRIAL, &seat.sign(TRIAL)?) {
            return Err(Pkcs11Error::KeyPair);
        }
        let idle = Mutex::new(vec![seat]);
        Ok((Self { settings, pin, idle, is_away: AtomicBool::new(false) }, public))
    }

    /// Signs, on a session that is there or on a new one where that fails: a token that was away is found again by the
    /// first signature that is asked of it.
    pub(super) fn sign(&self, public: &PublicKey, message: &[u8]) -> Result<Signature, Pkcs11Error> {
        let idle = self.idle().pop();
        // Verified here too, so that a session that has gone wrong is not taken again.
        if let Some(seat) = idle
            && let Ok(signature) = seat.sign(message)
            && public.verifies(message, &signature)
        {
            self.idle().push(seat);
            return Ok(signature);
        }
        let outcome = self.sign_anew(public, message);
        match &outcome {
            Ok(_) if self.is_away.swap(false, Ordering::Relaxed) => tracing::info!("token signs again"),
            Ok(_) => {}
            Err(cause) if !self.is_away.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%cause, "token does not sign: nothing is signed until it does");
            }
            Err(_) => {}
        }
        outcome
    }

    fn sign_anew(&self, public: &PublicKey, message: &[u8]) -> Result<Signature, Pkcs11Error> {
        let seat = match Seat::take(&self.settings, &self.pin) {
            Err(cause) if cause.is_of_the_token() => {
                // The other sessions are no better than the one that failed.
                let idle = std::mem::take(&mut *self.idle());
                drop(idle);
                Module::let_go(&self.settings.module);
                Seat::take(&self.settings, &self.pin)?
            }
            taken => taken?,
        };
        if seat.public_key() != public {
            return Err(Pkcs11Error::KeyChanged);
        }
        let signature = seat.sign(message)?;
        self.idle().push(seat);
        Ok(signature)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Seat>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No JWS signing input, which has a dot: the signature is no entry's.
const TRIAL: &[u8] = b"kest: do both halves of this key belong together?";
