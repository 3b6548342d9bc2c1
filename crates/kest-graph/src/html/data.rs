//! What the page is given: the passport and the keys as they are, where things stand, and what we found.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use kest_core::passport::Tips;
use kest_core::{Dialect, Limits};
use serde::Serialize;

use crate::fold::Folding;
use crate::graph::{Fault, Graph, Missing, Standing};
use crate::layout::{Layout, Slot};

/// Bytes of entries that stand in the page as they are; more are packed, so that a thousand stay under a megabyte.
const PLAIN: usize = 256 * 1024;

/// The block of JSON, in ASCII and without a letter that means anything to HTML.
pub(crate) fn data(graph: &Graph) -> String {
    let json = serde_json::to_string(&Data::of(graph)).unwrap_or_default();
    let mut harmless = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && !matches!(character, '<' | '>' | '&' | '\'' | '\u{7f}') {
            harmless.push(character);
        } else {
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                harmless.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    harmless
}

#[derive(Serialize)]
struct Data {
    ours: Ours,
    dialect: &'static str,
    limits: Bounds,
    keys: Option<String>,
    tips: Option<Vec<String>>,
    /// How many entries are drawn.
    drawn: usize,
    missing: Vec<Lacking>,
    /// What operations gave, by entry, as a log has it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    recorded: BTreeMap<usize, String>,
    layout: Placed,
    folded: Folded,
    #[serde(skip_serializing_if = "Option::is_none")]
    passport: Option<Vec<Arc<str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed: Option<String>,
}

/// What we found.
#[derive(Serialize)]
struct Ours {
    standing: &'static str,
    kind: Option<&'static str>,
    why: Option<String>,
    index: Option<usize>,
}

/// The bounds that the page holds entries to.
#[derive(Serialize)]
struct Bounds {
    entries: usize,
    entry_bytes: usize,
    parents: usize,
    taints: usize,
    taint_bytes: usize,
    labels: usize,
    policies: usize,
    json_depth: usize,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Lacking {
    Parent { parent: String, later: Option<usize> },
    Tip { tip: String },
}

#[derive(Serialize)]
struct Placed {
    /// An item, or -1 - the number of an edge that passes by.
    layers: Vec<Vec<i64>>,
    edges: Vec<(usize, usize)>,
}

#[derive(Serialize)]
struct Folded {
    members: Vec<Vec<usize>>,
    layout: Placed,
}

impl Data {
    fn of(graph: &Graph) -> Self {
        let evidence = &graph.evidence;
        let bytes: usize = evidence.compacts.iter().map(|compact| compact.len()).sum();
        let packed = if bytes > PLAIN { packed(&evidence.compacts) } else { None };
        let folding = Folding::of(graph);
        let recorded = graph.nodes.iter().enumerate();
        let recorded = recorded.filter_map(|(item, node)| Some((item, node.recorded?.to_hex())));
        Self {
            ours: Ours::of(&graph.standing),
            dialect: match evidence.dialect {
                Dialect::Strict => "strict",
                Dialect::LegacyPython | _ => "another",
            },
            limits: Bounds::of(&evidence.limits),
            keys: evidence.keys.clone(),
            tips: evidence
                .announced
                .as_ref()
                .map(|tips: &Tips| tips.as_slice().iter().map(|hash| hash.to_hex()).collect()),
            drawn: graph.nodes.len(),
            missing: graph.missing.iter().map(Lacking::of).collect(),
            recorded: recorded.collect(),
            layout: Placed::of(&graph.layout),
            folded: Folded { members: folding.members, layout: Placed::of(&folding.layout) },
            passport: packed.is_none().then(|| evidence.compacts.clone()),
            packed,
        }
    }
}

impl Ours {
    fn of(standing: &Standing) -> Self {
        match standing {
            Standing::Verified => Self { standing: "verified", kind: None, why: None, index: None },
            Standing::NotChecked => Self { standing: "not_checked", kind: None, why: None, index: None },
            Standing::Refused(Fault { kind, why, index }) => {
                Self { standing: "refused", kind: Some(kind), why: Some(why.clone()), index: *index }
            }
        }
    }
}

impl Bounds {
    fn of(limits: &Limits) -> Self {
        Self {
            entries: limits.entries,
            entry_bytes: limits.entry_bytes,
            parents: limits.parents,
            taints: limits.taints,
            taint_bytes: limits.taint_bytes,
            labels: limits.labels,
            policies: limits.policies,
            json_depth: limits.json_depth,
        }
    }
}

impl Lacking {
    fn of(missing: &Missing) -> Self {
        match missing {
            Missing::Parent(parent, later) => Self::Parent { parent: parent.clone(), later: *later },
            Missing::Tip(hash) => Self::Tip { tip: hash.to_hex() },
        }
    }
}

impl Placed {
    fn of(layout: &Layout) -> Self {
        let number = |slot: &Slot| match slot {
            Slot::Item(item) => i64::try_from(*item).unwrap_or(i64::MAX),
            Slot::Bend(edge) => -1 - i64::try_from(*edge).unwrap_or(0),
        };
        Self {
            layers: layout.layers.iter().map(|slots| slots.iter().map(number).collect()).collect(),
            edges: layout.edges.iter().map(|edge| (edge.parent, edge.child)).collect(),
        }
    }
}

/// Headers, each once, and entries as header number, payload and signature: without base64url they deflate well.
#[derive(Serialize)]
struct Apart<'entries> {
    headers: Vec<String>,
    entries: Vec<Taken<'entries>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Taken<'entries> {
    Apart(usize, String, &'entries str),
    /// One that would not come out as it is.
    Whole(&'entries str),
}

fn packed(compacts: &[Arc<str>]) -> Option<String> {
    let mut apart = Apart { headers: Vec::new(), entries: Vec::new() };
    for compact in compacts {
        let taken = take_apart(compact, &mut apart.headers).unwrap_or(Taken::Whole(compact));
        apart.entries.push(taken);
    }
    let json = serde_json::to_vec(&apart).ok()?;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&json).ok()?;
    Some(STANDARD.encode(zlib.finish().ok()?))
}

fn take_apart<'entry>(compact: &'entry str, headers: &mut Vec<String>) -> Option<Taken<'entry>> {
    let mut parts = compact.split('.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let decoded = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (header, payload) = (decoded(header)?, decoded(payload)?);
    let again =
        format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&payload));
    if again != compact {
        return None;
    }
    let place = headers.iter().position(|known| *known == header).unwrap_or_else(|| {
        headers.push(header);
        headers.len() - 1
    });
    Some(Taken::Apart(place, payload, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_that_would_change_is_kept_whole() {
        let mut headers = Vec::new();
        assert!(matches!(take_apart("e30.e30.AA", &mut headers), Some(Taken::Apart(0, _, "AA"))));
        for compact in ["e30.e30=.AA", "e30.e31.AA", "a.b", "", "e30.e30.AA.BB", "e30._w.AA"] {
            assert!(take_apart(compact, &mut headers).is_none(), "{compact}");
        }
        assert_eq!(headers.len(), 1);
    }
}
