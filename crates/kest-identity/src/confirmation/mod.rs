//! Confirms that the presenter of a token that is bound to a key has that key (RFC 7800): what [`dpop`](crate::dpop) or
//! [`mtls`](crate::mtls) proves, the token's claim `cnf` asks for.

mod challenge;
mod confirm;
mod error;

pub(crate) use challenge::BindingAnswer;
pub(crate) use confirm::{Binding, Presented};
pub use error::{BindingError, InvalidProof, WrongBinding};
