//! Carries user, agent and task, and their one signed spelling.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// On whose behalf (`user`), through which program (`agent`) and to what end (`task`) something happens.
///
/// Members that nobody knows are `null` on the wire.
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

impl Identity {
    /// Names the user on whose behalf.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Names the program that acts.
    #[must_use]
    pub fn with_agent(mut self, agent: impl Into<Arc<str>>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// Names the task or scope.
    #[must_use]
    pub fn with_task(mut self, task: impl Into<Arc<str>>) -> Self {
        self.task = Some(task.into());
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

    /// The JCS string of the label `kest.identity`.
    pub(crate) fn to_label(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads the label; blanks are allowed, as other implementations write them.
    pub(crate) fn from_label(label: &str) -> Option<Self> {
        // A derived reader also takes an array for the object.
        let object = label.trim_ascii_start().starts_with('{');
        object.then(|| serde_json::from_str(label).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_is_sorted_and_has_null_for_what_is_unknown() {
        let identity = Identity::default().with_user("alice \"a\"");
        let label = identity.to_label().unwrap();
        assert_eq!(label, r#"{"agent":null,"task":null,"user":"alice \"a\""}"#);
        assert_eq!(Identity::from_label(&label), Some(identity));
        assert_eq!(Identity::from_label(r#"{"user": "bob"}"#), Some(Identity::default().with_user("bob")));
        assert_eq!(Identity::from_label("bob"), None);
        assert_eq!(Identity::from_label(r#"[null,null,"bob"]"#), None);
    }
}
