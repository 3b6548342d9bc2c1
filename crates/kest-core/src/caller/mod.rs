//! Proves who is calling: evidence goes in, findings come back, a [`Caller`] is minted here.

mod attested;
mod authenticate;
mod challenge;
mod claim;
mod evidence;
mod from_lineage;
mod header_name;

pub use crate::entry::IdentitySource;
pub use attested::{Attested, Confirmation};
pub use authenticate::{Authenticate, AuthenticateError, Caller, authenticate, authenticate_credentials};
pub use challenge::Challenge;
pub use claim::Claim;
pub use evidence::{Credentials, Evidence, PeerCertificate, RequestTarget};
pub use from_lineage::FromLineage;
pub use header_name::{HeaderName, HeaderNameError};
