//! Kinds of passports, each made to be large in one dimension that the limits leave open.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::Limits;
use kest_core::entry::EntryHash;
use kest_tests::forge::{self, Forge};
use serde_json::{Value, json};

/// One kind: what is done to every entry of an honest lineage.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    shape: fn(Forge, u16) -> Forge,
    /// How many of the entries before it each one follows.
    parents: usize,
    /// Whether what policies see of it is within `Limits::policy_input_bytes`.
    pub(crate) policies_see_it: bool,
}

/// The kind of that name.
pub(crate) fn named(name: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.name == name).unwrap()
}

const KINDS: &[Kind] = &[
    Kind::of("ordinary", |entry, _| entry),
    Kind::of("short", |entry, _| entry.anonymous().with("/policy_context/function_policies", json!([]))),
    Kind::of("taints", taints),
    Kind::of("labels", |entry, _| tiny(27).fold(entry, |entry, name| entry.label(&name, ""))),
    Kind::of("policies", |entry, _| {
        entry.with("/policy_context/function_policies", tiny(250).collect::<Vec<_>>())
    }),
    Kind::of("deviations", deviations),
    Kind { parents: 32, ..Kind::of("parents", |entry, _| entry.anonymous()) },
    Kind::of("numbers", |entry, _| entry.with("/environment", json!({"x": vec![0; 5000]}))),
    Kind::of("objects", |entry, _| entry.with("/otel_context", json!({"x": vec![json!({"a": 0}); 1300]}))),
    Kind::of("long labels", |entry, _| entry.label("x", &"x".repeat(ROOM))),
    Kind::of("names", |entry, _| called(entry, 700)),
    Kind { policies_see_it: false, ..Kind::of("longest names", |entry, _| called(entry, ROOM)) },
];

/// What fits into one entry beside an ordinary one.
const ROOM: usize = 11_000;

impl Kind {
    const fn of(name: &'static str, shape: fn(Forge, u16) -> Forge) -> Self {
        Self { name, shape, parents: 1, policies_see_it: true }
    }

    /// Compact entries, as many as `bytes` of JSON hold.
    pub(crate) fn entries(&self, bytes: usize, limits: &Limits) -> Vec<String> {
        let mut entries: Vec<String> = Vec::new();
        let mut length = 2;
        loop {
            let place = entries.len();
            // As many roots as parents, and then one lineage that follows them all.
            let from = if place < self.parents { place } else { place - self.parents };
            let parents: Vec<&str> = entries[from..].iter().map(String::as_str).collect();
            let place = u16::try_from(place).unwrap();
            let entry = (self.shape)(forge::entry("gateway", place, &parents), place).sign();
            assert!(entry.len() <= limits.entry_bytes && entries.len() < limits.entries, "{}", self.name);
            length += entry.len() + 3;
            if length > bytes {
                return entries;
            }
            entries.push(entry);
        }
    }

    /// The same lineage signed again, so that no entry is one of the first: each says another time.
    pub(crate) fn again(&self, entries: &[String], number: usize) -> Vec<String> {
        let forge = forge::entry("gateway", 0, &[]);
        let mut hashes: Vec<[String; 2]> = Vec::new();
        let mut signed_again = Vec::new();
        for entry in entries {
            let payload = entry.split('.').nth(1).unwrap();
            let mut payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
            for [old, new] in hashes.iter().rev().take(self.parents) {
                payload = payload.replace(old, new);
            }
            let (before, rest) = payload.split_once("\"timestamp_ms\":").unwrap();
            let (time, after) = rest.split_once(',').unwrap();
            let time = time.parse::<usize>().unwrap() - number;
            let signed = forge.sign_bytes(format!("{before}\"timestamp_ms\":{time},{after}").as_bytes());
            hashes.push([entry, &signed].map(|entry| EntryHash::of(entry).to_hex()));
            signed_again.push(signed);
        }
        signed_again
    }
}

/// So many names of one or two characters, in order.
fn tiny(count: usize) -> impl Iterator<Item = String> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let digit = |it: usize| char::from(DIGITS[it % 36]);
    (0..count).map(move |it| {
        if count <= 36 { digit(it).to_string() } else { format!("{}{}", digit(it / 36), digit(it)) }
    })
}

/// Each entry takes all taints of the one before away and adds as many others.
fn taints(entry: Forge, place: u16) -> Forge {
    let all: Vec<String> = tiny(128).collect();
    let set = |place: u16| Value::from(all[64 * usize::from(place % 2)..][..64].to_vec());
    let entry = entry.with("/added_taints", set(place)).with("/taints", set(place));
    if place == 0 {
        return entry;
    }
    let sanitizer = json!({"by": entry.payload["labels"]["principal"], "reason": "r"}).to_string();
    entry.with("/removed_taints", set(place - 1)).label("kest.sanitizer", &sanitizer)
}

fn deviations(entry: Forge, place: u16) -> Forge {
    let one = json!({"approver": "", "policy": place.to_string(), "reason": "", "tier": ""});
    entry.with("/policy_context/deviations", vec![one; 200])
}

/// For a user with so long a name.
fn called(entry: Forge, bytes: usize) -> Forge {
    let identity = json!({"agent": null, "task": null, "user": "u".repeat(bytes)});
    entry.label("kest.identity", &identity.to_string())
}
