//! Takes the README's code as it is printed, with addresses and files of a test in the place of its own, so that
//! `suite/readme.rs` can run it.

use std::env;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Code blocks that are run.
const BLOCKS: [&str; 1] = ["service"];

/// What the README names, and the test has elsewhere.
const PLACES: [(&str, &str); 5] = [
    ("keys/cart.Zk3vKq0P.key.jwk", "key"),
    ("bundle.json", "bundle"),
    ("policies/shop.cedar", "policy"),
    ("https://issuer.example", "issuer"),
    ("https://stock.internal", "stock"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let readme = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../README.md");
    writeln!(io::stdout(), "cargo::rerun-if-changed={}\ncargo::rerun-if-changed=build.rs", readme.display())?;
    let text = std::fs::read_to_string(&readme)?;
    let blocks = text.split("```rust,no_run\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut code = String::new();
    for (name, block) in BLOCKS.iter().zip(blocks) {
        code.push_str(&format!("pub(crate) mod {name} {{\n{}}}\n", runnable(block)));
    }
    std::fs::write(PathBuf::from(env::var("OUT_DIR")?).join("readme.rs"), code)?;
    Ok(())
}

/// The block without the lines that rustdoc hides, its functions within reach, its strings replaced.
fn runnable(block: &str) -> String {
    let shown = block.lines().filter(|line| !line.starts_with("# "));
    let mut code: String = shown.map(|line| format!("{line}\n")).collect();
    code = code.replace("\nfn ", "\npub(crate) fn ");
    for (printed, name) in PLACES {
        code = code.replace(&format!("\"{printed}\""), &format!("crate::readme::place(\"{name}\")"));
    }
    // A path behind an origin stands in the same string.
    code.replace(
        "\"https://stock.internal/reserve\"",
        "format!(\"{}/reserve\", crate::readme::place(\"stock\"))",
    )
}
