//! Bearer tokens: what they look like, what must hold for them, and who they speak for.

mod algorithm;
mod authenticator;
mod build_error;
mod builder;
mod challenge;
mod claim_path;
mod claims;
mod granted;
mod grants;
mod invalid;
mod issuer;
mod kept;
mod memory;
mod token;
mod token_type;
mod trusted;
mod validation;

pub use algorithm::Algorithm;
pub(crate) use algorithm::install_backend;
pub use authenticator::{JwtAuthenticator, WithoutToken};
pub use build_error::JwtBuildError;
pub use builder::JwtAuthenticatorBuilder;
pub use claim_path::ClaimPath;
pub use claims::ClaimNames;
pub use grants::Grants;
pub use invalid::{InvalidToken, cause_of};
pub use issuer::TrustedIssuer;
pub(crate) use token::{Parts, decode_part};
pub use token::{TokenHeader, UnverifiedToken};
