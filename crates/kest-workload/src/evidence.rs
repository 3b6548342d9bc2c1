//! What a service shows to be enrolled, read anew for each try: a ticket, or a token of an issuer that the authority trusts.

use std::fmt;
use std::path::{Path, PathBuf};

use kest_core::file::{FileError, read_regular_file};
use kest_core::signature::{PrivateFileError, read_private_file};
use zeroize::Zeroizing;

use crate::protocol::{NotATicket, Proof, TicketText};

/// Where it comes from.
#[derive(Clone)]
pub(crate) enum Source {
    /// Nothing: only an identity that lives is gone on with.
    Nothing,
    /// A ticket that was given to this process.
    Ticket(Zeroizing<String>),
    /// A ticket in a file, which may be replaced by another one.
    TicketFile(PathBuf),
    /// A token in a file, which its issuer keeps fresh; and the pin of the authority's root.
    TokenFile(PathBuf, Option<[u8; 32]>),
}

/// What is shown.
pub(crate) struct Evidence {
    pub(crate) ticket: Option<Zeroizing<String>>,
    pub(crate) token: Option<Zeroizing<String>>,
    /// The root that the authority must have, where the evidence says it.
    pub(crate) pin: Option<[u8; 32]>,
}

impl Source {
    /// The evidence of this moment, unless nothing was given, or it is a ticket that was used before.
    pub(crate) fn read(&self, used: Option<&str>) -> Result<Option<Evidence>, EvidenceError> {
        let ticket = match self {
            Self::Nothing => return Ok(None),
            Self::TokenFile(path, pin) => return token(path, *pin).map(Some),
            Self::Ticket(text) => Zeroizing::new(text.trim().to_owned()),
            Self::TicketFile(path) => {
                let text = read_private_file(path, MOST_TICKET_BYTES).map_err(EvidenceError::Ticket)?;
                Zeroizing::new(text.trim().to_owned())
            }
        };
        let read = TicketText::parse(&ticket)?;
        if used == Some(Proof::digest(ticket.as_bytes()).as_str()) {
            return Ok(None);
        }
        Ok(Some(Evidence { pin: Some(*read.root_pin()), ticket: Some(ticket), token: None }))
    }
}

/// Kubernetes keeps such a file readable for all of the pod, so its mode is not judged.
fn token(path: &Path, pin: Option<[u8; 32]>) -> Result<Evidence, EvidenceError> {
    let bytes = Zeroizing::new(read_regular_file(path, MOST_TOKEN_BYTES).map_err(EvidenceError::Token)?);
    let text = std::str::from_utf8(&bytes).map_err(|_cause| EvidenceError::NoToken)?.trim();
    if text.is_empty() {
        return Err(EvidenceError::NoToken);
    }
    Ok(Evidence { ticket: None, token: Some(Zeroizing::new(text.to_owned())), pin })
}

impl Evidence {
    /// SHA-256 in base64url of what is shown.
    pub(crate) fn digest(&self) -> String {
        let text = self.ticket.as_ref().or(self.token.as_ref());
        text.map_or_else(String::new, |text| Proof::digest(text.as_bytes()))
    }
}

/// Without what is secret.
impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Ticket(_) => "Ticket(..)",
            Self::TicketFile(_) => "TicketFile(..)",
            Self::TokenFile(_, _) => "TokenFile(..)",
        })
    }
}

/// What a service is to show cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The file of the ticket cannot be read, or others may read it.
    #[error("ticket cannot be read")]
    Ticket(#[source] PrivateFileError),
    /// It is no ticket.
    #[error("what was given is no ticket")]
    NotATicket(#[from] NotATicket),
    /// The file of the token cannot be read.
    #[error("token cannot be read")]
    Token(#[source] FileError),
    /// The file has no token.
    #[error("file of the token is empty or no text")]
    NoToken,
}

const MOST_TICKET_BYTES: usize = 256;

/// Tokens of workloads have some 2 KiB; those of CI jobs more.
const MOST_TOKEN_BYTES: u64 = 16 * 1024;
