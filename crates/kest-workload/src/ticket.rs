//! The text of a ticket: the right to enrol one identity once, and the root that first contact is pinned to.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::{Random, RandomError};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A ticket as it is given out: `kest-ticket-v1.<secret>.<pin>`, both parts 32 bytes in base64url without padding.
///
/// The secret is 256 random bits. The pin is the SHA-256 of the `SubjectPublicKeyInfo` of the root of the authority that gave
/// it out: the holder believes the enrolment listener only if its chain ends in that key. A ticket has one spelling.
///
/// ```
/// use kest_core::OsRandom;
/// use kest_workload::protocol::TicketText;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ticket = TicketText::generate([7; 32], &OsRandom)?;
/// let read = TicketText::parse(&ticket.reveal())?;
/// assert_eq!((read.root_pin(), read.hash()), (&[7; 32], ticket.hash()));
/// # Ok(())
/// # }
/// ```
pub struct TicketText {
    secret: Zeroizing<[u8; 32]>,
    root_pin: [u8; 32],
}

impl TicketText {
    /// A new ticket of the authority whose root has this SHA-256 of its `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when there is no randomness.
    pub fn generate(root_pin: [u8; 32], random: &dyn Random) -> Result<Self, RandomError> {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(&mut *secret)?;
        Ok(Self { secret, root_pin })
    }

    /// Reads a ticket.
    ///
    /// # Errors
    ///
    /// [`NotATicket`] for anything but the one spelling.
    pub fn parse(text: &str) -> Result<Self, NotATicket> {
        let rest = text.strip_prefix(PREFIX).ok_or(NotATicket)?;
        let (secret, root_pin) = rest.split_once('.').ok_or(NotATicket)?;
        let mut ticket = Self { secret: Zeroizing::new([0; 32]), root_pin: [0; 32] };
        decode(secret, &mut ticket.secret)?;
        decode(root_pin, &mut ticket.root_pin)?;
        Ok(ticket)
    }

    /// The whole text, which is secret.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        // Room for all of it at once, so that no half of a secret stays behind where the text grew.
        let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(*self.secret, &mut text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.root_pin, &mut text);
        text
    }

    /// SHA-256 of the `SubjectPublicKeyInfo` of the root that the enrolment listener must show.
    #[must_use]
    pub fn root_pin(&self) -> &[u8; 32] {
        &self.root_pin
    }

    /// SHA-256 of the whole text in hex: what an authority keeps of it.
    #[must_use]
    pub fn hash(&self) -> String {
        use fmt::Write as _;
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(self.reveal().as_bytes()) {
            // Writing to a text does not fail.
            let _done = write!(hash, "{byte:02x}");
        }
        hash
    }
}

/// Without the secret.
impl fmt::Debug for TicketText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TicketText").finish_non_exhaustive()
    }
}

/// A text is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket of an authority")]
pub struct NotATicket;

fn decode(text: &str, into: &mut [u8; 32]) -> Result<(), NotATicket> {
    if text.len() != ENCODED_BYTES {
        return Err(NotATicket);
    }
    match URL_SAFE_NO_PAD.decode_slice(text, into) {
        Ok(32) => Ok(()),
        Ok(_) | Err(_) => Err(NotATicket),
    }
}

const PREFIX: &str = "kest-ticket-v1.";

/// 32 bytes in base64url without padding.
const ENCODED_BYTES: usize = 43;

/// The prefix, both parts and the dot between them.
const MOST_BYTES: usize = PREFIX.len() + 2 * ENCODED_BYTES + 1;

#[cfg(test)]
mod tests {
    use kest_core::OsRandom;

    use super::*;

    #[test]
    fn ticket_has_one_spelling() {
        let ticket = TicketText::generate([0xff; 32], &OsRandom).unwrap();
        let text = ticket.reveal();
        assert_eq!(text.len(), MOST_BYTES);
        assert_eq!(*TicketText::parse(&text).unwrap().reveal(), *text);
        // The last letter has four bits of the secret and two that must be zero.
        let last = text.chars().last().unwrap();
        let other = char::from(u8::try_from(u32::from(last)).unwrap() + 1);
        for wrong in [
            String::new(),
            format!("{}=", *text),
            format!(" {}", *text),
            text.replace("v1", "v2"),
            text.replacen('.', ":", 2),
            format!("{}.x", *text),
            format!("{}{other}", text.trim_end_matches(last)),
        ] {
            assert_eq!(TicketText::parse(&wrong).err(), Some(NotATicket), "{wrong}");
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let ticket = TicketText::generate([1; 32], &OsRandom).unwrap();
        assert_eq!(format!("{ticket:?}"), "TicketText { .. }");
    }
}
