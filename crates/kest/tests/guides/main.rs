//! The guides to queues and to refusals: their code, run as it is printed.

#[cfg(test)]
mod queues;
#[cfg(test)]
mod refused;

/// `page` prints every part of `code`, and no other Rust.
#[cfg(test)]
#[track_caller]
fn check_printed(page: &str, code: &str) {
    let page = format!("{}/../../docs/guides/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&page).unwrap();
    let parts: Vec<&str> = code.split("\n// ---\n").map(str::trim).collect();
    for part in &parts {
        assert!(text.contains(part), "{page} does not print:\n{part}");
    }
    assert_eq!(text.matches("```rust").count(), parts.len(), "all Rust of {page} is run");
}
