//! Fills a fuzz target's corpus with what the test vectors hold for it, and with its own seeds.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::failure::Failure;
use crate::run::repository;

/// Writes the seeds of `target` into `corpus` and says how many there are.
pub(crate) fn fill(target: &str, corpus: &Path) -> Result<usize, Failure> {
    fs::create_dir_all(corpus).map_err(Failure::broken(format!("cannot make {}", corpus.display())))?;
    let mut seeds = own(target)?;
    for file in files(target) {
        seeds.extend(taken(target, file, &read(file)?));
    }
    for (name, bytes) in &seeds {
        let path = corpus.join(name);
        fs::write(&path, bytes).map_err(Failure::broken(format!("cannot write {}", path.display())))?;
    }
    Ok(seeds.len())
}

type Seed = (String, Vec<u8>);

/// The vector files that say something to a target.
fn files(target: &str) -> &'static [&'static str] {
    match target {
        "header" => &["header", "header_bad"],
        "restore" => &["accept", "header", "header_bad"],
        "entry" => &["accept", "refuse"],
        "bundle" | "jwks" => &["keys"],
        _ => &[],
    }
}

/// The seeds in one vector file: a header's lines joined by newlines, a passport as the JSON array that a tier unpacks
/// to, or each signed entry by itself.
fn taken(target: &str, file: &str, vectors: &Value) -> Vec<Seed> {
    if file == "keys" {
        return vec![("vectors".to_owned(), vectors.to_string().into_bytes())];
    }
    let mut seeds = Vec::new();
    for case in vectors.as_array().into_iter().flatten() {
        let name = case.get("name").and_then(Value::as_str).unwrap_or("unnamed");
        let strings = |member: &str| texts(case.get(member));
        let inputs = match (target, file) {
            ("header" | "restore", "header" | "header_bad") => vec![strings("lines").join("\n")],
            ("restore", _) => case.get("passport").map(Value::to_string).into_iter().collect(),
            _ => strings("passport"),
        };
        let numbered = inputs.into_iter().filter(|input| !input.is_empty()).enumerate();
        seeds.extend(numbered.map(|(index, input)| (format!("{file}-{name}-{index}"), input.into_bytes())));
    }
    seeds
}

/// The strings of an array; what a vector only describes (a very long line) is no seed.
fn texts(array: Option<&Value>) -> Vec<String> {
    let items = array.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn read(file: &str) -> Result<Value, Failure> {
    let path = repository().join("tests/vectors").join(file).with_extension("json");
    let broken = || format!("cannot read {}", path.display());
    let bytes = fs::read(&path).map_err(Failure::broken(broken()))?;
    serde_json::from_slice(&bytes).map_err(|cause| Failure::broken(broken())(cause.into()))
}

/// The seeds that were written for this target alone.
fn own(target: &str) -> Result<Vec<Seed>, Failure> {
    let folder = repository().join("tests/fuzz/seeds").join(target);
    let mut seeds = Vec::new();
    if !folder.is_dir() {
        return Ok(seeds);
    }
    let broken = || format!("cannot read {}", folder.display());
    for found in fs::read_dir(&folder).map_err(Failure::broken(broken()))? {
        let found = found.map_err(Failure::broken(broken()))?;
        let bytes = fs::read(found.path()).map_err(Failure::broken(broken()))?;
        seeds.push((format!("seed-{}", found.file_name().to_string_lossy()), bytes));
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn header_lines_make_one_seed_and_described_lines_none() {
        let vectors = json!([
            {"name": "two", "lines": ["a=1", "b=2"]},
            {"name": "long", "lines": [{"repeat": "a=1,", "times": 9}]},
        ]);
        let expected = [("header-two-0".to_owned(), b"a=1\nb=2".to_vec())];
        assert_eq!(taken("header", "header", &vectors), expected);
    }

    #[test]
    fn passport_is_one_seed_for_restoring_and_one_an_entry_for_reading_entries() {
        let vectors = json!([{"name": "chain", "passport": ["a.b.c", "d.e.f"]}]);
        assert_eq!(
            taken("restore", "accept", &vectors),
            [("accept-chain-0".to_owned(), br#"["a.b.c","d.e.f"]"#.to_vec())]
        );
        assert_eq!(taken("entry", "accept", &vectors).len(), 2);
    }
}
