//! What a protected resource says about itself, so that clients find out which token to bring: RFC 9728.

use std::sync::Arc;

use kest_http::Origin;
use serde::Serialize;
use url::Url;

/// The metadata of a protected resource, RFC 9728 section 2: public, and made from configuration only.
///
/// ```
/// use kest_identity::ResourceMetadata;
///
/// let orders = ResourceMetadata::of("https://orders.example/v2")?
///     .authorization_servers(["https://issuer.example"])
///     .scopes(["orders:read", "orders:write"]);
/// assert_eq!(orders.path(), "/.well-known/oauth-protected-resource/v2");
/// assert_eq!(orders.url(), "https://orders.example/.well-known/oauth-protected-resource/v2");
/// # Ok::<(), kest_identity::ResourceError>(())
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct ResourceMetadata {
    resource: Arc<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<Arc<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<Arc<str>>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<Arc<str>>,
    #[serde(skip_serializing_if = "is_false")]
    tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "is_false")]
    dpop_bound_access_tokens_required: bool,
    #[serde(skip)]
    url: Url,
}

/// A resource identifier is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("resource identifier is not an https url without query and fragment")]
pub struct ResourceError;

impl ResourceMetadata {
    /// The resource called `resource`: the URL that clients use, which is also the audience of its tokens.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] for anything but an `https` URL (`http` on this machine) without query, fragment and
    /// credentials: RFC 9728 section 1.2.
    pub fn of(resource: impl Into<Arc<str>>) -> Result<Self, ResourceError> {
        let resource = resource.into();
        let mut url = Url::parse(&resource).map_err(|_cause| ResourceError)?;
        let plain = url.scheme() == "http" && Origin::of(&url).is_some_and(|origin| origin.is_loopback());
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !(url.scheme() == "https" || plain) || !bare || url.password().is_some() {
            return Err(ResourceError);
        }
        // RFC 9728 section 3.1: the well-known part goes between host and path; a lone slash is no path.
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{WELL_KNOWN}{path}"));
        Ok(Self {
            resource,
            authorization_servers: Vec::new(),
            scopes_supported: Vec::new(),
            bearer_methods_supported: ["header"],
            resource_name: None,
            tls_client_certificate_bound_access_tokens: false,
            dpop_bound_access_tokens_required: false,
            url,
        })
    }

    /// The issuers whose tokens are accepted.
    #[must_use]
    pub fn authorization_servers(mut self, issuers: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.authorization_servers = issuers.into_iter().map(Into::into).collect();
        self
    }

    /// The scopes that can be asked for.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.scopes_supported = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// What people call it.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// Says that tokens have to be bound to a key by `DPoP`.
    #[must_use]
    pub fn requires_dpop(mut self) -> Self {
        self.dpop_bound_access_tokens_required = true;
        self
    }

    /// Says that tokens can be bound to a client certificate.
    #[must_use]
    pub fn takes_certificate_bound_tokens(mut self) -> Self {
        self.tls_client_certificate_bound_access_tokens = true;
        self
    }

    /// The path that the document is served under.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The URL of the document: what `resource_metadata` in a challenge says (RFC 9728 section 5.1).
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The document.
    ///
    /// # Errors
    ///
    /// An error of the JSON writer, which does not happen for texts.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// RFC 9728 section 3.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn document_has_the_members_of_the_standard() {
        let metadata = ResourceMetadata::of("https://orders.example/")
            .unwrap()
            .authorization_servers(["https://issuer.example"])
            .scopes(["orders:read"])
            .requires_dpop();
        let document: Value = serde_json::from_str(&metadata.to_json().unwrap()).unwrap();
        let expected = json!({
            "resource": "https://orders.example/", "authorization_servers": ["https://issuer.example"],
            "scopes_supported": ["orders:read"], "bearer_methods_supported": ["header"],
            "dpop_bound_access_tokens_required": true,
        });
        assert_eq!(document, expected);
        assert_eq!(metadata.path(), WELL_KNOWN);
    }

    #[test]
    fn what_cannot_identify_a_resource_is_refused() {
        for wrong in [
            "",
            "orders",
            "http://orders.example/",
            "https://orders.example/?a",
            "https://orders.example/#a",
            "https://u@orders.example/",
            "https://u:p@orders.example/",
            "ftp://orders.example/",
        ] {
            assert_eq!(ResourceMetadata::of(wrong).err(), Some(ResourceError), "{wrong}");
        }
        assert!(ResourceMetadata::of("http://127.0.0.1:8080/").is_ok());
        assert!(ResourceMetadata::of("http://[::1]/").is_ok());
    }
}
