//! A claim of a verified token that the service asked to be kept.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The value of one claim of a verified token, as its issuer wrote it.
///
/// ```
/// use kest_core::Claim;
///
/// let plan = Claim::of(&serde_json::json!("gold"));
/// assert_eq!(plan.as_text(), Some("gold"));
/// assert_eq!(Claim::of(&serde_json::json!(["a"])).json(), r#"["a"]"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// A string without its quotes, where it is one.
    text: Option<Arc<str>>,
    json: Arc<str>,
}

impl Claim {
    /// The claim of this value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        Self { text: value.as_str().map(Arc::from), json: value.to_string().into() }
    }

    /// The text, where the claim is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The claim as JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The claim as a type of your own.
    ///
    /// # Errors
    ///
    /// What serde finds wrong with it.
    pub fn read<Read: DeserializeOwned>(&self) -> Result<Read, serde_json::Error> {
        serde_json::from_str(&self.json)
    }

    pub(super) fn weight(&self) -> usize {
        self.json.len() + self.as_text().map_or(0, str::len)
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What issuers say about people is for handlers and policies.
        formatter.write_str("Claim(..)")
    }
}
