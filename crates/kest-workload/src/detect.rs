//! Finds out where the identity of a workload comes from, by a stated list of variables.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::builder::Enrol;

impl Enrol {
    /// Takes the first of these that is there, and says in the log which one it was:
    ///
    /// | variable | what is shown |
    /// | --- | --- |
    /// | `KEST_TICKET_FILE` | the ticket in that file, read for each try |
    /// | `KEST_TICKET` | that ticket |
    /// | `KEST_TOKEN_FILE` | the token in that file, read for each try; `KEST_ROOT_PIN` beside it pins the root |
    ///
    /// `KEST_AUTHORITY` says where the authority is. An identity in the folder that lives comes before all of them. Where nothing is
    /// found, [`start`](Self::start) says so: no identity and no key is made up.
    ///
    /// # Errors
    ///
    /// [`DetectError`] when a variable makes no sense: nothing after it is tried.
    pub fn detect(self, environment: impl Fn(&str) -> Option<String>) -> Result<Self, DetectError> {
        let this = match environment("KEST_AUTHORITY") {
            Some(url) => self.authority(url),
            None => self,
        };
        if let Some(path) = environment("KEST_TICKET_FILE") {
            tracing::info!(source = "KEST_TICKET_FILE", "identity comes from a ticket in a file");
            return Ok(this.ticket_file(PathBuf::from(path)));
        }
        if let Some(ticket) = environment("KEST_TICKET") {
            tracing::info!(source = "KEST_TICKET", "identity comes from a ticket");
            return Ok(this.ticket(ticket));
        }
        if let Some(path) = environment("KEST_TOKEN_FILE") {
            let pin = environment("KEST_ROOT_PIN").ok_or(DetectError::NoPin)?;
            let pin = URL_SAFE_NO_PAD.decode(pin.trim()).map_err(|_cause| DetectError::NotAPin)?;
            let pin = pin.try_into().map_err(|_cause| DetectError::NotAPin)?;
            tracing::info!(source = "KEST_TOKEN_FILE", "identity comes from a token in a file");
            return Ok(this.oidc_token_file(PathBuf::from(path), pin));
        }
        tracing::info!(source = "folder", "identity comes from the folder alone");
        Ok(this)
    }
}

/// A variable makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// A token is to be shown, and nothing says to which authority.
    #[error("KEST_TOKEN_FILE is set and KEST_ROOT_PIN is not")]
    NoPin,
    /// The pin is no SHA-256 in base64url.
    #[error("KEST_ROOT_PIN is not a sha-256 in base64url")]
    NotAPin,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workload;

    fn detected(variables: &[(&str, &str)]) -> Result<String, DetectError> {
        let of = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Workload::enrol("/var/lib/cart").detect(of).map(|enrol| format!("{enrol:?}"))
    }

    #[test]
    fn first_of_the_list_is_taken_and_nothing_secret_is_shown() {
        let all = [
            ("KEST_TOKEN_FILE", "/token"),
            ("KEST_TICKET", "secret"),
            ("KEST_TICKET_FILE", "/ticket"),
            ("KEST_ROOT_PIN", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ("KEST_AUTHORITY", "https://authority.internal:8443"),
        ];
        assert!(detected(&all).unwrap().contains("source: TicketFile(..)"));
        let ticket = detected(&all[..2]).unwrap();
        assert!(ticket.contains("source: Ticket(..)") && !ticket.contains("secret"));
        let token = detected(&[all[0], all[3], all[4]]).unwrap();
        assert!(token.contains("source: TokenFile(..)") && token.contains("authority.internal"));
        assert!(detected(&[]).unwrap().contains("source: Nothing"));
    }

    #[test]
    fn token_without_a_pin_is_shown_to_no_authority() {
        assert_eq!(detected(&[("KEST_TOKEN_FILE", "/token")]), Err(DetectError::NoPin));
        let short = [("KEST_TOKEN_FILE", "/token"), ("KEST_ROOT_PIN", "AAAA")];
        assert_eq!(detected(&short), Err(DetectError::NotAPin));
    }
}
