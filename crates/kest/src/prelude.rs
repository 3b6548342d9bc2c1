//! What most services name, and no name that axum, hyper, reqwest or tower have too.
//!
//! ```
//! use kest::prelude::*;
//! ```

pub use crate::{
    Admission, Arrival, Bundle, Ed25519Signer, FromLineage, HopProof, JwtAuthenticator, Kest, KeyRing,
    Origin, Sanitizer, TrustScore, dangerous_insecure_no_verify, public,
};

#[cfg(feature = "axum")]
pub use crate::extract::{Admitted, Arrived, Authenticated};

#[cfg(feature = "policy")]
pub use crate::Policies;
