//! Reads the vectors that the independent generator made.

use std::path::Path;
use std::sync::Arc;

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

fn read(file: &str) -> Value {
    serde_json::from_slice(&bytes(file)).unwrap()
}

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file)).unwrap()
}
