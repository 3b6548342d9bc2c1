//! Changes to the base64url texts of header and claims, before they are signed.

use crate::making::{Change, Making, Stage};
use crate::random::Random;

pub(crate) const CHANGES: &[Change] = &[
    change("part is padded", |making, random| {
        let part = either(making, random);
        let padding = if random.chance(80) { (4 - part.len() % 4) % 4 } else { 1 + random.below(4) };
        *part += &"=".repeat(padding);
    }),
    change("part has trailing bits", |making, random| set_trailing_bits(either(making, random), random)),
    change("part has blanks", |making, random| {
        let part = either(making, random);
        let at = random.below(part.len() + 1);
        part.insert_str(at, random.pick(&[" ", "\n", "\t", "\r\n", "\u{c}"]));
    }),
    change("part is of the other alphabet", |making, random| {
        let part = either(making, random);
        let at = random.below(part.len());
        part.replace_range(at..=at, random.pick(&["+", "/"]));
    }),
    change("part has one character too many", |making, random| {
        let part = either(making, random);
        let missing = (5 - part.len() % 4) % 4;
        *part += &"A".repeat(missing);
    }),
    change("part has characters of no alphabet", |making, random| {
        let part = either(making, random);
        let at = random.below(part.len());
        part.replace_range(
            at..=at,
            random.pick(&["%41", "é", "Ａ", "\0", ",", "~", "!", "\u{200b}", "\u{a0}"]),
        );
    }),
    change("part is encoded twice", |making, random| {
        use base64::Engine;
        let part = either(making, random);
        *part = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&*part);
    }),
];

const fn change(name: &'static str, apply: fn(&mut Making<'_>, &mut Random)) -> Change {
    Change { name, stage: Stage::Parts, apply }
}

/// The header, or rather the claims.
fn either<'making>(making: &'making mut Making<'_>, random: &mut Random) -> &'making mut String {
    &mut making.parts[usize::from(random.chance(65))]
}

/// Sets bits of the last character that belong to no byte, where there are any.
pub(crate) fn set_trailing_bits(part: &mut String, random: &mut Random) {
    let bits = match part.len() % 4 {
        2 => 1 + random.below(15),
        3 => 1 + random.below(3),
        _ => return,
    };
    let last = part.pop().unwrap();
    let value = ALPHABET.find(last).unwrap() | bits;
    part.push(char::from(ALPHABET.as_bytes()[value]));
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
