//! One page without a network that draws a lineage, and verifies it once more where it is read.

mod data;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_core::entry::EntryHash;

use crate::graph::Graph;

const STYLE: &str = include_str!("page.css");
const BODY: &str = include_str!("page.html");
const SCRIPTS: [&str; 3] = [include_str!("verify.js"), include_str!("layout.js"), include_str!("page.js")];

/// The page. Only its own script runs and only its own style applies, both named by their hashes; everything that a stranger
/// wrote lies in one block of JSON.
pub(crate) fn page(graph: &Graph) -> String {
    let script = format!("\"use strict\";\n{}", SCRIPTS.concat());
    let data = data::data(graph);
    let digest = EntryHash::of_bytes(data.as_bytes()).to_hex();
    let (style_hash, script_hash) = (hash(STYLE), hash(&script));
    let head = format!(
        "<!doctype html>\n<html lang=\"en\" data-digest=\"{digest}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{script_hash}'; \
         style-src '{style_hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>Lineage of a request</title>\n\
         <style>{STYLE}</style>\n</head>\n"
    );
    format!(
        "{head}{BODY}<script type=\"application/json\" id=\"lineage\">{data}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )
}

/// A source of a content security policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(EntryHash::of_bytes(text.as_bytes()).as_bytes()))
}
