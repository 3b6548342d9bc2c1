//! Gives rustdoc the README and the guides with links that lead somewhere there: to its own pages, or into the repository.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("no CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let repository = env::var("CARGO_PKG_REPOSITORY")?;
    let readme = here.join("README.md");
    let page = linked(&fs::read_to_string(&readme)?, "", &repository);
    fs::write(out.join("README.md"), with_features(&page).ok_or("no code in the README")?)?;
    println!("cargo::rerun-if-changed={}", readme.display());
    let guides = here.join("guides");
    println!("cargo::rerun-if-changed={}", guides.display());
    for guide in fs::read_dir(&guides)? {
        let path = guide?.path();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a guide without a name")?;
        fs::write(
            out.join(as_module(name)),
            linked(&fs::read_to_string(&path)?, "docs/guides", &repository),
        )?;
    }
    Ok(())
}

/// The README's code for rustdoc, which compiles it where its features are on; the page itself prints none of that.
fn with_features(page: &str) -> Option<String> {
    let (before, rest) = page.split_once("```rust,no_run\n")?;
    let (code, after) = rest.split_once("```")?;
    let features = r#"# #[cfg(all(feature = "axum", feature = "reqwest", feature = "cedar"))]"#;
    Some(format!("{before}```rust,no_run\n{features}\n# mod example {{\n{code}# }}\n```{after}"))
}

/// `text`, a page in the repository's `folder`, with its links to files of the repository exchanged.
fn linked(text: &str, folder: &str, repository: &str) -> String {
    let mut parts = text.split("](");
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        linked.push_str("](");
        match part.split_once(')') {
            Some((target, rest)) if is_relative(target) => {
                linked.push_str(&place(target, folder, repository));
                linked.push(')');
                linked.push_str(rest);
            }
            _ => linked.push_str(part),
        }
    }
    linked
}

fn is_relative(target: &str) -> bool {
    !target.contains(':')
        && !target.starts_with('#')
        && Path::new(target.split('#').next().unwrap_or_default()).extension().is_some()
}

fn place(target: &str, folder: &str, repository: &str) -> String {
    let (file, heading) = target.find('#').map_or((target, ""), |at| target.split_at(at));
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in file.split('/') {
        match name {
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    let guide = match names.as_slice() {
        ["docs", "guides", name] => name.strip_suffix(".md"),
        _ => None,
    };
    match guide {
        Some(guide) if folder.is_empty() => format!("guides/{}/index.html{heading}", as_module(guide)),
        Some(guide) => format!("../{}/index.html{heading}", as_module(guide)),
        None => format!("{repository}/blob/main/{}{heading}", names.join("/")),
    }
}

/// A page as the module that it is in rustdoc.
fn as_module(name: &str) -> String {
    name.replace('-', "_")
}
