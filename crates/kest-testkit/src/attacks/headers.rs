//! Attacks on the `baggage` header itself: rows 7 to 11, 20 and 28.

use http::HeaderValue;

use super::attack::{Attack, Expected, MALLORY};
use super::honest::{Carries, Honest};
use crate::fail::OrFail as _;
use crate::header::{array, compressed, deflate, escape, inline, tip};
use crate::lineage::value;

#[track_caller]
pub(crate) fn attacks(honest: &Honest<'_>) -> Vec<Attack> {
    let mut attacks = malformed(honest);
    attacks.extend(oversize(honest));
    attacks.extend(spoofed(honest));
    attacks
}

/// Rows 7, 9, 10, 20 and 28: what cannot be read, or in two ways. An edge that refuses every passport does not open it
/// first, so that 401 fits too.
#[track_caller]
fn malformed(honest: &Honest<'_>) -> Vec<Attack> {
    let entries = honest.lineage.entries();
    let tip = tip(&entries);
    let (plain, short) = (escape(&array(&entries)), &tip);
    let zlib = deflate(array(&entries).as_bytes());
    let cut = zlib.get(..zlib.len() / 2 / 4 * 4).unwrap_or_default();
    let one = |name, row, statuses, line: &str| {
        Attack::refused(name, row, statuses, honest.sent().with_baggage([value(line)]))
    };
    let passport = inline(&entries, &tip);
    let zipped = compressed(&entries, &tip);
    let mut attacks = vec![
        one("zlib_stream_cut_short", 7, &[400, 401], &format!("kest.passport_z={cut},kest.chain_tip={tip}")),
        one("passport_that_is_no_json", 7, &[400, 401], &format!("kest.passport=%5B,kest.chain_tip={tip}")),
        one("two_tiers_at_once", 9, &[400], &format!("{zipped},kest.passport={plain}")),
        one("tip_twice", 9, &[400], &format!("{passport},kest.chain_tip={short}")),
        one("passport_without_a_tip", 9, &[400], &format!("kest.passport={plain}")),
        one("tip_without_a_passport", 9, &[400], &format!("kest.chain_tip={tip}")),
        one(
            "unknown_claim_check",
            10,
            &[401, 503],
            &format!("kest.claim_check={UNKNOWN},kest.chain_tip={tip}"),
        ),
        one(
            "claim_check_that_is_no_id",
            10,
            &[400, 401, 503],
            &format!("kest.claim_check=../1,kest.chain_tip={tip}"),
        ),
        one("escaped_line_feed", 20, &[400], &format!("kest.passport={plain},kest.chain_tip=0%0a")),
        one("broken_escape", 20, &[400], &format!("kest.passport={plain},kest.chain_tip=%zz")),
        one("member_with_an_escaped_dot", 28, &[400], &format!("{passport},kest%2Euser={MALLORY}")),
        one("member_in_upper_case", 28, &[400], &format!("{passport},KEST.USER={MALLORY}")),
    ];
    let twice = honest.sent().with_baggage([value(&passport), value(&passport)]);
    attacks.push(Attack::refused("baggage_line_doubled", 9, &[400, 431], twice));
    let raw = [b"kest.chain_tip=\xff\xfe,".as_slice(), passport.as_bytes()].concat();
    let raw = HeaderValue::from_bytes(&raw).or_fail("a header's value");
    attacks.push(Attack::refused("tip_in_raw_bytes", 20, &[400], honest.sent().with_baggage([raw])));
    attacks
}

/// Rows 7 and 8: what is small on the way and large inside, or large on the way.
#[track_caller]
fn oversize(honest: &Honest<'_>) -> Vec<Attack> {
    let bomb = deflate(&vec![b' '; 8 << 20]);
    let one = |name, row, line: String| {
        Attack::refused(name, row, &[400, 401, 431], honest.sent().with_baggage([value(&line)]))
    };
    vec![
        one("zip_bomb", 7, format!("kest.passport_z={bomb},kest.chain_tip=0")),
        one("header_of_64_kib", 8, format!("kest.passport={},kest.chain_tip=0", "A".repeat(64 * 1024))),
        one("twenty_thousand_members", 8, "a=1,".repeat(20_000)),
    ]
}

/// Row 11: identity that is claimed in baggage.
#[track_caller]
fn spoofed(honest: &Honest<'_>) -> Vec<Attack> {
    let spoof = || {
        value(&format!(
            "kest.user={MALLORY},kest.agent={MALLORY},kest.task={MALLORY},kest.jwt={MALLORY},kest.roles={MALLORY}"
        ))
    };
    let beside = Honest { carries: Carries::Passport, ..honest.clone() };
    let sent = beside.sent();
    let lines: Vec<_> = sent.baggage.iter().cloned().chain([spoof()]).collect();
    [
        ("spoofed_members_beside_a_passport", sent.with_baggage(lines)),
        ("spoofed_members_without_a_passport", honest.sent().with_baggage([spoof()])),
    ]
    .map(|(name, sent)| Attack::refused(name, 11, &[], sent).expecting(Expected::Powerless))
    .into()
}

/// Of version 4, as real ones are.
const UNKNOWN: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
