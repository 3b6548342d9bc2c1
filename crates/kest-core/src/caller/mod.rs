//! Proves who is calling: evidence goes in, findings come back, a [`Caller`] is minted here.

mod attested;
mod authenticate;
mod challenge;
mod evidence;
mod from_lineage;

pub use crate::entry::IdentitySource;
pub use attested::{Attested, Confirmation};
pub use authenticate::{Authenticate, AuthenticateError, Caller, authenticate, authenticate_credentials};
pub use challenge::Challenge;
pub use evidence::{Credentials, Evidence, PeerCertificate, RequestTarget};
pub use from_lineage::FromLineage;
