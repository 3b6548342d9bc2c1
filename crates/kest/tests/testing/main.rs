//! The guide to testing, run as it is printed.

#[cfg(test)]
mod printed;

/// The guide shows `printed.rs`, whole and part by part.
#[test]
fn guide_prints_the_code_that_runs() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/testing.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let printed = include_str!("printed.rs");
    for part in printed.split("\n\n// ---\n\n") {
        assert!(guide.contains(part.trim()), "docs/guides/testing.md does not print:\n{part}");
    }
    let fences = guide.matches("```rust").count();
    assert_eq!(fences, printed.split("\n\n// ---\n\n").count(), "all code of the guide is in printed.rs");
}
