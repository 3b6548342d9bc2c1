//! What an attacker does to a passport, by name.

use std::sync::Arc;

use kest_core::Clock as _;
use kest_core::entry::EntryHash;
use serde_json::{Value, json};

use crate::clock::TestClock;
use crate::fail::{OrFail as _, fail};
use crate::forge::Forge;
use crate::header::tip;
use crate::lineage::TestLineage;
use crate::tokens::{encoded, hmac_sha256};
use crate::workload::{first_name, signer};

/// Makes the ways of one table: each with its name in reports, the row of `docs/threats.md` that it plays, and what it does.
macro_rules! ways {
    ($($(#[doc = $doc:literal])* $way:ident $name:literal $row:literal: $work:expr;)*) => {
        /// A way to tamper with a passport. The last entry is changed where nothing else is said, and signed again where
        /// the attacker could.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Tamper {
            $($(#[doc = $doc])* $way,)*
        }

        impl Tamper {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$way,)*];

            /// Its name in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$way => $name,)*
                }
            }

            /// The row of `docs/threats.md` that it plays.
            #[must_use]
            pub fn row(self) -> u8 {
                match self {
                    $(Self::$way => $row,)*
                }
            }

            fn work(self) -> Work {
                match self {
                    $(Self::$way => $work,)*
                }
            }
        }
    };
}

/// What is done to the entries.
enum Work {
    /// The entries are arranged otherwise, under the honest tip; the place of the last one is given.
    Arrange(fn(&mut Vec<String>, usize)),
    /// Another tip is announced.
    Announce,
    /// One entry more, under its own tip.
    Append(fn(&Bench) -> String),
    /// Another last entry, under its own tip.
    Change(fn(&Bench) -> String),
}

/// What an attacker has before him.
struct Bench {
    last: String,
    forge: Forge,
    /// The workload that signed the last entry, and another one that is trusted.
    name: String,
    other: String,
    clock: Arc<TestClock>,
}

