//! Reads the scopes and roles that a token grants; what cannot be read grants nothing.

use kest_core::Limits;
use serde_json::Value;

use crate::telemetry::{Grant, grants_unreadable};

use super::InvalidToken;
use super::claims::text;

/// What a token grants, as far as it can be read.
pub(super) struct Granted<'claims> {
    pub(super) scopes: Vec<&'claims str>,
    pub(super) roles: Vec<&'claims str>,
}

/// The names in a claim, and how many more cannot be read.
#[derive(Default)]
pub(super) struct Names<'claims> {
    pub(super) readable: Vec<&'claims str>,
    unreadable: usize,
}

impl<'claims> Granted<'claims> {
    pub(super) fn read(
        scope_claim: Option<&'claims Value>,
        role_claims: impl Iterator<Item = &'claims Value>,
        limits: &Limits,
    ) -> Result<Self, InvalidToken> {
        let scopes = scopes(scope_claim).within(limits, Grant::Scope)?;
        let roles = role_claims.fold(Names::default(), Names::with_roles).within(limits, Grant::Role)?;
        Ok(Self { scopes, roles })
    }
}

/// One string of names with blanks between them (RFC 8693 section 4.2), or an array of strings of one name each.
pub(super) fn scopes(claim: Option<&Value>) -> Names<'_> {
    let mut names = Names::default();
    match claim {
        None | Some(Value::Null) => {}
        Some(Value::String(scopes)) => names.readable.extend(scopes.split(' ').filter(|it| !it.is_empty())),
        Some(Value::Array(scopes)) => {
            for scope in scopes {
                // RFC 6749 section 3.3: a scope has no blank in it, so that none must be made two of.
                names.add(text(scope).filter(|scope| !scope.contains(' ')));
            }
        }
        Some(_) => names.add(None),
    }
    names
}

impl<'claims> Names<'claims> {
    /// One role, or an array of roles: RFC 9068 section 2.2.3.1.
    fn with_roles(mut self, claim: &'claims Value) -> Self {
        match claim {
            Value::Null => {}
            Value::Array(roles) => roles.iter().for_each(|role| self.add(role_name(role))),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                self.add(role_name(claim));
            }
        }
        self
    }

    fn add(&mut self, name: Option<&'claims str>) {
        match name {
            Some(name) => self.readable.push(name),
            None => self.unreadable += 1,
        }
    }

    /// A set that is cut is another set, so that too many names refuse the token; one that is too long is a name that
    /// cannot be read.
    fn within(mut self, limits: &Limits, grant: Grant) -> Result<Vec<&'claims str>, InvalidToken> {
        if self.readable.len() > limits.token_grants {
            return Err(InvalidToken::TooManyGrants);
        }
        let all = self.readable.len();
        self.readable.retain(|name| name.len() <= limits.token_grant_bytes);
        let unreadable = self.unreadable.saturating_add(all - self.readable.len());
        if unreadable > 0 {
            grants_unreadable(grant, unreadable);
        }
        Ok(self.readable)
    }
}

/// A string, or an object as RFC 7643 section 2.4 makes them for attributes of several values.
fn role_name(role: &Value) -> Option<&str> {
    text(if let Value::Object(members) = role { members.get("value")? } else { role })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn granted(scopes: &Value, roles: &Value) -> Result<(Vec<String>, Vec<String>), &'static str> {
        let mut limits = Limits::default();
        (limits.token_grants, limits.token_grant_bytes) = (3, 8);
        let granted = Granted::read(Some(scopes), std::iter::once(roles), &limits);
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
        granted.map(|it| (owned(it.scopes), owned(it.roles))).map_err(|invalid| invalid.kind())
    }

    #[track_caller]
    fn check_scopes(claim: &Value, expected: &[&str]) {
        let (scopes, _) = granted(claim, &json!(null)).unwrap();
        assert_eq!(scopes, expected, "{claim}");
    }

    #[track_caller]
    fn check_roles(claim: &Value, expected: &[&str]) {
        let (_, roles) = granted(&json!(null), claim).unwrap();
        assert_eq!(roles, expected, "{claim}");
    }

    #[test]
    fn scopes_come_in_a_string_or_in_an_array() {
        check_scopes(&json!("read  write "), &["read", "write"]);
        check_scopes(&json!(["read", "write"]), &["read", "write"]);
        check_scopes(&json!(""), &[]);
        check_scopes(&json!([]), &[]);
    }

    #[test]
    fn roles_come_as_texts_or_as_objects_of_scim_or_as_one_text() {
        check_roles(&json!(["admin", "clerk"]), &["admin", "clerk"]);
        check_roles(&json!([{"value": "admin", "display": "Boss", "primary": true}]), &["admin"]);
        check_roles(&json!([{"value": "admin"}, "clerk"]), &["admin", "clerk"]);
        check_roles(&json!("sales clerk"), &[]);
        check_roles(&json!("a clerk"), &["a clerk"]);
        check_roles(&json!({"value": "admin"}), &["admin"]);
    }

    #[test]
    fn what_cannot_be_read_grants_nothing_and_leaves_the_rest() {
        for odd in [json!(7), json!(true), json!(null), json!([]), json!([["admin"]]), json!({"admin": true})]
        {
            check_roles(&json!(["clerk", odd]), &["clerk"]);
            check_scopes(&json!(["read", odd]), &["read"]);
            check_scopes(&odd, &[]);
            check_roles(&odd, &[]);
        }
        for odd in [json!(""), json!({"value": 7}), json!({"value": ""}), json!({"value": ["admin"]})] {
            check_roles(&json!([odd, "clerk"]), &["clerk"]);
        }
        for odd in
            [json!({"value": {"value": "admin"}}), json!({"display": "admin"}), json!({"Value": "admin"})]
        {
            check_roles(&json!([odd]), &[]);
        }
        check_scopes(&json!(["read write", "read"]), &["read"]);
        check_scopes(&json!([{"value": "read"}]), &[]);
    }

    #[test]
    fn a_name_over_the_bound_grants_nothing_and_too_many_refuse_the_token() {
        check_roles(&json!(["12345678", "123456789"]), &["12345678"]);
        check_scopes(&json!("12345678 123456789"), &["12345678"]);
        assert!(granted(&json!("a b c"), &json!(["a", "b", "c"])).is_ok());
        assert_eq!(granted(&json!("a b c d"), &json!(null)), Err("too_many_grants"));
        assert_eq!(granted(&json!(null), &json!(["a", "b", "c", "d"])), Err("too_many_grants"));
    }
}
