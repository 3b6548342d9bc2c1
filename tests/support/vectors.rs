//! Reads the vectors that the independent generator made.

use std::path::Path;
use std::sync::Arc;

use kest_baggage::{ClaimCheck, PassportStore};
use kest_core::Limits;
use kest_core::signature::{Bundle, KeyRing};
use serde_json::Value;

/// The cases of one vector file.
pub fn cases(file: &str) -> Vec<Value> {
    read(file).as_array().cloned().unwrap()
}

/// The keys that the vectors were signed with.
pub fn ring() -> Arc<KeyRing> {
    Arc::new(Bundle::from_json(&bytes("keys.json")).unwrap().into_ring())
}

/// A member of a case that is a text.
pub fn text<'case>(case: &'case Value, member: &str) -> &'case str {
    case.get(member).and_then(Value::as_str).unwrap()
}

/// A member of a case that is a list of texts.
pub fn texts(case: &Value, member: &str) -> Vec<String> {
    let list = case.get(member).and_then(Value::as_array).unwrap();
    list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// The header lines of a case; large ones are described instead of stored.
pub fn lines(case: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for line in case["lines"].as_array().unwrap() {
        if let Some(line) = line.as_str() {
            lines.push(line.to_owned());
            continue;
        }
        let count = |member: &str| usize::try_from(line[member].as_u64().unwrap()).unwrap();
        let middle = text(line, "repeat").repeat(count("times"));
        let whole = format!("{}{middle}{}", text(line, "prefix"), text(line, "suffix"));
        lines.extend(std::iter::repeat_n(whole, count("copies")));
    }
    lines
}

/// Puts the claims of a case into `store`.
pub async fn keep_claims(store: &dyn PassportStore, case: &Value) {
    for (key, passport) in case.get("claims").and_then(Value::as_object).into_iter().flatten() {
        let claim = ClaimCheck::parse(key.strip_prefix("kest.claim.").unwrap()).unwrap();
        let passport = passport.as_str().unwrap().to_owned();
        store.put(&claim, passport.into(), Limits::default().claim_check_ttl).await.unwrap();
    }
}

fn read(file: &str) -> Value {
    serde_json::from_slice(&bytes(file)).unwrap()
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file)).unwrap()
}
