//! Hop proof: a passport that is worth nothing without the key of its last signer.
//!
//! The caller signs each attempt with the key that signed the tip of its passport ([`sign`]); the receiver demands
//! exactly the same set of parts ([`read`]), and after the passport was verified, the key, the moment, the signature
//! and a nonce that it has never seen ([`UnverifiedHop::verify`]).
//!
//! | | |
//! | --- | --- |
//! | signed | `@method`, `@authority`, `@path`, `@query`, `kest-tip`; `authorization` if the request has it; `content-digest` if it has a body |
//! | parameters | `created`, `expires`, `nonce`, `alg="ed25519"`, `keyid`, `tag="kest-hop"` |
//! | `kest-tip` | the hashes of the passport's tips in order, joined by commas: it binds all of the passport, while other `baggage` may be added on the way |
//!
//! The order of the parts and the label are free to a writer; this one writes them as above, under `kest-hop`.

mod error;
mod read;
mod settings;
mod sign;
mod verify;

pub use crate::sign_error::SignError;
pub use error::HopError;
pub use read::{UnverifiedHop, read};
pub use settings::{HopSettings, HopSettingsBuilder, HopSettingsError};
pub(crate) use settings::{authorities, replays, window};
pub(crate) use sign::checked_signature;
pub use sign::sign;
pub use verify::VerifiedHop;

/// The tag of the signatures that are hop proofs.
pub const TAG: &str = "kest-hop";

/// The header that repeats the tips of the passport.
pub const KEST_TIP: http::HeaderName = http::HeaderName::from_static("kest-tip");

/// Takes the proof of another attempt out of `headers`: [`KEST_TIP`] and our signature. Signatures of others stay, and so does
/// `content-digest`, which they may cover.
///
/// Headers that cannot be read go whole: nothing of ours may be forwarded in them.
pub fn strip(headers: &mut http::HeaderMap) {
    headers.remove(KEST_TIP);
    if crate::fields::remove(headers, sign::LABEL, TAG, &kest_core::Limits::default()).is_err() {
        headers.remove(crate::fields::SIGNATURE_INPUT);
        headers.remove(crate::fields::SIGNATURE);
    }
}
