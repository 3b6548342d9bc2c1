//! Which scopes and roles of an issuer's tokens count here.

use std::collections::BTreeSet;
use std::sync::Arc;

/// What the tokens of one issuer may grant.
///
/// A partner's `admin` is an administrator of the partner. What an issuer names beyond this counts for nothing: guards
/// and policies do not see it.
///
/// ```
/// use kest_identity::{Grants, TrustedIssuer};
///
/// let staff = TrustedIssuer::new("https://login.example").grants(Grants::all());
/// let partner = TrustedIssuer::new("https://partner.example")
///     .grants(Grants::none().with_scopes(["orders:read"]).with_roles(["buyer"]));
/// # drop((staff, partner));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Grants {
    scopes: Allowed,
    roles: Allowed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    All,
    These(BTreeSet<Arc<str>>),
}

impl Grants {
    /// Every scope and every role that a token names: what counts where only one issuer is trusted.
    pub fn all() -> Self {
        Self { scopes: Allowed::All, roles: Allowed::All }
    }

    /// No scope and no role: what counts where several issuers are trusted and nothing is said about this one.
    pub fn none() -> Self {
        Self { scopes: Allowed::nothing(), roles: Allowed::nothing() }
    }

    /// Of the scopes that a token names, these.
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.scopes = Allowed::These(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Of the roles that a token names, these.
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.roles = Allowed::These(roles.into_iter().map(Into::into).collect());
        self
    }

    pub(super) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.has(scope)
    }

    pub(super) fn has_role(&self, role: &str) -> bool {
        self.roles.has(role)
    }
}

impl Allowed {
    fn nothing() -> Self {
        Self::These(BTreeSet::new())
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_and_roles_are_allowed_apart() {
        let some = Grants::none().with_scopes(["read"]);
        assert!(some.has_scope("read") && !some.has_scope("write") && !some.has_role("read"));
        let most = Grants::all().with_roles(["clerk"]);
        assert!(most.has_scope("write") && most.has_role("clerk") && !most.has_role("admin"));
    }
}
