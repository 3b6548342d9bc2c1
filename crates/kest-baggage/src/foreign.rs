//! Baggage members of other people that a client puts on its requests.

use std::fmt;

use http::{HeaderMap, HeaderValue};

use crate::header::BAGGAGE;
use crate::member::{Arrays, Member, Members, is_baggage_octet};

/// Members that are not ours, such as `tenant=acme,region=eu;kept`, well formed.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignMembers(String);

impl ForeignMembers {
    /// Reads a list of members with their properties (W3C Baggage 3.3.1).
    ///
    /// # Errors
    ///
    /// [`ForeignMembersError`] when a member is malformed, stands twice, or is one of ours.
    pub fn parse(text: &str) -> Result<Self, ForeignMembersError> {
        let mut keys: Vec<&[u8]> = Vec::new();
        for member in Members::of(text.as_bytes(), Arrays::Encoded) {
            if !member.is_foreign() {
                return Err(ForeignMembersError::Ours);
            }
            if !member.has_token_key() || member.value.is_none() || !is_spelled_well(&member) {
                return Err(ForeignMembersError::Malformed);
            }
            if keys.contains(&member.key) {
                return Err(ForeignMembersError::Repeated);
            }
            keys.push(member.key);
        }
        if keys.is_empty() { Err(ForeignMembersError::Empty) } else { Ok(Self(text.trim().to_owned())) }
    }

    /// Adds those whose key does not stand on the request yet, as a line of their own.
    ///
    /// # Errors
    ///
    /// [`NotWritable`](crate::InjectError::NotWritable) when the headers take no further line.
    pub fn merge_into(&self, headers: &mut HeaderMap) -> Result<(), crate::InjectError> {
        let not_writable = crate::InjectError::NotWritable;
        let stands = |key: &[u8]| {
            let mut lines = headers.get_all(BAGGAGE).iter();
            lines.any(|line| Members::of(line.as_bytes(), Arrays::Raw).any(|member| member.key == key))
        };
        let missing: Vec<&[u8]> = Members::of(self.0.as_bytes(), Arrays::Encoded)
            .filter(|member| !stands(member.key))
            .map(|member| member.whole)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let line = HeaderValue::from_bytes(&missing.join(&b","[..])).map_err(|_cause| not_writable)?;
        headers.try_append(BAGGAGE, line).map_err(|_cause| not_writable)?;
        Ok(())
    }
}

/// Whether value and properties are made of what baggage may be made of.
fn is_spelled_well(member: &Member<'_>) -> bool {
    member.whole.iter().all(|byte| is_baggage_octet(*byte) || matches!(byte, b';' | b' ' | b'\t'))
        && member.value.is_some_and(|value| value.iter().all(|byte| is_baggage_octet(*byte)))
}

impl fmt::Debug for ForeignMembers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Others may keep secrets in baggage: a log gets the number.
        let members = Members::of(self.0.as_bytes(), Arrays::Encoded).count();
        formatter.debug_struct("ForeignMembers").field("members", &members).finish_non_exhaustive()
    }
}

/// A text is no list of baggage members of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignMembersError {
    /// There is no member in it.
    #[error("baggage members are missing")]
    Empty,
    /// A member is not `key=value` in the characters that baggage has.
    #[error("baggage member is malformed")]
    Malformed,
    /// A key stands twice.
    #[error("baggage member is repeated")]
    Repeated,
    /// A name of ours, in whatever spelling: the lineage comes from the running operation and from nowhere else.
    #[error("baggage member is one of kest's own")]
    Ours,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(lines: &[&'static str], members: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(BAGGAGE, HeaderValue::from_static(line));
        }
        ForeignMembers::parse(members).unwrap().merge_into(&mut headers).unwrap();
        headers.get_all(BAGGAGE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn members_are_added_where_their_key_does_not_stand_yet() {
        assert_eq!(merged(&[], "tenant=acme , region=eu;kept"), ["tenant=acme,region=eu;kept"]);
        assert_eq!(merged(&["a=1", "tenant=b"], "tenant=acme,region=eu"), ["a=1", "tenant=b", "region=eu"]);
        assert_eq!(merged(&["tenant=b"], "tenant=acme"), ["tenant=b"]);
    }

    #[test]
    fn what_is_no_list_of_foreign_members_is_refused() {
        let refused = [
            ("", ForeignMembersError::Empty),
            (" ,, ", ForeignMembersError::Empty),
            ("tenant", ForeignMembersError::Malformed),
            ("=acme", ForeignMembersError::Malformed),
            ("ten ant=acme", ForeignMembersError::Malformed),
            ("tenant=a b", ForeignMembersError::Malformed),
            ("tenant=ä", ForeignMembersError::Malformed),
            ("tenant=a\r\nx: y", ForeignMembersError::Malformed),
            ("tenant=a,tenant=b", ForeignMembersError::Repeated),
            ("kest.user=admin", ForeignMembersError::Ours),
            ("a=1,kest.passport=[]", ForeignMembersError::Ours),
        ];
        for (text, error) in refused {
            assert_eq!(ForeignMembers::parse(text).map_err(Some), Err(Some(error)), "{text}");
        }
    }

    #[test]
    fn debug_output_holds_no_value() {
        let text = format!("{:?}", ForeignMembers::parse("token=eyJsecret").unwrap());
        assert!(!text.contains("eyJ"), "{text}");
    }
}
