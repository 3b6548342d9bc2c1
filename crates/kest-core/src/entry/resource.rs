//! Names what an operation acts on: in one spelling, within its bounds, or not at all.

use std::sync::Arc;

use crate::limits::Limits;
use crate::path::{NormalPath, PathError};

/// What an operation acts on, for policies and the record.
///
/// Take the id from where it was decoded once, which is a path parameter, or from the whole path:
///
/// ```
/// use kest_core::entry::Resource;
///
/// let invoice = Resource::from_segments(["invoices", "7"])?;
/// assert_eq!(invoice.id(), Some("/invoices/7"));
/// assert_eq!(Resource::from_path("/docs/%73ecret")?.id(), Some("/docs/secret"));
/// assert!(Resource::from_path("/docs/%2e%2e/secret").is_err());
/// # Ok::<(), kest_core::entry::ResourceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resource {
    id: Option<Arc<str>>,
    attributes: Option<Arc<str>>,
    /// Why an id that begins as a path is not one, found when it was made.
    fault: Option<PathError>,
}

impl Resource {
    /// A resource called `id`, which is decoded text.
    ///
    /// An id that begins with `/` is a path: it is brought into its normal form. One that has none is refused when the
    /// operation is admitted, and so is `*` and an id over `Limits::resource_id_bytes`; see [`check`](Self::check).
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        let id = id.into();
        match if id.starts_with('/') { path_name(&id) } else { Ok(Arc::clone(&id)) } {
            Ok(id) => Self { id: Some(id), ..Self::default() },
            Err(fault) => Self { id: Some(id), fault: Some(fault), ..Self::default() },
        }
    }

    /// The resource at `path`, as it stands in an address: escaped, without its query.
    ///
    /// # Errors
    ///
    /// [`ResourceError::Path`] when the path has no [normal form](NormalPath), or an empty segment.
    pub fn from_path(path: &str) -> Result<Self, ResourceError> {
        Ok(Self { id: Some(path_name(path)?), ..Self::default() })
    }

    /// The resource of these path segments, each of them decoded text: a constant, or a router's path parameter.
    ///
    /// # Errors
    ///
    /// [`ResourceError::Path`] for a segment that is empty, consists of dots, or has a separator in it.
    pub fn from_segments<Segment: AsRef<str>>(
        segments: impl IntoIterator<Item = Segment>,
    ) -> Result<Self, ResourceError> {
        Ok(Self { id: Some(NormalPath::of_segments(segments)?.as_str().into()), ..Self::default() })
    }

    /// Adds attributes, a JSON object; they are signed in canonical form.
    ///
    /// # Errors
    ///
    /// [`CanonicalizeError`](crate::CanonicalizeError) when it is no object, or has no canonical form.
    pub fn with_attributes(mut self, object: &str) -> Result<Self, crate::CanonicalizeError> {
        let canonical = crate::canonical::canonicalize(object.as_bytes(), 8)?;
        // Readers refuse an entry whose attributes are something else, so it must not be signed.
        if canonical.first() != Some(&b'{') {
            return Err(crate::CanonicalizeError::NotAnObject);
        }
        let text = String::from_utf8_lossy(&canonical);
        self.attributes = Some(text.into());
        Ok(self)
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Its attributes: canonical JSON.
    #[must_use]
    pub fn attributes(&self) -> Option<&str> {
        self.attributes.as_deref()
    }

    /// Checks that its id names one thing to everybody, and is within its bound.
    ///
    /// # Errors
    ///
    /// [`ResourceError`]; nothing is asked about such a resource and nothing signed.
    pub fn check(&self, limits: &Limits) -> Result<(), ResourceError> {
        let Some(id) = self.id() else { return Ok(()) };
        if id.len() > limits.resource_id_bytes {
            return Err(ResourceError::TooLong(id.len()));
        }
        if id.is_empty() {
            return Err(ResourceError::Empty);
        }
        if id == "*" {
            return Err(ResourceError::Star);
        }
        self.fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

impl From<Resource> for Result<Resource, ResourceError> {
    fn from(resource: Resource) -> Self {
        Ok(resource)
    }
}

fn path_name(path: &str) -> Result<Arc<str>, PathError> {
    NormalPath::parse(path).and_then(|path| path.without_empty_segments().map(Into::into))
}

/// A resource is not named in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The path has no normal form.
    #[error("path of the resource is ambiguous")]
    Path(#[from] PathError),
    /// `*`, by which policy engines are told that an operation acts on nothing in particular.
    #[error("resource id is the one that stands for none")]
    Star,
    /// An empty id names nothing; say nothing about the resource instead.
    #[error("resource id is empty")]
    Empty,
    /// Longer than `Limits::resource_id_bytes`.
    #[error("resource id is {0} bytes, over the limit")]
    TooLong(usize),
    /// The address leads to no route, so that it has no path parameters.
    #[error("address of the resource leads to no route")]
    Unmatched,
    /// The route has no path parameter of that name: a fault of the configuration.
    #[error("route has no such path parameter")]
    NoParameter,
}

impl ResourceError {
    /// The kind, for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Path(error) => error.kind(),
            Self::Star => "resource_star",
            Self::Empty => "resource_empty",
            Self::TooLong(_) => "resource_too_long",
            Self::Unmatched => "resource_unmatched",
            Self::NoParameter => "resource_without_parameter",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_as_an_id_has_one_spelling() {
        for path in ["/docs/secret", "/docs/%73ecret", "/docs/secret/"] {
            assert_eq!(Resource::new(path), Resource::from_path("/docs/secret").unwrap(), "{path}");
        }
        assert_eq!(Resource::new("%73ecret").id(), Some("%73ecret"));
        for path in ["/docs/../secret", "/docs//secret", "/%2Fdocs", "/docs/%7"] {
            let refused = Resource::new(path).check(&Limits::default());
            assert!(matches!(refused, Err(ResourceError::Path(_))), "{path}");
        }
    }

    #[test]
    fn star_is_no_id_since_engines_read_no_resource_in_it() {
        assert_eq!(Resource::new("*").check(&Limits::default()), Err(ResourceError::Star));
        assert_eq!(Resource::new("").check(&Limits::default()), Err(ResourceError::Empty));
        assert_eq!(Resource::default().check(&Limits::default()), Ok(()));
        assert_eq!(Resource::new("/*").check(&Limits::default()), Ok(()));
    }

    #[test]
    fn id_keeps_to_its_bound() {
        let limits = Limits::default();
        let longest = "i".repeat(limits.resource_id_bytes);
        assert_eq!(Resource::new(longest.as_str()).check(&limits), Ok(()));
        assert_eq!(Resource::new(longest + "i").check(&limits), Err(ResourceError::TooLong(1025)));
    }
}
