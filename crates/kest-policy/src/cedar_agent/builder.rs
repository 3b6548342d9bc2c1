//! Settings of the adapter, and the two ways to make it.

use std::sync::Arc;

use kest_core::Limits;

use super::CedarAgent;
use crate::remote::{ConnectError, RemoteConfigError, Secret, Settings};

/// Builds a [`CedarAgent`]; made by [`CedarAgent::builder`].
#[derive(Debug)]
#[must_use]
pub struct CedarAgentBuilder {
    settings: Settings,
}

impl CedarAgentBuilder {
    pub(super) fn new(base: &str) -> Self {
        Self { settings: Settings::new(base) }
    }

    /// Adds policies that can be asked about: the ids of their actions.
    pub fn policies<Name: Into<Arc<str>>>(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.settings.add_policies(names);
        self
    }

    /// Sends `key` as the whole `Authorization` header of every question, which is what the agent compares.
    pub fn api_key(mut self, key: Secret) -> Self {
        self.settings.set_secret(key);
        self
    }

    /// Other bounds than the default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.set_limits(limits);
        self
    }

    /// Asks over plain http even when the agent is on another machine; on this one it needs no leave.
    ///
    /// Anyone on the way can then answer yes to everything, and reads the key and every input.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.settings.allow_http();
        self
    }

    /// Makes the adapter without asking the agent whether it has the policies.
    ///
    /// # Errors
    ///
    /// [`RemoteConfigError`] when the settings cannot be used.
    pub fn build(self) -> Result<CedarAgent, RemoteConfigError> {
        CedarAgent::new(self.settings.open("")?)
    }

    /// Makes the adapter and looks for each name in the texts of the agent's policies, of at most
    /// `Limits::policy_file_bytes` together.
    ///
    /// A name is there if some text has its action, spelled `Kest::Action::"name"`. That finds a misspelled name; it
    /// does not prove that the text is more than a comment.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the settings cannot be used, when the agent is away, and when it lacks a policy.
    pub async fn connect(self) -> Result<CedarAgent, ConnectError> {
        let limit = usize::try_from(self.settings.limits().policy_file_bytes).unwrap_or(usize::MAX);
        let agent = self.build()?;
        match agent.missing(limit).await {
            Ok(None) => Ok(agent),
            Ok(Some(policy)) => Err(ConnectError::UnknownPolicy(policy)),
            Err(cause) => Err(ConnectError::Unavailable(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine as _;

    #[test]
    fn names_are_those_that_were_given_and_may_be_any_text() {
        let agent = CedarAgent::builder("http://127.0.0.1:8180").policies(["b", "..", "a\"", "b"]).build();
        let names = agent.unwrap().names();
        assert_eq!(names.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["..", "a\"", "b"]);
    }

    #[test]
    fn adapter_without_a_policy_is_refused() {
        let refused = CedarAgent::builder("http://localhost").build();
        assert!(matches!(refused, Err(RemoteConfigError::NoPolicy)));
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let builder = CedarAgent::builder("http://localhost").policies(["a"]).api_key(Secret::new("hunter2"));
        assert!(!format!("{builder:?}").contains("hunter2"));
        assert!(!format!("{:?}", builder.build().unwrap()).contains("hunter2"));
    }
}
