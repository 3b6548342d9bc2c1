//! Maps the claims of a token to user, agent and task, and to what they were granted.

use kest_core::{Attested, Identity, IdentitySource, Limits};
use serde_json::{Map, Value};

use super::granted::{Granted, scopes};
use super::{ClaimPath, Grants, InvalidToken};

/// The names of the claims that say who is calling.
///
/// Issuers differ; the defaults are those of RFC 7519, RFC 8693 and `OpenID` Connect. A claim that stands inside of
/// another is named by the way to it: see [`ClaimPath`]. When the token has an `act` claim (RFC 8693 section 4.1), the
/// user stays the one on whose behalf it was issued, and the outermost `act.sub` (or else its `client_id`) is the agent,
/// whatever name is configured here.
///
/// The user must be named. Scopes and roles need not be there, and one that cannot be read grants nothing.
///
/// ```
/// use kest_identity::ClaimNames;
///
/// let names = ClaimNames::default().with_user("preferred_username").with_agents(["appid", "azp"]);
/// let nested = ClaimNames::default().with_roles(["realm_access", "roles"]).and_roles("groups");
/// # drop((names, nested));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    user: ClaimPath,
    agents: Vec<ClaimPath>,
    task: ClaimPath,
    scopes: ClaimPath,
    roles: Vec<ClaimPath>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            user: "sub".into(),
            agents: vec!["client_id".into(), "azp".into()],
            task: "scope".into(),
            scopes: "scope".into(),
            roles: vec!["roles".into()],
        }
    }
}

impl ClaimNames {
    /// The claim that names the user; every token must have it. `sub` by default.
    #[must_use]
    pub fn with_user(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.user = claim.into();
        self
    }

    /// The claims that may name the agent; the first one present counts. `client_id`, then `azp`, by default.
    #[must_use]
    pub fn with_agents(mut self, claims: impl IntoIterator<Item = impl Into<ClaimPath>>) -> Self {
        self.agents = claims.into_iter().map(Into::into).collect();
        self
    }

    /// The claim that names the task: a string, or an array of strings. `scope` by default.
    #[must_use]
    pub fn with_task(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.task = claim.into();
        self
    }

    /// The claim that lists the scopes granted: blank-separated, or an array of strings. `scope` by default.
    #[must_use]
    pub fn with_scopes(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.scopes = claim.into();
        self
    }

    /// The claim that lists the caller's roles: an array of strings, or of objects with a `value` (RFC 9068 section
    /// 2.2.3.1 and RFC 7643 section 2.4), or one string that names one role. `roles` by default.
    #[must_use]
    pub fn with_roles(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.roles = vec![claim.into()];
        self
    }

    /// One more claim that lists roles: a name that stands in any of them is a role.
    #[must_use]
    pub fn and_roles(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.roles.push(claim.into());
        self
    }

    /// Whether the way to a claim has an empty name in it.
    pub(super) fn is_nameless(&self) -> bool {
        let single = [&self.user, &self.task, &self.scopes];
        single.into_iter().chain(&self.agents).chain(&self.roles).any(ClaimPath::is_nameless)
    }

    /// Reads who `claims` speak for and what of `grants` they grant.
    pub(crate) fn attested(
        &self,
        claims: &Map<String, Value>,
        source: IdentitySource,
        grants: &Grants,
        limits: &Limits,
    ) -> Result<Attested, InvalidToken> {
        let actors = Actors::read(claims.get("act"), limits)?;
        let identity = self.identity(claims, actors.current(), limits)?;
        let granted = Granted::read(
            self.scopes.find(claims),
            self.roles.iter().filter_map(|roles| roles.find(claims)),
            limits,
        )?;
        let attested = Attested::new(identity, source)
            .with_scopes(granted.scopes.into_iter().filter(|scope| grants.has_scope(scope)))
            .with_roles(granted.roles.into_iter().filter(|role| grants.has_role(role)));
        let attested =
            if actors.0.is_empty() { attested } else { attested.with_actors(actors.0.iter().copied()) };
        Ok(match claims.get("sub") {
            None => attested,
            Some(subject) => attested.with_subject(name(subject, limits).ok_or(InvalidToken::Claim)?),
        })
    }

    /// Reads who `claims` speak for, and who acts: the current actor, or else a client.
    fn identity(
        &self,
        claims: &Map<String, Value>,
        actor: Option<&str>,
        limits: &Limits,
    ) -> Result<Identity, InvalidToken> {
        let user = self.user.find(claims).and_then(text).ok_or(InvalidToken::NoUser)?;
        let agent = if actor.is_some() { actor } else { self.client(claims)? };
        if [Some(user), agent].into_iter().flatten().any(|name| is_long(name, limits)) {
            return Err(InvalidToken::Claim);
        }
        let identity = Identity::default().with_user(user);
        let identity = match agent {
            Some(agent) => identity.with_agent(agent),
            None => identity,
        };
        // What the token is for is signed into entries: over the bound nothing is said rather than a part of it.
        let task = scopes(self.task.find(claims)).readable.join(" ");
        let is_said = !task.is_empty() && !is_long(&task, limits);
        Ok(if is_said { identity.with_task(task) } else { identity })
    }

    fn client<'claims>(
        &self,
        claims: &'claims Map<String, Value>,
    ) -> Result<Option<&'claims str>, InvalidToken> {
        for name in &self.agents {
            match name.find(claims) {
                Some(Value::String(agent)) if !agent.is_empty() => return Ok(Some(agent)),
                None | Some(Value::Null | Value::String(_)) => {}
                Some(_) => return Err(InvalidToken::Claim),
            }
        }
        Ok(None)
    }
}

/// RFC 8693 section 4.1: who acts for the subject, the current actor first; those nested in it acted before. The current
/// one needs a name. The others are told for information only, and those without a name are left out.
struct Actors<'claims>(Vec<&'claims str>);

impl<'claims> Actors<'claims> {
    fn read(mut act: Option<&'claims Value>, limits: &Limits) -> Result<Self, InvalidToken> {
        let (mut names, mut depth) = (Vec::new(), 0);
        while let Some(actor) = act {
            let actor = actor.as_object().filter(|_| depth < limits.token_actors);
            let actor = actor.ok_or(InvalidToken::Claim)?;
            let named = actor.get("sub").or_else(|| actor.get("client_id")).and_then(text);
            let is_nameless = depth == 0 && named.is_none();
            if is_nameless || named.is_some_and(|named| is_long(named, limits)) {
                return Err(InvalidToken::Claim);
            }
            names.extend(named);
            depth += 1;
            act = actor.get("act");
        }
        Ok(Self(names))
    }

    fn current(&self) -> Option<&'claims str> {
        self.0.first().copied()
    }
}

/// A string that says something.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// The same, of a length that can be signed.
pub(super) fn name<'claims>(value: &'claims Value, limits: &Limits) -> Option<&'claims str> {
    text(value).filter(|name| !is_long(name, limits))
}

fn is_long(name: &str, limits: &Limits) -> bool {
    name.len() > limits.token_name_bytes
}

#[cfg(test)]
#[path = "claims/tests.rs"]
mod tests;
