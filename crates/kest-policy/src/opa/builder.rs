//! Settings of the adapter, and the two ways to make it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kest_core::Limits;

use super::Opa;
use crate::remote::{ConnectError, RemoteConfigError, Secret, Settings};

/// Builds an [`Opa`]; made by [`Opa::builder`].
#[derive(Debug)]
#[must_use]
pub struct OpaBuilder {
    settings: Settings,
    decision_path: Arc<str>,
}

impl OpaBuilder {
    pub(super) fn new(base: &str) -> Self {
        Self { settings: Settings::new(base), decision_path: "result.allow".into() }
    }

    /// Adds policies that can be asked about: the paths of their documents below `/v1/data`.
    pub fn policies<Name: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.settings.add_policies(names);
        self
    }

    /// Where in the answer the decision stands, members separated by `.`; `result.allow` unless told otherwise.
    pub fn decision_path(mut self, path: impl Into<Arc<str>>) -> Self {
        self.decision_path = path.into();
        self
    }

    /// Sends `token` with every question.
    pub fn bearer_token(mut self, token: Secret) -> Self {
        self.settings.set_secret(token);
        self
    }

    /// Other bounds than the default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.set_limits(limits);
        self
    }

    /// Asks over plain http even when OPA is on another machine; on this one it needs no leave.
    ///
    /// Anyone on the way can then answer yes to everything, and reads the token and every input.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.settings.allow_http();
        self
    }

    /// Makes the adapter without asking the server whether it has the policies.
    ///
    /// # Errors
    ///
    /// [`RemoteConfigError`] when the settings cannot be used.
    pub fn build(self) -> Result<Opa, RemoteConfigError> {
        let path: Vec<Box<str>> = self.decision_path.split('.').map(Into::into).collect();
        if path.iter().any(|member| member.is_empty()) {
            return Err(RemoteConfigError::DecisionPath);
        }
        let opened = self.settings.open("Bearer ")?;
        let mut documents = BTreeMap::new();
        for name in opened.names {
            let segments: Vec<&str> = ["v1", "data"].into_iter().chain(name.as_str().split('/')).collect();
            let Some(url) = opened.address.below(&segments) else {
                return Err(RemoteConfigError::Path(name));
            };
            documents.insert(name, url);
        }
        Ok(Opa::new(opened.address.as_str(), &self.decision_path, path, documents, opened.remote))
    }

    /// Makes the adapter and asks the server for the document of each policy, without an input.
    ///
    /// A name that points at a rule instead of a package is found only if the rule has a default.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the settings cannot be used, when the server is away, and when it lacks a policy.
    pub async fn connect(self) -> Result<Opa, ConnectError> {
        let limit = self.settings.limits().policy_answer_bytes;
        let opa = self.build()?;
        for policy in crate::engine::Engine::names(&opa) {
            if !opa.has(&policy, limit).await.map_err(|cause| ConnectError::Unavailable(cause.into()))? {
                return Err(ConnectError::UnknownPolicy(policy));
            }
        }
        Ok(opa)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine as _;

    fn build(names: &[&str]) -> Result<Opa, RemoteConfigError> {
        Opa::builder("http://127.0.0.1:8181").policies(names.iter().copied()).build()
    }

    #[test]
    fn names_are_those_that_were_given() {
        let names = build(&["kest/b", "kest/a", "kest/b"]).unwrap().names();
        assert_eq!(names.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["kest/a", "kest/b"]);
    }

    #[test]
    fn names_that_lead_out_of_the_tree_of_policies_are_refused() {
        for name in ["..", ".", "../../v1/policies", "kest/../x", "kest/./x", "/kest", "kest/", "a//b", "/"] {
            let refused = build(&["kest/a", name]);
            let Err(RemoteConfigError::Path(refused)) = refused else { panic!("{name}: {refused:?}") };
            assert_eq!(refused.as_str(), name);
        }
        assert!(matches!(build(&[""]), Err(RemoteConfigError::Name(_))));
    }

    #[test]
    fn adapter_without_a_policy_is_refused() {
        assert!(matches!(build(&[]), Err(RemoteConfigError::NoPolicy)));
    }

    #[test]
    fn decision_path_with_an_empty_part_is_refused() {
        for path in ["", ".", "result.", ".allow", "result..allow"] {
            let refused = Opa::builder("http://localhost").policies(["a"]).decision_path(path).build();
            assert!(matches!(refused, Err(RemoteConfigError::DecisionPath)), "{path}");
        }
    }

    #[test]
    fn debug_shows_neither_token_nor_prefix() {
        let builder = Opa::builder("http://localhost").policies(["a"]).bearer_token(Secret::new("hunter2"));
        assert!(!format!("{builder:?}").contains("hunter2"));
        assert!(!format!("{:?}", builder.build().unwrap()).contains("hunter2"));
    }
}
