//! Where a claim stands in a token.

use serde_json::{Map, Value};

/// Where a claim stands: at the top of a token under its name, or inside of others.
///
/// A text is one name, whatever stands in it; a list of texts leads from object to object.
///
/// ```
/// use kest_identity::{ClaimNames, ClaimPath};
///
/// let auth0 = ClaimNames::default().with_roles("https://example.com/roles");
/// let keycloak = ClaimNames::default().with_roles(["resource_access", "orders.example", "roles"]);
/// # drop((auth0, keycloak));
/// # let _: ClaimPath = "sub".into();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath {
    outer: Vec<String>,
    name: String,
}

impl ClaimPath {
    /// The claim `name` inside of the objects that `outer` names, the outermost first.
    pub fn nested(outer: impl IntoIterator<Item = impl Into<String>>, name: impl Into<String>) -> Self {
        Self { outer: outer.into_iter().map(Into::into).collect(), name: name.into() }
    }

    /// The value that stands there, if one does.
    pub(super) fn find<'claims>(&self, claims: &'claims Map<String, Value>) -> Option<&'claims Value> {
        let mut object = claims;
        for name in &self.outer {
            object = object.get(name)?.as_object()?;
        }
        object.get(&self.name)
    }

    /// Whether a name on the way is empty.
    pub(super) fn is_nameless(&self) -> bool {
        self.name.is_empty() || self.outer.iter().any(String::is_empty)
    }
}

impl From<&str> for ClaimPath {
    fn from(name: &str) -> Self {
        Self { outer: Vec::new(), name: name.to_owned() }
    }
}

impl From<String> for ClaimPath {
    fn from(name: String) -> Self {
        Self { outer: Vec::new(), name }
    }
}

/// A list of no names leads to the claim of the empty name.
impl<const LENGTH: usize> From<[&str; LENGTH]> for ClaimPath {
    fn from(path: [&str; LENGTH]) -> Self {
        match path.split_last() {
            Some((name, outer)) => Self::nested(outer.iter().copied(), *name),
            None => Self::from(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_one_name_and_a_list_leads_inside() {
        let claims = json!({
            "a.b": 1, "https://example.com/roles": 2, "a": {"b": 3, "b.c/d": {"e": 4}}, "/a/b": 5, "": 6,
        });
        let found = |path: ClaimPath| path.find(claims.as_object().unwrap()).and_then(Value::as_u64);
        assert_eq!(found("a.b".into()), Some(1));
        assert_eq!(found("https://example.com/roles".into()), Some(2));
        assert_eq!(found(["a", "b"].into()), Some(3));
        assert_eq!(found(["a", "b.c/d", "e"].into()), Some(4));
        assert_eq!(found("/a/b".to_owned().into()), Some(5));
        assert_eq!(found(["a", "b", "c"].into()), None);
        assert_eq!(found(["a.b", "c"].into()), None);
        assert_eq!(found("b".into()), None);
    }

    #[test]
    fn a_name_that_is_empty_is_noticed() {
        let nameless: [&str; 0] = [];
        assert!(ClaimPath::from("").is_nameless() && ClaimPath::from(nameless).is_nameless());
        assert!(ClaimPath::from(["", "a"]).is_nameless() && !ClaimPath::from(["a", "b"]).is_nameless());
    }
}
