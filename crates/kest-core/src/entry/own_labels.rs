//! Labels that a service gives its own operations, beside those of the protocol.

use std::collections::BTreeMap;

use crate::limits::Limits;
use crate::operation::OperationError;

/// Labels of one operation, by name; checked before policy is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnLabels(BTreeMap<Box<str>, Box<str>>);

/// How many names the protocol has for itself.
const NAMES_OF_THE_PROTOCOL: usize = 10;

/// Bytes of a name.
const LONGEST_NAME: usize = 64;

impl OwnLabels {
    pub(crate) fn insert(&mut self, name: Box<str>, value: Box<str>) {
        self.0.insert(name, value);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Names that mean something to readers are not a service's to give, and what readers would refuse is not signed.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), OperationError> {
        if self.0.len() > limits.labels.saturating_sub(NAMES_OF_THE_PROTOCOL) {
            return Err(OperationError::TooManyLabels);
        }
        if !self.0.keys().all(|name| is_own(name)) {
            return Err(OperationError::LabelName);
        }
        let fits = |value: &str| value.len() <= limits.label_bytes && !value.chars().any(char::is_control);
        if self.0.values().all(|value| fits(value)) { Ok(()) } else { Err(OperationError::LabelValue) }
    }
}

/// Whether `name` may be a service's own, in whichever case: no reader is to take it for one of the protocol.
fn is_own(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
    let lower = name.to_ascii_lowercase();
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(allowed)
        && !lower.starts_with("kest.")
        && !["kest", "principal", "trace_id"].contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str) -> Result<(), OperationError> {
        let mut labels = OwnLabels::default();
        labels.insert(name.into(), value.into());
        labels.check(&Limits::default())
    }

    #[test]
    fn ordinary_labels_are_taken() {
        for name in ["team", "billing.plan", "a/b", "A-1_2", "kestrel", &"n".repeat(64)] {
            assert_eq!(check(name, "gold"), Ok(()), "{name}");
        }
        assert_eq!(check("team", ""), Ok(()));
        assert_eq!(check("team", &"é".repeat(512)), Ok(()));
    }

    /// Attack: a label that readers take for who called, from where, or by whose leave.
    #[test]
    fn label_of_the_protocol_cannot_be_given() {
        for name in
            ["principal", "trace_id", "kest.identity", "kest.tenant", "kest.new", "KEST.origin", "Principal"]
        {
            assert_eq!(check(name, "x"), Err(OperationError::LabelName), "{name}");
        }
        for name in ["", " kest.user", "kest.user ", "a\u{200b}", "名", "a b", "a=b", &"n".repeat(65)] {
            assert_eq!(check(name, "x"), Err(OperationError::LabelName), "{name:?}");
        }
    }

    #[test]
    fn values_and_their_number_are_bounded() {
        assert_eq!(check("team", &"v".repeat(1025)), Err(OperationError::LabelValue));
        assert_eq!(check("team", "a\nb"), Err(OperationError::LabelValue));
        let mut many = OwnLabels::default();
        for place in 0..22 {
            many.insert(format!("l{place}").into(), "v".into());
        }
        assert_eq!(many.check(&Limits::default()), Ok(()));
        many.insert("one-more".into(), "v".into());
        assert_eq!(many.check(&Limits::default()), Err(OperationError::TooManyLabels));
    }
}
