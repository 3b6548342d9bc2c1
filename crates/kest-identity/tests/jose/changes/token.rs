//! Changes to the finished token, on its way.

use crate::making::{Change, Making, Stage};
use crate::random::Random;

use super::encoding::set_trailing_bits;

pub(crate) const CHANGES: &[Change] = &[
    change("character is another one", |making, random| {
        let at = random.below(making.token.len());
        replace(making, at, random.pick(&ALPHABET));
    }),
    change("character of the header is another one", |making, random| {
        let at = random.below(making.parts[0].len());
        replace(making, at, random.pick(&ALPHABET));
    }),
    change("character is gone", |making, random| {
        let at = random.below(making.token.len());
        replace(making, at, "");
    }),
    change("character is doubled", |making, random| {
        let at = random.below(making.token.len());
        let text = making.token.get(at..=at).unwrap_or_default().repeat(2);
        replace(making, at, &text);
    }),
    change("character is put in", |making, random| {
        let at = random.below(making.token.len() + 1);
        put_in(making, at, random.pick(&ALPHABET));
    }),
    change("byte of no alphabet is put in", |making, random| {
        let at = random.below(making.token.len() + 1);
        put_in(
            making,
            at,
            random.pick(&["=", " ", "\n", "\0", "+", "/", "é", "%2E", "\u{feff}", ",", "\"", ";"]),
        );
    }),
    change("token is cut", |making, random| {
        let at = random.below(making.token.len());
        let cut = making.token.get(..at).map(str::to_owned);
        making.token = cut.unwrap_or_default();
    }),
    change("token is cut in front", |making, random| {
        let at = 1 + random.below(making.token.len() - 1);
        let cut = making.token.get(at..).map(str::to_owned);
        making.token = cut.unwrap_or_default();
    }),
    change("token has another number of parts", |making, random| {
        let [header, claims] = making.parts.clone();
        making.token = match random.below(8) {
            0 => format!("{}.", making.token),
            1 => format!(".{}", making.token),
            2 => format!("{}.AA.AA", making.token),
            3 => format!("{}.{}", making.token, making.previous),
            4 => format!("{header}.{claims}"),
            5 => format!("{header}..{claims}"),
            6 => making.token.replacen('.', "", 2),
            _ => making.token.replacen('.', "..", 1),
        };
    }),
    change("part of the token is empty", |making, random| {
        let at = random.below(3);
        let parts = making.token.split('.').enumerate();
        let parts: Vec<_> = parts.map(|(index, part)| if index == at { "" } else { part }).collect();
        making.token = parts.join(".");
    }),
    change("part is of another token", |making, random| {
        let at = random.below(3);
        let ours = making.token.split('.');
        let parts = ours.zip(making.previous.split('.')).enumerate();
        let parts: Vec<_> =
            parts.map(|(index, (ours, theirs))| if index == at { theirs } else { ours }).collect();
        making.token = parts.join(".");
    }),
    change("parts change places", |making, random| {
        let mut parts: Vec<_> = making.token.split('.').collect();
        let count = 1 + random.below(2);
        let length = parts.len();
        parts.rotate_left(count % length);
        making.token = parts.join(".");
    }),
    change("blank stands around the token", |making, random| {
        let blank = random.pick(&[" ", "\t", "\n", "\r\n"]);
        let token = &making.token;
        making.token = if random.chance(30) { format!("{blank}{token}") } else { format!("{token}{blank}") };
    }),
    change("signature is padded", |making, random| {
        let padding = match making.token.rsplit('.').next().unwrap_or_default().len() % 4 {
            2 if random.chance(80) => "==",
            _ => "=",
        };
        making.token += padding;
    }),
    change("signature has trailing bits", |making, random| {
        let Some((signed, signature)) = making.token.rsplit_once('.') else { return };
        let mut signature = signature.to_owned();
        if signature.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            set_trailing_bits(&mut signature, random);
        }
        making.token = format!("{signed}.{signature}");
    }),
    change("token is written in another way", |making, random| {
        let token = &making.token;
        let parts: Vec<_> = token.split('.').collect();
        making.token = match (random.below(6), &parts[..]) {
            (0, [header, claims, signature]) => {
                format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"{signature}"}}"#)
            }
            (1, _) => format!("Bearer {token}"),
            (2, _) => format!("\"{token}\""),
            (3, _) => token.to_uppercase(),
            (4, _) => token.chars().rev().collect(),
            _ => format!("{token}, Bearer {}", making.previous),
        };
    }),
];

const fn change(name: &'static str, apply: fn(&mut Making<'_>, &mut Random)) -> Change {
    Change { name, stage: Stage::Token, apply }
}

/// Writes `text` over the character at `at`; tokens have few that are more than one byte.
fn replace(making: &mut Making<'_>, at: usize, text: &str) {
    if making.token.is_char_boundary(at) && making.token.is_char_boundary(at + 1) {
        making.token.replace_range(at..=at, text);
    }
}

fn put_in(making: &mut Making<'_>, at: usize, text: &str) {
    if making.token.is_char_boundary(at) {
        making.token.insert_str(at, text);
    }
}

const ALPHABET: [&str; 16] = ["A", "B", "Z", "a", "e", "h", "y", "z", "0", "4", "9", "-", "_", "Q", "J", "k"];
