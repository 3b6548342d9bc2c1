//! One line of JSONL input: what is asked about which passport.

use kest_core::Limits;
use kest_core::passport::Tips;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::line_store::LineStore;
use super::prove::Question;
use crate::arguments::DialectName;
use crate::carried::Carried;

/// Header lines that a line of input may bring.
const HEADER_LINES: usize = 1024;

/// The members of a line; others are left alone, as logs have their own.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked<'line> {
    pub(crate) name: Option<String>,
    #[serde(borrow)]
    passport: Option<&'line RawValue>,
    baggage: Option<Vec<String>>,
    chain_tip: Option<String>,
    dialect: Option<DialectName>,
    store: Option<LineStore>,
}

/// A line is not an object that asks about exactly one passport.
#[derive(Debug)]
pub(crate) struct BadLine {
    /// The name that it has all the same.
    pub(crate) name: Option<String>,
}

impl<'line> Asked<'line> {
    /// Reads a line; the texts of its passport stay where they are until they are bounded.
    pub(crate) fn parse(line: &'line [u8]) -> Result<Self, BadLine> {
        let bad = |name| BadLine { name };
        let asked: Self = serde_json::from_slice(line).map_err(|_cause| bad(name_of(line)))?;
        let lines = asked.baggage.as_ref().map_or(0, Vec::len);
        let array = asked.passport.is_none_or(|passport| passport.get().starts_with('['));
        if asked.passport.is_some() == asked.baggage.is_some() || lines > HEADER_LINES || !array {
            return Err(bad(asked.name));
        }
        Ok(asked)
    }

    /// The question, read in the dialect `allowed` or in a stricter one that the line asks for.
    ///
    /// # Errors
    ///
    /// The kind of what makes it no question: `bad_chain_tip`, or `dialect_too_lenient` where the line would choose how
    /// leniently it is read.
    pub(crate) fn question(
        &self,
        allowed: DialectName,
        limits: &Limits,
    ) -> Result<Question<'_>, &'static str> {
        let dialect = self.dialect.unwrap_or(allowed);
        if !dialect.is_within(allowed) {
            return Err("dialect_too_lenient");
        }
        let chain_tip = self.chain_tip.as_deref().map(|tip| Tips::parse(tip, limits)).transpose();
        let chain_tip = chain_tip.map_err(|_cause| "bad_chain_tip")?;
        let carried = match self.passport {
            Some(passport) => Carried::Array(passport.get().as_bytes()),
            None => Carried::Header(
                self.baggage.iter().flatten().map(String::as_bytes).collect(),
                self.store.as_ref().map(LineStore::as_store),
            ),
        };
        Ok(Question { carried, chain_tip, dialect })
    }
}

fn name_of(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    serde_json::from_slice::<Name>(line).ok().map(|named| named.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_bad(line: &str, name: Option<&str>) {
        let bad = Asked::parse(line.as_bytes()).err().unwrap();
        assert_eq!(bad.name.as_deref(), name, "{line}");
    }

    #[test]
    fn line_that_asks_about_no_passport_or_two_is_bad() {
        check_bad("", None);
        check_bad("[]", None);
        check_bad(r#"{"name":"n"}"#, Some("n"));
        check_bad(r#"{"name":"n","passport":[],"baggage":[]}"#, Some("n"));
        check_bad(r#"{"name":"n","passport":null}"#, Some("n"));
        check_bad(r#"{"name":"n","passport":"[]"}"#, Some("n"));
        check_bad(r#"{"name":"n","passport":[],"passport":[]}"#, Some("n"));
        check_bad(r#"{"name":"n","baggage":"a=b"}"#, Some("n"));
        check_bad(r#"{"name":"n","passport":[],"dialect":"strict","dialect":"strict"}"#, Some("n"));
        check_bad(r#"{"name":"n","passport":[],"dialect":"lenient"}"#, Some("n"));
        check_bad(r#"{"name":1,"passport":[]}"#, None);
        check_bad(r#"{"passport":[]} {}"#, None);
        check_bad(r#"{"baggage":[],"store":{"a":"1","a":"2"}}"#, None);
        check_bad(r#"{"baggage":[],"store":{"a":1}}"#, None);
        check_bad(&format!(r#"{{"baggage":["{}"]}}"#, "\",\"".repeat(HEADER_LINES)), None);
    }

    #[test]
    fn members_of_a_log_are_left_alone() {
        let line = br#"{"at":"2026-01-01","name":null,"passport":[],"chain_tip":"0"}"#;
        let asked = Asked::parse(line).unwrap();
        let question = asked.question(DialectName::Strict, &Limits::default()).ok().unwrap();
        assert_eq!(question.chain_tip.unwrap().as_slice(), []);
        assert_eq!(question.dialect, DialectName::Strict);
    }
}
