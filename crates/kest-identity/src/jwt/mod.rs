//! Bearer tokens: what they look like, what must hold for them, and who they speak for.

mod algorithm;
mod authenticator;
mod builder;
mod claims;
mod invalid;
mod token;
mod validation;

pub use algorithm::Algorithm;
pub(crate) use algorithm::install_backend;
pub use authenticator::{JwtAuthenticator, WithoutToken};
pub use builder::{JwtAuthenticatorBuilder, JwtBuildError};
pub use claims::ClaimNames;
pub use invalid::InvalidToken;
pub(crate) use token::{Parts, decode_part};
pub use token::{TokenHeader, UnverifiedToken};
