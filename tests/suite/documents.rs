//! Pages lead somewhere: every relative link of the documents has its file, and its heading.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kest_tests::programs;

#[test]
fn links_between_pages_lead_to_files_and_headings_that_exist() {
    let mut pages =
        vec![programs::repository().join("README.md"), programs::repository().join("policies/README.md")];
    collect(&programs::repository().join("docs"), &mut pages);
    let mut dead = Vec::new();
    let mut links = 0;
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for target in targets(&text) {
            links += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let place = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let found = place.exists()
                && (heading.is_empty() || headings(&fs::read_to_string(&place).unwrap()).contains(heading));
            if !found {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(links > 100, "{links} links");
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn every_guide_stands_in_rustdoc_and_in_the_readme() {
    let root = programs::repository();
    let front = fs::read_to_string(root.join("crates/kest/src/lib.rs")).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut pages = Vec::new();
    collect(&root.join("docs/guides"), &mut pages);
    for page in &pages {
        let name = page.file_stem().unwrap().to_str().unwrap();
        let module = name.replace('-', "_");
        assert!(front.contains(&format!("        {module};\n")), "kest::guides has no {module}");
        assert!(readme.contains(&format!("(docs/guides/{name}.md)")), "README.md has no link to {name}");
    }
    assert!(pages.len() > 8, "{pages:?}");
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// The targets of inline links that stay in the repository.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let links = prose.flat_map(|prose| prose.split("](").skip(1));
    links
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains(':') && !target.contains(' '))
}

/// The headings of a page as links name them: lower case, hyphens for blanks, no other punctuation.
fn headings(text: &str) -> BTreeSet<String> {
    let prose = text.split("```").step_by(2).flat_map(str::lines);
    prose
        .filter_map(|line| line.strip_prefix('#'))
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
            kept.map(|it| if it == ' ' { '-' } else { it }).collect()
        })
        .collect()
}
