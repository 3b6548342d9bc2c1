//! Maps the claims of a token to user, agent and task.

use kest_core::{Attested, Identity, IdentitySource};
use serde_json::{Map, Value};

use super::InvalidToken;

/// The names of the claims that say who is calling.
///
/// Issuers differ; the defaults are those of RFC 7519, RFC 8693 and
/// `OpenID` Connect. When the token has an `act`
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

    /// Reads who `claims` speak for and what they grant.
    pub(crate) fn attested(
        &self,
        claims: &Map<String, Value>,
        source: IdentitySource,
    ) -> Result<Attested, InvalidToken> {
        let scopes = task(claims.get(&self.scopes))?.unwrap_or_default();
        let roles = match claims.get(&self.roles) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(roles)) => {
                let role = |value| Value::as_str(value).filter(|role| !role.is_empty());
                roles.iter().map(role).collect::<Option<Vec<_>>>().ok_or(InvalidToken::Claim)?
            }
            Some(_) => return Err(InvalidToken::Claim),
        };
        let attested = Attested::new(self.identity(claims)?, source);
        Ok(attested.with_scopes(scopes.split(' ').filter(|scope| !scope.is_empty())).with_roles(roles))
    }

    /// Reads who `claims` speak for.
    fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, InvalidToken> {
        let user = claims.get(&self.user).and_then(Value::as_str).filter(|user| !user.is_empty());
        let identity = Identity::default().with_user(user.ok_or(InvalidToken::NoUser)?);
        let identity = match self.agent(claims)? {
            Some(agent) => identity.with_agent(agent),
            None => identity,
        };
        Ok(match task(claims.get(&self.task))? {
            Some(task) => identity.with_task(task),
            None => identity,
        })
    }

    fn agent<'claims>(
        &self,
        claims: &'claims Map<String, Value>,
    ) -> Result<Option<&'claims str>, InvalidToken> {
        if let Some(actor) = claims.get("act") {
            // RFC 8693 section 4.1: the outermost actor is the current one; nested ones are history.
            let subject = actor.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
            return subject.ok_or(InvalidToken::Claim).map(Some);
        }
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
mod tests {
    use serde_json::json;

    use super::*;

    type Triple<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

    #[track_caller]
    fn check(names: &ClaimNames, claims: &Value, expected: Result<Triple<'_>, &str>) {
        let identity = names.identity(claims.as_object().unwrap());
        let found = identity.as_ref().map(|identity| (identity.user(), identity.agent(), identity.task()));
        assert_eq!(found.map_err(|invalid| invalid.kind()), expected, "{claims}");
    }

    #[test]
    fn default_names_are_mapped() {
        for (claims, agent, task) in [
            (json!({"sub": "u"}), None, None),
            (json!({"sub": "u", "client_id": "c", "azp": "z", "scope": "a b"}), Some("c"), Some("a b")),
            (json!({"sub": "u", "azp": "z", "scope": ["a", "b"]}), Some("z"), Some("a b")),
            (json!({"sub": "u", "client_id": null, "azp": "z", "scope": null}), Some("z"), None),
            (json!({"sub": "u", "client_id": "", "azp": "z", "scope": ""}), Some("z"), None),
            (
                json!({"sub": "u", "client_id": "c", "act": {"sub": "a", "act": {"sub": "b"}}}),
                Some("a"),
                None,
            ),
        ] {
            check(&ClaimNames::default(), &claims, Ok((Some("u"), agent, task)));
        }
    }

    #[test]
    fn configured_names_are_mapped() {
        let names = ClaimNames::default().with_user("email").with_agents(["appid"]).with_task("scp");
        let claims =
            json!({"sub": "u", "email": "e", "client_id": "c", "appid": "a", "scope": "x", "scp": "y"});
        check(&names, &claims, Ok((Some("e"), Some("a"), Some("y"))));
        check(&names, &json!({"sub": "u"}), Err("no_user"));
    }

    #[test]
    fn scopes_and_roles_are_sets_of_texts() {
        let granted =
            |claims: &Value| ClaimNames::default().attested(claims.as_object().unwrap(), IdentitySource::Jwt);
        let with = |scopes: &[&str], roles: &[&str]| {
            let identity = Identity::default().with_user("u");
            let identity = if scopes.is_empty() { identity } else { identity.with_task(scopes.join(" ")) };
            Ok(Attested::new(identity, IdentitySource::Jwt)
                .with_scopes(scopes.iter().copied())
                .with_roles(roles.iter().copied()))
        };
        let both = json!({"sub": "u", "scope": "write read", "roles": ["ops", "dev", "ops"]});
        assert_eq!(granted(&both).map_err(|it| it.kind()), with(&["write", "read"], &["dev", "ops"]));
        let array = json!({"sub": "u", "scope": ["write", "read"], "roles": null});
        assert_eq!(granted(&array).map_err(|it| it.kind()), with(&["write", "read"], &[]));
        for wrong in [json!("ops"), json!([7]), json!([""]), json!({})] {
            let refused = granted(&json!({"sub": "u", "roles": wrong}));
            assert_eq!(refused.map_err(|it| it.kind()), Err("claim"), "{wrong}");
        }
    }

    #[test]
    fn malformed_claims_are_refused() {
        for (claims, kind) in [
            (json!({}), "no_user"),
            (json!({"sub": ""}), "no_user"),
            (json!({"sub": 7}), "no_user"),
            (json!({"sub": ["u"]}), "no_user"),
            (json!({"sub": "u", "client_id": 7}), "claim"),
            (json!({"sub": "u", "azp": ["z"]}), "claim"),
            (json!({"sub": "u", "scope": 7}), "claim"),
            (json!({"sub": "u", "scope": ["a", 7]}), "claim"),
            (json!({"sub": "u", "scope": ["a b"]}), "claim"),
            (json!({"sub": "u", "scope": [""]}), "claim"),
            (json!({"sub": "u", "act": "a"}), "claim"),
            (json!({"sub": "u", "act": null}), "claim"),
            (json!({"sub": "u", "act": {"sub": ""}}), "claim"),
            (json!({"sub": "u", "client_id": "c", "act": {}}), "claim"),
        ] {
            check(&ClaimNames::default(), &claims, Err(kind));
        }
    }
}
