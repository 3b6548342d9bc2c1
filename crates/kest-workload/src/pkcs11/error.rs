//! Why a token gave no key or no signature.

use kest_core::BoxError;
use kest_core::signature::PrivateFileError;

/// A token gave no key, or no signature. No message holds a PIN.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// The module is no library, has no PKCS #11, or cannot be initialised.
    #[error("pkcs11 module cannot be used")]
    Module(#[source] BoxError),
    /// No token has this name.
    #[error("token is not there")]
    TokenMissing,
    /// More than one token has this name: name it by its serial number.
    #[error("more than one token has this name")]
    TokenAmbiguous,
    /// The token went away, or failed.
    #[error("token does not answer as it should")]
    TokenFailed(#[source] BoxError),
    /// The file of the PIN cannot be used.
    #[error("pin cannot be read")]
    PinFile(#[source] PrivateFileError),
    /// The variable of the PIN is not set, or is no UTF-8.
    #[error("variable of the pin is not set")]
    PinVariable,
    /// The PIN is empty or longer than any token takes.
    #[error("pin is empty or too long")]
    PinLength,
    /// The token refused the PIN. It is not tried again until the PIN is another one, since tokens lock themselves.
    #[error("token refused the pin")]
    PinRefused,
    /// The token has no private key of this name, or no public key beside it.
    #[error("token has no key of this name")]
    KeyMissing,
    /// More than one key has this name.
    #[error("more than one key has this name")]
    KeyAmbiguous,
    /// The key is one of RSA or of another curve.
    #[error("key is no ed25519 key")]
    KeyType,
    /// The key may leave the token: then it is no better than a file.
    #[error("key may be extracted from its token")]
    KeyExtractable,
    /// Nothing can be verified with the public key.
    #[error("public key of the token is weak or malformed")]
    KeyWeak,
    /// What the private key signs does not verify under the public key beside it.
    #[error("private and public key of the token do not belong together")]
    KeyPair,
    /// Under this name the token now has another key than it had at the start.
    #[error("token has another key than at the start")]
    KeyChanged,
    /// What the token returned is no signature.
    #[error("token returned no ed25519 signature")]
    NoSignature,
    /// Too many signatures are waited for.
    #[error("too many signatures of the token are waited for")]
    Busy,
    /// The token did not answer in time.
    #[error("token did not answer in time")]
    TimedOut,
    /// The thread that asked the token ended without an answer.
    #[error("token was not asked to the end")]
    Abandoned,
}

impl Pkcs11Error {
    pub(super) fn token(cause: cryptoki::error::Error) -> Self {
        Self::TokenFailed(cause.into())
    }

    /// Whether the token or its library failed, and neither PIN nor key.
    pub(super) fn is_of_the_token(&self) -> bool {
        matches!(self, Self::Module(_) | Self::TokenMissing | Self::TokenFailed(_))
    }
}
