//! Names workloads and their keys.

use std::fmt;
use std::sync::Arc;

use crate::entry::IdentifierError;

macro_rules! id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Reads an id of 1 to 256 bytes without control characters.
            ///
            /// # Errors
            ///
            /// [`IdentifierError`] for any other text.
            pub fn new(id: impl Into<Arc<str>>) -> Result<Self, IdentifierError> {
                let id = id.into();
                let acceptable = !id.is_empty() && id.len() <= 256 && !id.chars().any(char::is_control);
                if acceptable { Ok(Self(id)) } else { Err(IdentifierError) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Names a workload, for example `spiffe://example.org/ns/shop/sa/cart`: the label `principal`.
    WorkloadId
}

id! {
    /// Names one key of a workload: the JOSE `kid`.
    KeyId
}
