//! Maps the claims of a token to user, agent and task, and to what they were granted.

use kest_core::{Attested, Identity, IdentitySource, Limits};
use serde_json::{Map, Value};

use super::{Grants, InvalidToken};

/// The names of the claims that say who is calling.
///
/// Issuers differ; the defaults are those of RFC 7519, RFC 8693 and `OpenID` Connect. When the token has an `act`
/// claim (RFC 8693 section 4.1), the user stays the one on whose behalf it was issued, and the outermost `act.sub`
/// is the agent, whatever name is configured here.
///
/// ```
/// use kest_identity::ClaimNames;
///
/// let names = ClaimNames::default().with_user("preferred_username").with_agents(["appid", "azp"]);
/// # drop(names);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    user: String,
    agents: Vec<String>,
    task: String,
    scopes: String,
    roles: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            user: "sub".into(),
            agents: vec!["client_id".into(), "azp".into()],
            task: "scope".into(),
            scopes: "scope".into(),
            roles: "roles".into(),
        }
    }
}

impl ClaimNames {
    /// The claim that names the user; every token must have it. `sub` by default.
    #[must_use]
    pub fn with_user(mut self, name: impl Into<String>) -> Self {
        self.user = name.into();
        self
    }

    /// The claims that may name the agent; the first one present counts. `client_id`, then `azp`, by default.
    #[must_use]
    pub fn with_agents(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.agents = names.into_iter().map(Into::into).collect();
        self
    }

    /// The claim that names the task: a string, or an array of strings. `scope` by default.
    #[must_use]
    pub fn with_task(mut self, name: impl Into<String>) -> Self {
        self.task = name.into();
        self
    }

    /// The claim that lists the scopes granted: blank-separated, or an array of strings. `scope` by default.
    #[must_use]
    pub fn with_scopes(mut self, name: impl Into<String>) -> Self {
        self.scopes = name.into();
        self
    }

    /// The claim that lists the caller's roles: an array of strings, RFC 9068 section 2.2.3.1. `roles` by default.
    #[must_use]
    pub fn with_roles(mut self, name: impl Into<String>) -> Self {
        self.roles = name.into();
        self
    }

    /// Reads who `claims` speak for and what of `grants` they grant.
    pub(crate) fn attested(
        &self,
        claims: &Map<String, Value>,
        source: IdentitySource,
        grants: &Grants,
        limits: &Limits,
    ) -> Result<Attested, InvalidToken> {
        let actors = actors(claims.get("act"), limits.token_actors)?;
        let identity = self.identity(claims, actors.first().copied())?;
        let scopes = task(claims.get(&self.scopes))?.unwrap_or_default();
        let roles = match claims.get(&self.roles) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(roles)) => {
                roles.iter().map(text).collect::<Option<Vec<_>>>().ok_or(InvalidToken::Claim)?
            }
            Some(_) => return Err(InvalidToken::Claim),
        };
        let attested = Attested::new(identity, source)
            .with_scopes(scopes.split(' ').filter(|scope| !scope.is_empty() && grants.has_scope(scope)))
            .with_roles(roles.into_iter().filter(|role| grants.has_role(role)));
        let attested = if actors.is_empty() { attested } else { attested.with_actors(actors) };
        Ok(match claims.get("sub") {
            None => attested,
            Some(subject) => attested.with_subject(text(subject).ok_or(InvalidToken::Claim)?),
        })
    }

    /// Reads who `claims` speak for, and who acts: the current actor, or else a client.
    fn identity(&self, claims: &Map<String, Value>, actor: Option<&str>) -> Result<Identity, InvalidToken> {
        let user = claims.get(&self.user).and_then(text).ok_or(InvalidToken::NoUser)?;
        let identity = Identity::default().with_user(user);
        let agent = if actor.is_some() { actor } else { self.client(claims)? };
        let identity = match agent {
            Some(agent) => identity.with_agent(agent),
            None => identity,
        };
        Ok(match task(claims.get(&self.task))? {
            Some(task) => identity.with_task(task),
            None => identity,
        })
    }

    fn client<'claims>(
        &self,
        claims: &'claims Map<String, Value>,
    ) -> Result<Option<&'claims str>, InvalidToken> {
        for name in &self.agents {
            match claims.get(name) {
                Some(Value::String(agent)) if !agent.is_empty() => return Ok(Some(agent)),
                None | Some(Value::Null | Value::String(_)) => {}
                Some(_) => return Err(InvalidToken::Claim),
            }
        }
        Ok(None)
    }
}

/// RFC 8693 section 4.1: who acts for the subject, the current actor first; those nested in it acted before.
fn actors(mut act: Option<&Value>, most: usize) -> Result<Vec<&str>, InvalidToken> {
    let mut actors = Vec::new();
    while let Some(actor) = act {
        if actors.len() >= most {
            return Err(InvalidToken::Claim);
        }
        actors.push(actor.get("sub").and_then(text).ok_or(InvalidToken::Claim)?);
        act = actor.get("act");
    }
    Ok(actors)
}

/// A string that says something.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn task(claim: Option<&Value>) -> Result<Option<String>, InvalidToken> {
    let joined = match claim {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(scope)) => scope.clone(),
        Some(Value::Array(scopes)) => {
            // RFC 6749 section 3.3: a scope has no blank in it, so joining must not make two of one.
            let scope =
                |value| Value::as_str(value).filter(|scope| !scope.is_empty() && !scope.contains(' '));
            let scopes: Option<Vec<_>> = scopes.iter().map(scope).collect();
            scopes.ok_or(InvalidToken::Claim)?.join(" ")
        }
        Some(_) => return Err(InvalidToken::Claim),
    };
    Ok(Some(joined).filter(|joined| !joined.is_empty()))
}

#[cfg(test)]
#[path = "claims/tests.rs"]
mod tests;
