//! Changes to the JSON texts of header and claims, before they are encoded and signed.

use crate::making::{Change, Making, Stage};
use crate::random::Random;

pub(crate) const CHANGES: &[Change] = &[
    change("text begins with a byte order mark", |making, random| {
        let mark = random.pick(&["\u{feff}", "\u{feff}", "\u{feff}\u{feff}"]);
        let text = either(making, random);
        text.splice(0..0, mark.bytes());
    }),
    change("text goes on behind its end", |making, random| {
        let more = random.pick(&["{}", ",", "x", "\0", "}", "]", "{\"alg\":\"none\"}", "//", ";"]);
        either(making, random).extend(more.bytes());
    }),
    change("text has blanks", |making, random| {
        let blank = random.pick(&[" ", "\t", "\n", "\r", "\r\n \t"]);
        let text = either(making, random);
        text.splice(1..1, blank.bytes());
        text.splice(0..0, blank.bytes());
        text.extend(blank.bytes());
    }),
    change("text has what is no blank", |making, random| {
        let blank = random.pick(&["\u{b}", "\u{c}", "\u{a0}", "\u{2028}", "\u{200b}", "\0", "/**/"]);
        let text = either(making, random);
        let at = random.pick(&[0, 1, text.len()]);
        text.splice(at..at, blank.bytes());
    }),
    change("string is no UTF-8", |making, random| {
        let bytes = random.pick::<&[u8]>(&[
            b"\xff",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf5\x80\x80\x80",
            b"\xe2\x82",
            b"\x80",
        ]);
        insert_value(making, random, &[b"\"", bytes, b"\""].concat());
    }),
    change("string has a control character", |making, random| {
        let control = random.pick::<&[u8]>(&[b"\"\0\"", b"\"\n\"", b"\"\t\"", b"\"\x1f\"", b"\"\r\""]);
        insert_value(making, random, control);
    }),
    change("string has characters that need no escape", |making, random| {
        let text = random.pick(&["\u{7f}", "\u{2028}", "\u{fffe}", "\u{10ffff}", "\u{feff}", "\\u007f"]);
        insert_value(making, random, format!("\"{text}\"").as_bytes());
    }),
    change("value is no JSON", |making, random| {
        let value = random.pick(NO_JSON);
        insert_value(making, random, value.as_bytes());
    }),
    change("text is cut", |making, random| {
        let text = either(making, random);
        text.truncate(1 + random.below(text.len()));
    }),
    change("text is no object", |making, random| {
        let json = random.pick(&["[]", "null", "1", "\"a\"", "[{}]", "{}", r#"[["alg","EdDSA"]]"#, "{{}}"]);
        *either(making, random) = json.into();
    }),
    change("text has an odd comma or quote", |making, random| {
        let text = either(making, random);
        let comma = |text: &mut Vec<u8>, at: usize| text.insert(at, b',');
        match random.below(4) {
            0 => comma(text, 1),
            1 => comma(text, text.len() - 1),
            2 => text.iter_mut().filter(|byte| **byte == b'"').for_each(|byte| *byte = b'\''),
            _ => text.retain(|byte| *byte != b'"'),
        }
    }),
    change("byte of the text is another one", |making, random| {
        let text = either(making, random);
        let at = random.below(text.len());
        text[at] = random.next().to_le_bytes()[0];
    }),
];

const fn change(name: &'static str, apply: fn(&mut Making<'_>, &mut Random)) -> Change {
    Change { name, stage: Stage::Json, apply }
}

/// The text of the header, or rather that of the claims.
fn either<'making>(making: &'making mut Making<'_>, random: &mut Random) -> &'making mut Vec<u8> {
    &mut making.json[usize::from(random.chance(65))]
}

/// Writes a member with this value in front of all others.
fn insert_value(making: &mut Making<'_>, random: &mut Random, value: &[u8]) {
    let text = either(making, random);
    text.splice(1..1, [b"\"odd\":", value, b","].concat());
}

const NO_JSON: &[&str] = &[
    "NaN",
    "Infinity",
    "-Infinity",
    "0x10",
    "+1",
    "01",
    "-01",
    ".5",
    "1.",
    "1e",
    "1e+",
    "- 1",
    "1_000",
    "1n",
    "undefined",
    "True",
    "nul",
    "'a'",
    r#""\x41""#,
    r#""\u00g0""#,
    r#""\u12""#,
    r#""\'""#,
    "\"a",
    "[1,]",
    "[1",
    "{a:1}",
    "{\"a\"}",
    "(1)",
    "",
];
