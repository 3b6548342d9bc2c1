//! Carries user, agent and task, where they come from, and their one signed spelling.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// On whose behalf (`user`), through which program (`agent`) and to what end (`task`) something happens.
///
/// Members that are not known are `null` on the wire. An empty name is no name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    // Sorted, so that plain JSON is already canonical.
    #[serde(default)]
    agent: Option<Arc<str>>,
    #[serde(default)]
    task: Option<Arc<str>>,
    #[serde(default)]
    user: Option<Arc<str>>,
}

/// Where an identity comes from, signed as `kest.identity_source`. The set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentitySource {
    /// A JWT that this service verified itself.
    Jwt,
    /// The signed label of the verified tip entry.
    Lineage,
    /// No caller in particular, and policy knows it.
    Anonymous,
    /// Made under the insecure mode, or inherited from an entry that was: worth nothing.
    Unverified,
}

impl IdentitySource {
    const ALL: [Self; 4] = [Self::Jwt, Self::Lineage, Self::Anonymous, Self::Unverified];

    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Lineage => "lineage",
            Self::Anonymous => "anonymous",
            Self::Unverified => "unverified",
        }
    }

    /// Reads the wire spelling; there are no other sources.
    pub(crate) fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

impl fmt::Display for IdentitySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Identity {
    /// Names the user on whose behalf.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = name(user.into());
        self
    }

    /// Names the program that acts.
    #[must_use]
    pub fn with_agent(mut self, agent: impl Into<Arc<str>>) -> Self {
        self.agent = name(agent.into());
        self
    }

    /// Names the task or scope.
    #[must_use]
    pub fn with_task(mut self, task: impl Into<Arc<str>>) -> Self {
        self.task = name(task.into());
        self
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The agent.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// Whether there is no user, no agent and no task.
    pub(crate) fn names_none(&self) -> bool {
        self.user.is_none() && self.agent.is_none() && self.task.is_none()
    }

    /// The JCS string of the label `kest.identity`.
    pub(crate) fn to_label(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads the label; blanks and empty names are allowed, as other implementations write them.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        let Self { agent, task, user } = Self::from_label_as_written(label)?;
        let named = |member: Option<Arc<str>>| member.and_then(name);
        Some(Self { agent: named(agent), task: named(task), user: named(user) })
    }

    /// Whether the label has a name that is empty.
    pub(crate) fn has_empty_name(label: &str) -> bool {
        let read = Self::from_label_as_written(label);
        read.is_some_and(|it| [it.agent, it.task, it.user].into_iter().flatten().any(|name| name.is_empty()))
    }

    fn from_label_as_written(label: &str) -> Option<Self> {
        // A derived reader also takes an array for the object.
        let object = label.trim_ascii_start().starts_with('{');
        object.then(|| serde_json::from_str(label).ok()).flatten()
    }
}

/// An empty name says nothing.
fn name(name: Arc<str>) -> Option<Arc<str>> {
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_name_is_nobody() {
        let empty = Identity::default().with_user("").with_agent("").with_task("");
        assert_eq!(empty, Identity::default());
        assert!(empty.names_none());
    }

    #[test]
    fn label_is_sorted_and_has_null_for_what_is_unknown() {
        let identity = Identity::default().with_user("alice \"a\"");
        let label = identity.to_label().unwrap();
        assert_eq!(label, r#"{"agent":null,"task":null,"user":"alice \"a\""}"#);
        assert_eq!(Identity::from_label(&label), Some(identity));
        assert_eq!(Identity::from_label(r#"{"user": "bob"}"#), Some(Identity::default().with_user("bob")));
        assert_eq!(Identity::from_label(r#"{"user": ""}"#), Some(Identity::default()));
        assert!(
            Identity::has_empty_name(r#"{"user": ""}"#) && !Identity::has_empty_name(r#"{"user": null}"#)
        );
        assert_eq!(Identity::from_label("bob"), None);
        assert_eq!(Identity::from_label(r#"[null,null,"bob"]"#), None);
    }
}
