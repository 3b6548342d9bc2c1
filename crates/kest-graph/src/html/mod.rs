//! One page without a network that draws a lineage, and verifies it once more where it is read.

mod data;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_core::entry::EntryHash;

use crate::forms::escaped;
use crate::graph::Graph;

const STYLE: &str = include_str!("page.css");
const BODY: &str = include_str!("page.html");
const SCRIPTS: [&str; 3] = [include_str!("verify.js"), include_str!("layout.js"), include_str!("page.js")];

/// The page. Only its own script runs and only its own style applies, both named by their hashes; everything that a stranger
/// wrote lies in one block of JSON.
pub(crate) fn page(graph: &Graph, links: &[(&str, &str)]) -> String {
    let data = data::data(graph);
    let digest = EntryHash::of_bytes(data.as_bytes()).to_hex();
    let (policy, script, links) = (policy(), script(), links_above(links));
    let head = format!(
        "<!doctype html>\n<html lang=\"en\" data-digest=\"{digest}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>Lineage of a request</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{links}"
    );
    format!(
        "{head}{BODY}<script type=\"application/json\" id=\"lineage\">{data}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )
}

/// What the page may do: the same of every page.
pub(crate) fn policy() -> String {
    let (style, script) = (hash(STYLE), hash(&script()));
    format!(
        "default-src 'none'; script-src '{script}'; style-src '{style}'; base-uri 'none'; form-action 'none'"
    )
}

fn script() -> String {
    format!("\"use strict\";\n{}", SCRIPTS.concat())
}

/// Ways to the pages of the program that serves this one.
fn links_above(links: &[(&str, &str)]) -> String {
    if links.is_empty() {
        return String::new();
    }
    let items = links.iter().map(|(to, name)| {
        let (to, name) = (escaped(to), escaped(name));
        format!("<li><a href=\"{to}\">{name}</a></li>")
    });
    format!("<nav aria-label=\"pages\"><ul>{}</ul></nav>\n", items.collect::<String>())
}

/// A source of a content security policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(EntryHash::of_bytes(text.as_bytes()).as_bytes()))
}
