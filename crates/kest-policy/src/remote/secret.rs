//! What a sidecar engine wants to see before it answers.

use std::fmt;

use http::HeaderValue;

use super::RemoteConfigError;

/// A secret for the `Authorization` header; nothing shows it again.
///
/// It stays in memory for as long as the adapter, since it is sent with every question.
pub struct Secret(String);

impl Secret {
    /// Takes `text` as a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The header's value: `prefix`, then the secret.
    pub(super) fn header(self, prefix: &str, limit: usize) -> Result<HeaderValue, RemoteConfigError> {
        let printable = self.0.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if self.0.trim().is_empty() || self.0.trim() != self.0 || self.0.len() > limit || !printable {
            return Err(RemoteConfigError::Secret);
        }
        let mut value = HeaderValue::try_from(format!("{prefix}{}", self.0))
            .map_err(|_cause| RemoteConfigError::Secret)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_shown_nowhere() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let header = secret.header("Bearer ", 100).unwrap();
        assert_eq!(
            (header.as_bytes(), format!("{header:?}").as_str()),
            (&b"Bearer hunter2"[..], "Sensitive")
        );
    }

    #[test]
    fn secret_that_would_add_a_header_line_is_refused() {
        for text in ["", " ", " a", "a ", "a\r\nx: y", "a\0", "\u{e9}", "too long"] {
            let refused = Secret::new(text).header("Bearer ", 7);
            assert!(matches!(refused, Err(RemoteConfigError::Secret)), "{text:?}");
        }
    }
}
