//! The names that people give: workloads, keys, operations, policies. Each is parsed once and then passed as its type.

use std::fmt;
use std::sync::Arc;

use crate::literal::literal;

/// A name is empty or over 256 bytes, or it is an id and has control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name is empty, over 256 bytes or has control characters")]
pub struct NameError;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $acceptable:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Reads a name of 1 to 256 bytes.
            ///
            /// # Errors
            ///
            /// [`NameError`] for any other text.
            pub fn new(name: impl Into<Arc<str>>) -> Result<Self, NameError> {
                let name = name.into();
                if (1..=256).contains(&name.len()) && $acceptable(&name) { Ok(Self(name)) } else { Err(NameError) }
            }

            /// Reads a literal of 1 to 256 bytes.
            ///
            /// # Panics
            ///
            /// When it is no such name, with the literal and the line.
            #[must_use]
            #[track_caller]
            pub fn from_static(name: &'static str) -> Self {
                literal(name, Self::new(name))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$type> for Arc<str> {
            /// The text, shared and not copied.
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Names a workload, for example `spiffe://example.org/ns/shop/sa/cart`: the label `principal`.
    WorkloadId, is_printable
}

name! {
    /// Names one key of a workload: the JOSE `kid`.
    KeyId, is_printable
}

name! {
    /// What an operation is called: the route's name or one given, never the raw path of a request.
    OperationName, is_text
}

name! {
    /// What a policy is called by the engine that evaluates it.
    PolicyName, is_text
}

/// Ids are compared, logged and looked up: nothing invisible may stand in them.
fn is_printable(id: &str) -> bool {
    !id.chars().any(char::is_control)
}

/// The protocol (section 1) restricts nothing but the length; code that shows such a name escapes it.
fn is_text(_name: &str) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_to_256_bytes_and_ids_no_control_characters() {
        assert!(OperationName::new("x".repeat(256)).is_ok() && OperationName::new("a\nb").is_ok());
        assert!(OperationName::new("").is_err() && PolicyName::new("x".repeat(257)).is_err());
        for wrong in ["", "a\nb", "\u{7f}", &"x".repeat(257)] {
            assert_eq!(WorkloadId::new(wrong), Err(NameError), "{wrong:?}");
        }
    }
}