ways! {
    /// Signed with a key that the attacker made.
    ForgedEntry "forged_entry" 1: Work::Change(|it| it.forge().signed_by("an attacker's own key").sign());
    /// A signature of zeros.
    GarbageSignature "garbage_signature" 1: Work::Change(|it| with_signature(&it.last, &[0; 64]));
    /// No signature.
    EmptySignature "empty_signature" 1: Work::Change(|it| with_signature(&it.last, &[]));
    /// One more entry, by a workload that is not trusted.
    UnknownWorkload "unknown_workload" 2:
        Work::Append(|it| Forge::entry(it.clock.as_ref(), "stranger", 1, &[&it.last]).sign());
    /// Signed with the key of another trusted workload, which it names.
    KeyOfAnotherWorkload "key_of_another_workload" 2:
        Work::Change(|it| it.forge().header("kid", format!("{}-1", it.other)).signed_by(&it.other).sign());
    /// A key id that is not known.
    UnknownKey "unknown_key" 2: Work::Change(|it| it.forge().header("kid", "unknown").sign());
    /// `"alg": "none"`, without a signature.
    AlgorithmNone "entry_with_alg_none" 3:
        Work::Change(|it| with_signature(&it.forge().header("alg", "none").sign(), &[]));
    /// `"alg": "HS256"`, with the public key for a secret.
    HmacWithPublicKey "entry_with_hs256_and_the_public_key" 3: Work::Change(hmac_with_public_key);
    /// Signed with a key that stands in the protected header.
    KeyInTheHeader "key_in_the_entrys_header" 3: Work::Change(key_in_the_header);
    /// The payload changed under the old signature.
    PayloadChanged "payload_changed" 4: Work::Change(|it| {
        let changed = it.forge().with("/operation", "transfer everything").sign();
        format!("{}.{}", input_of(&changed), signature_of(&it.last))
    });
    /// The entry before the last is missing.
    EntryCutOut "entry_cut_out" 4:
        Work::Arrange(|entries, last| drop(entries.remove(last.saturating_sub(1))));
    /// The last two entries have changed places.
    EntriesSwapped "entries_swapped" 4:
        Work::Arrange(|entries, last| entries.swap(last.saturating_sub(1), last));
    /// The last entry stands there twice.
    EntryDoubled "entry_doubled" 4: Work::Arrange(|entries, last| entries.extend_from_within(last..));
    /// The last entry is missing, and its hash is still announced.
    TailCutOff "tail_cut_off" 4: Work::Arrange(Vec::truncate);
    /// The tip of another lineage is announced.
    TipReplaced "tip_replaced" 4: Work::Announce;
    /// The parent that the last entry names is not there.
    UnknownParent "unknown_parent" 4: Work::Change(|it| {
        it.forge().with("/parent_ids", json!([EntryHash::of("no entry").to_hex()])).sign()
    });
    /// More trust than the parent had.
    TrustRaised "trust_raised" 5: Work::Change(|it| raised(it.forge()));
    /// A taint of its own that it does not declare as added.
    TaintUndeclared "taint_undeclared" 5:
        Work::Change(|it| it.forge().with("/taints", json!(["undeclared"])).sign());
    /// A member of the payload stands there twice.
    MemberTwice "member_twice" 6: Work::Change(|it| {
        it.forge.sign_bytes(canonical(&it.forge).replacen('{', r#"{"added_taints":[],"#, 1).as_bytes())
    });
    /// The payload is not in its canonical form.
    NotCanonical "payload_not_canonical" 6:
        Work::Change(|it| it.forge.sign_bytes(canonical(&it.forge).replacen('{', "{ ", 1).as_bytes()));
    /// Everything is signed as it should be, and a day old.
    Stale "stale_passport" 23: Work::Change(|it| {
        it.forge().with("/timestamp_ms", it.clock.unix_millis().saturating_sub(DAY)).sign()
    });
    /// Everything is signed as it should be, in an hour.
    FromTheFuture "passport_from_the_future" 23: Work::Change(|it| {
        it.forge().with("/timestamp_ms", it.clock.unix_millis().saturating_add(HOUR)).sign()
    });
    /// Another user than the parent's, as if the lineage said so.
    AnotherUser "another_user_than_the_parents" 27: Work::Change(|it| {
        it.forge().label("kest.identity", ANOTHER).label("kest.identity_source", "lineage").sign()
    });
    /// A user for whom no issuer vouches.
    TokenWithoutIssuer "token_without_an_issuer" 27: Work::Change(|it| {
        let named = it.forge().label("kest.identity", ANOTHER).label("kest.identity_source", "jwt");
        named.without_label("kest.issuer").sign()
    });
}

impl Tamper {
    /// The entries of `lineage` after this, and the tip to announce.
    #[track_caller]
    pub(crate) fn tampered(self, lineage: &TestLineage) -> (Vec<String>, String) {
        if lineage.len() < 2 {
            fail("a lineage of two hops at least is needed to tamper with");
        }
        let mut entries = lineage.entries();
        let honest = tip(&entries);
        match self.work() {
            Work::Arrange(arrange) => {
                let last = entries.len().saturating_sub(1);
                arrange(&mut entries, last);
                (entries, honest)
            }
            Work::Announce => (entries, EntryHash::of("another lineage").to_hex()),
            Work::Append(append) => {
                let more = append(&Bench::before(&entries, lineage));
                entries.push(more);
                let tip = tip(&entries);
                (entries, tip)
            }
            Work::Change(change) => {
                let changed = change(&Bench::before(&entries, lineage));
                drop(entries.pop());
                entries.push(changed);
                let tip = tip(&entries);
                (entries, tip)
            }
        }
    }
}

impl Bench {
    #[track_caller]
    fn before(entries: &[String], lineage: &TestLineage) -> Self {
        let last = entries.last().cloned().or_fail("a last entry");
        let forge = Forge::of(&last);
        let workload = forge.payload.pointer("/labels/principal").and_then(Value::as_str).unwrap_or_default();
        let name = first_name(workload).to_owned();
        let other = lineage.kit().trusted().find(|it| *it != name).unwrap_or("stranger").to_owned();
        Self { last, forge, name, other, clock: lineage.kit().clock() }
    }

    fn forge(&self) -> Forge {
        self.forge.clone()
    }
}

fn hmac_with_public_key(bench: &Bench) -> String {
    let signed = bench.forge().header("alg", "HS256").sign();
    let key = signer(&bench.name);
    let tag = hmac_sha256(key.public_key().as_bytes(), input_of(&signed).as_bytes());
    with_signature(&signed, &tag)
}

fn key_in_the_header(bench: &Bench) -> String {
    let x = encoded(signer("attacker").public_key().as_bytes());
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    bench.forge().header("jwk", key).signed_by("attacker").sign()
}

/// More trust than the parent, or the origin that it names, allows.
#[track_caller]
fn raised(forge: Forge) -> String {
    let trust = forge.payload.get("trust_score").and_then(Value::as_u64).unwrap_or_default();
    if trust < 100 {
        forge.with("/trust_score", 100).sign()
    } else {
        forge.label("kest.origin", "internet").sign()
    }
}

#[track_caller]
fn canonical(forge: &Forge) -> String {
    serde_json_canonicalizer::to_string(&forge.payload).or_fail("the canonical form")
}

/// A compact entry with another signature.
fn with_signature(compact: &str, signature: &[u8]) -> String {
    format!("{}.{}", input_of(compact), encoded(signature))
}

/// What stands before the signature.
fn input_of(compact: &str) -> &str {
    compact.rsplit_once('.').map(|(input, _)| input).unwrap_or_default()
}

fn signature_of(compact: &str) -> &str {
    compact.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default()
}

const ANOTHER: &str = r#"{"agent":null,"task":null,"user":"another"}"#;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
